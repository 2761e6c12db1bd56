package telemetry

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTheRunIsSent(t *testing.T) {
	sent := make(chan []byte, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		sent <- body
	}))
	defer collector.Close()
	_, end, err := Begin(t.Context(), collector.URL, "some-tool", "1.2.3", "some-command", func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	end(errors.New("it went wrong"))
	if len(sent) == 0 {
		t.Fatal("nothing was sent")
	}
	// Text stands in the protobuf message as it is.
	got := <-sent
	for _, want := range []string{"some-tool", "1.2.3", "some-command", "it went wrong"} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("%q was not sent", want)
		}
	}
}

func TestNothingIsSentWithoutEndpoint(t *testing.T) {
	_, end, err := Begin(t.Context(), "", "some-tool", "1.2.3", "some-command", func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	end(nil)
}

func TestCollectorThatIsAway(t *testing.T) {
	collector := httptest.NewServer(http.NotFoundHandler())
	collector.Close()
	told := false
	_, end, err := Begin(t.Context(), collector.URL, "some-tool", "1.2.3", "some-command", func(error) { told = true })
	if err != nil {
		t.Fatal(err)
	}
	end(nil)
	if !told {
		t.Error("nobody is told")
	}
}

func TestWrongEndpoint(t *testing.T) {
	for _, endpoint := range []string{"localhost:4318", "ftp://localhost", "http://"} {
		if _, _, err := Begin(t.Context(), endpoint, "some-tool", "1.2.3", "some-command", func(error) {}); err == nil {
			t.Errorf("%q is accepted", endpoint)
		}
	}
}
