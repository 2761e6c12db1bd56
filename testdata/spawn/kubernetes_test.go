package spawn

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// kinds are those of Kubernetes that products have. What is of another kind fails: nobody would read it strictly.
var kinds = map[string]func() any{
	"apps/v1 Deployment":                     func() any { return new(apps.Deployment) },
	"apps/v1 StatefulSet":                    func() any { return new(apps.StatefulSet) },
	"autoscaling/v2 HorizontalPodAutoscaler": func() any { return new(autoscaling.HorizontalPodAutoscaler) },
	"batch/v1 CronJob":                       func() any { return new(batch.CronJob) },
	"networking.k8s.io/v1 NetworkPolicy":     func() any { return new(networking.NetworkPolicy) },
	"policy/v1 PodDisruptionBudget":          func() any { return new(disruption.PodDisruptionBudget) },
	"v1 ConfigMap":                           func() any { return new(core.ConfigMap) },
	"v1 Namespace":                           func() any { return new(core.Namespace) },
	"v1 PersistentVolumeClaim":               func() any { return new(core.PersistentVolumeClaim) },
	"v1 Service":                             func() any { return new(core.Service) },
	"v1 ServiceAccount":                      func() any { return new(core.ServiceAccount) },
}

// workload is what runs pods.
type workload struct {
	kind, name string
	replicas   *int32
	pod        core.PodTemplateSpec
	always     bool // it is not a job, which ends
}

// cluster is all that one kustomization makes.
type cluster struct {
	name      string
	objects   map[string][]any // by kind
	namespace []string
	workloads []workload
}

// checkKubernetes builds every kustomization as kubectl does, and reads what comes of it into Kubernetes' own types.
func checkKubernetes(t *testing.T, p *product) {
	for _, f := range p.match(t, `deploy/.*kustomization\.yaml`) {
		made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(p.dir, filepath.Dir(f)))
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		c := readCluster(t, f, made)
		c.check(t, p)
		if filepath.Base(filepath.Dir(f)) == "production" {
			c.checkProduction(t, p)
		}
	}
}

func readCluster(t *testing.T, name string, made resmap.ResMap) *cluster {
	c := &cluster{name: name, objects: make(map[string][]any)}
	for _, r := range made.Resources() {
		apiVersion, kind := r.GetApiVersion(), r.GetKind()
		make, known := kinds[apiVersion+" "+kind]
		if !known {
			t.Errorf("%s: %s %s is not a kind that is known here", name, apiVersion, kind)
			continue
		}
		object := make()
		if err := strictly(r.MustYaml(), object); err != nil {
			t.Errorf("%s: %s: %v", name, kind, err)
		}
		c.objects[kind] = append(c.objects[kind], object)
		c.namespace = append(c.namespace, object.(meta.Object).GetNamespace())
		switch o := object.(type) {
		case *apps.Deployment:
			c.workloads = append(c.workloads, workload{kind, o.Name, o.Spec.Replicas, o.Spec.Template, true})
		case *apps.StatefulSet:
			c.workloads = append(c.workloads, workload{kind, o.Name, o.Spec.Replicas, o.Spec.Template, true})
		case *batch.CronJob:
			c.workloads = append(c.workloads, workload{kind, o.Name, nil, o.Spec.JobTemplate.Spec.Template, false})
		}
	}
	return c
}

// strictly decodes YAML as the server of Kubernetes validates fields: one that is unknown or there twice is an error.
func strictly(text string, into any) error {
	converted, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return err
	}
	wrong, err := json.UnmarshalStrict(converted, into)
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("%v", wrong)
	}
	return err
}

func (c *cluster) errorf(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Errorf(c.name+": "+format, args...)
}

func (c *cluster) check(t *testing.T, p *product) {
	if len(c.workloads) == 0 {
		c.errorf(t, "nothing runs")
	}
	for _, w := range c.workloads {
		c.checkPod(t, p, w)
		c.checkPolicies(t, w)
		if w.always {
			c.checkScaling(t, w)
			c.checkServices(t, w)
		}
	}
}

// checkPod judges a pod by Kubernetes' own rules for restricted namespaces, and by what those do not ask.
func (c *cluster) checkPod(t *testing.T, p *product, w workload) {
	judge, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, r := range judge.EvaluatePod(restricted, &w.pod.ObjectMeta, &w.pod.Spec) {
		if !r.Allowed {
			c.errorf(t, "%s: %s: %s", w.name, r.ForbiddenReason, r.ForbiddenDetail)
		}
	}
	spec := w.pod.Spec
	if s := spec.SecurityContext; s == nil || s.RunAsUser == nil || *s.RunAsUser == 0 || s.RunAsGroup == nil || *s.RunAsGroup == 0 {
		c.errorf(t, "%s runs as root, or does not say as whom", w.name)
	} else if user := fmt.Sprintf("%d:%d", *s.RunAsUser, *s.RunAsGroup); user != p.image(t).user {
		c.errorf(t, "%s runs as %s, and its image as %s", w.name, user, p.image(t).user)
	}
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
		c.errorf(t, "%s has a token of the cluster", w.name)
	}
	for _, one := range slices.Concat(spec.InitContainers, spec.Containers) {
		if s := one.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
			c.errorf(t, "%s can write to its image", one.Name)
		}
		r := one.Resources
		if r.Requests.Cpu().IsZero() || r.Requests.Memory().IsZero() || r.Limits.Memory().IsZero() || r.Limits.Memory().Cmp(*r.Requests.Memory()) < 0 {
			c.errorf(t, "%s has no requests and limits that fit", one.Name)
		}
	}
	if w.always {
		c.checkProbes(t, w)
	}
}

func (c *cluster) checkProbes(t *testing.T, w workload) {
	one := w.pod.Spec.Containers[0]
	for what, probe := range map[string]*core.Probe{"startup": one.StartupProbe, "liveness": one.LivenessProbe, "readiness": one.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil {
			c.errorf(t, "%s has no %s probe over HTTP", one.Name, what)
			continue
		}
		if !hasPort(w, probe.HTTPGet.Port.String()) {
			c.errorf(t, "the %s probe asks the port %s, which is not there", what, probe.HTTPGet.Port.String())
		}
		if want := map[bool]string{true: "/readyz", false: "/healthz"}[what == "readiness"]; probe.HTTPGet.Path != want {
			c.errorf(t, "the %s probe asks %s, not %s", what, probe.HTTPGet.Path, want)
		}
	}
}

func hasPort(w workload, name string) bool {
	return slices.ContainsFunc(w.pod.Spec.Containers[0].Ports, func(p core.ContainerPort) bool { return p.Name == name })
}

func selects(s *meta.LabelSelector, w workload) bool {
	selector, err := meta.LabelSelectorAsSelector(s)
	return err == nil && !selector.Empty() && selector.Matches(labels.Set(w.pod.Labels))
}

// checkPolicies sees that the pods have a policy for what comes in and goes out, and are not open to all.
func (c *cluster) checkPolicies(t *testing.T, w workload) {
	covered := false
	for _, o := range c.objects["NetworkPolicy"] {
		n := o.(*networking.NetworkPolicy).Spec
		if !selects(&n.PodSelector, w) {
			continue
		}
		covered = covered || slices.Contains(n.PolicyTypes, networking.PolicyTypeIngress) && slices.Contains(n.PolicyTypes, networking.PolicyTypeEgress)
		for _, in := range n.Ingress {
			if len(in.From) == 0 || len(in.Ports) == 0 {
				c.errorf(t, "the pods of %s are open to everybody, or on all ports", w.name)
			}
			for _, port := range in.Ports {
				if port.Port != nil && port.Port.StrVal != "" && !hasPort(w, port.Port.StrVal) {
					c.errorf(t, "the policy names the port %s, which is not there", port.Port.StrVal)
				}
			}
		}
		for _, out := range n.Egress {
			if len(out.To) == 0 && len(out.Ports) == 0 {
				c.errorf(t, "the pods of %s reach everything", w.name)
			}
		}
	}
	if !covered {
		c.errorf(t, "no network policy covers %s both ways", w.name)
	}
}

// checkScaling sees that an autoscaler, and no number of replicas, says how many pods there are.
func (c *cluster) checkScaling(t *testing.T, w workload) {
	found := false
	for _, o := range c.objects["HorizontalPodAutoscaler"] {
		s := o.(*autoscaling.HorizontalPodAutoscaler).Spec
		if s.ScaleTargetRef.Kind != w.kind || s.ScaleTargetRef.Name != w.name {
			continue
		}
		found = true
		if s.MinReplicas == nil || *s.MinReplicas > s.MaxReplicas || len(s.Metrics) == 0 {
			c.errorf(t, "the autoscaler of %s cannot scale", w.name)
		}
	}
	if !found {
		c.errorf(t, "%s has no autoscaler", w.name)
	}
	if w.replicas != nil {
		c.errorf(t, "%s has a number of replicas beside the autoscaler's", w.name)
	}
	for _, o := range c.objects["PodDisruptionBudget"] {
		if !selects(o.(*disruption.PodDisruptionBudget).Spec.Selector, w) {
			c.errorf(t, "the disruption budget is about no pod")
		}
	}
}

func (c *cluster) checkServices(t *testing.T, w workload) {
	found := false
	for _, o := range c.objects["Service"] {
		s := o.(*core.Service).Spec
		if !labels.SelectorFromSet(s.Selector).Matches(labels.Set(w.pod.Labels)) {
			continue
		}
		for _, port := range s.Ports {
			found = true
			if !hasPort(w, port.TargetPort.String()) {
				c.errorf(t, "the service goes to the port %s, which is not there", port.TargetPort.String())
			}
		}
	}
	if !found {
		c.errorf(t, "no service leads to %s", w.name)
	}
}

// checkProduction sees that production has a namespace of its own, which is restricted, and an image by a version.
func (c *cluster) checkProduction(t *testing.T, p *product) {
	if len(c.objects["Namespace"]) != 1 {
		c.errorf(t, "there is no namespace")
		return
	}
	space := c.objects["Namespace"][0].(*core.Namespace)
	if space.Labels[api.EnforceLevelLabel] != string(api.LevelRestricted) {
		c.errorf(t, "the namespace is not restricted")
	}
	if outside := slices.DeleteFunc(slices.Clone(c.namespace), func(n string) bool { return n == space.Name }); len(outside) > 1 {
		c.errorf(t, "%d objects are in another namespace", len(outside)-1)
	}
	for _, w := range c.workloads {
		for _, one := range slices.Concat(w.pod.Spec.InitContainers, w.pod.Spec.Containers) {
			if err := checkTag(one.Image); err != nil {
				c.errorf(t, "%s: %v", one.Name, err)
			}
		}
	}
}
