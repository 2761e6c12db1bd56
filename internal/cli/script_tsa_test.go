package cli

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/VaultSovereign/git-vaultmesh/internal/counterfeit"
	"github.com/VaultSovereign/git-vaultmesh/internal/tsa"
)

// tsaWays are how an authority of a script behaves.
type tsaWays struct {
	html, busy, wrongType, redirect, hang, drip, replay        bool
	otherNonce, otherImprint, otherPolicy, tampered, cut, down bool
	unfit, byHand                                              bool
	clock, born, until, like, forge                            string
}

func (w *tsaWays) parse(args []string) error {
	f := flag.NewFlagSet("tsa", flag.ContinueOnError)
	f.BoolVar(&w.html, "html", false, "a page in place of an answer")
	f.BoolVar(&w.busy, "503", false, "a page with status 503 and the type of an answer")
	f.BoolVar(&w.wrongType, "wrong-type", false, "a good answer as text")
	f.BoolVar(&w.redirect, "redirect", false, "to another host")
	f.BoolVar(&w.hang, "hang", false, "no answer")
	f.BoolVar(&w.drip, "drip", false, "an answer that never ends")
	f.BoolVar(&w.replay, "replay", false, "the answer before once more")
	f.BoolVar(&w.otherNonce, "other-nonce", false, "to another request")
	f.BoolVar(&w.otherImprint, "other-imprint", false, "over something else")
	f.BoolVar(&w.otherPolicy, "other-policy", false, "under its own policy, whatever is asked for")
	f.BoolVar(&w.tampered, "tampered", false, "with a changed signature")
	f.BoolVar(&w.cut, "cut", false, "without its last byte")
	f.BoolVar(&w.down, "down", false, "nobody listens")
	f.BoolVar(&w.unfit, "unfit", false, "its certificate may sign certificates")
	f.BoolVar(&w.byHand, "by-hand", false, "not the product's own")
	f.StringVar(&w.forge, "forge", "", "with bad tokens of this name")
	f.StringVar(&w.clock, "clock", "", "its time in place of the script's")
	f.StringVar(&w.born, "born", "2026-01-01T00:00:00Z", "since when its certificates are valid")
	f.StringVar(&w.until, "until", "", "until when its certificate is valid")
	f.StringVar(&w.like, "like", "", "with the root's name of this one")
	return f.Parse(args)
}

// made tells whether the authority is made by hand: the product's own cannot be like
// that.
func (w *tsaWays) made() bool {
	return w.byHand || w.unfit || w.until != "" || w.like != "" || w.forge != ""
}

// scriptTSA is an authority that lives as long as its script.
type scriptTSA struct {
	mu   sync.Mutex
	ways tsaWays
	last []byte // the answer before

	server *httptest.Server
	now    time.Time
	root   *x509.Certificate
	ca     *tsa.CA                // or
	hand   *counterfeit.Authority // made by hand
}

type tsaKey struct{}

func scriptTSAs(ts *testscript.TestScript) map[string]*scriptTSA {
	all, ok := ts.Value(tsaKey{}).(map[string]*scriptTSA)
	if !ok {
		ts.Fatalf("the script has no authorities")
	}
	return all
}

// tsa NAME [FLAG…] starts a time-stamp authority on the loopback that stops with
// the script, and sets NAME_URL and NAME_ROOT. Said again, it gives the authority
// the script's clock of now, and other ways.
func cmdTSA(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: tsa NAME [flag…]")
	}
	name, all := args[0], scriptTSAs(ts)
	var ways tsaWays
	ts.Check(ways.parse(args[1:]))
	a := all[name]
	if a == nil {
		a = &scriptTSA{ways: ways}
		a.begin(ts, filepath.Join(ts.Getenv("WORK"), "tsa-"+name), all)
		all[name] = a
		a.server = httptest.NewServer(a)
		ts.Defer(func() {
			a.server.CloseClientConnections()
			a.server.Close()
		})
		ts.Setenv(name+"_URL", a.server.URL+"/")
		root := filepath.Join(ts.Getenv("WORK"), name+"-root.pem")
		ts.Check(os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw}), 0o644))
		ts.Setenv(name+"_ROOT", root)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ways, a.now = ways, scriptTime(ts, ways.clock)
}

// scriptTime is a time that a script said, else its clock.
func scriptTime(ts *testscript.TestScript, text string) time.Time {
	if text == "" {
		text = ts.Getenv("TEST_CLOCK")
	}
	at, err := time.Parse(time.RFC3339, text)
	ts.Check(err)
	return at
}

// begin makes the keys and certificates.
func (a *scriptTSA) begin(ts *testscript.TestScript, dir string, all map[string]*scriptTSA) {
	born := scriptTime(ts, a.ways.born)
	if !a.ways.made() {
		ca, err := tsa.OpenCA(dir, born)
		ts.Check(err)
		list, err := tsa.ParseCertificates(ca.Root())
		ts.Check(err)
		a.ca, a.root = ca, list[0]
		return
	}
	subject := pkix.Name{CommonName: filepath.Base(dir)}
	if a.ways.like != "" {
		subject = all[a.ways.like].root.Subject
	}
	a.hand = counterfeit.NewAuthorityNamed(subject, born, func(c *x509.Certificate) {
		c.IsCA = a.ways.unfit
		if a.ways.until != "" {
			c.NotAfter = scriptTime(ts, a.ways.until)
		}
	})
	a.root = a.hand.Root
}

// reply answers a query, well or as the script wants.
func (a *scriptTSA) reply(ways tsaWays, query []byte, now time.Time) ([]byte, error) {
	switch {
	case ways.otherImprint:
		query = flip(query, []byte{0x04, 0x20}, 5)
	case ways.otherNonce:
		query = flip(query, []byte{0x02, 0x10}, 9)
	case ways.otherPolicy:
		query = flip(query, []byte{0x9C, 0x59, 0x01, 0x02}, 3)
	}
	var answer []byte
	if a.ca != nil {
		server := &tsa.Server{CA: a.ca, Now: func() time.Time { return now }}
		answer = server.Reply(query)
	} else {
		var err error
		if answer, err = a.forge(ways, query, now); err != nil {
			return nil, err
		}
	}
	switch {
	case ways.tampered:
		answer = bytes.Clone(answer)
		answer[len(answer)-1] ^= 1
	case ways.cut:
		answer = answer[:len(answer)-1]
	}
	return answer, nil
}

// forge answers a query by hand.
func (a *scriptTSA) forge(ways tsaWays, query []byte, now time.Time) ([]byte, error) {
	q, err := timestamp.ParseRequest(query)
	if err != nil {
		return nil, err
	}
	t := counterfeit.Forge(a.hand, counterfeit.Query{Imprint: [32]byte(q.HashedMessage), Nonce: q.Nonce, At: now})
	if ways.forge != "" {
		bad, ok := counterfeit.Find(ways.forge)
		if !ok {
			return nil, fmt.Errorf("no bad token is called %s", ways.forge)
		}
		bad.Change(t)
	}
	return t.Response(), nil
}

// flip changes one bit of the byte so far behind the last place of some bytes.
func flip(b, at []byte, behind int) []byte {
	b = bytes.Clone(b)
	if i := bytes.LastIndex(b, at); i >= 0 {
		b[i+behind] ^= 1
	}
	return b
}

// ServeHTTP answers a query as the script wants.
func (a *scriptTSA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	ways, now := a.ways, a.now
	a.mu.Unlock()
	const page = "<html><body>Service Unavailable</body></html>"
	const answerType = "application/timestamp-reply"
	switch {
	case ways.down:
		panic(http.ErrAbortHandler)
	case ways.redirect:
		http.Redirect(w, r, strings.Replace(a.server.URL, "127.0.0.1", "localhost", 1)+"/elsewhere", http.StatusTemporaryRedirect)
		return
	case ways.html:
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, page)
		return
	case ways.busy:
		w.Header().Set("Content-Type", answerType)
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, page)
		return
	case ways.hang:
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return
	case ways.drip:
		w.Header().Set("Content-Type", answerType)
		for r.Context().Err() == nil {
			w.Write([]byte{0x30})
			w.(http.Flusher).Flush()
			time.Sleep(50 * time.Millisecond)
		}
		return
	case r.Method == http.MethodGet: // where the root is published
		w.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw}))
		return
	}
	query, err := io.ReadAll(io.LimitReader(r.Body, tsa.MaxSize))
	var answer []byte
	if err == nil {
		answer, err = a.reply(ways, query, now)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	a.mu.Lock()
	if ways.replay && a.last != nil {
		answer = a.last
	}
	a.last = answer
	a.mu.Unlock()
	w.Header().Set("Content-Type", answerType)
	if ways.wrongType {
		w.Header().Set("Content-Type", "text/plain")
	}
	w.Write(answer)
}

// token NAME FILE OUT [FLAG…] makes a token of a script's authority over a file, as
// it would lie in a ledger. The flags are those of tsa.
func cmdToken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: token NAME FILE OUT [flag…]")
	}
	a := scriptTSAs(ts)[args[0]]
	if a == nil {
		ts.Fatalf("no authority is called %s", args[0])
	}
	var ways tsaWays
	ts.Check(ways.parse(args[3:]))
	token := a.stored(ts, ways, []byte(ts.ReadFile(args[1])))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), token, 0o644))
}

// stored is a token over a file as it would lie in a ledger. One that cannot be
// written as tokens are kept is left as it comes, as a forger would.
func (a *scriptTSA) stored(ts *testscript.TestScript, ways tsaWays, file []byte) []byte {
	q, err := tsa.NewRequest(sha256.Sum256(file), "")
	ts.Check(err)
	answer, err := a.reply(ways, q.Bytes(), scriptTime(ts, ways.clock))
	ts.Check(err)
	stored, _, err := tsa.Normalize(answer)
	if err != nil {
		return answer
	}
	return stored
}
