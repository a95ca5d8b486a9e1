package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// backendEvent is the body of the request that an event becomes.
type backendEvent struct {
	Type      hub.EventType `json:"type"`
	Namespace string        `json:"namespace"`
	Event     string        `json:"event"`
	Args      sio.Data      `json:"args"`
	Ack       bool          `json:"ack"`
	Reason    string        `json:"reason,omitempty"`
	Socket    backendSocket `json:"socket"`
}

type backendSocket struct {
	ID        string           `json:"id"`
	Rooms     []string         `json:"rooms"`
	Data      sio.Data         `json:"data"`
	Auth      *sio.Data        `json:"auth"`
	Handshake backendHandshake `json:"handshake"`
}

type backendHandshake struct {
	Time    time.Time         `json:"time"`
	Address string            `json:"address"`
	URL     string            `json:"url"`
	Query   map[string]string `json:"query"`
	Secure  bool              `json:"secure"`
}

func encodeEvent(ev *hub.Event) ([]byte, error) {
	s := ev.Socket
	h := s.Handshake()
	query := make(map[string]string, len(s.Query()))
	for key, values := range s.Query() {
		query[key] = values[len(values)-1]
	}
	rooms := s.Rooms()
	if rooms == nil {
		rooms = []string{}
	}
	body := backendEvent{
		Type: ev.Type, Namespace: s.Namespace().Name(), Event: ev.Name, Args: ev.Args,
		Ack: ev.WantsAck(), Reason: ev.Reason,
		Socket: backendSocket{
			ID: s.ID(), Rooms: rooms, Data: s.Data(),
			Handshake: backendHandshake{
				Time: h.Time.UTC().Truncate(time.Second), Address: h.Address, URL: h.URL, Query: query, Secure: h.Secure,
			},
		},
	}
	if auth := s.Auth(); len(auth.JSON) > 0 {
		body.Socket.Auth = &auth
	}
	return json.Marshal(body)
}

// hopHeaders are those of the handshake that are about its connection or its
// body, and not about its user.
var hopHeaders = []string{
	"Connection", "Upgrade", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Proxy-Connection", "Proxy-Authorization",
	"Content-Length", "Content-Type", "Content-Encoding", "Accept-Encoding", "Expect", "Range",
	"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range",
}

// serve sends an event through the HTTP handlers and keeps what they answer.
func (b *Backend) serve(ctx context.Context, ev *hub.Event, w http.ResponseWriter, body []byte) (err error) {
	q, ok := ev.Socket.Handshake().Context.(*handshake.Request)
	if !ok {
		return fmt.Errorf("the connection did not come through Caddy")
	}
	r := q.New(ctx)
	r.Method, r.Proto, r.ProtoMajor, r.ProtoMinor = http.MethodPost, "HTTP/1.1", 1, 1
	r.URL.RawQuery = ""
	r.RequestURI = r.URL.RequestURI()
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header = b.header(q, body)
	repl := caddy.NewReplacer()
	r = q.Prepare(r, repl, w, b.server)
	repl.Map(func(key string) (any, bool) {
		value, ok := ev.Lookup(key)
		return value.Text(), ok
	})
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("an HTTP handler gave up: %v", p) // as reverse_proxy does when an answer breaks off
		}
	}()
	err = b.chain.ServeHTTP(w, r)
	if e, ok := err.(caddyhttp.HandlerError); ok && e.StatusCode >= 400 && e.StatusCode < 500 {
		w.WriteHeader(e.StatusCode) // a verdict of a handler, as of forward_auth
		return nil
	}
	return err
}

func (b *Backend) header(q *handshake.Request, body []byte) http.Header {
	header := q.Header().Clone()
	for _, name := range hopHeaders {
		header.Del(name)
	}
	for name := range header {
		if strings.HasPrefix(name, "Sec-Websocket-") || strings.HasPrefix(name, "Webhook-") {
			header.Del(name)
		}
	}
	header.Set("Content-Type", "application/json")
	header.Set("Accept", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if b.secret != nil {
		sign(header, b.secret, newWebhookID(), time.Now(), body)
	}
	return header
}

// response keeps what HTTP handlers answer, up to a limit.
type response struct {
	limit  int64
	header http.Header
	status int
	body   bytes.Buffer
	large  bool
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if int64(w.body.Len()+len(p)) > w.limit {
		w.large = true
		return 0, errLarge
	}
	return w.body.Write(p)
}

// FlushError does nothing: the answer is read when it is whole.
func (w *response) FlushError() error { return nil }
