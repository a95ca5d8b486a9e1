package redisstreams

import (
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up the adapter:
//
//	cluster redis_streams <url> [<host:port>...] {
//		stream           <name>
//		max_len          <entries>
//		channel_prefix   <prefix>
//		session_prefix   <prefix>
//		requests_timeout <duration>
//		username         <name>
//		password         <password>
//		sentinel <master> {
//			username <name>
//			password <password>
//		}
//		tls {
//			ca                   <file>
//			certificate          <file>
//			key                  <file>
//			server_name          <name>
//			insecure_skip_verify
//		}
//		required
//	}
func (r *RedisStreams) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // redis_streams
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("redis_streams: expected a URL, like redis://localhost:6379")
	}
	r.URL, r.Addresses = args[0], args[1:]
	return redisconn.ReadBlock(d, "redis_streams", func(option string) error {
		switch option {
		case "stream":
			return redisconn.ReadArg(d, &r.Stream)
		case "channel_prefix":
			return redisconn.ReadArg(d, &r.ChannelPrefix)
		case "session_prefix":
			return redisconn.ReadArg(d, &r.SessionPrefix)
		case "max_len":
			return r.unmarshalMaxLen(d)
		case "requests_timeout":
			return redisconn.ReadDuration(d, &r.RequestsTimeout)
		}
		if known, err := r.UnmarshalOption(d, option); known {
			return err
		}
		return redisconn.UnknownOption(d, "redis_streams", "stream, max_len, channel_prefix, session_prefix, requests_timeout, username, password, sentinel, tls or required")
	})
}

// unmarshalMaxLen reads a number above 0.
func (r *RedisStreams) unmarshalMaxLen(d *caddyfile.Dispenser) (err error) {
	var text string
	if err := redisconn.ReadArg(d, &text); err != nil {
		return err
	}
	if r.MaxLen, err = strconv.ParseInt(text, 10, 64); err != nil || r.MaxLen <= 0 {
		return d.Errf("max_len: %q: expected a number of entries", text)
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*RedisStreams)(nil)
