package directive

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// RefuseBlock refuses what follows a handler that has no block.
func RefuseBlock(d *caddyfile.Dispenser, handler string) error {
	if d.NextBlock(d.Nesting()) {
		return d.Errf("%s: unexpected %q: there is no block here", handler, d.Val())
	}
	return nil
}
