package spawn

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// openAPI is the file that describes what the product serves, or "".
func (p *product) openAPI() string {
	at := slices.IndexFunc(p.files, func(f string) bool {
		return slices.Contains([]string{"openapi.json", "openapi.yaml", "api/openapi.yaml"}, f)
	})
	if at < 0 {
		return ""
	}
	return p.files[at]
}

// checkOpenAPI has the description read and judged by the rules of its version.
func checkOpenAPI(t *testing.T, p *product) {
	file := p.openAPI()
	if file == "" {
		return
	}
	document, err := openapi3.NewLoader().LoadFromFile(filepath.Join(p.dir, file))
	if err == nil {
		err = document.Validate(context.Background())
	}
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	if document.Info.Title != p.name || document.Info.Description != description {
		t.Errorf("%s describes %q, %q", file, document.Info.Title, document.Info.Description)
	}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.Summary == "" || operation.OperationID == "" {
				t.Errorf("%s: %s %s has no summary or id", file, method, path)
			}
		}
	}
}
