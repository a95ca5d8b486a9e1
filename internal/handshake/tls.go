package handshake

import (
	"crypto/tls"
	"sync/atomic"
)

// latestTLS is the latest state that keepTLS has made.
var latestTLS atomic.Pointer[tls.ConnectionState]

// keepTLS returns the part of a TLS state that placeholders show. Connections without a
// client's certificate are much alike, so that successive ones share one state.
func keepTLS(s *tls.ConnectionState) *tls.ConnectionState {
	if s == nil || len(s.PeerCertificates) > 0 {
		return s
	}
	if latest := latestTLS.Load(); latest != nil && hasSamePlaceholders(latest, s) {
		return latest
	}
	kept := &tls.ConnectionState{
		Version: s.Version, HandshakeComplete: s.HandshakeComplete, DidResume: s.DidResume, CipherSuite: s.CipherSuite,
		NegotiatedProtocol: s.NegotiatedProtocol, ServerName: s.ServerName, ECHAccepted: s.ECHAccepted,
	}
	latestTLS.Store(kept)
	return kept
}

// hasSamePlaceholders reports whether the placeholders of two states without a client's
// certificate have the same values.
func hasSamePlaceholders(a, b *tls.ConnectionState) bool {
	return a.Version == b.Version && a.HandshakeComplete == b.HandshakeComplete && a.DidResume == b.DidResume &&
		a.CipherSuite == b.CipherSuite && a.NegotiatedProtocol == b.NegotiatedProtocol && a.ServerName == b.ServerName &&
		a.ECHAccepted == b.ECHAccepted
}
