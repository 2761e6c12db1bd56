package cli

import (
	"runtime/debug"
)

// version is what a build from a source tree calls itself; a build by
// go install at a tag has the tag.
const version = "0.2.0-dev"

type versionCmd struct{}

// Run prints the version, and from what it was built.
func (c *versionCmd) Run(a *app) error {
	v := facts()
	if a.out.structured() {
		return a.out.emit(v)
	}
	a.out.line("%s version %s", a.env.Program, v.Version)
	return nil
}

// buildFacts say what this program is.
type buildFacts struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified"`
}

func facts() buildFacts {
	f := buildFacts{Version: version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return f
	}
	f.Go = info.GoVersion
	if v := info.Main.Version; v != "" && v != "(devel)" {
		f.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			f.Commit = s.Value
		case "vcs.modified":
			f.Modified = s.Value == "true"
		}
	}
	return f
}
