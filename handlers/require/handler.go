package require

import (
	"context"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/directive"
	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Handler{}) }

// forbidden is what the client reads where the config does not say it.
const forbidden = "forbidden"

// Handler goes on to the next handler only if an expression holds. Otherwise a client
// that connects gets a connect error with the message, and one that emitted an event
// gets the acknowledgement {"error": MESSAGE}, if it asked for one.
//
// Expressions are in the [Common Expression Language](https://cel.dev) (CEL), with
// its optional values and the extensions strings, math, sets and bindings. They are
// compiled when the config loads: a misspelled field or a wrong type is an error
// then. One that can't be evaluated, because it asks for a key that is not there for
// instance, does not hold.
//
// | Variable | Type | What it is |
// |---|---|---|
// | `socket.id` | string | the socket's id |
// | `socket.namespace` | string | the name of its namespace |
// | `socket.rooms` | list of string | the rooms that it is in |
// | `socket.transport` | string | `polling` or `websocket` |
// | `socket.auth` | any | what the client connected with; an empty object if nothing |
// | `socket.data` | map | what `set` has kept |
// | `event.name` | string | the event's name |
// | `event.args` | list | its arguments |
// | `event.reason` | string | why the socket disconnects, on `disconnecting` and `disconnect` |
// | `event.ack` | bool | whether the client waits for an acknowledgement |
// | `jwt` | map | the claims of the token that `jwt` has verified; empty if none was |
// | `http.request.method`, `.host`, `.uri`, `.path` | string | the request that opened the connection |
// | `http.request.query`, `.header`, `.cookie` | map of string | its query, its header and its cookies; several values of a key are joined by commas, of a cookie the first counts; the case of a header's name does not matter |
// | `http.address` | string | the client's IP address, as trusted proxies say |
// | `http.secure` | bool | whether the connection is encrypted |
// | `http.user` | string | the user that Caddy's authentication knows, empty if none |
//
// A JSON number without a fraction or an exponent is an int, or a uint when it is
// too large for that; any other is a double. They compare with each other, so that
// `event.args[0] > 3` works for all of them; to calculate, convert them with `int()`
// or `double()`. Binary values are bytes.
//
// One evaluation looks at no more than 64 KiB of what the client sent, without binary
// values, and does no more work than some ten milliseconds' worth. Past that the
// expression does not hold. A regular expression in the config has at most 5,000
// instructions; one that is computed, from an argument for instance, has at most 1,000
// bytes too.
type Handler struct {
	// Expr is the expression.
	Expr string `json:"expr,omitempty"`
	// Message is what the client reads when it does not hold. Placeholders are
	// supported. Default: forbidden.
	Message string `json:"message,omitempty"`

	expr    *expression
	message placeholder.Text
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.require", New: func() caddy.Module { return new(Handler) }}
}

// Provision compiles the expression.
func (r *Handler) Provision(caddy.Context) error { return r.compileSettings() }

func (r *Handler) compileSettings() (err error) {
	if r.expr, err = newExpression(r.Expr); err != nil {
		return err
	}
	message := r.Message
	if message == "" {
		message = forbidden
	}
	r.message, err = placeholder.NewText(message)
	return err
}

// UnmarshalCaddyfile sets up the handler:
//
//	require <expression> [<message>]
//
// Backticks around the expression let it have quotes.
func (r *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return d.Errf("require: expected an expression and a message, not %d arguments; put the expression into backticks", len(args))
	}
	r.Expr = args[0]
	if len(args) == 2 {
		r.Message = args[1]
	}
	if err := r.compileSettings(); err != nil {
		return d.Errf("require: %v", err)
	}
	return directive.RefuseBlock(d, "require")
}

// Gate marks the handler as one that decides who is let in.
func (*Handler) Gate() {}

// HandleEvent refuses the event unless the expression holds.
func (r *Handler) HandleEvent(_ context.Context, ev *hub.Event) error {
	return r.checkExpression(newScope(ev, ev.Socket, ev))
}

func (r *Handler) checkExpression(s *scope) error {
	why := r.expr.checkTrue(s)
	if why == nil {
		return nil
	}
	message := forbidden
	if text := r.message.For(s.event); text != "" {
		message = text
	}
	return fmt.Errorf("%w: %s: %w", &hub.ClientError{Message: message}, r.Expr, why)
}

var (
	_ hub.Gate              = (*Handler)(nil)
	_ caddy.Provisioner     = (*Handler)(nil)
	_ caddyfile.Unmarshaler = (*Handler)(nil)
)
