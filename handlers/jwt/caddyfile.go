package jwt

import (
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up the handler:
//
//	jwt {
//		from       <text...>
//		secret     <text>
//		public_key <file>
//		jwks       <url|file>
//		algorithms <name...>
//		issuer     <issuer...>
//		audience   <audience...>
//		leeway     <duration>
//		close_on_expiry
//	}
func (j *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	name, options := d.Token(), make(map[string]caddyfile.Token)
	if d.NextArg() {
		return d.Errf("jwt: unexpected %q: settings go into a block", d.Val())
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		options[d.Val()] = d.Token()
		if err := j.unmarshalOption(d); err != nil {
			return err
		}
	}
	if err := j.checkSettings(); err != nil {
		option, _, _ := strings.Cut(err.Error(), ":")
		if at, ok := options[option]; ok {
			name = at // the error is about this line
		}
		return directive.ErrorAt(name, "jwt: %v", err)
	}
	return nil
}

func (j *Handler) unmarshalOption(d *caddyfile.Dispenser) error {
	option := d.Val()
	switch option {
	case "secret":
		return unmarshalSetting(d, &j.Secret, "a text, like {env.JWT_SECRET}")
	case "public_key":
		return unmarshalSetting(d, &j.PublicKey, "the name of a PEM file")
	case "jwks":
		return unmarshalSetting(d, &j.JWKS, "an https URL or the name of a file")
	case "from":
		return unmarshalSettings(d, &j.From, "one or more placeholders, like {socket.auth.token}")
	case "algorithms":
		return unmarshalSettings(d, &j.Algorithms, "one or more names, like RS256")
	case "issuer":
		return unmarshalSettings(d, &j.Issuer, "one or more issuers")
	case "audience":
		return unmarshalSettings(d, &j.Audience, "one or more audiences")
	case "leeway":
		return j.unmarshalLeeway(d)
	case "close_on_expiry":
		if d.NextArg() {
			return d.Err("jwt: close_on_expiry takes no argument")
		}
		j.CloseOnExpiry = true
		return nil
	}
	return d.Errf("jwt: unknown option %q: expected from, secret, public_key, jwks, algorithms, issuer, audience, leeway or close_on_expiry", option)
}

func (j *Handler) unmarshalLeeway(d *caddyfile.Dispenser) error {
	if j.Leeway != nil {
		return d.Err("jwt: leeway is given twice")
	}
	var text string
	if err := unmarshalSetting(d, &text, "a duration, like 30s"); err != nil {
		return err
	}
	leeway, err := caddy.ParseDuration(text)
	if err != nil || leeway < 0 {
		return d.Errf("jwt: leeway: unexpected %q: expected a duration, like 30s", text)
	}
	j.Leeway = new(caddy.Duration(leeway))
	return nil
}

func unmarshalSetting(d *caddyfile.Dispenser, to *string, expected string) error {
	option := d.Val()
	if *to != "" {
		return d.Errf("jwt: %s is given twice", option)
	}
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.Errf("jwt: %s: expected %s", option, expected)
	}
	*to = args[0]
	return nil
}

func unmarshalSettings(d *caddyfile.Dispenser, to *[]string, expected string) error {
	option := d.Val()
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("jwt: %s: expected %s", option, expected)
	}
	*to = append(*to, args...)
	return nil
}
