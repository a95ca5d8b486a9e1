package redis

import (
	"cmp"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisadapter"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
)

const defaultKey = "socket.io"

// resolveSettings returns the settings of the config, with placeholders replaced and defaults
// filled in. Errors name the option, and no secret.
func (r *Redis) resolveSettings() (redisadapter.Settings, error) {
	in := redisconn.NewResolver()
	s := redisadapter.Settings{Key: cmp.Or(in.Replace("key", r.Key), defaultKey), Mode: redisadapter.Mode(r.Sharded)}
	if s.Mode != "" && !s.Mode.Valid() {
		in.Fail("sharded", fmt.Errorf("unknown mode %q: expected static, dynamic or dynamic-private", r.Sharded))
	}
	s.RequestsTimeout = in.Timeout("requests_timeout", r.RequestsTimeout)
	s.Server = r.Config.ServerWithoutDatabase(in, s.Key, s.Mode, s.RequestsTimeout)
	return s, in.Err()
}
