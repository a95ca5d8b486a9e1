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

// How a JWK set is fetched.
const (
	fetchTimeout = 10 * time.Second
	// fetchAge is when keys are fetched anew, so that those taken out of the set
	// are not trusted forever.
	fetchAge = 15 * time.Minute
	// fetchPause is the least time between two fetches, whatever clients send and
	// whether they succeed or not.
	fetchPause = 10 * time.Second
)

// remotes are the key sets of all configs in use, by URL. One outlives a reload, so
// that its keys are there for the new config even while the URL does not answer.
var remotes = caddy.NewUsagePool()

func openRemote(place string) (*remoteKeys, error) {
	value, _, err := remotes.LoadOrNew(place, func() (caddy.Destructor, error) {
		return newRemoteKeys(place), nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*remoteKeys), nil
}

// checkURL refuses what keys can't be trusted from: on the way, http lets anybody
// put in a key of theirs.
func checkURL(place string) error {
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

// remoteKeys are keys that are fetched. At most one fetch is under way, and those who
// need it wait for it.
type remoteKeys struct {
	// Static after construction.
	url    string
	client *http.Client
	ctx    context.Context // ends with the source
	cancel context.CancelFunc

	mu      sync.Mutex // guards the following
	keys    staticKeys
	err     error     // of the last fetch
	fetched time.Time // when keys were fetched
	tried   time.Time // when the last fetch began
	// flight is closed when the fetch under way is over; nil when there is none.
	flight chan struct{}
}

func newRemoteKeys(place string) *remoteKeys {
	r := &remoteKeys{url: place, client: &http.Client{
		Timeout: fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it redirects")
		},
	}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Destruct ends a fetch that is under way.
func (r *remoteKeys) Destruct() error {
	r.cancel()
	return nil
}

// keysFor returns the keys for a token. It waits for a fetch when there is none yet,
// and when the token names a key that is not known.
func (r *remoteKeys) keysFor(ctx context.Context, id string, alg jose.SignatureAlgorithm) ([]jwtKey, error) {
	r.mu.Lock()
	found := r.keys.find(id, alg)
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
	return r.keys.find(id, alg), nil
}

// fetchLocked starts a fetch, unless one is under way or the last was just now, and
// returns the one under way, if any. The caller holds mu.
func (r *remoteKeys) fetchLocked() chan struct{} {
	now := time.Now()
	if r.flight != nil || !r.tried.IsZero() && now.Sub(r.tried) < fetchPause {
		return r.flight
	}
	r.tried = now
	r.flight = make(chan struct{})
	// It ends when the answer is there, after fetchTimeout, or with the source.
	spawn.Go(remoteLog(), "fetch jwks", r.fetch, nil)
	return r.flight
}

func (r *remoteKeys) fetch() {
	keys, err := staticKeys(nil), errors.New("fetching keys panicked")
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.err = err; err == nil {
			r.keys, r.fetched = keys, time.Now()
		}
		close(r.flight)
		r.flight = nil
	}()
	if keys, err = r.get(); err != nil {
		err = fmt.Errorf("fetching %s: %w", r.url, err)
		remoteLog().Warn("keys can't be fetched", zap.Error(err))
	}
}

func (r *remoteKeys) get() (staticKeys, error) {
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
		return nil, fmt.Errorf("it answers %s", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("its answer has more than %d bytes", maxKeySet)
	}
	return parseJWKS(body)
}

func remoteLog() *zap.Logger { return caddy.Log().Named("socketio.handlers.jwt") }
