package cli

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"flag"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/VaultSovereign/git-vaultmesh/internal/tsa"
)

// tsaWays are how an authority of a script behaves.
type tsaWays struct {
	html, busy, wrongType, redirect, hang, drip, replay        bool
	otherNonce, otherImprint, otherPolicy, tampered, cut, down bool
	unfit, sha512                                              bool
	clock, born, until, like                                   string
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
	f.BoolVar(&w.sha512, "sha512", false, "stamps another hash")
	f.StringVar(&w.clock, "clock", "", "its time in place of the script's")
	f.StringVar(&w.born, "born", "2026-01-01T00:00:00Z", "since when its certificates are valid")
	f.StringVar(&w.until, "until", "", "until when its certificate is valid")
	f.StringVar(&w.like, "like", "", "with the root's name of this one")
	return f.Parse(args)
}

// byHand tells whether the product's own authority cannot be like that.
func (w *tsaWays) byHand() bool { return w.unfit || w.sha512 || w.until != "" || w.like != "" }

// scriptTSA is an authority that lives as long as its script.
type scriptTSA struct {
	mu   sync.Mutex
	ways tsaWays
	last []byte // the answer before

	server *httptest.Server
	now    time.Time
	ca     *tsa.CA // nil for one made by hand
	root   *x509.Certificate
	signer *x509.Certificate
	key    crypto.Signer
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
	if !a.ways.byHand() {
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
	until := born.AddDate(10, 0, 0)
	if a.ways.until != "" {
		until = scriptTime(ts, a.ways.until)
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
		return key
	}
	rootKey, key := newKey(), newKey()
	a.root = issueTest(ts, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: subject, NotBefore: born, NotAfter: born.AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}, nil, key.Public(), rootKey)
	stampsOnly := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: []byte{0x30, 0x0A, 0x06, 0x08, 0x2B, 6, 1, 5, 5, 7, 3, 8}}
	a.signer = issueTest(ts, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "stamps"}, NotBefore: born, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, IsCA: a.ways.unfit, BasicConstraintsValid: true, ExtraExtensions: []pkix.Extension{stampsOnly},
	}, a.root, key.Public(), rootKey)
	a.key = key
}

func issueTest(ts *testscript.TestScript, template, parent *x509.Certificate, key crypto.PublicKey, by *ecdsa.PrivateKey) *x509.Certificate {
	if parent == nil {
		parent, key = template, by.Public()
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, by)
	ts.Check(err)
	c, err := x509.ParseCertificate(der)
	ts.Check(err)
	return c
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
		q, err := timestamp.ParseRequest(query)
		if err != nil {
			return nil, err
		}
		t := &timestamp.Timestamp{
			HashAlgorithm: q.HashAlgorithm, HashedMessage: q.HashedMessage, Time: now, Policy: asn1.ObjectIdentifier{1, 2, 3, 4, 1}, Nonce: q.Nonce,
			Accuracy: time.Second, AddTSACertificate: true,
		}
		if ways.sha512 {
			sum := sha512.Sum512(q.HashedMessage)
			t.HashAlgorithm, t.HashedMessage = crypto.SHA512, sum[:]
		}
		if answer, err = t.CreateResponseWithOpts(a.signer, a.key, crypto.SHA256); err != nil {
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
	q, err := tsa.NewRequest(sha256.Sum256([]byte(ts.ReadFile(args[1]))), "")
	ts.Check(err)
	answer, err := a.reply(ways, q.Bytes(), scriptTime(ts, ways.clock))
	ts.Check(err)
	stored, _, err := tsa.Normalize(answer)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), stored, 0o644))
}
