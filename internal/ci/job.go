// Package ci reads what a CI service says of a job, and writes findings in the form in
// which the service shows them.
//
// It is pure: variables and the event's text are data, and so is what is written. What is
// written of a finding is somebody else's text. It can neither be a command to the service
// nor markup: lines are commands there, and a receipt must not give any.
package ci

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Service is who runs a job.
type Service string

// The services. A plain shell shows what everybody is shown.
const (
	GitHub Service = "github"
	GitLab Service = "gitlab"
	Plain  Service = "plain"
)

// Job is what a CI service says of what is to be checked.
type Job struct {
	Service Service
	Ref     string // the full name that leads, or would lead, to Head; "" where nobody says
	Head    string // an object id; "" for what is checked out, or of a ref that is deleted
	Base    string // an object id: what the ref led to, or what Head would be merged into; "" for none
	Ranged  bool   // it is a push or a request to merge, and not a commit by itself
	Merge   bool   // Head is to be merged into Base: what counts is since it left it
	Deleted bool   // the ref is gone
	Summary string // the file to which a summary is to be appended; "" for none
}

// MaxEvent is the most bytes of an event that are read.
const MaxEvent = 32 << 20

// Detect says which service's variables there are.
func Detect(lookup func(string) string) Service {
	switch {
	case lookup("GITHUB_ACTIONS") == "true":
		return GitHub
	case lookup("GITLAB_CI") == "true":
		return GitLab
	}
	return Plain
}

// Read says what a job is about. The event is the text of GITHUB_EVENT_PATH, nil where
// there is none. The fault is BadJob (VM646) for what no service says.
func Read(service Service, lookup func(string) string, event []byte) (*Job, error) {
	var j *Job
	var err error
	switch service {
	case GitHub:
		j, err = github(lookup, event)
	case GitLab:
		j = gitlab(lookup)
	default:
		j = new(Job)
	}
	if err != nil {
		return nil, err
	}
	j.Service = service
	return j, j.check()
}

// event is as much of GitHub's webhook payloads as is of use.
type event struct {
	Before      string `json:"before"`
	After       string `json:"after"`
	Deleted     bool   `json:"deleted"`
	PullRequest *struct {
		Base struct{ Ref, SHA string } `json:"base"`
		Head struct{ SHA string }      `json:"head"`
	} `json:"pull_request"`
	MergeGroup *struct {
		BaseRef string `json:"base_ref"`
		BaseSHA string `json:"base_sha"`
		HeadSHA string `json:"head_sha"`
	} `json:"merge_group"`
}

const branches = "refs/heads/"

// github follows "Events that trigger workflows" of GitHub's documentation.
func github(lookup func(string) string, text []byte) (*Job, error) {
	j := &Job{Ref: lookup("GITHUB_REF"), Head: lookup("GITHUB_SHA"), Summary: lookup("GITHUB_STEP_SUMMARY")}
	var e event
	if len(text) > 0 && json.Unmarshal(text, &e) != nil {
		return nil, badJob("the event of GITHUB_EVENT_PATH is no JSON of an event")
	}
	name := lookup("GITHUB_EVENT_NAME")
	switch {
	case strings.HasPrefix(name, "pull_request"):
		if e.PullRequest == nil {
			return nil, badJob("the event of GITHUB_EVENT_PATH has no pull request")
		}
		j.Ref, j.Base, j.Head = branches+e.PullRequest.Base.Ref, e.PullRequest.Base.SHA, e.PullRequest.Head.SHA
		j.Ranged, j.Merge = true, true
	case name == "merge_group":
		if e.MergeGroup == nil {
			return nil, badJob("the event of GITHUB_EVENT_PATH has no merge group")
		}
		j.Ref, j.Base, j.Head, j.Ranged = e.MergeGroup.BaseRef, e.MergeGroup.BaseSHA, e.MergeGroup.HeadSHA, true
	case name == "push":
		if e.Before == "" || e.After == "" {
			return nil, badJob("the event of GITHUB_EVENT_PATH does not say what a push has moved")
		}
		j.Base, j.Head, j.Ranged, j.Deleted = e.Before, e.After, true, e.Deleted
	}
	return j, nil
}

// gitlab follows "Predefined CI/CD variables" of GitLab's documentation.
func gitlab(lookup func(string) string) *Job {
	j := &Job{Head: lookup("CI_COMMIT_SHA")}
	switch base := lookup("CI_MERGE_REQUEST_DIFF_BASE_SHA"); {
	case base != "":
		j.Ref, j.Base, j.Ranged, j.Merge = branches+lookup("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"), base, true, true
		if head := lookup("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"); head != "" { // CI_COMMIT_SHA is a merge that nobody pushes
			j.Head = head
		}
	case lookup("CI_COMMIT_TAG") != "":
		j.Ref, j.Ranged = "refs/tags/"+lookup("CI_COMMIT_TAG"), true
	case lookup("CI_COMMIT_BRANCH") != "":
		j.Ref, j.Base = branches+lookup("CI_COMMIT_BRANCH"), lookup("CI_COMMIT_BEFORE_SHA")
		j.Ranged = lookup("CI_PIPELINE_SOURCE") == "push"
		if !j.Ranged {
			j.Base = "" // all zeros where nothing was pushed
		}
	}
	return j
}

var (
	objectID = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	refName  = regexp.MustCompile(`^refs/[^\x00-\x20\x7f~^:?*\[\\]+$`)
)

// check refuses what git would take for something else, and makes an id of zeros none.
func (j *Job) check() error {
	for _, id := range []*string{&j.Head, &j.Base} {
		if strings.Trim(*id, "0") == "" {
			*id = ""
		}
		if *id != "" && !objectID.MatchString(*id) {
			return badJob("%.80q is no commit's id", *id)
		}
	}
	j.Deleted = j.Deleted || j.Ranged && j.Head == ""
	if j.Ref != "" && !refName.MatchString(j.Ref) {
		return badJob("%.200q is no full name of a ref", j.Ref)
	}
	if j.Ranged && j.Ref == "" {
		return badJob("nobody says which ref it is about")
	}
	return nil
}

func badJob(format string, args ...any) error { return fault.New(fault.BadJob, format, args...) }
