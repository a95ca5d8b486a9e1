package redis

import (
	"cmp"
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
)

const defaultKey = "socket.io"

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
	s := &settings{key: cmp.Or(in.Replace("key", r.Key), defaultKey), sharded: sharded(r.Sharded)}
	if s.sharded != "" && !s.sharded.valid() {
		in.Fail("sharded", fmt.Errorf("unknown mode %q: expected static, dynamic or dynamic-private", r.Sharded))
	}
	s.requestsTimeout = in.Timeout("requests_timeout", r.RequestsTimeout)
	s.server = r.Config.ServerWithoutDatabase(in, s.key, s.sharded, s.requestsTimeout)
	return s, in.Err()
}
