package spawn

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every option that is known and not offered with a type is refused with its code and its reason, and nothing is made.
func TestRefusedOptions(t *testing.T) {
	for _, o := range offers(t) {
		for _, r := range o.Refused {
			with := r.Option
			if r.Choice != "on" {
				with += "=" + r.Choice
			}
			t.Run(o.Type+"/"+with, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				var stderr bytes.Buffer
				c := vaultmesh(dir, "spawn", "my-service", "--type", o.Type, "--with", with, "--no-key")
				c.Stderr = &stderr
				if err := c.Run(); err == nil || !strings.Contains(stderr.String(), "VM805") || !strings.Contains(stderr.String(), r.Reason) {
					t.Errorf("%v\n%s", err, stderr.Bytes())
				}
				if _, err := os.Stat(filepath.Join(dir, "my-service")); err == nil {
					t.Error("it is made all the same")
				}
			})
		}
	}
}

// Each of the four options of the program is offered or refused by each type: none is forgotten.
func TestEveryOptionIsAnswered(t *testing.T) {
	for _, o := range offers(t) {
		answered := make(map[string]bool)
		for _, option := range o.Options {
			for _, with := range choices(option) {
				answered[with] = true
			}
		}
		for _, r := range o.Refused {
			if r.Choice == "on" {
				answered[r.Option] = true
			} else {
				answered[r.Option+"="+r.Choice] = true
			}
		}
		for _, with := range []string{"mcp", "mq=nats", "mq=rabbitmq", "otel", "postgres"} {
			if !answered[with] && !(strings.HasPrefix(with, "mq=") && answered["mq"]) {
				t.Errorf("%s neither offers nor refuses %s", o.Type, with)
			}
		}
	}
}
