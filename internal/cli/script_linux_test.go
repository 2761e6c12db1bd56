package cli

import (
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// cmdReads is reads COMMAND…: it runs a command that succeeds, and sets READS to how many
// objects of the repository were opened meanwhile, by whatever process. All must be loose.
func cmdReads(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: reads COMMAND…")
	}
	objects := ts.MkAbs(filepath.Join(".git", "objects"))
	if packs, _ := filepath.Glob(filepath.Join(objects, "pack", "*.pack")); len(packs) > 0 {
		ts.Fatalf("there are packs, whose objects cannot be counted")
	}
	watch, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	ts.Check(err)
	defer unix.Close(watch)
	folders := make(map[int32]string)
	for i := range 256 {
		name := hex.EncodeToString([]byte{byte(i)})
		if id, err := unix.InotifyAddWatch(watch, filepath.Join(objects, name), unix.IN_OPEN); err == nil {
			folders[int32(id)] = name
		}
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), scriptEnv(ts)
	if out, err := cmd.CombinedOutput(); err != nil {
		ts.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	opened := opened(ts, watch, folders)
	ts.Logf("%d objects", len(opened))
	ts.Setenv("READS", strconv.Itoa(len(opened)))
}

// opened are the objects of which a watch tells.
func opened(ts *testscript.TestScript, watch int, folders map[int32]string) map[string]bool {
	ids := make(map[string]bool)
	buffer := make([]byte, 1<<16)
	for {
		n, err := unix.Read(watch, buffer)
		if err == unix.EAGAIN {
			return ids
		}
		ts.Check(err)
		for at := 0; at+unix.SizeofInotifyEvent <= n; {
			word := func(i int) uint32 {
				return uint32(buffer[at+i]) | uint32(buffer[at+i+1])<<8 | uint32(buffer[at+i+2])<<16 | uint32(buffer[at+i+3])<<24
			}
			id, mask, size := int32(word(0)), word(4), int(word(12))
			if mask&unix.IN_Q_OVERFLOW != 0 {
				ts.Fatalf("more was opened than can be counted")
			}
			name := strings.TrimRight(string(buffer[at+unix.SizeofInotifyEvent:at+unix.SizeofInotifyEvent+size]), "\x00")
			if len(name) >= 38 {
				ids[folders[id]+name] = true
			}
			at += unix.SizeofInotifyEvent + size
		}
	}
}
