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

// defaultLeeway is what clocks may differ by.
const defaultLeeway = 30 * time.Second

// Handler verifies a JSON Web Token (RFC 7519) and keeps its claims: they are
// {jwt.CLAIM…} for the handlers that follow, and for all later events of the socket.
// Without a valid token a client that connects gets the connect error "token
// missing", "token expired" or "invalid token", and one that emitted an event gets
// that as the acknowledgement {"error": …}, if it asked for one. Why a token is
// invalid is in the log, at debug level.
//
// Exactly one of Secret, PublicKey and JWKS says how tokens are signed. The
// algorithms that a token may name follow from the key, so that none can be chosen by
// the client, and "none" is never one of them:
//
// | Key | Algorithms |
// |---|---|
// | secret | HS256, and HS384 and HS512 if it is as long as their hash |
// | RSA, 2048 bits or more | RS256, RS384, RS512, PS256, PS384, PS512 |
// | ECDSA | ES256, ES384 or ES512, as its curve is P-256, P-384 or P-521 |
// | Ed25519 | EdDSA |
//
// The handler may stand in other events than connect too: there a client can bring a
// newer token.
type Handler struct {
	// From are the places that the token may be in, with placeholders. The first
	// that is not empty counts; a leading "Bearer " is taken off. Default:
	// {socket.auth.token}.
	From []string `json:"from,omitempty"`
	// Secret is what tokens are signed with by HMAC: 32 bytes or more.
	// Placeholders that need no request, like {env.*} and {file.*}, are supported.
	Secret string `json:"secret,omitempty"`
	// PublicKey is the name of a PEM file with one or more public keys or
	// certificates. Placeholders as in Secret.
	PublicKey string `json:"public_key,omitempty"`
	// JWKS is a set of public keys (RFC 7517): the name of a file, or an https
	// URL; to this host, http will do. It is fetched when the first token is to
	// be verified, and again each 15 minutes and when a token names a key that
	// is not in it. Old keys are used while it can't be fetched; without any,
	// the client's connection is closed, so that it tries again. Placeholders as
	// in Secret.
	JWKS string `json:"jwks,omitempty"`
	// Algorithms are those that tokens may be signed by. Default: all that the
	// key is good for.
	Algorithms []string `json:"algorithms,omitempty"`
	// Issuer are the issuers that tokens may be from, the claim iss.
	// Placeholders as in Secret. Default: any.
	Issuer []string `json:"issuer,omitempty"`
	// Audience are audiences, one of which tokens must be for, the claim aud.
	// Placeholders as in Secret. Default: any.
	Audience []string `json:"audience,omitempty"`
	// Leeway is what the clocks of the issuer and of this server may differ by,
	// when the claims exp, nbf and iat are checked. Each of them that a token has
	// must be a finite number. Default: 30s.
	Leeway *caddy.Duration `json:"leeway,omitempty"`
	// CloseOnExpiry disconnects the socket when its token expires, at the time of
	// the claim exp, unless it has brought a newer one by then. The leeway does not
	// extend this time: it is for the verification of tokens. A token that was
	// accepted within the leeway after exp disconnects the socket when the leeway
	// is over. A token without exp never does.
	CloseOnExpiry bool `json:"close_on_expiry,omitempty"`

	from     []placeholder.Text
	verifier verifier
	// pooled is the URL that this instance holds the keys of, if any.
	pooled string
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.jwt", New: func() caddy.Module { return new(Handler) }}
}

// Provision reads the keys that are in files. Nothing is fetched yet.
func (j *Handler) Provision(caddy.Context) error {
	if err := j.compile(); err != nil {
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
	if j.verifier.keys, err = j.load(); err != nil {
		return err
	}
	j.verifier.algorithms = j.algorithms()
	return j.usable()
}

// compile checks what can be checked without the keys.
func (j *Handler) compile() error {
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
	if err := j.checkPlain(); err != nil {
		return err
	}
	return j.checkAlgorithms()
}

// checkPlain checks settings without placeholders, so that an error in them has a
// line in the Caddyfile.
func (j *Handler) checkPlain() error {
	plain := func(text string) bool { return text != "" && !strings.ContainsAny(text, "{}") }
	if plain(j.Secret) {
		_, err := secretKeys(j.Secret)
		return err
	}
	if plain(j.JWKS) && strings.Contains(j.JWKS, "://") {
		return checkURL(j.JWKS)
	}
	return nil
}

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

// algorithms are those that a token's header may name.
func (j *Handler) algorithms() []jose.SignatureAlgorithm {
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

// load makes the source of keys.
func (j *Handler) load() (keySource, error) {
	switch {
	case j.Secret != "":
		secret, err := resolveSetting("secret", j.Secret)
		if err != nil {
			return nil, err
		}
		return secretKeys(secret)
	case j.PublicKey != "":
		name, err := resolveSetting("public_key", j.PublicKey)
		if err != nil {
			return nil, err
		}
		return pemFile(name)
	}
	place, err := resolveSetting("jwks", j.JWKS)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(place, "://") {
		return jwksFile(place)
	}
	if err := checkURL(place); err != nil {
		return nil, err
	}
	source, err := openRemote(place)
	if err == nil {
		j.pooled = place
	}
	return source, err
}

// usable refuses a config by which no token could be valid.
func (j *Handler) usable() error {
	keys, ok := j.verifier.keys.(staticKeys)
	if !ok {
		return nil // they are not known yet
	}
	for _, alg := range j.verifier.algorithms {
		if len(keys.find("", alg)) > 0 {
			return nil
		}
	}
	return fmt.Errorf("algorithms: the key is not good for %s", strings.Join(algorithmNames(j.verifier.algorithms), ", "))
}

// Cleanup lets go of the keys.
func (j *Handler) Cleanup() error {
	if j.pooled == "" {
		return nil
	}
	_, err := remotes.Delete(j.pooled)
	return err
}

// resolveSetting replaces placeholders that need no request.
func resolveSetting(option, text string) (string, error) {
	value, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	return value, nil
}

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

// HandleEvent verifies the token and keeps its claims.
func (j *Handler) HandleEvent(ctx context.Context, ev *hub.Event) error {
	text := j.token(ev)
	t, err := j.verifier.verify(ctx, text, time.Now())
	if err != nil {
		return err
	}
	ev.SetValue(placeholder.Claims, t.claims)
	if ev.HasRecovery() {
		ev.AddIdentity(hub.Identity{Source: placeholder.Claims, Subject: subjectOf(t.claims), Token: text})
	}
	expiries.set(ev.Socket, j.deadline(t, time.Now()), j.CloseOnExpiry)
	return nil
}

// Gate marks the handler as one that decides who is let in.
func (*Handler) Gate() {}

// Identify verifies the token of a client that comes back, and adds its subject to the
// socket's identity.
func (j *Handler) Identify(ctx context.Context, ev *hub.Event) error { return j.HandleEvent(ctx, ev) }

// token returns what the first place has that is not empty.
func (j *Handler) token(ev *hub.Event) string {
	for _, t := range j.from {
		if token := bare(t.For(ev)); token != "" {
			return token
		}
	}
	return ""
}

// bare takes the scheme of an Authorization header off.
func bare(text string) string {
	const scheme = "bearer "
	text = strings.TrimSpace(text)
	if len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		return strings.TrimSpace(text[len(scheme):])
	}
	return text
}

// deadline returns the time at which a token that was accepted now disconnects its
// socket: the claim exp, or the end of the leeway after it if exp has passed. It is
// zero for a token that never expires.
func (j *Handler) deadline(t token, now time.Time) time.Time {
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
