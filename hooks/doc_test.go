package hooks

import (
	"os"
	"strings"
	"testing"
)

// The example of the package's documentation is what is written.
func TestDocumentedHook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(Part{Hook: PrePush}.Alone()) {
		if !strings.Contains(string(text), "//\t"+line) {
			t.Errorf("doc.go has not the line\n%s", line)
		}
	}
}
