package redisstreams

import (
	"cmp"
	"errors"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisadapter"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
)

// Defaults of the settings, which are the defaults of Node.js's adapter.
const (
	defaultName          = "socket.io"
	defaultSessionPrefix = "sio:session:"
	defaultMaxLen        = 10_000
)

// resolveSettings returns the settings of the config, with placeholders replaced and defaults
// filled in. Errors name the option, and no secret.
func (r *RedisStreams) resolveSettings() (redisadapter.Settings, error) {
	in := redisconn.NewResolver()
	names := &redisadapter.StreamsSettings{
		Stream:        cmp.Or(in.Replace("stream", r.Stream), defaultName),
		ChannelPrefix: cmp.Or(in.Replace("channel_prefix", r.ChannelPrefix), defaultName),
		SessionPrefix: cmp.Or(in.Replace("session_prefix", r.SessionPrefix), defaultSessionPrefix),
		MaxLen:        cmp.Or(r.MaxLen, defaultMaxLen),
	}
	if names.MaxLen < 0 {
		in.Fail("max_len", errors.New("expected a number above 0"))
	}
	s := redisadapter.Settings{Streams: names}
	s.RequestsTimeout = in.Timeout("requests_timeout", r.RequestsTimeout)
	s.Server = r.Config.Server(in, names.Stream, names.ChannelPrefix, names.SessionPrefix, names.MaxLen, s.RequestsTimeout)
	return s, in.Err()
}
