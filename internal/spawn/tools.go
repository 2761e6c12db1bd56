package spawn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/templates"
)

// Lack is a tool that a service needs, and that is missing or too old.
type Lack struct {
	Tool    string
	Minimum string
	Found   string // its version, "" where it is missing
	Install string // the command that installs it here, "" where the template knows none
}

// patience is how long a tool may take to say its version.
const patience = 10 * time.Second

// Memory keeps for the next time which version a tool said, by a name that stands for its file.
type Memory interface {
	Load(name string) []byte
	Save(name string, data []byte)
}

// Lacking asks tools for their versions, all at the same time, and returns those that are missing or too
// old. A tool whose version cannot be read is taken for one that is there. env is the environment
// in which they are found. A tool that was new enough is not asked again as long as its file is
// the same, where there is a memory: one that is a script of its own may take longer to say its
// version than all else takes.
func Lacking(ctx context.Context, tools []templates.Tool, env []string, kept Memory) []Lack {
	found := make(chan int, len(tools))
	lacks := make([]*Lack, len(tools))
	for i, t := range tools {
		go func() {
			lacks[i] = lacking(ctx, t, env, kept)
			found <- i
		}()
	}
	for range tools {
		<-found
	}
	var list []Lack
	for _, l := range lacks {
		if l != nil {
			l.Install = installs(tools, l.Tool)
			list = append(list, *l)
		}
	}
	return list
}

func lacking(ctx context.Context, t templates.Tool, env []string, kept Memory) *Lack {
	lack := &Lack{Tool: t.Name, Minimum: t.Minimum}
	path, err := exec.LookPath(t.Name)
	if err != nil {
		return lack
	}
	if t.Minimum == "" {
		return nil
	}
	name := keptName(path)
	if kept != nil && name != "" {
		if said := versionForm.FindString(string(kept.Load(name))); said != "" && !older(said, t.Minimum) {
			return nil
		}
	}
	lack.Found = versionForm.FindString(said(ctx, t, env))
	if lack.Found != "" && older(lack.Found, t.Minimum) {
		return lack
	}
	if kept != nil && name != "" && lack.Found != "" {
		kept.Save(name, []byte(lack.Found))
	}
	return nil
}

// said is what a tool says of its version, "" where it cannot be asked. It is asked in an empty folder of
// its own: a program that takes the word for a file, a target or a script finds none there.
func said(ctx context.Context, t templates.Tool, env []string) string {
	dir, err := os.MkdirTemp("", "vaultmesh-tool-")
	if err != nil {
		return ""
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	words := new(beginning)
	cmd := exec.CommandContext(ctx, t.Version[0], t.Version[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, env, time.Second
	cmd.Stdout, cmd.Stderr = words, words
	_ = cmd.Run() // what ends badly says no version
	return string(words.kept)
}

// beginning keeps the first of what is written to it, and takes no more than that.
type beginning struct{ kept []byte }

// Write keeps p.
func (b *beginning) Write(p []byte) (int, error) {
	const most = 64 << 10
	if len(b.kept)+len(p) > most {
		return 0, io.ErrShortWrite
	}
	b.kept = append(b.kept, p...)
	return len(p), nil
}

// keptName stands for a program's file as it is now, "" where that cannot be looked at.
func keptName(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", path, info.Size(), info.ModTime().UnixNano()))
	return "tool-" + hex.EncodeToString(sum[:8])
}

var versionForm = regexp.MustCompile(`[0-9]+(\.[0-9]+)+`)

// older compares versions number by number.
func older(have, want string) bool {
	numbers := func(v string) []int {
		var list []int
		for part := range strings.SplitSeq(v, ".") {
			n, _ := strconv.Atoi(part)
			list = append(list, n)
		}
		return list
	}
	return slices.Compare(numbers(have), numbers(want)) < 0
}

// installs is the command that installs a tool on this system.
func installs(tools []templates.Tool, name string) string {
	at := slices.IndexFunc(tools, func(t templates.Tool) bool { return t.Name == name })
	for _, system := range systems() {
		if command := tools[at].Install[system]; command != "" {
			return command
		}
	}
	return ""
}

// systems are the names of this system, the nearest first: what os-release says, or what Go calls it.
func systems() []string {
	text, err := os.ReadFile("/etc/os-release")
	if errors.Is(err, fs.ErrNotExist) {
		text, _ = os.ReadFile("/usr/lib/os-release")
	}
	return append(released(string(text)), runtime.GOOS)
}

// released reads ID and ID_LIKE out of an os-release (os-release(5)).
func released(text string) []string {
	values := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[name] = strings.Trim(value, `"'`)
	}
	return strings.Fields(values["ID"] + " " + values["ID_LIKE"])
}
