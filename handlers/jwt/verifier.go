package jwt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// maxToken is how many bytes a token may have. No header that it usually travels in
// takes more.
const maxToken = 16 << 10

// What a client may read: little.
var (
	errTokenMissing = &hub.ClientError{Message: "token missing"}
	errTokenExpired = &hub.ClientError{Message: "token expired"}
	errTokenInvalid = &hub.ClientError{Message: "invalid token"}
)

// verifier verifies tokens. It is safe for concurrent use.
type verifier struct {
	keys               keySource
	algorithms         []jose.SignatureAlgorithm // that a header may name
	issuers, audiences []string                  // empty: any
	leeway             time.Duration
}

// token is one that was verified.
type token struct {
	claims sio.Data
	expiry time.Time // zero when it never expires
}

// verify returns what a valid token says. The error is a [hub.ClientError], with the
// reason for the log, or a [hub.Outage] when the keys can't be had.
func (v *verifier) verify(ctx context.Context, text string, now time.Time) (token, error) {
	if text == "" {
		return token{}, errTokenMissing
	}
	if len(text) > maxToken {
		return token{}, invalid(fmt.Errorf("it has %d bytes, the limit is %d", len(text), maxToken))
	}
	parsed, err := jwt.ParseSigned(text, v.algorithms)
	if err != nil {
		return token{}, invalid(err)
	}
	header := parsed.Headers[0]
	if err := checkHeader(header); err != nil {
		return token{}, invalid(err)
	}
	keys, err := v.keys.keysFor(ctx, header.KeyID, jose.SignatureAlgorithm(header.Algorithm))
	if err != nil {
		return token{}, &hub.Outage{Err: err}
	}
	claims, raw, err := openToken(parsed, keys)
	if err != nil {
		return token{}, invalid(err)
	}
	if err := v.check(claims, now); err != nil {
		return token{}, err
	}
	data, err := sio.Marshal(raw)
	if err != nil {
		return token{}, invalid(err)
	}
	if data.HasLoneSurrogate() {
		return token{}, invalid(errHalfCharacter)
	}
	return token{claims: data, expiry: claims.Expiry.Time()}, nil
}

func invalid(why error) error { return fmt.Errorf("%w: %w", errTokenInvalid, why) }

var (
	errNoKey    = errors.New("there is no key for it")
	errNoObject = errors.New("its claims are no JSON object")
	// The names of two users that differ in such a half only would be one name.
	errHalfCharacter = errors.New("its claims have half of a surrogate pair")
)

// checkHeader refuses headers that change how a token is read: extensions that the
// reader must support (RFC 7515, 4.1.11), as we support none, and claims without base64,
// which tokens must not have (RFC 7797, 7).
func checkHeader(h jose.Header) error {
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, ok := h.ExtraHeaders[name]; ok {
			return fmt.Errorf("its header has %s", name)
		}
	}
	return nil
}

// openToken returns the claims, if the token is signed with one of the keys.
func openToken(parsed *jwt.JSONWebToken, keys []jwtKey) (claims jwt.Claims, raw json.RawMessage, err error) {
	err = errNoKey
	for _, k := range keys {
		// The map makes the parser refuse a key that is there twice, at any depth.
		var all map[string]any
		claims, raw = jwt.Claims{}, nil
		if err = parsed.Claims(k.key, &claims, &raw, &all); err != nil {
			continue
		}
		if all == nil {
			return claims, raw, errNoObject
		}
		return claims, raw, checkNull(all)
	}
	return claims, raw, err
}

// checkNull refuses registered claims that are null. The parser takes null for a claim
// that is missing, and JSON.stringify writes null for NaN: a token whose exp was
// miscalculated would never expire.
func checkNull(claims map[string]any) error {
	for _, name := range []string{"exp", "nbf", "iat", "iss", "sub", "aud", "jti"} {
		if value, ok := claims[name]; ok && value == nil {
			return fmt.Errorf("its claim %s is null", name)
		}
	}
	return nil
}

// check says whether a token that is authentic is for us, and now.
func (v *verifier) check(c jwt.Claims, now time.Time) error {
	if len(v.issuers) > 0 && !slices.Contains(v.issuers, c.Issuer) {
		return invalid(jwt.ErrInvalidIssuer)
	}
	expected := jwt.Expected{AnyAudience: v.audiences, Time: now}
	err := c.ValidateWithLeeway(expected, v.leeway)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return fmt.Errorf("%w: %w", errTokenExpired, err)
	case err != nil:
		return invalid(err)
	}
	return nil
}
