package handshake_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
)

// captureTLS captures a request over TLS, and returns the state that handlers see later.
func captureTLS(state tls.ConnectionState) *tls.ConnectionState {
	r := httptest.NewRequest(http.MethodGet, "https://h/socket.io/", nil)
	r.TLS = &state
	return handshake.Capture(r, r.Header, nil, "/socket.io/").New(context.Background()).TLS
}

// TestConnectionsShareTLSState captures connections whose TLS state differs in one
// placeholder, and others that are alike.
func TestConnectionsShareTLSState(t *testing.T) {
	base := tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, CipherSuite: tls.TLS_AES_128_GCM_SHA256, ServerName: "a.test"}
	for name, change := range map[string]func(*tls.ConnectionState){
		"none":        func(*tls.ConnectionState) {},
		"version":     func(s *tls.ConnectionState) { s.Version = tls.VersionTLS12 },
		"early data":  func(s *tls.ConnectionState) { s.HandshakeComplete = false },
		"resumed":     func(s *tls.ConnectionState) { s.DidResume = true },
		"cipher":      func(s *tls.ConnectionState) { s.CipherSuite = tls.TLS_AES_256_GCM_SHA384 },
		"protocol":    func(s *tls.ConnectionState) { s.NegotiatedProtocol = "http/1.1" },
		"server name": func(s *tls.ConnectionState) { s.ServerName = "b.test" },
		"ECH":         func(s *tls.ConnectionState) { s.ECHAccepted = true },
		"certificate": func(s *tls.ConnectionState) { s.PeerCertificates = []*x509.Certificate{{}} },
	} {
		t.Run(name, func(t *testing.T) {
			want := base
			change(&want)
			before, got, again := captureTLS(base), captureTLS(want), captureTLS(want)
			if got.Version != want.Version || got.HandshakeComplete != want.HandshakeComplete || got.DidResume != want.DidResume ||
				got.CipherSuite != want.CipherSuite || got.NegotiatedProtocol != want.NegotiatedProtocol || got.ServerName != want.ServerName ||
				got.ECHAccepted != want.ECHAccepted || len(got.PeerCertificates) != len(want.PeerCertificates) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if shared := got == before; shared != (name == "none") {
				t.Errorf("it shares the state of another connection: %t", shared)
			}
			if shared := again == got; shared != (name != "certificate") {
				t.Errorf("like connections share their state: %t", shared)
			}
		})
	}
}
