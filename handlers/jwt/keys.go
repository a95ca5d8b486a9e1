package jwt

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// The algorithms that tokens may be signed by: with a secret, and with a public key.
var (
	symmetric  = []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
	rsaOnly    = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}
	asymmetric = slices.Concat(rsaOnly, []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA})
)

func algorithmNames(algorithms []jose.SignatureAlgorithm) []string {
	var list []string
	for _, alg := range algorithms {
		list = append(list, string(alg))
	}
	return list
}

func hasAlgorithm(algorithms []jose.SignatureAlgorithm, name string) bool {
	return slices.Contains(algorithms, jose.SignatureAlgorithm(name))
}

// Limits of keys.
const (
	maxKeys       = 100
	maxKeySet     = 512 << 10 // bytes
	minRSA        = 2048      // bits
	minSecret     = 32        // bytes: RFC 7518, section 3.2
	maxCandidates = 8         // keys that are tried for one token
)

// verificationKey is a key that verifies tokens.
type verificationKey struct {
	id  string // empty if the key has none
	key any    // a []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	// algorithms are the algorithms that fit the key. A token can't use it with
	// another.
	algorithms []jose.SignatureAlgorithm
}

// keySource is a source of keys that verify tokens.
type keySource interface {
	// keysFor returns the keys that may have signed a token with this key id and
	// algorithm in its header. An empty id matches all keys. An error means that there
	// are no keys at the moment. It may be called by several goroutines at once.
	keysFor(ctx context.Context, id string, alg jose.SignatureAlgorithm) ([]verificationKey, error)
}

// staticKeys are keys that do not change.
type staticKeys []verificationKey

func (s staticKeys) keysFor(_ context.Context, id string, alg jose.SignatureAlgorithm) ([]verificationKey, error) {
	return s.findKeys(id, alg), nil
}

// findKeys returns at most maxCandidates keys for a token. A key without an id fits
// tokens with any id.
func (s staticKeys) findKeys(id string, alg jose.SignatureAlgorithm) []verificationKey {
	var found []verificationKey
	for _, k := range s {
		if slices.Contains(k.algorithms, alg) && (id == "" || k.id == "" || k.id == id) && len(found) < maxCandidates {
			found = append(found, k)
		}
	}
	return found
}

// newSecretKeys returns the key of a secret. The error says that it is too short.
func newSecretKeys(secret string) (keySource, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("secret: it has %d bytes: expected %d or more", len(secret), minSecret)
	}
	k := verificationKey{key: []byte(secret)}
	for i, size := range []int{32, 48, 64} {
		if len(secret) >= size {
			k.algorithms = append(k.algorithms, symmetric[i])
		}
	}
	return staticKeys{k}, nil
}

// newPublicKey returns a key for a public key of Go. The error says that its kind is
// not supported or that it is too weak.
func newPublicKey(public any) (verificationKey, error) {
	k := verificationKey{key: public}
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSA {
			return verificationKey{}, fmt.Errorf("an RSA key of %d bits: expected %d or more", bits, minRSA)
		}
		k.algorithms = rsaOnly
	case *ecdsa.PublicKey:
		alg, ok := map[string]jose.SignatureAlgorithm{"P-256": jose.ES256, "P-384": jose.ES384, "P-521": jose.ES512}[public.Params().Name]
		if !ok {
			return verificationKey{}, fmt.Errorf("a key of the curve %s: expected P-256, P-384 or P-521", public.Params().Name)
		}
		k.algorithms = []jose.SignatureAlgorithm{alg}
	case ed25519.PublicKey:
		k.algorithms = []jose.SignatureAlgorithm{jose.EdDSA}
	default:
		return verificationKey{}, fmt.Errorf("a key of type %T: expected RSA, ECDSA or Ed25519", public)
	}
	return k, nil
}

// readPEMFile reads public keys and certificates from a PEM file.
func readPEMFile(name string) (keySource, error) {
	rest, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("public_key: %w", err)
	}
	var keys staticKeys
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		public, err := parsePEM(block)
		if err != nil {
			return nil, fmt.Errorf("public_key: %s: %w", name, err)
		}
		k, err := newPublicKey(public)
		if err != nil {
			return nil, fmt.Errorf("public_key: %s: %w", name, err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("public_key: %s: expected a public key or a certificate in PEM", name)
	}
	return keys, nil
}

// parsePEM returns the public key of a PEM block.
func parsePEM(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	}
	return nil, fmt.Errorf("unexpected %s: expected PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE", block.Type)
}

// readJWKSFile reads a JWK set from a file.
func readJWKSFile(name string) (keySource, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("jwks: %w", err)
	}
	keys, err := parseJWKS(text)
	if err != nil {
		return nil, fmt.Errorf("jwks: %s: %w", name, err)
	}
	return keys, nil
}

var errNoKeys = errors.New("expected a JWK set with a public key for signatures")

// parseJWKS parses a JWK set. It skips keys that are not for signatures, too weak,
// secret, or of an unknown kind. The error says that no usable key is left.
func parseJWKS(text []byte) (staticKeys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	var keys staticKeys
	for _, raw := range set.Keys {
		var jwk jose.JSONWebKey
		if len(keys) == maxKeys || jwk.UnmarshalJSON(raw) != nil || jwk.Use != "" && jwk.Use != "sig" {
			continue
		}
		k, err := newPublicKey(jwk.Public().Key)
		if err != nil {
			continue
		}
		if k.id = jwk.KeyID; jwk.Algorithm != "" {
			if !hasAlgorithm(k.algorithms, jwk.Algorithm) {
				continue
			}
			k.algorithms = []jose.SignatureAlgorithm{jose.SignatureAlgorithm(jwk.Algorithm)}
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}
