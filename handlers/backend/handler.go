package backend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

func init() { caddy.RegisterModule(Handler{}) }

// The values of [Handler.OnOutage].
const (
	outageRetry = "retry"
	outageDeny  = "deny"
	outageAllow = "allow"
)

// Handler sends an event to an application as an HTTP request and applies the reply.
// The request goes through Caddy's own HTTP handlers.
//
// It is a POST to the path of the socketio handler, with the headers of the client's
// request and the event as JSON. A reply with status 200 has JSON with operations to
// do, 204 has none. The page of the handler in docs/handlers describes both. On
// connect, status 4xx refuses the client.
//
// Values that clients choose may stand in known places of the routes only, and are
// escaped there. Any other place is an error when the config loads.
type Handler struct {
	// Routes are the HTTP routes that the request goes through. At least one is
	// required.
	Routes caddyhttp.RouteList `json:"routes,omitempty"`
	// Timeout is the longest time for a reply, or until a streamed reply begins, with the
	// wait for a free slot. Default: 10s.
	Timeout caddy.Duration `json:"timeout,omitempty"`
	// MaxResponse is the size of the largest reply, in bytes. Default: 1000000.
	MaxResponse int64 `json:"max_response,omitempty"`
	// Concurrency is the largest number of requests at a time. Default: 1024.
	Concurrency int `json:"concurrency,omitempty"`
	// Queue is the largest number of events that wait for a free slot. More fail at
	// once, as in an outage. Default: 65536.
	Queue int `json:"queue,omitempty"`
	// OnOutage decides about clients that connect in an outage: while the backend is
	// down, replies with 5xx or with invalid JSON. retry closes the connection, so that
	// the client reconnects by itself; deny refuses the client; allow lets it in.
	// Default: retry.
	OnOutage string `json:"on_outage,omitempty"`
	// Sign are secrets that requests are signed with as in Standard Webhooks: whsec_
	// and base64, or any text. While one secret replaces another, both are here, and
	// the application may verify with either. Placeholders of the environment and of
	// files are supported. Default: no signature.
	Sign []string `json:"sign,omitempty"`
	// Stream bounds streamed replies. Without it they have the default limits, and end
	// with Timeout behind FastCGI.
	Stream *Stream `json:"stream,omitempty"`
	// Identity are texts by which the application identifies a user, with placeholders,
	// like {http.request.cookie.session}. A client recovers its socket only if they are
	// the same as when it connected. Default: its cookies, the header Authorization,
	// the query and its auth, except tokens that jwt has verified before.
	Identity []string `json:"identity,omitempty"`

	stream   Stream // with defaults
	identity []placeholder.Text
	path     string // of the socketio handler
	chain    caddyhttp.Handler
	placed   *placedRoutes
	server   *caddyhttp.Server
	log      *zap.Logger
	secrets  [][]byte
	slots    chan struct{} // has an item for each request under way; never closed
	waiting  *atomic.Int64
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.backend", New: func() caddy.Module { return new(Handler) }}
}

// Provision compiles the routes and registers the metrics.
func (b *Handler) Provision(ctx caddy.Context) error {
	b.log = ctx.Logger()
	b.setDefaults()
	if err := b.checkSettings(); err != nil {
		return err
	}
	if len(b.Routes) == 0 {
		return errors.New("expected HTTP directives, like reverse_proxy")
	}
	if err := b.compileIdentity(); err != nil {
		return err
	}
	if err := b.readSecrets(); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	b.slots, b.waiting = make(chan struct{}, b.Concurrency), new(atomic.Int64)
	b.server, _ = ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	var named map[string]*caddyhttp.Route
	if b.server != nil {
		named = b.server.NamedRoutes
	}
	var err error
	var names assigned
	b.path, names = rulesOf(ctx)
	if b.placed, err = placeValues(b.Routes, named, names, b.fastCGITimeout()); err != nil {
		return err
	}
	if err := b.placed.routes.Provision(ctx); err != nil {
		return err
	}
	b.chain = b.placed.routes.Compile(noHandler)
	return registerMetrics(ctx)
}

// fastCGITimeout returns the timeout of FastCGI. It bounds whole responses, streams
// included, and the end of a request does not end it.
func (b *Handler) fastCGITimeout() caddy.Duration {
	if b.Stream == nil {
		return b.Timeout
	}
	return b.Timeout + b.stream.MaxTime
}

// compileIdentity compiles the texts of Identity.
func (b *Handler) compileIdentity() error {
	b.identity = nil
	for _, text := range b.Identity {
		t, err := placeholder.NewText(text)
		if err != nil {
			return fmt.Errorf("identity: %w", err)
		}
		b.identity = append(b.identity, t)
	}
	return nil
}

// readSecrets replaces the placeholders of Sign and decodes the secrets.
func (b *Handler) readSecrets() error {
	for _, text := range b.Sign {
		text, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
		if err != nil {
			return err
		}
		secret, err := webhookSecret(text)
		if err != nil {
			return err
		}
		b.secrets = append(b.secrets, secret)
	}
	return nil
}

// noHandler ends the chain of HTTP handlers.
var noHandler = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
	return caddyhttp.Error(http.StatusNotFound, errors.New("no HTTP handler responds to the event"))
})

func (b *Handler) setDefaults() {
	if b.Timeout == 0 {
		b.Timeout = caddy.Duration(10 * time.Second)
	}
	if b.MaxResponse == 0 {
		b.MaxResponse = 1_000_000
	}
	if b.Concurrency == 0 {
		b.Concurrency = 1024
	}
	if b.Queue == 0 {
		b.Queue = 65536
	}
	if b.OnOutage == "" {
		b.OnOutage = outageRetry
	}
	if b.Stream != nil {
		b.stream = *b.Stream
	}
	b.stream.setDefaults()
}

func (b *Handler) checkSettings() error {
	if b.Timeout < 0 || b.MaxResponse < 0 || b.Concurrency < 0 || b.Queue < 0 {
		return errors.New("timeout, max_response, concurrency and queue must not be negative")
	}
	if err := b.stream.checkSettings(); err != nil {
		return err
	}
	if err := b.checkOnOutage(); err != nil {
		return fmt.Errorf("on_outage: %w", err)
	}
	return nil
}

func (b *Handler) checkOnOutage() error {
	switch b.OnOutage {
	case "", outageRetry, outageDeny, outageAllow:
		return nil
	}
	return fmt.Errorf("unexpected %q: expected retry, deny or allow", b.OnOutage)
}

// HandleEvent sends the event and applies the reply. The error is a [hub.ClientError]
// or a [hub.Outage]; the log has the reason of an outage.
func (b *Handler) HandleEvent(ctx context.Context, ev *hub.Event) error {
	if ev.Type == hub.Connect {
		_ = b.Identify(ctx, ev) // the error is always nil
	}
	c, end := b.newCall(ctx, ev)
	defer end()
	err := c.perform()
	if err == nil {
		c.countOutcome("ok")
		return nil
	}
	switch cause := context.Cause(c.ctx); {
	case cause == hub.ErrInterrupted:
		c.countOutcome("canceled")
		return errCanceled
	case cause == context.Canceled || err == errStreamCanceled:
		c.countOutcome("canceled")
		return errUnavailable // the client has gone
	}
	if _, ok := errors.AsType[*hub.ClientError](err); ok {
		c.countOutcome("refused")
		return err
	}
	c.countOutcome("outage")
	trace.SpanFromContext(ctx).SetStatus(codes.Error, "backend failed")
	b.log.Error("backend failed", append(logFields(ev), zap.Error(err))...)
	return b.outageError(ev, err)
}

// logFields returns the fields that identify an event in the log.
func logFields(ev *hub.Event) []zap.Field {
	return append(ev.LogFields(), zap.String("event", ev.Name))
}

// Identify adds the texts of Identity to the socket's identity. A client that recovers
// its socket with the same texts is not sent to the application again.
func (b *Handler) Identify(_ context.Context, ev *hub.Event) error {
	if !ev.HasRecovery() {
		return nil
	}
	subject := ""
	if b.identity == nil {
		subject = ev.Credentials()
	}
	for _, t := range b.identity {
		text, _ := json.Marshal(t.For(ev)) // a string always marshals
		subject += string(text)
	}
	ev.AddIdentity(hub.Identity{Source: "backend", Subject: subject})
	return nil
}

// errUnavailable is the error that clients read in an outage.
var errUnavailable = &hub.ClientError{Message: "service unavailable"}

// errCanceled is the error that clients read when they canceled the request by an event.
var errCanceled = &hub.ClientError{Message: "canceled"}

// outageError returns the error of an event in an outage, as OnOutage decides.
func (b *Handler) outageError(ev *hub.Event, err error) error {
	if ev.Type != hub.Connect {
		return errUnavailable
	}
	switch b.OnOutage {
	case outageAllow:
		return nil
	case outageDeny:
		return errUnavailable
	}
	return &hub.Outage{Err: err}
}

var (
	errQueueFull = errors.New("too many events wait for the backend")
	errTimeout   = errors.New("no reply within the timeout")
	errBrokenOff = errors.New("the response broke off")
)

// acquireSlot waits for a slot, which releaseSlot frees. The error is errQueueFull or
// errTimeout.
func (b *Handler) acquireSlot(ctx context.Context, ev *hub.Event) error {
	select {
	case b.slots <- struct{}{}:
		return nil
	default:
	}
	if b.waiting.Add(1) > int64(b.Queue) {
		b.waiting.Add(-1)
		return errQueueFull
	}
	waiting := eventsWaiting.WithLabelValues(hubName(ev))
	waiting.Inc()
	defer func() {
		waiting.Dec()
		b.waiting.Add(-1)
	}()
	select {
	case b.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errTimeout // or the client has gone
	}
}

var (
	_ hub.Identifier    = (*Handler)(nil)
	_ caddy.Provisioner = (*Handler)(nil)
)
