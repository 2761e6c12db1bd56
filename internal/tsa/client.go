package tsa

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// The media types of RFC 3161 section 3.4.
const (
	queryType = "application/timestamp-query"
	replyType = "application/timestamp-reply"
)

// DefaultTimeout is how long an authority may take, from the name look-up to
// the last byte of its answer.
const DefaultTimeout = 15 * time.Second

// Authority is a time-stamp authority that is asked, and what its tokens must be.
type Authority struct {
	Name    string        // for messages
	URL     string        // http or https
	Trust   Trust         // what its tokens are verified against
	Timeout time.Duration // for one token; 0: DefaultTimeout
	Header  string        // "Name: value", sent with each request; never shown
}

// Client asks authorities. It keeps nothing between two requests, and is safe
// for concurrent use.
type Client struct {
	Now       func() time.Time  // the clock that new tokens are compared with; required
	Transport http.RoundTripper // nil: direct connections, no proxy, HTTP/1.1
}

// Stamp asks a for a token over a SHA-256 and returns it as it is kept. Beside
// the faults of [Request.Accept], they are BadTSA (VM414), TSAUnreachable
// (VM412) when nothing came in time, and TSAAnswer (VM413) when what came is no
// answer of an authority.
func (c *Client) Stamp(ctx context.Context, a Authority, imprint [32]byte) ([]byte, error) {
	q, err := NewRequest(imprint, a.Trust.Policy)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout())
	defer cancel()
	request, err := a.post(ctx, q)
	if err != nil {
		return nil, err
	}
	response, err := c.do(request, a.Name, MaxSize)
	if err != nil {
		return nil, err
	}
	stored, _, err := q.Accept(response, a.Trust, c.Now())
	return stored, err
}

// Bootstrap gets a file of certificates, PEM or DER, at most 1 MiB, and returns
// those of them that pin names, and no others: what comes over a network is
// trusted for its hash alone. Its faults are BadTSA (VM414), TSAUnreachable
// (VM412), TSAAnswer (VM413), BadCertificate (VM417) and PinMismatch (VM416).
func (c *Client) Bootstrap(ctx context.Context, address string, pin Pin) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	u, err := parseURL(address)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, badAddress()
	}
	b, err := c.do(request, u.Host, maxCertificates)
	if err != nil {
		return nil, err
	}
	certificates, err := ParseCertificates(b)
	if err != nil {
		return nil, err
	}
	named := slices.DeleteFunc(certificates, func(c *x509.Certificate) bool { return !pin.Names(c) })
	if len(named) == 0 {
		return nil, fault.New(fault.PinMismatch, "no certificate from %s has the pin %x", u.Host, pin)
	}
	return named, nil
}

func (a Authority) timeout() time.Duration {
	if a.Timeout > 0 {
		return a.Timeout
	}
	return DefaultTimeout
}

// post is the HTTP request that carries q (RFC 3161 section 3.4).
func (a Authority) post(ctx context.Context, q *Request) (*http.Request, error) {
	u, err := parseURL(a.URL)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(q.der))
	if err != nil {
		return nil, badAddress()
	}
	if err := a.setHeader(request.Header); err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", queryType)
	request.Header.Set("Accept", replyType)
	return request, nil
}

// The syntax of RFC 9110 section 5.
var (
	headerName  = regexp.MustCompile("^[0-9A-Za-z!#$%&'*+.^_`|~-]+$")
	headerValue = regexp.MustCompile(`^[\t -~\x{80}-\x{10FFFF}]+$`)
)

// setHeader adds the authority's own header, which nothing that is said about
// it repeats: it may be a password.
func (a Authority) setHeader(h http.Header) error {
	if a.Header == "" {
		return nil
	}
	name, value, ok := strings.Cut(a.Header, ":")
	value = textproto.TrimString(value)
	ok = ok && headerName.MatchString(name) && headerValue.MatchString(value)
	reserved := []string{"Host", "Content-Type", "Content-Length", "Transfer-Encoding", "Connection", "Accept"}
	switch {
	case !ok:
		return fault.New(fault.BadTSA, "the header for %s is not written as \"Name: value\"", quoted(a.Name))
	case slices.Contains(reserved, textproto.CanonicalMIMEHeaderKey(name)):
		return fault.New(fault.BadTSA, "the header for %s is one that every request has", quoted(a.Name))
	}
	h.Set(name, value)
	return nil
}

func parseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, badAddress()
	}
	u.Fragment = ""
	return u, nil
}

// badAddress does not repeat the address: it may have a password in it.
func badAddress() error {
	return fault.New(fault.BadTSA, "the address of the authority is not one of http or https")
}

// do sends one request and returns the body of its answer: status 200, the type
// that was asked for, and at most limit bytes.
func (c *Client) do(request *http.Request, name string, limit int64) ([]byte, error) {
	client := http.Client{Transport: c.Transport, CheckRedirect: stay}
	if client.Transport == nil {
		client.Transport = transport()
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, failed(err, request, name)
	}
	defer response.Body.Close()
	if err := acceptable(response, request, name); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, failed(err, request, name)
	}
	if int64(len(body)) > limit {
		return nil, strange(request, "%s sent more than %d bytes", quoted(name), limit)
	}
	return body, nil
}

func acceptable(response *http.Response, request *http.Request, name string) error {
	if response.StatusCode != http.StatusOK {
		return strange(request, "%s answered with status %d", quoted(name), response.StatusCode)
	}
	sent := response.Header.Get("Content-Type")
	media, _, _ := mime.ParseMediaType(sent)
	if request.Header.Get("Accept") == replyType && media != replyType {
		return strange(request, "%s answered with the type %s", quoted(name), quoted(sent))
	}
	return nil
}

const maxRedirects = 3

var errLeaves = errors.New("a redirection was not followed")

// stay follows a redirection on the same host, with the same method, and not
// from https to http: the header of an authority is for that authority.
func stay(next *http.Request, via []*http.Request) error {
	first := via[0]
	last := via[len(via)-1]
	leaves := next.URL.Host != first.URL.Host || next.Method != first.Method ||
		last.URL.Scheme == "https" && next.URL.Scheme != "https"
	if leaves || len(via) > maxRedirects {
		return errLeaves
	}
	return nil
}

// failed is the fault of a request that got no answer. What the HTTP library
// says of it is kept without the address.
func failed(err error, request *http.Request, name string) error {
	if errors.Is(err, errLeaves) {
		return strange(request, "%s redirects to somewhere else", quoted(name))
	}
	if errors.Is(request.Context().Err(), context.Canceled) {
		return fault.New(fault.Interrupted, "stopped while %s was asked", quoted(name))
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	message := "%s cannot be reached"
	if errors.Is(err, context.DeadlineExceeded) {
		message = "%s did not answer in time"
	}
	return fault.New(fault.TSAUnreachable, message, quoted(name)).Because(err).With("url", origin(request))
}

func strange(request *http.Request, format string, args ...any) error {
	return fault.New(fault.TSAAnswer, format, args...).With("url", origin(request))
}

// origin is the address of a request less what may be secret in it.
func origin(request *http.Request) string {
	return request.URL.Scheme + "://" + request.URL.Host + "/"
}

// transport makes one connection for one request. It asks no environment for a
// proxy; who wants one gives a transport. How long headers and body may take is
// bounded by the request's context.
func transport() *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 32 << 10,
		DisableKeepAlives:      true,
		DisableCompression:     true,
	}
}
