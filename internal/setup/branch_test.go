package setup

import "testing"

func TestProtectsBranchesOnly(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://github.com/o/r.git":            "github.com",
		"https://ada:token@github.com/o/r":      "github.com",
		"git@github.com:o/r.git":                "github.com",
		"ssh://git@ssh.github.com:443/o/r.git":  "ssh.github.com",
		"https://GitLab.com/o/r":                "gitlab.com",
		"gitlab.com:o/r":                        "gitlab.com",
		"https://github.com.example.net/o/r":    "",
		"https://example.net/github.com/r":      "",
		"../github.com":                         "",
		"/srv/github.com/r.git":                 "",
		"":                                      "",
		"https://git.example.net@example.net/r": "",
	} {
		if got := ProtectsBranchesOnly(address); got != want {
			t.Errorf("%s: %q, not %q", address, got, want)
		}
	}
}
