package spawn

import "testing"

// What a product is made of is read by the programs and schemas that it is for. It needs no network and no server.
func TestFiles(t *testing.T) {
	everyProduct(t, func(t *testing.T, p *product) {
		checkFiles(t, p)
		checkFormats(t, p)
		checkEditorconfig(t, p)
		checkMentions(t, p)
		checkLicense(t, p)
		checkDependabot(t, p)
		checkWorkflows(t, p)
		if !p.runs(t) {
			checkHCL(t, p)
			return
		}
		checkDockerfile(t, p)
		checkCompose(t, p)
		checkPort(t, p)
		checkKubernetes(t, p)
		checkPrometheus(t, p)
		checkOpenAPI(t, p)
	})
}
