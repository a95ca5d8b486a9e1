package jwt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// The claims that a token is checked by are of the type that they have to be of, and
// are there once.
func TestVerifyRefusesClaimsOfWrongTypes(t *testing.T) {
	j := provisionHandler(t, &Handler{Secret: testSecret})
	verify := func(claims string) string {
		_, err := j.verifier.verifyToken(t.Context(), signToken(t, jose.HS256, []byte(testSecret), "", claims), testTime)
		return clientMessage(err)
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		for _, value := range []string{
			"null", "NaN", "Infinity", "-Infinity", `"NaN"`, `"1800000060"`, `""`, "true", "false", "{}", "[]", "[1800000060]", `{"n":1}`,
			"1e999", "-1e999", "1e19", "-1e19", "9223372036854775807", "18446744073709551616", "0x6b49d23c", "1_800_000_060", "01800000060", "1800000060.", "nil",
		} {
			if got := verify(`{"` + name + `":` + value + `}`); got != "invalid token" {
				t.Errorf("%s %s: %s", name, value, got)
			}
		}
		for _, duplicate := range []string{`"%s":1799999000,"%s":1800000060`, `"%s":1800000060,"%s":1799999000`, `"%s":1800000000,"%s":null`} {
			if got := verify("{" + strings.ReplaceAll(duplicate, "%s", name) + "}"); got != "invalid token" {
				t.Errorf("%s twice: %s", name, got)
			}
		}
	}
	for claims, want := range map[string]string{
		`{"exp":-1}`:    "token expired",
		`{"exp":-4e18}`: "token expired",
		`{"exp":4e18}`:  "ok",
		`{"exp":1800000060.75,"nbf":1.5,"iat":-4e18}`: "ok",
		`{"nbf":4e18}`:                   "invalid token",
		`{"iat":4e18}`:                   "invalid token",
		`{"EXP":1,"Exp":null,"eXp":"x"}`: "ok", // other claims, as the case of names matters
		`{"exp":1,"EXP":4e18}`:           "token expired",
		`{"\u0065xp":1}`:                 "token expired", // the same name
		`{"\u0065xp":1,"exp":4e18}`:      "invalid token",
		`{"iss":null}`:                   "invalid token",
		`{"iss":7}`:                      "invalid token",
		`{"sub":null}`:                   "invalid token",
		`{"sub":["u1"]}`:                 "invalid token",
		`{"jti":{}}`:                     "invalid token",
		`{"aud":null}`:                   "invalid token",
		`{"aud":[7]}`:                    "invalid token",
		`{"aud":[null]}`:                 "invalid token",
		`{"aud":{"chat":true}}`:          "invalid token",
		`{"user":{"role":"user","role":"admin"}}`: "invalid token",
		`{"role":"user","role":"admin"}`:          "invalid token",
		`{"name":null}`:                           "ok",
		`{"exp":4e18}x`:                           "invalid token",
		`{"exp":4e18}{"exp":1}`:                   "invalid token",
		"\x00{}":                                  "invalid token",
		"\xef\xbb\xbf{}":                          "invalid token",
		`{}` + "\x00":                             "invalid token",
		unsignedToken(`{"alg":"none"}`, `{}`):     "invalid token", // a token in a token

		`"` + unsignedToken(`{"alg":"none"}`, `{}`) + `"`: "invalid token",
	} {
		if got := verify(claims); got != want {
			t.Errorf("%s: got %s, want %s", claims, got, want)
		}
	}
}

// Tokens are refused whose header changes how they are read, and tokens without three
// parts.
func TestVerifyRefusesCriticalHeaders(t *testing.T) {
	j := provisionHandler(t, &Handler{Secret: testSecret})
	sign := func(header, claims string) string {
		encode := base64.RawURLEncoding.EncodeToString
		signed := encode([]byte(header)) + "." + encode([]byte(claims))
		mac := hmac.New(sha256.New, []byte(testSecret))
		mac.Write([]byte(signed))
		return signed + "." + encode(mac.Sum(nil))
	}
	good := sign(`{"alg":"HS256"}`, `{}`)
	for _, test := range []struct{ name, token, want string }{
		{"good", good, "ok"},
		{"type", sign(`{"alg":"HS256","typ":"JWT","cty":"x"}`, `{}`), "ok"},
		{"unknown extension", sign(`{"alg":"HS256","crit":["x"],"x":1}`, `{}`), "invalid token"},
		{"no extension", sign(`{"alg":"HS256","crit":[]}`, `{}`), "invalid token"},
		{"extension null", sign(`{"alg":"HS256","crit":null}`, `{}`), "ok"},
		{"encoded, as an extension", sign(`{"alg":"HS256","crit":["b64"],"b64":true}`, `{}`), "invalid token"},
		{"not encoded", sign(`{"alg":"HS256","b64":false}`, `{}`), "invalid token"},
		{"algorithm twice", sign(`{"alg":"HS256","alg":"none"}`, `{}`), "invalid token"},
		{"none, and another", sign(`{"alg":"none","alg":"HS256"}`, `{}`), "invalid token"},
		{"algorithm in another case", sign(`{"ALG":"HS256"}`, `{}`), "invalid token"},
		{"algorithm null", sign(`{"alg":null}`, `{}`), "invalid token"},
		{"algorithm of another type", sign(`{"alg":["HS256"]}`, `{}`), "invalid token"},
		{"key id of another type", sign(`{"alg":"HS256","kid":7}`, `{}`), "invalid token"},
		{"header is no object", sign(`["HS256"]`, `{}`), "invalid token"},
		{"bytes after it", good + "x", "invalid token"},
		{"a fourth part", good + ".x", "invalid token"},
		{"an empty fourth part", good + ".", "invalid token"},
		{"encrypted", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA", "invalid token"},
		{"JSON serialization", `{"protected":"eyJhbGciOiJIUzI1NiJ9","payload":"e30","signature":""}`, "invalid token"},
		{"two tokens", good + " " + good, "invalid token"},
	} {
		if _, err := j.verifier.verifyToken(t.Context(), test.token, testTime); clientMessage(err) != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}
