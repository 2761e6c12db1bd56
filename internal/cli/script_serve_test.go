package cli

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// serve http|http-auth|git|ssh serves the repositories below $WORK/hubs as git's own
// servers do, on loopback, as long as the script lives. Its address is in $URL.
//
// serve http-stalled REPO goes-on|hangs-up does so too, but begins to send a pack and stops, until
// the ledger in another repository has moved.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && (len(args) != 3 || args[0] != "http-stalled") {
		ts.Fatalf("usage: serve http|http-auth|git|ssh, or serve http-stalled REPO goes-on|hangs-up")
	}
	hubs := filepath.Join(ts.Getenv("WORK"), "hubs")
	switch args[0] {
	case "http-stalled":
		serveHTTP(ts, hubs, false, func(h http.Handler) *httptest.Server {
			return httptest.NewServer(&stalling{h, ts.MkAbs(args[1]), args[2] == "goes-on"})
		})
	case "http", "http-auth":
		serveHTTP(ts, hubs, args[0] == "http-auth", httptest.NewServer)
	case "https":
		serveHTTP(ts, hubs, false, func(h http.Handler) *httptest.Server { return overTLS(ts, h) })
	case "git":
		port := freePort(ts)
		serveBy(ts, port, exec.Command("git", "daemon", "--listen=127.0.0.1", "--port="+port, "--base-path="+hubs, "--export-all", "--enable=receive-pack", "--reuseaddr", hubs))
		ts.Setenv("URL", "git://127.0.0.1:"+port)
	case "ssh":
		serveSSH(ts, hubs)
	default:
		ts.Fatalf("nobody serves %s", args[0])
	}
}

// overTLS serves with a certificate of the test's own, which the script's git is told of.
func overTLS(ts *testscript.TestScript, h http.Handler) *httptest.Server {
	server := httptest.NewTLSServer(h)
	file := filepath.Join(ts.Getenv("WORK"), "https.pem")
	ts.Check(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	ts.Setenv("HTTPS_CA", file)
	return server
}

func serveHTTP(ts *testscript.TestScript, hubs string, auth bool, start func(http.Handler) *httptest.Server) {
	where, err := exec.Command("git", "--exec-path").Output()
	ts.Check(err)
	backend := &cgi.Handler{
		Path:       filepath.Join(strings.TrimSpace(string(where)), "git-http-backend"),
		Env:        []string{"GIT_PROJECT_ROOT=" + hubs, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=ada"},
		InheritEnv: []string{"PATH"},
	}
	server := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); auth && (user != "ada" || password != "sesame") {
			w.Header().Set("WWW-Authenticate", `Basic realm="hubs"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	ts.Defer(server.Close)
	ts.Setenv("URL", server.URL)
}

// stalling sends a half of each pack, and the rest when the ledger of a repository has
// moved, or nothing more.
type stalling struct {
	http.Handler
	repo string
	goOn bool
}

// ServeHTTP answers what asks for no pack as the handler does.
func (s *stalling) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	question, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(question))
	if err != nil || !bytes.Contains(question, []byte("command=fetch")) {
		s.Handler.ServeHTTP(w, r)
		return
	}
	before := s.ledger()
	whole := httptest.NewRecorder()
	s.Handler.ServeHTTP(whole, r)
	pack := whole.Body.Bytes()
	w.Header().Set("Content-Type", whole.Header().Get("Content-Type"))
	_, _ = w.Write(pack[:len(pack)/2])
	w.(http.Flusher).Flush()
	for range 600 { // then it gives up, and its pack is cut off
		if s.ledger() != before && s.goOn {
			_, _ = w.Write(pack[len(pack)/2:])
			return
		} else if s.ledger() != before {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	panic(http.ErrAbortHandler)
}

func (s *stalling) ledger() string {
	out, _ := exec.Command("git", "-C", s.repo, "rev-parse", "--verify", "-q", "refs/vaultmesh/ledger").Output()
	return string(out)
}

// serveSSH runs an sshd that lets the test key in, and nobody else.
func serveSSH(ts *testscript.TestScript, hubs string) {
	dir, err := os.MkdirTemp("", "sshd") // where sshd trusts the folders above
	ts.Check(err)
	ts.Defer(func() { os.RemoveAll(dir) })
	ts.Check(exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "host")).Run())
	key, err := os.ReadFile(filepath.Join(ts.Getenv("HOME"), ".ssh", "id_ed25519.pub"))
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, "authorized"), key, 0o600))
	port := freePort(ts)
	config := fmt.Sprintf("ListenAddress 127.0.0.1\nPort %s\nHostKey %s/host\nAuthorizedKeysFile %s/authorized\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n", port, dir, dir)
	ts.Check(os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600))
	if os.Getuid() == 0 {
		ts.Check(os.MkdirAll("/run/sshd", 0o755)) // which sshd wants to be there
	}
	serveBy(ts, port, exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(dir, "config")))
	host, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	ts.Check(err)
	known := filepath.Join(dir, "known")
	ts.Check(os.WriteFile(known, []byte("[127.0.0.1]:"+port+" "+string(host)), 0o600))
	ts.Setenv("GIT_SSH_COMMAND", "ssh -F /dev/null -i "+filepath.Join(ts.Getenv("HOME"), ".ssh", "id_ed25519")+" -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile="+known)
	ts.Setenv("URL", "ssh://127.0.0.1:"+port+hubs)
}

// serveBy starts a server, waits until it listens, and ends it with the script.
func serveBy(ts *testscript.TestScript, port string, server *exec.Cmd) {
	server.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "GIT_CONFIG_NOSYSTEM=1"}
	ts.Check(server.Start())
	ts.Defer(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for range 100 {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s does not listen", server.Path)
}

func freePort(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	return port
}
