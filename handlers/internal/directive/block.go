package directive

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// RefuseBlock refuses a block after a handler that takes none. The error shows the
// first token of the block.
func RefuseBlock(d *caddyfile.Dispenser, handler string) error {
	if d.NextBlock(d.Nesting()) {
		d.Prev() // the brace, whose line the error names
		return d.Errf("%s: unexpected %q: %s takes no block", handler, d.Val(), handler)
	}
	return nil
}
