package tsa

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/net/netutil"
)

// The bounds of a connection. A request is some hundred bytes.
const (
	readTimeout    = 10 * time.Second
	writeTimeout   = 10 * time.Second
	idleTimeout    = 30 * time.Second
	stopTimeout    = 5 * time.Second
	maxHeaders     = 16 << 10
	maxConnections = 64
)

// Server is an authority that answers over HTTP (RFC 3161 section 3.4). It is
// safe for concurrent use.
type Server struct {
	CA          *CA              // required
	Now         func() time.Time // the clock that is stamped; required
	Policy      string           // dotted; "": [Policy]
	Connections int              // at once; 0: 64; more wait
}

// Serve answers on a listener until ctx is done, then lets requests that run end
// and returns nil. It closes the listener. A policy of the wrong form is BadTSA
// (VM414).
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if _, err := parsePolicy(s.policy()); err != nil {
		l.Close()
		return err
	}
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaders,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	stopped := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		defer close(stopped)
		stop(server)
	})()
	err := server.Serve(netutil.LimitListener(l, s.connections()))
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}

// stop lets requests end for a while, then ends them.
func stop(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}

func (s *Server) connections() int {
	if s.Connections > 0 {
		return s.Connections
	}
	return maxConnections
}

func (s *Server) policy() string {
	if s.Policy != "" {
		return s.Policy
	}
	return Policy
}

// ServeHTTP answers a POST of a TimeStampReq of at most 64 KiB. What it does not
// grant it rejects in a TimeStampResp with status 200; other statuses are for
// what is no such request at all.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "send a time-stamp query by POST", http.StatusMethodNotAllowed)
		return
	}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != queryType {
		http.Error(w, "send "+queryType, http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxSize))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, "a query has at most 64 KiB", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the query did not come whole", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", replyType)
	io.Copy(w, bytes.NewReader(s.Reply(body))) // who asked may be gone
}

// Reply answers a TimeStampReq with a TimeStampResp: a token, or a rejection.
func (s *Server) Reply(request []byte) []byte {
	token, r := s.grant(request)
	if r != nil {
		return r.encode()
	}
	return sequence(granted, token)
}

func (s *Server) grant(request []byte) ([]byte, *rejection) {
	q, r := readQuery(request)
	if r != nil {
		return nil, r
	}
	policy, err := parsePolicy(s.policy())
	if err != nil {
		return nil, reject(timestamp.SystemFailure, "the authority has no policy")
	}
	if q.policy != nil && !q.policy.Equal(policy) {
		return nil, reject(timestamp.UnacceptedPolicy, "the policy is "+s.policy())
	}
	now := s.Now()
	if now.Before(s.CA.signer.NotBefore) || now.After(s.CA.signer.NotAfter) {
		return nil, reject(timestamp.TimeNotAvailable, "the authority's certificate is not valid now")
	}
	token, err := s.CA.token(q, policy, now)
	if err != nil {
		return nil, reject(timestamp.SystemFailure, "the authority cannot number a token")
	}
	return token, nil
}
