package redis

import (
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisadapter"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up the adapter:
//
//	cluster redis <url> [<host:port>...] {
//		key              <prefix>
//		sharded          [static|dynamic|dynamic-private]
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
func (r *Redis) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // redis
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("redis: expected a URL, like redis://localhost:6379")
	}
	r.URL, r.Addresses = args[0], args[1:]
	return redisconn.ReadBlock(d, "redis", func(option string) error {
		switch option {
		case "key":
			return redisconn.ReadArg(d, &r.Key)
		case "sharded":
			return r.unmarshalSharded(d)
		case "requests_timeout":
			return redisconn.ReadDuration(d, &r.RequestsTimeout)
		}
		if known, err := r.UnmarshalOption(d, option); known {
			return err
		}
		return redisconn.UnknownOption(d, "redis", "key, sharded, requests_timeout, username, password, sentinel, tls or required")
	})
}

// unmarshalSharded reads the mode, dynamic by default.
func (r *Redis) unmarshalSharded(d *caddyfile.Dispenser) error {
	if r.Sharded = string(redisadapter.Dynamic); d.CountRemainingArgs() == 0 {
		return nil
	}
	if err := redisconn.ReadArg(d, &r.Sharded); err != nil {
		return err
	}
	if !redisadapter.Mode(r.Sharded).Valid() {
		return d.Errf("sharded: unknown mode %q: expected static, dynamic or dynamic-private", r.Sharded)
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*Redis)(nil)
