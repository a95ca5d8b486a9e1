package directive

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// ErrorAt returns an error that names the place of a token.
func ErrorAt(token caddyfile.Token, format string, args ...any) error {
	d := caddyfile.NewDispenser([]caddyfile.Token{token})
	d.Next()
	return d.Errf(format, args...)
}

// RefuseBlock refuses a block after a handler that takes none. The error shows the
// first token of the block.
func RefuseBlock(d *caddyfile.Dispenser, handler string) error {
	if d.NextBlock(d.Nesting()) {
		d.Prev() // the brace, whose line the error names
		return d.Errf("%s: unexpected %q: %s takes no block", handler, d.Val(), handler)
	}
	return nil
}
