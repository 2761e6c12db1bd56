//go:build unix

package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

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
	cmd.Dir, cmd.Env = ts.MkAbs("."), append(scriptEnv(ts), "GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_CONFIG_KEY_1=vaultmesh.sign", "GIT_CONFIG_VALUE_1=false") // the key is not theirs
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

// peak MB COMMAND… runs a command that may fail, and fails when the command or one
// that it started had more memory. What it printed is in the file said.
func cmdPeak(ts *testscript.TestScript, neg bool, args []string) {
	peak(ts, atoi(ts, args[0]), args[1:]...)
}

// defused MB TEXT runs every command that reads a ledger, as peak does. The whole
// verification must fail, with TEXT.
func cmdDefused(ts *testscript.TestScript, neg bool, args []string) {
	most := atoi(ts, args[0])
	if out := peak(ts, most, "git", "vaultmesh", "verify", "--all"); !strings.Contains(out, args[1]) || strings.Contains(out, "\nvalid\n") {
		ts.Fatalf("not %s:\n%.2000s", args[1], out)
	}
	ts.Check(os.RemoveAll(ts.MkAbs(".git/vaultmesh")))
	clone := filepath.Join(ts.Getenv("WORK"), "clone.git")
	ts.Check(os.RemoveAll(clone))
	for _, command := range []string{
		"git remembrancer query api", "git remembrancer query rollout", "git remembrancer list", "git remembrancer timeline",
		"git remembrancer show HEAD", "git vaultmesh status", "git vaultmesh doctor", "git vaultmesh doctor --repair", "git vaultmesh notes rebuild",
		"git vaultmesh record --component next --version v1 --commit none --dry-run",
		"git init -q --bare " + clone, "git -C " + clone + " remote add origin " + ts.MkAbs("."), "git -C " + clone + " vaultmesh init",
	} {
		peak(ts, most, strings.Fields(command)...)
	}
}

// peak runs a command under a limit of memory, which it must not reach, and returns
// what it printed.
func peak(ts *testscript.TestScript, most int, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), scriptEnv(ts)
	out, err := cmd.CombinedOutput()
	ts.Check(os.WriteFile(ts.MkAbs("said"), out, 0o666))
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		ts.Fatalf("%v", err)
	}
	megabytes := int(usage.Maxrss >> 10)
	if runtime.GOOS == "darwin" { // bytes there
		megabytes >>= 10
	}
	if cmd.ProcessState.ExitCode() < 0 || strings.Contains(string(out), "goroutine ") || megabytes > most {
		ts.Fatalf("%.200s: %v, %d MB\n%.2000s", strings.Join(args, " "), cmd.ProcessState, megabytes, out)
	}
	ts.Logf("%.80s: %d MB, %v", strings.Join(args, " "), megabytes, cmd.ProcessState)
	return string(out)
}
