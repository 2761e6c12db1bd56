package tsa

import (
	"bufio"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
)

// childFolder names the folder of a process that stamps until it is killed.
const childFolder = "TSA_TEST_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		stampForEver(dir)
	}
	os.Exit(m.Run())
}

// stampForEver prints the root, and the counted part of each number that it
// gave.
func stampForEver(dir string) {
	ca, err := OpenCA(dir, noon)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("%x\n", ca.root.RawSubject)
	for {
		n, err := ca.serials.take()
		if err != nil {
			os.Exit(1)
		}
		if _, err := fmt.Println(new(big.Int).Rsh(n, 64)); err != nil {
			os.Exit(1)
		}
	}
}

// Processes on one folder, killed while they stamp, and others after them: one
// authority, and no number twice.
func TestKilledServersShareNoNumbers(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir() + "/tsa"
	roots, numbers := make([]string, 6), make([][]uint64, 6)
	for first := 0; first < len(roots); first += 3 {
		var wait sync.WaitGroup
		for i := first; i < first+3; i++ {
			wait.Go(func() { roots[i], numbers[i] = runAndKill(t, self, dir, 2*serialBlock+i) })
		}
		wait.Wait()
	}
	for _, root := range roots {
		if root != roots[0] {
			t.Error("there are two authorities")
		}
	}
	distinct(t, numbers...)
}

// runAndKill takes n numbers of a process, then kills it.
func runAndKill(t *testing.T, self, dir string, n int) (root string, numbers []uint64) {
	c := exec.Command(self)
	c.Env = append(os.Environ(), childFolder+"="+dir)
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Error(err)
		return "", nil
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	root = lines.Text()
	for len(numbers) < n && lines.Scan() {
		number, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Error(err)
		}
		numbers = append(numbers, number)
	}
	if len(numbers) < n {
		t.Errorf("only %d numbers; it said %s", len(numbers), root)
	}
	c.Process.Kill()
	c.Wait()
	return root, numbers
}
