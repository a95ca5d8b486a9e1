package require

import (
	"context"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Handler{}) }

// forbidden is the default of [Handler.Message].
const forbidden = "forbidden"

// Handler stops the rule unless an expression is true. A client that connects gets a
// connect error with the message. On any other event the acknowledgement is {"error":
// MESSAGE}, if the client asked for one.
//
// Expressions are in the [Common Expression Language](https://cel.dev) (CEL), with its
// optional values and the extensions strings, math, sets and bindings. They are
// compiled when the config loads: a misspelled field or a wrong type is an error then.
// An expression whose evaluation fails, for a missing key for instance, counts as
// false.
//
// | Variable | Type | Value |
// |---|---|---|
// | `socket.id` | string | the socket's id |
// | `socket.namespace` | string | the name of its namespace |
// | `socket.rooms` | list of string | the rooms that it is in |
// | `socket.transport` | string | `polling` or `websocket` |
// | `socket.auth` | any | the client's auth; an empty object without one |
// | `socket.data` | map | the values of `set` |
// | `event.name` | string | the event's name |
// | `event.args` | list | its arguments |
// | `event.reason` | string | why the socket disconnects, on `disconnecting` and `disconnect` |
// | `event.ack` | bool | whether the client waits for an acknowledgement |
// | `jwt` | map | the claims of the token that `jwt` has verified; empty without one |
// | `room.sockets(NAME)` | int | the number of sockets of this node in a room |
// | `http.request.method`, `.host`, `.uri`, `.path` | string | the request that opened the connection |
// | `http.request.query`, `.header`, `.cookie` | map of string | its query, its header and its cookies; several values of a key are joined by commas, of a cookie the first counts; the case of a header's name does not matter |
// | `http.address` | string | the client's IP address, as trusted proxies give it |
// | `http.secure` | bool | whether the connection is encrypted |
// | `http.user` | string | the user of Caddy's authentication, empty without one |
//
// A JSON number without a fraction or an exponent is an int, or a uint if it is too
// large for an int. Any other number is a double. They compare with each other:
// `event.args[0] > 3` works for all of them. To calculate, convert them with `int()` or
// `double()`. Binary values are bytes.
//
// One evaluation reads at most 64 KiB from the client, without binary values, and works
// for about ten milliseconds at most. Past these limits the expression counts as false.
// A regular expression in the config has at most 5,000 instructions. A computed one,
// from an argument for instance, has at most 1,000 bytes too.
type Handler struct {
	// Expr is the expression. It is required.
	Expr string `json:"expr,omitempty"`
	// Message is the text that the client reads if the expression is not true.
	// Placeholders are supported. Default: forbidden.
	Message string `json:"message,omitempty"`

	expr    *expression
	message placeholder.Text
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.require", New: func() caddy.Module { return new(Handler) }}
}

// Provision compiles the expression and the message.
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
// An expression with quotes or spaces stands in backticks.
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

// Gate marks the handler as one that may refuse clients.
func (*Handler) Gate() {}

// Immediate marks the handler as one that never waits.
func (*Handler) Immediate() {}

// HandleEvent returns a [hub.ClientError] with the message unless the expression is
// true.
func (r *Handler) HandleEvent(_ context.Context, ev *hub.Event) error {
	return r.checkExpression(newScope(ev, ev.Socket, ev))
}

// checkExpression is HandleEvent for a scope. The error is a [falseError].
func (r *Handler) checkExpression(s *scope) error {
	why := r.expr.checkTrue(s)
	if why == nil {
		return nil
	}
	message := forbidden
	if text := r.message.For(s.event); text != "" {
		message = text
	}
	return &falseError{forClient: &hub.ClientError{Message: message}, expr: r.Expr, why: why}
}

// falseError is the error of an expression that is not true. Its text, for the log, has
// neither the message nor the end of the reason: both may have values of clients.
type falseError struct {
	forClient *hub.ClientError
	expr      string
	why       error
}

// Error returns the expression and the kind of the reason, like no such key.
func (e *falseError) Error() string {
	kind := e.why.Error()
	if end := strings.IndexAny(kind, ":'\"`"); end >= 0 {
		kind = strings.TrimSpace(kind[:end])
	}
	return e.expr + ": " + kind
}

// Unwrap returns the error that the client gets.
func (e *falseError) Unwrap() error { return e.forClient }

var (
	_ hub.Gate              = (*Handler)(nil)
	_ hub.Immediate         = (*Handler)(nil)
	_ hub.CountReader       = (*Handler)(nil)
	_ caddy.Provisioner     = (*Handler)(nil)
	_ caddyfile.Unmarshaler = (*Handler)(nil)
)
