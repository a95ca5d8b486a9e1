package engine_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// serveTCP serves over real sockets.
func serveTCP(t testing.TB, w *world) {
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url, w.dial = server.Listener.Addr().String(), (&net.Dialer{}).DialContext
	w.http = &http.Client{Transport: &http.Transport{}}
	t.Cleanup(w.http.CloseIdleConnections)
}
