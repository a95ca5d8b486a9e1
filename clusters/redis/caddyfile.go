package redis

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up the engine:
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
//	}
func (r *Redis) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // redis
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("redis: expected a URL, like redis://localhost:6379")
	}
	r.URL, r.Addresses = args[0], args[1:]
	return block(d, "redis", func(option string) error {
		switch option {
		case "key":
			return one(d, &r.Key)
		case "sharded":
			return r.sharded(d)
		case "username":
			return one(d, &r.Username)
		case "password":
			return one(d, &r.Password)
		case "requests_timeout":
			return r.timeout(d)
		case "sentinel":
			return r.sentinel(d)
		case "tls":
			return r.tls(d)
		}
		return unknown(d, "redis", "key, sharded, requests_timeout, username, password, sentinel or tls")
	})
}

func (r *Redis) sharded(d *caddyfile.Dispenser) error {
	if r.Sharded = string(dynamic); d.CountRemainingArgs() == 0 {
		return nil
	}
	if err := one(d, &r.Sharded); err != nil {
		return err
	}
	if !sharded(r.Sharded).valid() {
		return d.Errf("sharded: unknown mode %q: expected static, dynamic or dynamic-private", r.Sharded)
	}
	return nil
}

func (r *Redis) timeout(d *caddyfile.Dispenser) error {
	var text string
	if err := one(d, &text); err != nil {
		return err
	}
	timeout, err := caddy.ParseDuration(text)
	if err != nil || timeout <= 0 {
		return d.Errf("requests_timeout: %q is no duration: expected one like 5s", text)
	}
	r.RequestsTimeout = caddy.Duration(timeout)
	return nil
}

func (r *Redis) sentinel(d *caddyfile.Dispenser) error {
	r.Sentinel = new(Sentinel)
	if err := one(d, &r.Sentinel.Master); err != nil {
		return err
	}
	return block(d, "sentinel", func(option string) error {
		switch option {
		case "username":
			return one(d, &r.Sentinel.Username)
		case "password":
			return one(d, &r.Sentinel.Password)
		}
		return unknown(d, "sentinel", "username or password")
	})
}

func (r *Redis) tls(d *caddyfile.Dispenser) error {
	r.TLS = new(TLS)
	if d.NextArg() {
		return d.Errf("tls: unexpected %q: settings go into a block", d.Val())
	}
	return block(d, "tls", func(option string) error {
		switch option {
		case "ca":
			return one(d, &r.TLS.CA)
		case "certificate":
			return one(d, &r.TLS.Certificate)
		case "key":
			return one(d, &r.TLS.Key)
		case "server_name":
			return one(d, &r.TLS.ServerName)
		case "insecure_skip_verify":
			r.TLS.Insecure = true
			if d.NextArg() {
				return d.Errf("insecure_skip_verify: unexpected %q", d.Val())
			}
			return nil
		}
		return unknown(d, "tls", "ca, certificate, key, server_name or insecure_skip_verify")
	})
}

// block reads the options of a block, each at most once.
func block(d *caddyfile.Dispenser, of string, option func(name string) error) error {
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] {
			return d.Errf("%s: %s is given twice", of, name)
		}
		seen[name] = true
		if err := option(name); err != nil {
			return err
		}
	}
	return nil
}

// one reads the only argument of an option.
func one(d *caddyfile.Dispenser, to *string) error {
	option := d.Val()
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.Errf("%s: expected one value", option)
	}
	*to = args[0]
	return nil
}

func unknown(d *caddyfile.Dispenser, of, expected string) error {
	return d.Errf("%s: unknown option %q: expected %s", of, d.Val(), expected)
}

var _ caddyfile.Unmarshaler = (*Redis)(nil)
