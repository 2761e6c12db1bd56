package tsa

import (
	"bytes"
	"crypto/rand"
	"math/big"
	"strconv"
	"strings"
	"sync"
)

const (
	serialFile  = "serials" // the first number that nobody may have used, in decimal, and a newline
	serialBlock = 256       // numbers that are reserved at once
)

// serials gives each token a number of its own, also after a crash, and with
// several servers on one folder: a block of numbers is written off, durably,
// before the first of it is used. Below the number stand 64 random bits, for the
// folder that was taken from a backup, or is on two machines.
type serials struct {
	folder folder

	mu        sync.Mutex
	next, end uint64
}

// take returns a number that no token has.
func (s *serials) take() (*big.Int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == s.end {
		if err := s.folder.locked(s.reserve); err != nil {
			return nil, err
		}
	}
	n := new(big.Int).SetUint64(s.next)
	s.next++
	tail := make([]byte, 8)
	rand.Read(tail) // never fails
	return n.Lsh(n, 64).Or(n, new(big.Int).SetBytes(tail)), nil
}

func (s *serials) reserve() error {
	first, err := s.folder.readSerial()
	if err != nil {
		return err
	}
	end := first + serialBlock
	if err := s.folder.writeSerial(end); err != nil {
		return err
	}
	s.next, s.end = first, end
	return nil
}

func (d folder) writeSerial(n uint64) error {
	return d.write(serialFile, []byte(strconv.FormatUint(n, 10)+"\n"))
}

// readSerial reads the one spelling. A file that is lost is a fault: beginning
// anew would give numbers twice.
func (d folder) readSerial() (uint64, error) {
	b, err := d.read(serialFile)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(string(b), "\n"), 10, 63)
	if err != nil || n == 0 || !bytes.Equal(b, []byte(strconv.FormatUint(n, 10)+"\n")) {
		return 0, d.damaged("%s is lost or has no number", serialFile)
	}
	return n, nil
}
