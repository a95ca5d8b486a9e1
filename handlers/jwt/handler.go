package jwt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/go-jose/go-jose/v4"
)

func init() { caddy.RegisterModule(Handler{}) }

// defaultLeeway is the default of [Handler.Leeway].
const defaultLeeway = 30 * time.Second

// Handler verifies a JSON Web Token (RFC 7519) and keeps its claims: {jwt.CLAIM…} for
// the handlers that follow, and for all later events of the socket. Without a valid
// token a client that connects gets the connect error "token missing", "token expired"
// or "invalid token". On any other event the acknowledgement is {"error": …} with that
// text, if the client asked for one. The log has the reason, at debug level.
//
// Exactly one of Secret, PublicKey and JWKS gives the keys. The algorithms that a token
// may name follow from the key, so that a client can't choose one. The algorithm "none"
// is never accepted:
//
// | Key | Algorithms |
// |---|---|
// | secret | HS256, and HS384 and HS512 if it is as long as their hash |
// | RSA, 2048 bits or more | RS256, RS384, RS512, PS256, PS384, PS512 |
// | ECDSA | ES256, ES384 or ES512, as its curve is P-256, P-384 or P-521 |
// | Ed25519 | EdDSA |
//
// The handler works in rules for events other than connect too: there a client can send
// a newer token.
type Handler struct {
	// From are texts with placeholders in which the token may be. The first that is not
	// empty counts, without a leading "Bearer ". Default: {socket.auth.token}.
	From []string `json:"from,omitempty"`
	// Secret is the HMAC key that tokens are signed with: 32 bytes or more.
	// Placeholders that need no request are supported, like {env.*} and {file.*}.
	Secret string `json:"secret,omitempty"`
	// PublicKey is the name of a PEM file with one or more public keys or
	// certificates. Placeholders as in Secret.
	PublicKey string `json:"public_key,omitempty"`
	// JWKS is a set of public keys (RFC 7517): the name of a file, or an https URL. For
	// the local host, http is accepted too. The set is fetched when the first token is
	// verified. It is fetched again after 15 minutes, and when a token names a key that
	// is not in it. Old keys are used while fetching fails. Without any keys the
	// client's connection is closed, so that the client tries again. Placeholders as in
	// Secret.
	JWKS string `json:"jwks,omitempty"`
	// Algorithms are the algorithms that tokens may be signed by. Default: all that fit
	// the key.
	Algorithms []string `json:"algorithms,omitempty"`
	// Issuer are the accepted values of the claim iss. Placeholders as in Secret.
	// Default: any.
	Issuer []string `json:"issuer,omitempty"`
	// Audience are the accepted audiences: the claim aud must have one of them.
	// Placeholders as in Secret. Default: any.
	Audience []string `json:"audience,omitempty"`
	// Leeway is the accepted difference between the issuer's clock and this node's,
	// when the claims exp, nbf and iat are checked. Each of them that a token has must
	// be a finite number. Default: 30s.
	Leeway *caddy.Duration `json:"leeway,omitempty"`
	// CloseOnExpiry disconnects the socket at the time of the claim exp, unless the
	// client has sent a newer token before. The leeway does not extend this time. A
	// token that was accepted within the leeway after exp disconnects the socket when
	// the leeway is over. A token without exp never does. Default: false.
	CloseOnExpiry bool `json:"close_on_expiry,omitempty"`

	from     []placeholder.Text
	verifier verifier
	// pooledURL is the URL whose keys this instance holds in remoteKeySets; empty for
	// none.
	pooledURL string
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.jwt", New: func() caddy.Module { return new(Handler) }}
}

// Provision reads keys from files. Keys of a URL are fetched later, for the first
// token.
func (j *Handler) Provision(caddy.Context) error {
	if err := j.checkSettings(); err != nil {
		return err
	}
	j.verifier = verifier{leeway: defaultLeeway}
	if j.Leeway != nil {
		j.verifier.leeway = time.Duration(*j.Leeway)
	}
	var err error
	if j.verifier.issuers, err = resolveSettings("issuer", j.Issuer); err != nil {
		return err
	}
	if j.verifier.audiences, err = resolveSettings("audience", j.Audience); err != nil {
		return err
	}
	if j.verifier.keys, err = j.loadKeys(); err != nil {
		return err
	}
	j.verifier.algorithms = j.acceptedAlgorithms()
	return j.checkUsable()
}

// checkSettings checks the settings that need no keys.
func (j *Handler) checkSettings() error {
	from := j.From
	if len(from) == 0 {
		from = []string{"{socket.auth.token}"}
	}
	j.from = nil
	for _, place := range from {
		t, err := placeholder.NewText(place)
		if err != nil {
			return fmt.Errorf("from: %w", err)
		}
		j.from = append(j.from, t)
	}
	given := 0
	for _, source := range []string{j.Secret, j.PublicKey, j.JWKS} {
		if source != "" {
			given++
		}
	}
	if given != 1 {
		return errors.New("expected exactly one of secret, public_key and jwks")
	}
	if j.Leeway != nil && *j.Leeway < 0 {
		return errors.New("leeway: expected a duration that is not negative, like 30s")
	}
	if err := j.checkWithoutPlaceholders(); err != nil {
		return err
	}
	return j.checkAlgorithms()
}

// checkWithoutPlaceholders checks a key without placeholders. Its error then has a line
// of the Caddyfile.
func (j *Handler) checkWithoutPlaceholders() error {
	plain := func(text string) bool { return text != "" && !strings.ContainsAny(text, "{}") }
	if plain(j.Secret) {
		_, err := newSecretKeys(j.Secret)
		return err
	}
	if plain(j.JWKS) && strings.Contains(j.JWKS, "://") {
		return checkKeysURL(j.JWKS)
	}
	return nil
}

// checkAlgorithms refuses algorithms that do not fit the kind of the key.
func (j *Handler) checkAlgorithms() error {
	possible := asymmetric
	if j.Secret != "" {
		possible = symmetric
	}
	for _, name := range j.Algorithms {
		if !hasAlgorithm(possible, name) {
			return fmt.Errorf("algorithms: unexpected %q: expected one of %s", name, strings.Join(algorithmNames(possible), ", "))
		}
	}
	return nil
}

// acceptedAlgorithms returns the algorithms that a token's header may name.
func (j *Handler) acceptedAlgorithms() []jose.SignatureAlgorithm {
	switch {
	case len(j.Algorithms) > 0:
		var list []jose.SignatureAlgorithm
		for _, name := range j.Algorithms {
			list = append(list, jose.SignatureAlgorithm(name))
		}
		return list
	case j.Secret != "":
		return symmetric
	}
	return asymmetric
}

// loadKeys returns the source of keys that is configured.
func (j *Handler) loadKeys() (keySource, error) {
	switch {
	case j.Secret != "":
		secret, err := resolveSetting("secret", j.Secret)
		if err != nil {
			return nil, err
		}
		return newSecretKeys(secret)
	case j.PublicKey != "":
		name, err := resolveSetting("public_key", j.PublicKey)
		if err != nil {
			return nil, err
		}
		return readPEMFile(name)
	}
	place, err := resolveSetting("jwks", j.JWKS)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(place, "://") {
		return readJWKSFile(place)
	}
	if err := checkKeysURL(place); err != nil {
		return nil, err
	}
	source, err := openRemoteKeys(place)
	if err == nil {
		j.pooledURL = place
	}
	return source, err
}

// checkUsable refuses a config in which no key fits an accepted algorithm.
func (j *Handler) checkUsable() error {
	keys, ok := j.verifier.keys.(staticKeys)
	if !ok {
		return nil // keys of a URL are not fetched yet
	}
	for _, alg := range j.verifier.algorithms {
		if len(keys.findKeys("", alg)) > 0 {
			return nil
		}
	}
	return fmt.Errorf("algorithms: the key is not good for %s", strings.Join(algorithmNames(j.verifier.algorithms), ", "))
}

// Cleanup releases the keys of a URL.
func (j *Handler) Cleanup() error {
	if j.pooledURL == "" {
		return nil
	}
	_, err := remoteKeySets.Delete(j.pooledURL)
	return err
}

// resolveSetting replaces the placeholders of a setting, which need no request. The
// error names the option.
func resolveSetting(option, text string) (string, error) {
	value, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	return value, nil
}

// resolveSettings resolves each text of an option. The error names the option.
func resolveSettings(option string, texts []string) ([]string, error) {
	var values []string
	for _, text := range texts {
		value, err := resolveSetting(option, text)
		if err != nil {
			return nil, err
		}
		if value == "" {
			return nil, fmt.Errorf("%s: expected a value that is not empty", option)
		}
		values = append(values, value)
	}
	return values, nil
}

// HandleEvent verifies the token and keeps its claims. The error is a [hub.ClientError]
// or a [hub.Outage].
func (j *Handler) HandleEvent(ctx context.Context, ev *hub.Event) error {
	text := j.findToken(ev)
	t, err := j.verifier.verifyToken(ctx, text, time.Now())
	if err != nil {
		return err
	}
	ev.SetValue(placeholder.Claims, t.claims)
	if ev.HasRecovery() {
		ev.AddIdentity(hub.Identity{Source: placeholder.Claims, Subject: subjectOf(t.claims), Token: text})
	}
	expiries.setTime(ev.Socket, j.disconnectTime(t, time.Now()), j.CloseOnExpiry)
	return nil
}

// Gate marks the handler as one that may refuse clients.
func (*Handler) Gate() {}

// Identify verifies the token of a client that recovers its socket, and adds the
// token's subject to the socket's identity.
func (j *Handler) Identify(ctx context.Context, ev *hub.Event) error { return j.HandleEvent(ctx, ev) }

// findToken returns the first text of From that is not empty for an event.
func (j *Handler) findToken(ev *hub.Event) string {
	for _, t := range j.from {
		if token := trimScheme(t.For(ev)); token != "" {
			return token
		}
	}
	return ""
}

// trimScheme removes the scheme Bearer of an Authorization header.
func trimScheme(text string) string {
	const scheme = "bearer "
	text = strings.TrimSpace(text)
	if len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		return strings.TrimSpace(text[len(scheme):])
	}
	return text
}

// disconnectTime returns the time at which a token accepted now disconnects its socket:
// the claim exp or, if exp has passed, exp plus the leeway. It is zero for a token
// without exp.
func (j *Handler) disconnectTime(t verifiedToken, now time.Time) time.Time {
	if t.expiry.IsZero() || t.expiry.After(now) {
		return t.expiry
	}
	return t.expiry.Add(j.verifier.leeway)
}

var (
	_ hub.Gate              = (*Handler)(nil)
	_ hub.Identifier        = (*Handler)(nil)
	_ caddy.Provisioner     = (*Handler)(nil)
	_ caddy.CleanerUpper    = (*Handler)(nil)
	_ caddyfile.Unmarshaler = (*Handler)(nil)
)
