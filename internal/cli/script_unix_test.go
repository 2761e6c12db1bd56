//go:build unix

package cli

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// nobody is a user who owns nothing.
const nobody = 65534

// asnobody STATUS COMMAND… runs a command without the right to write: as
// another user when we are root, who ignores modes. Its output is what
// stdout and stderr see.
func cmdAsNobody(ts *testscript.TestScript, neg bool, args []string) {
	var out, errs strings.Builder
	bin, _, _ := strings.Cut(ts.Getenv("PATH"), string(os.PathListSeparator))
	self, err := os.Executable()
	ts.Check(err)
	ts.Check(openUp(bin))
	ts.Check(openUp(self))
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), append(scriptEnv(ts), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true}}
	}
	err = cmd.Run()
	status := 0
	if exit, ok := err.(*exec.ExitError); ok {
		status = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	_ = os.WriteFile(ts.MkAbs("nobody.out"), []byte(out.String()), 0o644)
	_ = os.WriteFile(ts.MkAbs("nobody.err"), []byte(errs.String()), 0o644)
	if status != atoi(ts, args[0]) {
		ts.Fatalf("status %d, want %s\n%s%s", status, args[0], out.String(), errs.String())
	}
}

// tmpfs DIR SIZE mounts a small file system, where [tmpfs] says that one can.
func cmdTmpfs(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	if out, err := mount(dir, args[1]); err != nil {
		ts.Fatalf("mount: %v %s", err, out)
	}
	ts.Defer(func() { _ = exec.Command("umount", "-l", dir).Run() })
}

func mount(dir, size string) ([]byte, error) {
	return exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput()
}

// canMount tries whether this process may mount a file system.
func canMount() bool {
	dir, err := os.MkdirTemp("", "mount")
	if err != nil || runtime.GOOS != "linux" {
		return false
	}
	defer os.Remove(dir)
	if _, err := mount(dir, "64k"); err != nil {
		return false
	}
	return exec.Command("umount", dir).Run() == nil
}
