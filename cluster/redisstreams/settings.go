package redisstreams

import (
	"cmp"
	"errors"
	"strconv"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
)

// Defaults of the settings, which are those of Node's adapter.
const (
	defaultName          = "socket.io"
	defaultSessionPrefix = "sio:session:"
	defaultMaxLen        = 10_000
)

// settings are a config's, checked and complete.
type settings struct {
	server          *redisconn.Server
	stream          string
	channelPrefix   string
	sessionPrefix   string
	maxLen          int64
	requestsTimeout time.Duration
}

// settings checks what the config says, with placeholders replaced. Errors name
// the option, and no secret.
func (r *RedisStreams) settings() (*settings, error) {
	in := redisconn.NewResolver()
	s := &settings{
		stream:        cmp.Or(in.Replace("stream", r.Stream), defaultName),
		channelPrefix: cmp.Or(in.Replace("channel_prefix", r.ChannelPrefix), defaultName),
		sessionPrefix: cmp.Or(in.Replace("session_prefix", r.SessionPrefix), defaultSessionPrefix),
		maxLen:        cmp.Or(r.MaxLen, defaultMaxLen),
	}
	if s.maxLen < 0 {
		in.Fail("max_len", errors.New("expected a number above 0"))
	}
	s.requestsTimeout = in.Timeout("requests_timeout", r.RequestsTimeout)
	s.server = r.Config.Server(in, s.stream, s.channelPrefix, s.sessionPrefix, s.maxLen, s.requestsTimeout)
	return s, in.Err()
}

func (s *settings) maxLenText() string { return strconv.FormatInt(s.maxLen, 10) }
