package engine

import (
	"net/http"
	"strings"
)

const deflate = "permessage-deflate"

// acceptDeflate returns the extension that replies to the first acceptable offer of
// permessage-deflate, and whether there is one (RFC 7692, sections 5.1 and 7.1). It
// declines an offer with a parameter that is unknown, given twice or has a wrong value. The
// offers end where the header breaks the grammar of RFC 6455, section 9.1.
func acceptDeflate(h http.Header) (extension string, ok bool) {
	s := extensionScanner{strings.Join(h["Sec-Websocket-Extensions"], ",")}
	for {
		name, parameters, valid := s.readOffer()
		if !valid {
			return "", false
		}
		if name == deflate {
			if extension, ok = acceptOffer(parameters); ok {
				return extension, true
			}
		}
	}
}

// acceptOffer returns the extension that replies to one offer of permessage-deflate.
func acceptOffer(parameters []extensionParam) (extension string, ok bool) {
	extension = deflate + "; server_no_context_takeover; client_no_context_takeover"
	given := make(map[string]bool, len(parameters))
	for _, p := range parameters {
		ok := false
		switch p.name {
		case "server_no_context_takeover", "client_no_context_takeover":
			ok = !p.hasValue
		case "client_max_window_bits":
			ok = !p.hasValue || isWindowBits(p.value)
		case "server_max_window_bits":
			// Go's compressor has the largest window only.
			ok = p.value == "15"
			extension += "; server_max_window_bits=15"
		}
		if !ok || given[p.name] {
			return "", false
		}
		given[p.name] = true
	}
	return extension, true
}

// isWindowBits reports whether a value is a number from 8 to 15 without leading zeros.
func isWindowBits(value string) bool {
	switch value {
	case "8", "9", "10", "11", "12", "13", "14", "15":
		return true
	}
	return false
}

// extensionParam is one parameter of an extension. Its value is without quotes.
type extensionParam struct {
	name, value string
	hasValue    bool
}

// extensionScanner reads a Sec-WebSocket-Extensions header.
type extensionScanner struct{ rest string }

// readOffer reads the next extension. ok is false at the header's end, and where it
// breaks the grammar.
func (s *extensionScanner) readOffer() (name string, parameters []extensionParam, ok bool) {
	for s.skipByte(',') {
	}
	if name, ok = s.readToken(); !ok {
		return "", nil, false
	}
	for s.skipByte(';') {
		var p extensionParam
		if p.name, ok = s.readToken(); !ok {
			return "", nil, false
		}
		if p.hasValue = s.skipByte('='); p.hasValue {
			if p.value, ok = s.readValue(); !ok {
				return "", nil, false
			}
		}
		parameters = append(parameters, p)
	}
	s.skipSpace()
	return name, parameters, s.rest == "" || s.rest[0] == ','
}

func (s *extensionScanner) skipSpace() { s.rest = strings.TrimLeft(s.rest, " \t") }

// skipByte skips c, with the spaces before it, and reports whether it was there.
func (s *extensionScanner) skipByte(c byte) bool {
	s.skipSpace()
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *extensionScanner) readToken() (readToken string, ok bool) {
	s.skipSpace()
	n := 0
	for n < len(s.rest) && isTokenByte(s.rest[n]) {
		n++
	}
	readToken, s.rest = s.rest[:n], s.rest[n:]
	return readToken, n > 0
}

// readValue reads a token, with or without quotes.
func (s *extensionScanner) readValue() (readValue string, ok bool) {
	if !s.skipByte('"') {
		return s.readToken()
	}
	var unquoted strings.Builder
	for i := 0; i < len(s.rest); i++ {
		c := s.rest[i]
		if c == '"' {
			s.rest = s.rest[i+1:]
			return unquoted.String(), unquoted.Len() > 0
		}
		if c == '\\' && i+1 < len(s.rest) {
			i++
			c = s.rest[i]
		}
		if !isTokenByte(c) {
			return "", false
		}
		unquoted.WriteByte(c)
	}
	return "", false
}

// isTokenByte reports whether a byte may stand in a token (RFC 9110, section 5.6.2).
func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
