package redis

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/clusters/internal/redisconn"
)

// Defaults of the settings.
const (
	defaultKey             = "socket.io"
	defaultRequestsTimeout = 5 * time.Second
)

// settings are a config's, checked and complete.
type settings struct {
	server          *redisconn.Server
	key             string
	sharded         sharded // "" for the classic dialect
	requestsTimeout time.Duration
}

// settings checks what the config says, with placeholders replaced. Errors name
// the option, and no secret.
func (r *Redis) settings() (*settings, error) {
	in := redisconn.NewResolver()
	s := &settings{
		key:             cmp.Or(in.Text("key", r.Key), defaultKey),
		sharded:         sharded(r.Sharded),
		requestsTimeout: cmp.Or(time.Duration(r.RequestsTimeout), defaultRequestsTimeout),
	}
	if s.sharded != "" && !s.sharded.valid() {
		in.Fail("sharded", fmt.Errorf("unknown mode %q: expected static, dynamic or dynamic-private", r.Sharded))
	}
	if s.requestsTimeout < 0 {
		in.Fail("requests_timeout", errors.New("expected a duration above 0"))
	}
	s.server = r.Config.ChannelServer(in, s.key, s.sharded, s.requestsTimeout)
	return s, in.Err()
}
