package directive

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// RefuseBlock refuses a block after a handler that takes none. The error shows the
// first token of the block.
func RefuseBlock(d *caddyfile.Dispenser, handler string) error {
	if d.NextBlock(d.Nesting()) {
		return d.Errf("%s: unexpected %q: there is no block here", handler, d.Val())
	}
	return nil
}
