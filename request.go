package socketio

import (
	"net"
	"net/http"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// serveEngine serves a request on the handler's path. A session or a WebSocket outlives
// the request. It holds neither the request, nor the writer, nor the handler.
func (h *Handler) serveEngine(w http.ResponseWriter, r *http.Request, query *engine.Query) {
	q := &engine.Request{
		W: w, R: r, Query: query, Address: clientAddress(r), Secure: isSecure(r), Done: h.retired, AbortWrite: newWriteGuard(w, r).endWrites,
	}
	if h.server != nil && h.server.Logs != nil {
		q.OnSession = addLogFields(r)
	}
	if !query.NamesSession() {
		q.Header = engine.KeptHeader(r.Header)
		captured := handshake.Capture(r, q.Header, h.capturedKeys, h.Path)
		// Behind the PROXY protocol, for instance, the local address is not the listener's.
		captured.Unplaced = !h.covers(&engine.Handshake{Context: captured})
		q.Context = captured
	}
	if limit := writeTimeout(r); limit > 0 {
		// A poll needs its response before the server's write timeout. That is also
		// soon enough after a reload.
		expired := make(chan struct{})
		timer := time.AfterFunc(limit*8/10, func() { close(expired) })
		defer timer.Stop()
		q.Done = expired
	}
	if opensStream(r) {
		defer convertStreamRequest(q)()
	} else if r.Header["Upgrade"] != nil {
		q.Hijack = newHijackFunc(w, r)
	}
	h.hub.Serve(h.route, q)
}

// clientAddress returns the client's IP address. Trusted proxies can set it.
func clientAddress(r *http.Request) string {
	if ip, ok := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string); ok && ip != "" {
		return ip
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// isSecure reports whether the client's connection is encrypted. Trusted proxies can set
// it.
func isSecure(r *http.Request) bool {
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		if proto := r.Header.Get("X-Forwarded-Proto"); proto != "" {
			return proto == "https" || proto == "wss"
		}
	}
	return r.TLS != nil
}

func writeTimeout(r *http.Request) time.Duration {
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return 0
	}
	return time.Duration(server.WriteTimeout)
}
