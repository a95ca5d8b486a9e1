package redisconn

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalOption reads an option of the adapter's block. known is false unless it is one
// of these:
//
//	username <name>
//	password <password>
//	sentinel <master> {
//		username <name>
//		password <password>
//	}
//	tls {
//		ca                   <file>
//		certificate          <file>
//		key                  <file>
//		server_name          <name>
//		insecure_skip_verify
//	}
//	required
func (c *Config) UnmarshalOption(d *caddyfile.Dispenser, option string) (known bool, err error) {
	switch option {
	case "username":
		return true, ReadArg(d, &c.Username)
	case "password":
		return true, ReadArg(d, &c.Password)
	case "sentinel":
		return true, c.unmarshalSentinel(d)
	case "tls":
		return true, c.unmarshalTLS(d)
	case "required":
		c.Required = true
		if d.NextArg() {
			return true, d.Errf("required: unexpected %q: it takes no value", d.Val())
		}
		return true, nil
	}
	return false, nil
}

// unmarshalSentinel reads the option sentinel with its block.
func (c *Config) unmarshalSentinel(d *caddyfile.Dispenser) error {
	c.Sentinel = new(Sentinel)
	if err := ReadArg(d, &c.Sentinel.Master); err != nil {
		return err
	}
	return ReadBlock(d, "sentinel", func(option string) error {
		switch option {
		case "username":
			return ReadArg(d, &c.Sentinel.Username)
		case "password":
			return ReadArg(d, &c.Sentinel.Password)
		}
		return UnknownOption(d, "sentinel", "username or password")
	})
}

// unmarshalTLS reads the block tls.
func (c *Config) unmarshalTLS(d *caddyfile.Dispenser) error {
	c.TLS = new(TLS)
	if d.NextArg() {
		return d.Errf("tls: unexpected %q: settings go into a block", d.Val())
	}
	return ReadBlock(d, "tls", func(option string) error {
		switch option {
		case "ca":
			return ReadArg(d, &c.TLS.CA)
		case "certificate":
			return ReadArg(d, &c.TLS.Certificate)
		case "key":
			return ReadArg(d, &c.TLS.Key)
		case "server_name":
			return ReadArg(d, &c.TLS.ServerName)
		case "insecure_skip_verify":
			c.TLS.Insecure = true
			if d.NextArg() {
				return d.Errf("insecure_skip_verify: unexpected %q", d.Val())
			}
			return nil
		}
		return UnknownOption(d, "tls", "ca, certificate, key, server_name or insecure_skip_verify")
	})
}

// ReadBlock reads the options of a block, each at most once.
func ReadBlock(d *caddyfile.Dispenser, of string, option func(name string) error) error {
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

// ReadArg stores the only argument of an option in the variable that to points to.
func ReadArg(d *caddyfile.Dispenser, to *string) error {
	option := d.Val()
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.Errf("%s: expected one value", option)
	}
	*to = args[0]
	return nil
}

// ReadDuration stores the only argument of an option, a duration above 0.
func ReadDuration(d *caddyfile.Dispenser, to *caddy.Duration) error {
	option, text := d.Val(), ""
	if err := ReadArg(d, &text); err != nil {
		return err
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil || duration <= 0 {
		return d.Errf("%s: %q is no duration: expected one like 5s", option, text)
	}
	*to = caddy.Duration(duration)
	return nil
}

// UnknownOption returns the error for an unknown option.
func UnknownOption(d *caddyfile.Dispenser, of, expected string) error {
	return d.Errf("%s: unknown option %q: expected %s", of, d.Val(), expected)
}
