package tsa

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/counterfeit"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// brief is how long a test waits for a server that never ends.
const brief = 60 * time.Millisecond

func clock() time.Time { return noon }

// serving answers with a function, and stops with the test, also where the
// function would not.
func serving(t *testing.T, f http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(f)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// honest answers each query with a good token.
func honest(t *testing.T, a *counterfeit.Authority) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", replyType)
		w.Write(reply(t, a, r))
	}
}

func reply(t *testing.T, a *counterfeit.Authority, r *http.Request) []byte {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	read, rejected := readQuery(body)
	if rejected != nil {
		t.Errorf("query: %s", rejected.words)
		return nil
	}
	f := forge(a, newRequest(t))
	f.Nonce = nil
	f.Accuracy = read.nonce // where the nonce would be
	return f.Response()
}

func stamp(ctx context.Context, a *counterfeit.Authority, url string) ([]byte, error) {
	client := Client{Now: clock}
	return client.Stamp(ctx, Authority{Name: "test", URL: url, Trust: trustIn(a)}, sha256.Sum256([]byte("signature")))
}

func TestStamp(t *testing.T) {
	a := newAuthority()
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" || r.Header.Get("Content-Type") != queryType || r.Header.Get("X-Token") != "" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		w.Header().Set("Content-Type", replyType+"; charset=binary")
		w.Write(reply(t, a, r))
	})
	stored, err := stamp(t.Context(), a, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if token, err := Parse(stored); err != nil || token.Verify(trustIn(a)) != nil {
		t.Errorf("what is returned does not hold: %v", err)
	}
}

// What is wrong with an answer over HTTP, each with its code.
func TestStampRefuses(t *testing.T) {
	a := newAuthority()
	good := honest(t, a)
	for _, test := range []struct {
		name   string
		code   fault.Code
		answer http.HandlerFunc
	}{
		{"a web page", fault.TSAAnswer, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!doctype html>") }},
		{"no type", fault.TSAAnswer, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			w.Write(reply(t, a, r))
		}},
		{"the type of a query", fault.TSAAnswer, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", queryType)
			w.Write(reply(t, a, r))
		}},
		{"busy", fault.TSAAnswer, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", replyType)
			w.WriteHeader(http.StatusServiceUnavailable)
		}},
		{"created", fault.TSAAnswer, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", replyType)
			w.WriteHeader(http.StatusCreated)
			w.Write(reply(t, a, r))
		}},
		{"empty", fault.BadToken, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", replyType) }},
		{"a page with the right type", fault.BadToken, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", replyType)
			io.WriteString(w, "<!doctype html>")
		}},
		{"too large", fault.TSAAnswer, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", replyType)
			w.Write(make([]byte, MaxSize+1))
		}},
		{"without end", fault.TSAAnswer, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", replyType)
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}},
		{"headers without end", fault.TSAUnreachable, func(w http.ResponseWriter, _ *http.Request) {
			for i := range 4000 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 100))
			}
		}},
		{"cut off", fault.TSAUnreachable, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", replyType)
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte{0x30})
		}},
		{"hung up", fault.TSAUnreachable, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"a redirection to get", fault.TSAAnswer, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusFound)
		}},
		{"a circle", fault.TSAAnswer, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serving(t, test.answer)
			stored, err := stamp(t.Context(), a, s.URL+"/?key=secret")
			if err == nil || fault.From(err).Code != test.code || stored != nil {
				t.Errorf("got %v, want %s", err, test.code)
			}
			if strings.Contains(fmt.Sprint(err, fault.From(err).Fix()), "secret") {
				t.Errorf("the address is shown: %v", err)
			}
		})
	}
	if _, err := stamp(t.Context(), a, serving(t, good).URL); err != nil {
		t.Errorf("the honest one: %v", err)
	}
}

// Servers that never come to an end do so within the time that is given.
func TestStampEndsInTime(t *testing.T) {
	a := newAuthority()
	wait := func(r *http.Request) { <-r.Context().Done() }
	for name, answer := range map[string]http.HandlerFunc{
		"hung": func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			wait(r)
		},
		"drip": func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", replyType)
			for r.Context().Err() == nil {
				w.Write([]byte{0x30})
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		},
	} {
		s := serving(t, answer)
		client := Client{Now: clock}
		_, err := client.Stamp(t.Context(), Authority{Name: "slow", URL: s.URL, Trust: trustIn(a), Timeout: brief}, [32]byte{})
		if !fault.Has(err, fault.TSAUnreachable) || !strings.Contains(err.Error(), "in time") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A listener that takes connections and never says a word.
func TestStampOfASilentListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	for _, scheme := range []string{"http://", "https://"} {
		client := Client{Now: clock}
		_, err = client.Stamp(t.Context(), Authority{Name: "silent", URL: scheme + l.Addr().String(), Timeout: brief}, [32]byte{})
		if !fault.Has(err, fault.TSAUnreachable) {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestStampWhereNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	address := l.Addr().String()
	l.Close()
	_, err = stamp(t.Context(), newAuthority(), "http://"+address+"/")
	if !fault.Has(err, fault.TSAUnreachable) || fault.From(err).Details["url"] != "http://"+address+"/" {
		t.Errorf("got %v", err)
	}
}

func TestStampCanBeStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serving(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	if _, err := stamp(ctx, newAuthority(), s.URL); !fault.Has(err, fault.Interrupted) {
		t.Errorf("got %v", err)
	}
}

// A redirection is followed on the same host; the header goes nowhere else.
func TestRedirections(t *testing.T) {
	a := newAuthority()
	other := serving(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("another host is asked: %v", r.Header) })
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer abc" {
			t.Errorf("header %v", r.Header)
		}
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/near":
			http.Redirect(w, r, "/here", http.StatusPermanentRedirect)
		default:
			honest(t, a)(w, r)
		}
	})
	client := Client{Now: clock}
	at := Authority{Name: "test", Trust: trustIn(a), Header: "Authorization: Bearer abc"}
	at.URL = s.URL + "/near"
	if _, err := client.Stamp(t.Context(), at, sha256.Sum256([]byte("signature"))); err != nil {
		t.Errorf("near: %v", err)
	}
	at.URL = s.URL + "/away"
	if _, err := client.Stamp(t.Context(), at, [32]byte{}); !fault.Has(err, fault.TSAAnswer) || strings.Contains(err.Error(), "abc") {
		t.Errorf("away: %v", err)
	}
}

func TestNoRedirectionOutOfTLS(t *testing.T) {
	a := newAuthority()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Host+"/", http.StatusTemporaryRedirect)
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	client := Client{Now: clock, Transport: secure.Client().Transport}
	_, err := client.Stamp(t.Context(), Authority{Name: "test", URL: secure.URL, Trust: trustIn(a)}, [32]byte{})
	if !fault.Has(err, fault.TSAAnswer) {
		t.Errorf("got %v", err)
	}
	_, err = stamp(t.Context(), a, secure.URL)
	if !fault.Has(err, fault.TSAUnreachable) {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
}

func TestAuthorityIsChecked(t *testing.T) {
	client := Client{Now: clock, Transport: neverAsked{t}}
	for _, a := range []Authority{
		{URL: ""}, {URL: "tsa.example"}, {URL: "ftp://tsa.example/"}, {URL: "file:///etc/passwd"}, {URL: "http://"}, {URL: "http://[::1"},
		{URL: "http://x/\x00"}, {URL: "https://u:secret@[/"},
		{URL: "http://x/", Header: "secret"}, {URL: "http://x/", Header: ": secret"}, {URL: "http://x/", Header: "A b: secret"},
		{URL: "http://x/", Header: "A: secret\r\nHost: y"}, {URL: "http://x/", Header: "Host: secret"}, {URL: "http://x/", Header: "content-length: 1secret"},
		{URL: "http://x/", Header: "A: "}, {URL: "http://x/", Trust: Trust{Policy: "a"}},
	} {
		_, err := client.Stamp(t.Context(), a, [32]byte{})
		if !fault.Has(err, fault.BadTSA) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

type neverAsked struct{ t *testing.T }

func (n neverAsked) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("%s is asked", r.URL)
	return nil, io.EOF
}

func TestBootstrap(t *testing.T) {
	a, other := newAuthority(), newAuthority()
	var file []byte
	for _, c := range [][]byte{other.Root.Raw, a.Root.Raw} {
		file = append(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
	}
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			io.WriteString(w, "<!doctype html>")
		case "/none":
			http.NotFound(w, r)
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		default:
			w.Write(file)
		}
	})
	client := Client{Now: clock}
	for _, pin := range []Pin{sha256.Sum256(a.Root.Raw), sha256.Sum256(a.Root.RawSubjectPublicKeyInfo)} {
		got, err := client.Bootstrap(t.Context(), s.URL, pin)
		if err != nil || len(got) != 1 || !got[0].Equal(a.Root) {
			t.Errorf("got %d certificates, %v", len(got), err)
		}
	}
	for path, code := range map[string]fault.Code{
		"/": fault.PinMismatch, "/page": fault.BadCertificate, "/none": fault.TSAAnswer, "/endless": fault.TSAAnswer,
	} {
		got, err := client.Bootstrap(t.Context(), s.URL+path, Pin{1})
		if !fault.Has(err, code) || got != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := client.Bootstrap(t.Context(), "ca.pem", Pin{}); !fault.Has(err, fault.BadTSA) {
		t.Errorf("a path: %v", err)
	}
}

func TestParsePin(t *testing.T) {
	want := Pin(sha256.Sum256([]byte("certificate")))
	text := hex.EncodeToString(want[:])
	var colons []string
	for i := range want {
		colons = append(colons, fmt.Sprintf("%02X", want[i]))
	}
	standard := base64.StdEncoding.EncodeToString(want[:])
	for _, s := range []string{
		text, strings.ToUpper(text), strings.Join(colons, ":"), standard, strings.TrimRight(standard, "="),
		"sha256/" + standard, "sha256:" + text, "SHA256:" + strings.TrimRight(standard, "="),
	} {
		if got, err := ParsePin(s); err != nil || got != want {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{
		"", "sha256/", "sha1/" + standard, text[:62], text + "00", text[:63] + "g", " " + text, text + "\n", "sha256:sha256:" + text,
		standard + "=", strings.Repeat(":", 95), "sha256/\x1b[31m",
	} {
		if _, err := ParsePin(s); !fault.Has(err, fault.BadPin) || strings.Contains(fmt.Sprint(err), "\x1b") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestParseCertificates(t *testing.T) {
	a := newAuthority()
	one := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Root.Raw})
	two := append(append([]byte("Root:\n"), one...), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Signer.Raw})...)
	for want, b := range map[int][]byte{1: one, 2: two} {
		if got, err := ParseCertificates(b); err != nil || len(got) != want {
			t.Errorf("PEM: %d, %v", len(got), err)
		}
	}
	if got, err := ParseCertificates(append(bytes.Clone(a.Root.Raw), a.Signer.Raw...)); err != nil || len(got) != 2 {
		t.Errorf("DER: %d, %v", len(got), err)
	}
	for name, b := range map[string][]byte{
		"nothing":         nil,
		"text":            []byte("hello"),
		"a key":           append(bytes.Clone(one), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}})...),
		"cut":             two[:len(two)-20],
		"damaged":         bytes.Replace(two, []byte("\nMII"), []byte("\nM!!"), 1),
		"bytes behind it": append(bytes.Clone(a.Root.Raw), 0),
		"too large":       make([]byte, maxCertificates+1),
	} {
		if got, err := ParseCertificates(b); !fault.Has(err, fault.BadCertificate) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
