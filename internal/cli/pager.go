package cli

import (
	"bufio"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// paging is whether long answers go through a pager.
type paging struct {
	NoPager bool `help:"print without a pager"`
}

// pager is a program that shows what is printed, a screen at a time.
type pager struct {
	command string
	process *exec.Cmd
	in      io.WriteCloser
}

// page sends what is printed from here on through the pager that git would
// take, if standard output is a terminal.
func (a *app) page(c paging) error {
	if c.NoPager || terminalWidth(a.env.Stdout) == 0 {
		return nil
	}
	command, err := a.repo.Pager(a.ctx)
	if err != nil || command == "" || command == "cat" {
		return err
	}
	// As git does, which has a pager by default: none that is missing.
	if words := strings.Fields(command); len(words) == 1 {
		if _, err := exec.LookPath(command); err != nil {
			return nil
		}
	}
	cmd := exec.Command("sh", "-c", command)
	cmd.Stdout, cmd.Stderr, cmd.Env = a.env.Stdout, a.env.Stderr, slices.Clone(a.env.Environ)
	for name, value := range map[string]string{"LESS": "FRX", "LV": "-c"} { // as git sets them
		if !slices.ContainsFunc(a.env.Environ, func(v string) bool { return strings.HasPrefix(v, name+"=") }) {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fault.New(fault.OutputFailed, "the pager %s cannot be started", command).Because(err)
	}
	a.out.hand()
	a.out.color = a.out.color && a.config.Paged
	a.out.pager, a.out.out = &pager{command, cmd, in}, bufio.NewWriter(in)
	return nil
}

// end waits until the pager was left.
func (p *pager) end() error {
	p.in.Close()
	if err := p.process.Wait(); err != nil {
		return fault.New(fault.OutputFailed, "the pager %s failed", p.command).Because(err)
	}
	return nil
}
