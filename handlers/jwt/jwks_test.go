package jwt

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/go-jose/go-jose/v4"
)

// fakeServer answers requests for a JWK set.
type fakeServer struct {
	mu       sync.Mutex // guards the following
	body     string
	status   int
	err      error
	wait     time.Duration
	requests int
}

func (s *fakeServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.requests++
	body, status, err, wait := s.body, s.status, s.err, s.wait
	s.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Request: r, Header: http.Header{"Location": {"https://elsewhere.example"}},
		Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

// setReply changes the reply.
func (s *fakeServer) setReply(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *fakeServer) requestCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func newFakeRemote(t *testing.T, body string) (*verifier, *fakeServer) {
	server := &fakeServer{body: body, status: http.StatusOK}
	r := newRemoteKeys("https://id.example.com/jwks.json")
	r.client.Transport = server
	t.Cleanup(func() { _ = r.Destruct() })
	return &verifier{keys: r, algorithms: asymmetric, leeway: defaultLeeway}, server
}

func TestRemoteKeysFollowRotation(t *testing.T) {
	one, two := encodeJWKS(t, map[string]string{"1": "p256"}), encodeJWKS(t, map[string]string{"2": "ed"})
	synctest.Test(t, func(t *testing.T) {
		v, server := newFakeRemote(t, one)
		first, second := signToken(t, jose.ES256, testKeys()["p256"], "1", `{}`), signToken(t, jose.EdDSA, testKeys()["ed"], "2", `{}`)
		verify := func(text, want string, asked int) {
			t.Helper()
			if _, err := v.verifyToken(t.Context(), text, testTime); clientMessage(err) != want {
				t.Fatalf("got %v, want %s", err, want)
			}
			synctest.Wait()
			if got := server.requestCount(); got != asked {
				t.Fatalf("keys were fetched %d times, want %d", got, asked)
			}
		}
		verify(first, "ok", 1)
		verify(first, "ok", 1)
		verify(second, "invalid token", 1) // the last fetch was just now
		server.setReply(func() { server.body = two })
		time.Sleep(fetchPause)
		verify(second, "ok", 2)
		verify(first, "invalid token", 2)

		server.setReply(func() { server.status = http.StatusInternalServerError })
		time.Sleep(fetchPause)
		verify(first, "invalid token", 3)
		verify(second, "ok", 3) // old keys stay
		time.Sleep(fetchAge)
		verify(second, "ok", 4) // without waiting
		server.setReply(func() { server.status, server.body = http.StatusOK, one })
		time.Sleep(fetchPause)
		verify(second, "ok", 5)
		verify(second, "invalid token", 5) // it was taken out of the set
	})
}

func TestRemoteKeysAreUsedWhileFetchingFails(t *testing.T) {
	set := encodeJWKS(t, map[string]string{"1": "p256"})
	for _, test := range []struct {
		name   string
		damage func(*fakeServer)
	}{
		{"refused", func(s *fakeServer) { s.err = errors.New("connection refused") }},
		{"status", func(s *fakeServer) { s.status = http.StatusServiceUnavailable }},
		{"redirect", func(s *fakeServer) { s.status = http.StatusFound }},
		{"nonsense", func(s *fakeServer) { s.body = "<html>" }},
		{"huge", func(s *fakeServer) { s.body += strings.Repeat(" ", maxKeySet) }},
		{"hangs", func(s *fakeServer) { s.wait = time.Hour }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, server := newFakeRemote(t, set)
				server.setReply(func() { test.damage(server) })
				text := signToken(t, jose.ES256, testKeys()["p256"], "1", `{}`)
				for range 3 {
					if _, err := v.verifyToken(t.Context(), text, testTime); clientMessage(err) != "outage" {
						t.Fatalf("got %v, want an outage", err)
					}
				}
				asked := server.requestCount()
				if test.name != "hangs" && asked != 1 { // there the first wait is longer than the pause
					t.Errorf("keys were fetched %d times", asked)
				}
				server.setReply(func() { server.err, server.status, server.body, server.wait = nil, http.StatusOK, set, 0 })
				time.Sleep(fetchPause)
				if _, err := v.verifyToken(t.Context(), text, testTime); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestRemoteKeysAreFetchedOnceForAll(t *testing.T) {
	set := encodeJWKS(t, map[string]string{"1": "p256"})
	synctest.Test(t, func(t *testing.T) {
		v, server := newFakeRemote(t, set)
		server.setReply(func() { server.wait = time.Second })
		text := signToken(t, jose.ES256, testKeys()["p256"], "1", `{}`)
		var verified atomic.Int32
		for range 50 {
			go func() {
				if _, err := v.verifyToken(t.Context(), text, testTime); err == nil {
					verified.Add(1)
				}
			}()
		}
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := v.verifyToken(ctx, text, testTime)
			gone <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("a canceled wait: %v", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if verified.Load() != 50 || server.requestCount() != 1 {
			t.Errorf("%d verified, fetched %d times", verified.Load(), server.requestCount())
		}
	})
}

func TestRemoteKeysDestructCancelsFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, server := newFakeRemote(t, "")
		server.setReply(func() { server.wait = time.Hour })
		go func() {
			_, _ = v.verifyToken(t.Context(), signToken(t, jose.ES256, testKeys()["p256"], "1", `{}`), testTime)
		}()
		synctest.Wait()
		_ = v.keys.(*remoteKeys).Destruct()
		synctest.Wait()
		if v.keys.(*remoteKeys).fetching != nil {
			t.Error("a fetch is under way")
		}
	})
}

func TestJWKSByURL(t *testing.T) {
	var asked atomic.Int32
	set := encodeJWKS(t, map[string]string{"1": "p256"})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, set)
	}))
	defer server.Close()
	t.Setenv("JWT_TEST_URL", server.URL)
	old := provisionHandler(t, &Handler{JWKS: "{env.JWT_TEST_URL}/jwks.json"})
	if asked.Load() != 0 {
		t.Error("keys were fetched when the config was loaded")
	}
	text := signToken(t, jose.ES256, testKeys()["p256"], "1", `{}`)
	if _, err := old.verifier.verifyToken(t.Context(), text, testTime); err != nil {
		t.Fatal(err)
	}
	server.Close()
	reloaded := provisionHandler(t, &Handler{JWKS: server.URL + "/jwks.json"})
	if err := old.Cleanup(); err != nil {
		t.Error(err)
	}
	if _, err := reloaded.verifier.verifyToken(t.Context(), text, testTime); err != nil {
		t.Errorf("after a reload: %v", err)
	}
	if err := reloaded.Cleanup(); err != nil {
		t.Error(err)
	}
	if refs, ok := remoteKeySets.References(server.URL + "/jwks.json"); ok {
		t.Errorf("keys that no config names are held by %d", refs)
	}
	failed := &Handler{JWKS: "http://id.example.com"}
	if err := failed.Provision(caddy.Context{}); err == nil {
		t.Error("no error")
	}
}
