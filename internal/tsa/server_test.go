package tsa

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	tag "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/VaultSovereign/git-vaultmesh/internal/counterfeit"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func openCA(t testing.TB, dir string) *CA {
	ca, err := OpenCA(dir, noon)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func newServer(t testing.TB, dir string) *Server {
	return &Server{CA: openCA(t, dir), Now: clock}
}

func (ca *CA) trust(t testing.TB) Trust {
	roots, err := ParseCertificates(ca.Root())
	if err != nil {
		t.Fatal(err)
	}
	return Trust{Roots: roots}
}

func TestServerStamps(t *testing.T) {
	s := newServer(t, filepath.Join(t.TempDir(), "a", "tsa"))
	web := serving(t, s.ServeHTTP)
	client := Client{Now: clock}
	trust := s.CA.trust(t)
	trust.Policy = Policy
	imprint := sha256.Sum256([]byte("signature"))
	stored, err := client.Stamp(t.Context(), Authority{Name: "ours", URL: web.URL, Trust: trust}, imprint)
	if err != nil {
		t.Fatal(err)
	}
	token, err := Parse(stored)
	if err != nil || token.Verify(trust) != nil {
		t.Fatalf("what is kept does not hold: %v", err)
	}
	if !token.Time.Equal(noon) || token.Imprint != imprint || token.Policy != Policy || token.Accuracy != time.Second {
		t.Errorf("claims %+v", token)
	}
}

// A clock with a fraction: the time is cut, and the accuracy covers it.
func TestServerCutsItsTime(t *testing.T) {
	s := newServer(t, t.TempDir()+"/tsa")
	s.Now = func() time.Time { return noon.Add(999 * time.Millisecond).In(time.FixedZone("", 3600)) }
	q := newRequest(t)
	_, token, err := q.Accept(s.Reply(q.Bytes()), s.CA.trust(t), noon)
	if err != nil || !token.Time.Equal(noon) {
		t.Errorf("%+v, %v", token, err)
	}
}

func imprintOf(oid asn1.ObjectIdentifier, length int) []byte {
	return sequence(sequence(counterfeit.ID(oid), []byte{5, 0}), counterfeit.Octets(make([]byte, length)))
}

// What is asked, and the failure that RFC 3161 has for it.
func TestServerRejects(t *testing.T) {
	s := newServer(t, t.TempDir()+"/tsa")
	one, good := counterfeit.Integer(1), imprintOf(oidSHA256, 32)
	policy, _ := parsePolicy("1.2.3")
	ours, _ := parsePolicy(Policy)
	for _, test := range []struct {
		name  string
		query []byte
		want  string // "" where it is granted
	}{
		{"the least", sequence(one, good), ""},
		{"SHA-384", sequence(one, imprintOf(oidSHA384, 48)), ""},
		{"SHA-512", sequence(one, imprintOf(oidSHA512, 64)), ""},
		{"our policy", sequence(one, good, counterfeit.ID(ours), counterfeit.Integer(-5), []byte{1, 1, 0xFF}), ""},
		{"nothing", nil, "wrong format"},
		{"text", []byte("hello"), "wrong format"},
		{"bytes behind it", append(sequence(one, good), 5, 0), "wrong format"},
		{"bytes in it", sequence(one, good, []byte{5, 0}), "wrong format"},
		{"no imprint", sequence(one), "wrong format"},
		{"version 2", sequence(counterfeit.Integer(2), good), "not permitted"},
		{"MD5", sequence(one, imprintOf(asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 5}, 16)), "Algorithm"},
		{"SHA-1", sequence(one, imprintOf(asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, 20)), "Algorithm"},
		{"SHA-256 too short", sequence(one, imprintOf(oidSHA256, 31)), "wrong format"},
		{"SHA-512 too short", sequence(one, imprintOf(oidSHA512, 32)), "wrong format"},
		{"other policy", sequence(one, good, counterfeit.ID(policy)), "policy is not supported"},
		{"critical extension", sequence(one, good, wrapped(context0, sequence(counterfeit.ID(policy), []byte{1, 1, 0xFF}, counterfeit.Octets(nil)))), "extension is not supported"},
		{"extension", sequence(one, good, wrapped(context0, sequence(counterfeit.ID(policy), counterfeit.Octets(nil)))), "extension is not supported"},
		{"endless nonce", sequence(one, good, wrapped(tag.INTEGER, bytes.Repeat([]byte{1}, 200))), "wrong format"},
		{"indefinite length", append(append([]byte{0x30, 0x80}, sequence(one, good)[2:]...), 0, 0), "wrong format"},
	} {
		_, err := grantedToken(s.Reply(test.query))
		if test.want == "" && err != nil || test.want != "" && (!fault.Has(err, fault.TSARefused) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	s.Now = func() time.Time { return noon.AddDate(11, 0, 0) }
	if _, err := grantedToken(s.Reply(sequence(one, good))); !fault.Has(err, fault.TSARefused) {
		t.Errorf("after its certificate: %v", err)
	}
}

// The certificate is in the token when it is asked for, and only then; the
// token holds in both cases, but only one can show it.
func TestServerHonoursCertReq(t *testing.T) {
	s := newServer(t, t.TempDir()+"/tsa")
	_, without, err := Normalize(s.Reply(sequence(counterfeit.Integer(1), imprintOf(oidSHA256, 32))))
	if err != nil || len(without.signed.certificates) != 0 {
		t.Errorf("not asked for: %v", err)
	}
	q := newRequest(t)
	_, with, err := Normalize(s.Reply(q.Bytes()))
	if err != nil || len(with.signed.certificates) != 1 {
		t.Errorf("asked for: %v", err)
	}
}

func TestServerSpeaksHTTP(t *testing.T) {
	s := newServer(t, t.TempDir()+"/tsa")
	web := serving(t, s.ServeHTTP)
	q := newRequest(t)
	for _, test := range []struct {
		method, media string
		body          []byte
		status        int
	}{
		{"POST", queryType, q.Bytes(), 200},
		{"POST", queryType + "; x=y", q.Bytes(), 200},
		{"POST", queryType, []byte("hello"), 200},
		{"POST", queryType, make([]byte, MaxSize+1), 413},
		{"POST", "text/plain", q.Bytes(), 415},
		{"POST", "", q.Bytes(), 415},
		{"GET", queryType, nil, 405},
		{"PUT", queryType, q.Bytes(), 405},
	} {
		r, err := http.NewRequest(test.method, web.URL, bytes.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", test.media)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.status || test.status == 200 && response.Header.Get("Content-Type") != replyType {
			t.Errorf("%s %s: %s %s", test.method, test.media, response.Status, response.Header.Get("Content-Type"))
		}
	}
}

// counters stamps n times and returns the counted part of the numbers.
func counters(t testing.TB, s *Server, n int) []uint64 {
	var got []uint64
	for range n {
		q := newRequest(t)
		_, token, err := Normalize(s.Reply(q.Bytes()))
		if err != nil {
			t.Error(err)
			return nil
		}
		got = append(got, new(big.Int).Rsh(token.Serial, 64).Uint64())
	}
	return got
}

func distinct(t *testing.T, lists ...[]uint64) {
	seen := map[uint64]bool{}
	for _, list := range lists {
		for _, n := range list {
			if seen[n] || n == 0 {
				t.Errorf("the number %d is there twice, or is none", n)
			}
			seen[n] = true
		}
	}
}

// Nothing is closed: each begin is one after a crash.
func TestNumbersOutliveCrashes(t *testing.T) {
	dir := t.TempDir() + "/tsa"
	var all [][]uint64
	for range 5 {
		all = append(all, counters(t, newServer(t, dir), 3))
	}
	all = append(all, counters(t, newServer(t, dir), serialBlock+3))
	distinct(t, all...)
}

func TestTwoServersShareNoNumbers(t *testing.T) {
	dir := t.TempDir() + "/tsa"
	lists := make([][]uint64, 4)
	var wait sync.WaitGroup
	for i := range lists {
		s := newServer(t, dir)
		wait.Go(func() { lists[i] = counters(t, s, serialBlock+20) })
	}
	wait.Wait()
	distinct(t, lists...)
}

// A crash between the reservation and its use, at each write: the numbers on
// disk are never below one that was given out.
func TestReservationComesFirst(t *testing.T) {
	dir := t.TempDir() + "/tsa"
	s := newServer(t, dir)
	for range 3 {
		got := counters(t, s, 1)
		if next, err := folder(dir).readSerial(); err != nil || len(got) != 1 || next <= got[0] {
			t.Errorf("%v given, %d on disk, %v", got, next, err)
		}
	}
}

func TestConcurrentRequests(t *testing.T) {
	s := newServer(t, t.TempDir()+"/tsa")
	web := serving(t, s.ServeHTTP)
	trust := s.CA.trust(t)
	client := Client{Now: clock}
	var wait sync.WaitGroup
	var mu sync.Mutex
	var got []uint64
	for i := range 16 {
		wait.Go(func() {
			imprint := sha256.Sum256([]byte{byte(i)})
			stored, err := client.Stamp(t.Context(), Authority{Name: "ours", URL: web.URL, Trust: trust}, imprint)
			if err != nil {
				t.Error(err)
				return
			}
			token, _ := Parse(stored)
			mu.Lock()
			defer mu.Unlock()
			got = append(got, new(big.Int).Rsh(token.Serial, 64).Uint64())
		})
	}
	wait.Wait()
	distinct(t, got)
}

func TestOneAuthorityIsMade(t *testing.T) {
	dir := t.TempDir() + "/deep/tsa"
	roots := make([][]byte, 8)
	var wait sync.WaitGroup
	for i := range roots {
		wait.Go(func() {
			ca, err := OpenCA(dir, noon)
			if err != nil {
				t.Error(err)
				return
			}
			roots[i] = ca.Root()
		})
	}
	wait.Wait()
	for _, root := range roots {
		if !bytes.Equal(root, roots[0]) {
			t.Fatal("there are two authorities")
		}
	}
	if again := openCA(t, dir); !bytes.Equal(again.Root(), roots[0]) {
		t.Error("it is another one later")
	}
}

func TestFolderIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no mode bits here")
	}
	dir := t.TempDir() + "/tsa"
	openCA(t, dir)
	modes := map[string]os.FileMode{"": os.ModeDir | 0o700, authorityFile: 0o600, serialFile: 0o600}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
	for name, want := range modes {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// A folder that was changed is refused, and nothing in it is mended by guess.
func TestDamagedFolder(t *testing.T) {
	change := func(name string, f func([]byte) []byte) func(string) error {
		return func(dir string) error {
			path := filepath.Join(dir, name)
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, f(b), 0o600)
		}
	}
	other, err := newCA(noon)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.encode()
	if err != nil {
		t.Fatal(err)
	}
	swap := func(from, to int) func([]byte) []byte {
		return func(b []byte) []byte {
			ours, theirs := bytes.SplitAfter(b, []byte("-----\n")), bytes.SplitAfter(foreign, []byte("-----\n"))
			copy(ours[from:to], theirs[from:to])
			return bytes.Join(ours, nil)
		}
	}
	for name, damage := range map[string]func(string) error{
		"empty file":       change(authorityFile, func([]byte) []byte { return nil }),
		"cut":              change(authorityFile, func(b []byte) []byte { return b[:len(b)-30] }),
		"more":             change(authorityFile, func(b []byte) []byte { return append(b, '\n') }),
		"windows lines":    change(authorityFile, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }),
		"other key":        change(authorityFile, swap(0, 2)),
		"other signer":     change(authorityFile, swap(2, 4)),
		"other root":       change(authorityFile, swap(4, 6)),
		"numbers lost":     func(dir string) error { return os.Remove(filepath.Join(dir, serialFile)) },
		"numbers empty":    change(serialFile, func([]byte) []byte { return nil }),
		"numbers negative": change(serialFile, func([]byte) []byte { return []byte("-1\n") }),
		"numbers zero":     change(serialFile, func([]byte) []byte { return []byte("0\n") }),
		"numbers padded":   change(serialFile, func([]byte) []byte { return []byte("01\n") }),
		"numbers at an end": change(serialFile, func([]byte) []byte {
			return []byte("9223372036854775808\n")
		}),
		"file for others":   func(dir string) error { return os.Chmod(filepath.Join(dir, authorityFile), 0o644) },
		"folder for others": func(dir string) error { return os.Chmod(dir, 0o755) },
		"a link": func(dir string) error {
			if err := os.Rename(filepath.Join(dir, authorityFile), dir+".pem"); err != nil {
				return err
			}
			return os.Symlink(dir+".pem", filepath.Join(dir, authorityFile))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/tsa"
			openCA(t, dir)
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(filepath.Join(dir, authorityFile))
			ca, err := OpenCA(dir, noon)
			if !fault.Has(err, fault.AuthorityDamaged) || ca != nil {
				t.Errorf("got %v", err)
			}
			if after, _ := os.ReadFile(filepath.Join(dir, authorityFile)); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
			if strings.Contains(fmt.Sprint(err), "PRIVATE") {
				t.Errorf("the key is shown: %v", err)
			}
		})
	}
	if _, err := OpenCA(filepath.Join(os.DevNull, "tsa"), noon); !fault.Has(err, fault.AuthorityDamaged) {
		t.Errorf("below a file: %v", err)
	}
}

// A server whose numbers are lost while it runs stops when its block is used up.
func TestServerWithoutNumbersRejects(t *testing.T) {
	dir := t.TempDir() + "/tsa"
	s := newServer(t, dir)
	if err := os.Remove(filepath.Join(dir, serialFile)); err != nil {
		t.Fatal(err)
	}
	q := newRequest(t)
	if _, err := grantedToken(s.Reply(q.Bytes())); !fault.Has(err, fault.TSARefused) || !strings.Contains(err.Error(), "system failure") {
		t.Errorf("got %v", err)
	}
}

// A process that died before the authority was whole left its numbers: they go
// on.
func TestHalfMadeAuthorityIsMade(t *testing.T) {
	dir := t.TempDir() + "/tsa"
	openCA(t, dir)
	if err := folder(dir).writeSerial(1000); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, authorityFile)); err != nil {
		t.Fatal(err)
	}
	if got := counters(t, newServer(t, dir), 1); len(got) != 1 || got[0] != 1000 {
		t.Errorf("the first number is %v", got)
	}
}

// What a process left that died while it wrote is removed, and harms nothing.
func TestUnfinishedFilesAreRemoved(t *testing.T) {
	dir := t.TempDir() + "/tsa"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, ".new-1")
	if err := os.WriteFile(left, []byte("-----BEGIN PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	openCA(t, dir)
	if _, err := os.Stat(left); err == nil {
		t.Error("it is still there")
	}
}

func TestServeStops(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	s := newServer(t, t.TempDir()+"/tsa")
	s.Connections = 2
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	client := Client{Now: clock}
	a := Authority{Name: "ours", URL: "http://" + l.Addr().String(), Trust: s.CA.trust(t)}
	var wait sync.WaitGroup
	for range 6 { // more than may be connected at once: they wait
		wait.Go(func() {
			if _, err := client.Stamp(t.Context(), a, [32]byte{}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("it ends with %v", err)
	}
	if _, err := client.Stamp(t.Context(), a, [32]byte{}); !fault.Has(err, fault.TSAUnreachable) {
		t.Errorf("it answers after its end: %v", err)
	}
}

func TestServeRefusesABadPolicy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	s := newServer(t, t.TempDir()+"/tsa")
	s.Policy = "mine"
	if err := s.Serve(t.Context(), l); !fault.Has(err, fault.BadTSA) {
		t.Errorf("got %v", err)
	}
}

// Whatever is asked, the answer is a token or a rejection that can be read.
func FuzzReply(f *testing.F) {
	s := newServer(f, f.TempDir()+"/tsa")
	f.Add(newRequest(f).Bytes())
	f.Add(sequence(counterfeit.Integer(1), imprintOf(oidSHA512, 64)))
	f.Add(sequence(counterfeit.Integer(1), wrapped(tag.SET)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := grantedToken(s.Reply(b)); err != nil && !fault.Has(err, fault.TSARefused) {
			t.Fatalf("%x: %v", b, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s := newServer(b, b.TempDir()+"/tsa")
	q, trust := newRequest(b), s.CA.trust(b)
	stored := s.Reply(q.Bytes())
	for b.Loop() {
		token, err := Parse(stored)
		if err != nil || token.Verify(trust) != nil {
			b.Fatal(err)
		}
	}
}
