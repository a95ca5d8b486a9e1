package jwt

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/caddyserver/caddy/v2"
	"github.com/go-jose/go-jose/v4"
)

const testSecret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// testKeys are a private key of each kind.
var testKeys = sync.OnceValue(func() map[string]crypto.Signer {
	must := func(k crypto.Signer, err error) crypto.Signer {
		if err != nil {
			panic(err)
		}
		return k
	}
	ec := func(c elliptic.Curve) crypto.Signer { k, err := ecdsa.GenerateKey(c, rand.Reader); return must(k, err) }
	bits := func(n int) crypto.Signer { k, err := rsa.GenerateKey(rand.Reader, n); return must(k, err) }
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	return map[string]crypto.Signer{
		"rsa": bits(2048), "rsa2": bits(2048), "weak": bits(1024),
		"p256": ec(elliptic.P256()), "p384": ec(elliptic.P384()), "p521": ec(elliptic.P521()),
		"ed": must(ed, err),
	}
})

// signToken makes a token. A key id goes into its header.
func signToken(t testing.TB, alg jose.SignatureAlgorithm, key any, id, claims string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// unsignedToken makes a token of a header that no library would sign.
func unsignedToken(header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims)) + "."
}

func publicPEM(t testing.TB, keys ...string) string {
	t.Helper()
	var text []byte
	for _, name := range keys {
		der, err := x509.MarshalPKIXPublicKey(testKeys()[name].Public())
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
	}
	return writeTestFile(t, "key.pem", string(text))
}

func writeTestFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// encodeJWKS makes a JWK set of keys by their ids.
func encodeJWKS(t testing.TB, keys map[string]string) string {
	t.Helper()
	var set jose.JSONWebKeySet
	for id, name := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: testKeys()[name].Public(), KeyID: id, Use: "sig"})
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func provisionHandler(t testing.TB, j *Handler) *Handler {
	t.Helper()
	if err := j.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	return j
}

// testTime is the time of these tests.
var testTime = time.Unix(1_800_000_000, 0)

// clientMessage is the message that a client would read, or "ok".
func clientMessage(err error) string {
	if err == nil {
		return "ok"
	}
	if refusal, ok := errors.AsType[*hub.ClientError](err); ok {
		return refusal.Message
	}
	if _, ok := errors.AsType[*hub.Outage](err); ok {
		return "outage"
	}
	return err.Error()
}

func TestVerifyClaims(t *testing.T) {
	j := provisionHandler(t, &Handler{
		Secret: testSecret, Issuer: []string{"https://a.example", "https://b.example"}, Audience: []string{"chat", "news"},
	})
	for _, test := range []struct{ name, claims, want string }{
		{"all", `{"iss":"https://a.example","aud":"chat","sub":"u1","exp":1800000060,"nbf":1800000000,"iat":1800000000}`, "ok"},
		{"one audience of several", `{"iss":"https://b.example","aud":["x","news"]}`, "ok"},
		{"other issuer", `{"iss":"https://a.example/","aud":"chat"}`, "invalid token"},
		{"no issuer", `{"aud":"chat"}`, "invalid token"},
		{"other audience", `{"iss":"https://a.example","aud":["x"]}`, "invalid token"},
		{"no audience", `{"iss":"https://a.example"}`, "invalid token"},
		{"expired", `{"iss":"https://a.example","aud":"chat","exp":1799999969}`, "token expired"},
		{"expired in 1970", `{"iss":"https://a.example","aud":"chat","exp":0}`, "token expired"},
		{"expired within leeway", `{"iss":"https://a.example","aud":"chat","exp":1799999970}`, "ok"},
		{"expired, for others", `{"iss":"https://a.example","aud":"x","exp":1}`, "invalid token"},
		{"not yet", `{"iss":"https://a.example","aud":"chat","nbf":1800000031}`, "invalid token"},
		{"not yet, within leeway", `{"iss":"https://a.example","aud":"chat","nbf":1800000030}`, "ok"},
		{"of the future", `{"iss":"https://a.example","aud":"chat","iat":1800000031}`, "invalid token"},
		{"far away", `{"iss":"https://a.example","aud":"chat","exp":9e15}`, "ok"},
		{"beyond time", `{"iss":"https://a.example","aud":"chat","exp":1e300}`, "invalid token"},
		{"time as text", `{"iss":"https://a.example","aud":"chat","exp":"1800000060"}`, "invalid token"},
		{"key in another case", `{"ISS":"https://a.example","aud":"chat"}`, "invalid token"},
		{"forged binary", `{"iss":"https://a.example","aud":"chat","x":{"_placeholder":true,"num":0}}`, "invalid token"},
		{"no object", `["https://a.example"]`, "invalid token"},
		{"null", `null`, "invalid token"},
		{"no JSON", `{"iss":`, "invalid token"},
		{"half of a character", `{"iss":"https://a.example","aud":"chat","sub":"ada\ud83d"}`, "invalid token"},
		{"half of a character in a key", `{"iss":"https://a.example","aud":"chat","x":{"\udc00":1}}`, "invalid token"},
		{"whole characters", `{"iss":"https://a.example","aud":"chat","sub":"ada\ud83d\ude00"}`, "ok"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := j.verifier.verifyToken(t.Context(), signToken(t, jose.HS256, []byte(testSecret), "", test.claims), testTime)
			if got := clientMessage(err); got != test.want {
				t.Errorf("got %s (%v), want %s", got, err, test.want)
			}
		})
	}
}

func TestVerifyRefusesClaimsThatAreNoObject(t *testing.T) {
	j := provisionHandler(t, &Handler{Secret: testSecret})
	for _, claims := range []string{`null`, `[]`, `"x"`, ` {} x`} {
		if _, err := j.verifier.verifyToken(t.Context(), signToken(t, jose.HS256, []byte(testSecret), "", claims), testTime); clientMessage(err) != "invalid token" {
			t.Errorf("%s: %v", claims, err)
		}
	}
	if _, err := j.verifier.verifyToken(t.Context(), signToken(t, jose.HS256, []byte(testSecret), "", " {}"), testTime); err != nil {
		t.Error(err)
	}
}

func TestVerifyAlgorithms(t *testing.T) {
	const claims = `{"sub":"u1"}`
	keys := testKeys()
	public, err := os.ReadFile(publicPEM(t, "rsa"))
	if err != nil {
		t.Fatal(err)
	}
	secret := &Handler{Secret: testSecret}
	rsaKey := &Handler{PublicKey: publicPEM(t, "rsa")}
	set := &Handler{JWKS: writeTestFile(t, "jwks.json", encodeJWKS(t, map[string]string{"r": "rsa", "e": "p256", "d": "ed"}))}
	for _, test := range []struct {
		name  string
		jwt   *Handler
		token string
		want  string
	}{
		{"HS512", secret, signToken(t, jose.HS512, []byte(testSecret), "", claims), "ok"},
		{"HS256, other secret", secret, signToken(t, jose.HS256, []byte(strings.ToUpper(testSecret)), "", claims), "invalid token"},
		{"RS256 for a secret", secret, signToken(t, jose.RS256, keys["rsa"], "", claims), "invalid token"},
		{"none", secret, unsignedToken(`{"alg":"none"}`, claims), "invalid token"},
		{"None", secret, unsignedToken(`{"alg":"None"}`, claims), "invalid token"},
		{"none for a key", rsaKey, unsignedToken(`{"alg":"none"}`, claims), "invalid token"},
		{"no algorithm", rsaKey, unsignedToken(`{}`, claims), "invalid token"},
		{"RS256 without a signature", rsaKey, unsignedToken(`{"alg":"RS256"}`, claims), "invalid token"},
		{"RS256", rsaKey, signToken(t, jose.RS256, keys["rsa"], "any", claims), "ok"},
		{"PS512", rsaKey, signToken(t, jose.PS512, keys["rsa"], "", claims), "ok"},
		{"RS256, other key", rsaKey, signToken(t, jose.RS256, keys["rsa2"], "", claims), "invalid token"},
		{"HS256 with the public key as its secret", rsaKey, signToken(t, jose.HS256, public, "", claims), "invalid token"},
		{"ES256", &Handler{PublicKey: publicPEM(t, "p256")}, signToken(t, jose.ES256, keys["p256"], "", claims), "ok"},
		{"ES384", &Handler{PublicKey: publicPEM(t, "p384")}, signToken(t, jose.ES384, keys["p384"], "", claims), "ok"},
		{"ES512", &Handler{PublicKey: publicPEM(t, "p521")}, signToken(t, jose.ES512, keys["p521"], "", claims), "ok"},
		{"EdDSA", &Handler{PublicKey: publicPEM(t, "ed")}, signToken(t, jose.EdDSA, keys["ed"], "", claims), "ok"},
		{"second key of a file", &Handler{PublicKey: publicPEM(t, "rsa2", "rsa")}, signToken(t, jose.RS256, keys["rsa"], "", claims), "ok"},
		{"algorithm not listed", &Handler{PublicKey: publicPEM(t, "rsa"), Algorithms: []string{"PS256"}}, signToken(t, jose.RS256, keys["rsa"], "", claims), "invalid token"},
		{"set, by id", set, signToken(t, jose.ES256, keys["p256"], "e", claims), "ok"},
		{"set, without an id", set, signToken(t, jose.EdDSA, keys["ed"], "", claims), "ok"},
		{"set, id of another key", set, signToken(t, jose.ES256, keys["p256"], "r", claims), "invalid token"},
		{"set, unknown id", set, signToken(t, jose.ES256, keys["p256"], "x", claims), "invalid token"},
		{"set, HS256", set, signToken(t, jose.HS256, public, "r", claims), "invalid token"},
		{"nothing", secret, "", "token missing"},
		{"no token", secret, "x", "invalid token"},
		{"dots", secret, "...", "invalid token"},
		{"huge", secret, signToken(t, jose.HS256, []byte(testSecret), "", `{"x":"`+strings.Repeat("x", maxToken)+`"}`), "invalid token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := provisionHandler(t, test.jwt).verifier.verifyToken(t.Context(), test.token, testTime)
			if clientMessage(err) != test.want {
				t.Fatalf("got %s (%v), want %s", clientMessage(err), err, test.want)
			}
			if err == nil && string(got.claims.JSON) != claims {
				t.Errorf("claims are %s", got.claims.JSON)
			}
			if err != nil && test.token != "" && strings.Contains(err.Error(), test.token) {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
}

// A key that a token brings along is nobody's.
func TestVerifyIgnoresEmbeddedKeys(t *testing.T) {
	j := provisionHandler(t, &Handler{PublicKey: publicPEM(t, "rsa")})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: testKeys()["rsa2"]}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.verifier.verifyToken(t.Context(), text, testTime); clientMessage(err) != "invalid token" {
		t.Error(err)
	}
}

func TestJWTProvisionErrors(t *testing.T) {
	t.Setenv("JWT_TEST_SHORT", "short")
	private, err := x509.MarshalPKCS8PrivateKey(testKeys()["ed"])
	if err != nil {
		t.Fatal(err)
	}
	privatePEM := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	for _, test := range []struct {
		name string
		jwt  Handler
		want string
	}{
		{"no key", Handler{}, "exactly one of secret, public_key and jwks"},
		{"two keys", Handler{Secret: testSecret, PublicKey: "x"}, "exactly one of secret, public_key and jwks"},
		{"empty variable", Handler{Secret: "{env.JWT_TEST_NOTHING}"}, "secret: evaluated placeholder {env.JWT_TEST_NOTHING} is empty"},
		{"unknown placeholder", Handler{Secret: "{enw.JWT}"}, "secret: unrecognized placeholder {enw.JWT}"},
		{"short secret", Handler{Secret: "{env.JWT_TEST_SHORT}"}, "secret: it has 5 bytes: expected 32 or more"},
		{"secret too short for the algorithm", Handler{Secret: testSecret[:32], Algorithms: []string{"HS512"}}, "the key is not good for HS512"},
		{"none", Handler{Secret: testSecret, Algorithms: []string{"none"}}, `algorithms: unexpected "none": expected one of HS256, HS384, HS512`},
		{"RSA with a secret", Handler{Secret: testSecret, Algorithms: []string{"RS256"}}, `algorithms: unexpected "RS256"`},
		{"HMAC with a key", Handler{PublicKey: publicPEM(t, "rsa"), Algorithms: []string{"HS256"}}, `algorithms: unexpected "HS256"`},
		{"algorithm of another key", Handler{PublicKey: publicPEM(t, "rsa"), Algorithms: []string{"ES256"}}, "the key is not good for ES256"},
		{"no such file", Handler{PublicKey: "/nowhere/key.pem"}, "public_key: open /nowhere/key.pem"},
		{"no PEM", Handler{PublicKey: writeTestFile(t, "key.pem", "x")}, "expected a public key or a certificate in PEM"},
		{"private key", Handler{PublicKey: writeTestFile(t, "key.pem", privatePEM)}, "unexpected PRIVATE KEY"},
		{"weak key", Handler{PublicKey: publicPEM(t, "weak")}, "an RSA key of 1024 bits: expected 2048 or more"},
		{"no set", Handler{JWKS: writeTestFile(t, "jwks.json", `{"keys":[]}`)}, "expected a JWK set"},
		{"no JSON", Handler{JWKS: writeTestFile(t, "jwks.json", `x`)}, "expected a JWK set"},
		{"secret in a set", Handler{JWKS: writeTestFile(t, "jwks.json", `{"keys":[{"kty":"oct","k":"AAAA"}]}`)}, "expected a JWK set"},
		{"http", Handler{JWKS: "http://id.example.com/jwks.json"}, "expected an https URL"},
		{"ftp", Handler{JWKS: "ftp://127.0.0.1/jwks.json"}, "expected an https URL"},
		{"no host", Handler{JWKS: "https:///jwks.json"}, "expected an https URL"},
		{"leeway", Handler{Secret: testSecret, Leeway: new(caddy.Duration(-1))}, "leeway: expected a duration"},
		{"issuer", Handler{Secret: testSecret, Issuer: []string{""}}, "issuer: expected a value that is not empty"},
		{"audience", Handler{Secret: testSecret, Audience: []string{"{env.JWT_TEST_NOTHING}"}}, "audience: evaluated placeholder"},
		{"from", Handler{Secret: testSecret, From: []string{"{socket.token}"}}, "from: unknown placeholder {socket.token}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.jwt.Provision(caddy.Context{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err := test.jwt.Cleanup(); err != nil {
				t.Errorf("cleanup after a failed provision: %v", err)
			}
		})
	}
}

func TestJWTPlaceholdersInSettings(t *testing.T) {
	t.Setenv("JWT_TEST_AUDIENCE", "chat")
	j := provisionHandler(t, &Handler{Secret: "{file." + writeTestFile(t, "secret", testSecret+"\n") + "}", Audience: []string{"{env.JWT_TEST_AUDIENCE}"}})
	if _, err := j.verifier.verifyToken(t.Context(), signToken(t, jose.HS256, []byte(testSecret), "", `{"aud":"chat"}`), testTime); err != nil {
		t.Error(err)
	}
}

func TestParseJWKSSkipsUnusableKeys(t *testing.T) {
	p256 := testKeys()["p256"].Public()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: p256, KeyID: "for encryption", Use: "enc"},
		{Key: p256, KeyID: "other algorithm", Algorithm: "ES384"},
		{Key: testKeys()["weak"].Public(), KeyID: "weak"},
		{Key: []byte(testSecret), KeyID: "secret"},
		{Key: testKeys()["ed"], KeyID: "private"},
		{Key: testKeys()["rsa"].Public(), KeyID: "one algorithm", Algorithm: "PS256", Use: "sig"},
	}}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), `"keys":[`, `"keys":[{"kty":"new"},7,`, 1))
	keys, err := parseJWKS(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 2 || keys[0].id != "private" || keys[1].id != "one algorithm" {
		t.Fatalf("got %v", keys)
	}
	if _, public := keys[0].key.(ed25519.PublicKey); !public {
		t.Errorf("a key is a %T", keys[0].key)
	}
	if len(keys[1].algorithms) != 1 || keys[1].algorithms[0] != jose.PS256 {
		t.Errorf("algorithms are %v", keys[1].algorithms)
	}
}

func TestFindTokenTakesFirstText(t *testing.T) {
	ev := &hub.Event{Type: hub.ClientEvent, Args: sio.Data{JSON: []byte(`["","Bearer  abc ","x","BEARER"]`)}}
	for _, test := range []struct {
		from []string
		want string
	}{
		{[]string{"{event.args.7}", "{event.args.0}", "{event.args.1}", "{event.args.2}"}, "abc"},
		{[]string{"{event.args.2}", "{event.args.1}"}, "x"},
		{[]string{"{event.args.3}"}, "BEARER"},
		{[]string{"{event.args.0}"}, ""},
	} {
		j := provisionHandler(t, &Handler{Secret: testSecret, From: test.from})
		if got := j.findToken(ev); got != test.want {
			t.Errorf("%v: got %q, want %q", test.from, got, test.want)
		}
	}
}

func TestDisconnectTime(t *testing.T) {
	j := provisionHandler(t, &Handler{Secret: testSecret, Leeway: new(caddy.Duration(10 * time.Second))})
	for _, test := range []struct {
		name         string
		expiry, want time.Time
	}{
		{"never", time.Time{}, time.Time{}},
		{"later", testTime.Add(time.Minute), testTime.Add(time.Minute)},
		{"within leeway", testTime.Add(-time.Second), testTime.Add(9 * time.Second)},
	} {
		if got := j.disconnectTime(verifiedToken{expiry: test.expiry}, testTime); !got.Equal(test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	j := provisionHandler(f, &Handler{Secret: testSecret})
	f.Add(signToken(f, jose.HS256, []byte(testSecret), "k", `{"sub":"u1"}`))
	f.Add(unsignedToken(`{"alg":"none"}`, `{}`))
	f.Add(unsignedToken(`{"alg":"HS256","crit":["b64"],"b64":false}`, `{}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := j.verifier.verifyToken(context.Background(), text, testTime); err != nil && clientMessage(err) == err.Error() && text != "" {
			t.Errorf("neither a refusal nor an outage: %v", err)
		}
	})
}
