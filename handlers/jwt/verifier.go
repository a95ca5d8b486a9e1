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

// maxToken is the size of the longest token, in bytes. HTTP headers, in which tokens
// usually travel, are not longer.
const maxToken = 16 << 10

// Errors that clients read. They do not say why a token is invalid.
var (
	errTokenMissing = &hub.ClientError{Message: "token missing"}
	errTokenExpired = &hub.ClientError{Message: "token expired"}
	errTokenInvalid = &hub.ClientError{Message: "invalid token", FailedAttempt: true}
)

// verifier verifies tokens. It is safe for concurrent use.
type verifier struct {
	keys               keySource
	algorithms         []jose.SignatureAlgorithm // accepted in a header
	issuers, audiences []string                  // empty for any
	leeway             time.Duration
}

// verifiedToken is the content of a token that was verified.
type verifiedToken struct {
	claims sio.Data
	expiry time.Time // zero for a token without exp
}

// verifyToken verifies a token and returns its claims. The error is a [hub.ClientError]
// with the reason for the log, or a [hub.Outage] if there are no keys.
func (v *verifier) verifyToken(ctx context.Context, text string, now time.Time) (verifiedToken, error) {
	if text == "" {
		return verifiedToken{}, errTokenMissing
	}
	if len(text) > maxToken {
		return verifiedToken{}, invalidToken(fmt.Errorf("it has %d bytes, the limit is %d", len(text), maxToken))
	}
	parsed, err := jwt.ParseSigned(text, v.algorithms)
	if _, ok := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); ok {
		return verifiedToken{}, invalidToken(errAlgorithm)
	}
	if err != nil {
		return verifiedToken{}, invalidToken(err)
	}
	header := parsed.Headers[0]
	if err := checkHeader(header); err != nil {
		return verifiedToken{}, invalidToken(err)
	}
	keys, err := v.keys.keysFor(ctx, header.KeyID, jose.SignatureAlgorithm(header.Algorithm))
	if err != nil {
		return verifiedToken{}, &hub.Outage{Err: err}
	}
	claims, raw, err := openToken(parsed, keys)
	if err != nil {
		return verifiedToken{}, invalidToken(err)
	}
	if err := v.checkClaims(claims, now); err != nil {
		return verifiedToken{}, err
	}
	data, err := sio.Marshal(raw)
	if err != nil {
		return verifiedToken{}, invalidToken(err)
	}
	if data.HasLoneSurrogate() {
		return verifiedToken{}, invalidToken(errHalfCharacter)
	}
	return verifiedToken{claims: data, expiry: claims.Expiry.Time()}, nil
}

// invalidToken returns errTokenInvalid with a reason for the log.
func invalidToken(why error) error { return fmt.Errorf("%w: %w", errTokenInvalid, why) }

var (
	errNoKey     = errors.New("there is no key for it")
	errNoObject  = errors.New("its claims are no JSON object")
	errAlgorithm = errors.New("its algorithm is not one of the option algorithms") // its name may be any text
	// Names of two users that differ in such a half only would become one name.
	errHalfCharacter = errors.New("its claims have half of a surrogate pair")
)

// checkHeader refuses headers that change how a token is read. RFC 7515, section 4.1.11
// (crit): extensions that the reader must support; none is supported. RFC 7797, section
// 7 (b64): tokens must not have claims without base64.
func checkHeader(h jose.Header) error {
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, ok := h.ExtraHeaders[name]; ok {
			return fmt.Errorf("its header has %s", name)
		}
	}
	return nil
}

// openToken returns the claims of a token that is signed with one of the keys.
func openToken(parsed *jwt.JSONWebToken, keys []verificationKey) (claims jwt.Claims, raw json.RawMessage, err error) {
	err = errNoKey
	for _, k := range keys {
		// The map makes the parser refuse duplicate keys at any depth.
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

// checkNull refuses registered claims that are null. The parser takes null for a
// missing claim, and JSON.stringify writes null for NaN: a token with a miscalculated
// exp would never expire.
func checkNull(claims map[string]any) error {
	for _, name := range []string{"exp", "nbf", "iat", "iss", "sub", "aud", "jti"} {
		if value, ok := claims[name]; ok && value == nil {
			return fmt.Errorf("its claim %s is null", name)
		}
	}
	return nil
}

// checkClaims checks the issuer, the audience and the times of a token.
func (v *verifier) checkClaims(c jwt.Claims, now time.Time) error {
	if len(v.issuers) > 0 && !slices.Contains(v.issuers, c.Issuer) {
		return invalidToken(jwt.ErrInvalidIssuer)
	}
	expected := jwt.Expected{AnyAudience: v.audiences, Time: now}
	err := c.ValidateWithLeeway(expected, v.leeway)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return fmt.Errorf("%w: %w", errTokenExpired, err)
	case err != nil:
		return invalidToken(err)
	}
	return nil
}
