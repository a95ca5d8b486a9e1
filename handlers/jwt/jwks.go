package jwt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/caddyserver/caddy/v2"
	"github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"
)

// Times of fetching a JWK set.
const (
	// fetchTimeout bounds one fetch.
	fetchTimeout = 10 * time.Second
	// fetchAge is the age at which keys are fetched again. Keys that were removed from
	// the set are not trusted forever.
	fetchAge = 15 * time.Minute
	// fetchPause is the least time between two fetches, whether they succeed or not.
	// Clients with unknown keys must not cause more.
	fetchPause = 10 * time.Second
)

// remoteKeySets are the key sets of all configs in use, by URL. A set outlives a
// reload, so that the new config has its keys even while fetching fails.
var remoteKeySets = caddy.NewUsagePool()

// openRemoteKeys returns the key set of a URL, which remoteKeySets.Delete releases.
func openRemoteKeys(place string) (*remoteKeys, error) {
	value, _, err := remoteKeySets.LoadOrNew(place, func() (caddy.Destructor, error) {
		return newRemoteKeys(place), nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*remoteKeys), nil
}

// checkKeysURL refuses URLs from which keys can't be trusted: over http, an attacker on
// the network could replace them.
func checkKeysURL(place string) error {
	u, err := url.Parse(place)
	if err != nil || u.Host == "" {
		return fmt.Errorf("jwks: %q: expected an https URL or the name of a file", place)
	}
	local := u.Hostname() == "localhost"
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		local = ip.IsLoopback()
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("jwks: %q: expected an https URL; http is for this host only", place)
	}
	return nil
}

// remoteKeys are keys of a URL. At most one fetch is under way; all goroutines that
// need it wait for it.
type remoteKeys struct {
	// Static after construction.
	url    string
	client *http.Client
	ctx    context.Context // canceled by Destruct
	cancel context.CancelFunc

	mu      sync.Mutex // guards the following
	keys    staticKeys
	err     error     // error of the last fetch
	fetched time.Time // time of the last fetch that succeeded
	lastTry time.Time // time at which the last fetch began
	// fetching is closed when the fetch under way ends. It is nil while none is under
	// way.
	fetching chan struct{}
}

func newRemoteKeys(place string) *remoteKeys {
	r := &remoteKeys{url: place, client: &http.Client{
		Timeout: fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("unexpected redirect: expected the URL of the keys themselves")
		},
	}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Destruct cancels a fetch that is under way.
func (r *remoteKeys) Destruct() error {
	r.cancel()
	return nil
}

// keysFor returns the keys for a token. It waits for a fetch if there are no keys yet,
// and if the token names an unknown key.
func (r *remoteKeys) keysFor(ctx context.Context, id string, alg jose.SignatureAlgorithm) ([]verificationKey, error) {
	r.mu.Lock()
	found := r.keys.findKeys(id, alg)
	var flight chan struct{}
	if stale := time.Since(r.fetched) > fetchAge; stale || len(found) == 0 {
		flight = r.fetchLocked()
	}
	r.mu.Unlock()
	if len(found) > 0 {
		return found, nil
	}
	if flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		return nil, r.err
	}
	return r.keys.findKeys(id, alg), nil
}

// fetchLocked starts a fetch, unless one is under way or the last began less than
// fetchPause ago. It returns the channel of the fetch under way, if any. The caller
// holds mu.
func (r *remoteKeys) fetchLocked() chan struct{} {
	now := time.Now()
	if r.fetching != nil || !r.lastTry.IsZero() && now.Sub(r.lastTry) < fetchPause {
		return r.fetching
	}
	r.lastTry = now
	r.fetching = make(chan struct{})
	// The goroutine ends with the response, after fetchTimeout, or with Destruct.
	spawn.Go(remoteLogger(), "fetch jwks", r.fetchKeys, nil)
	return r.fetching
}

// fetchKeys fetches the keys and keeps them, or the error.
func (r *remoteKeys) fetchKeys() {
	keys, err := staticKeys(nil), errors.New("fetching keys panicked")
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.err = err; err == nil {
			r.keys, r.fetched = keys, time.Now()
		}
		close(r.fetching)
		r.fetching = nil
	}()
	if keys, err = r.requestKeys(); err != nil {
		err = fmt.Errorf("fetch %s: %w", r.url, err)
		remoteLogger().Warn("fetching the keys of jwt failed", zap.Error(err))
	}
}

// requestKeys makes the HTTP request and parses the response. A redirect and a response
// of more than maxKeySet bytes are errors.
func (r *remoteKeys) requestKeys() (staticKeys, error) {
	q, err := http.NewRequestWithContext(r.ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := r.client.Do(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("unexpected status %s: expected 200", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("the response has more than %d bytes", maxKeySet)
	}
	return parseJWKS(body)
}

func remoteLogger() *zap.Logger { return caddy.Log().Named("socketio.handlers.jwt") }
