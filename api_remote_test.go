package socketio

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
	"github.com/caddyserver/caddy/v2"
)

// TestRemoteAdminGrantsOperations proves that Caddy's remote administration can grant each
// operation by path and method to the owner of a certificate.
func TestRemoteAdminGrantsOperations(t *testing.T) {
	emitter, operator, stranger := newCertificate(t), newCertificate(t), newCertificate(t)
	s, url := startRemoteAdmin(t, emitter, fmt.Sprintf(`[
		{"public_keys": ["%s"], "permissions": [{"paths": ["/socketio/emit"], "methods": ["POST"]}]},
		{"public_keys": ["%s"], "permissions": [{"paths": ["/socketio"], "methods": ["GET", "POST"]}]}
	]`, encodeCertificate(emitter), encodeCertificate(operator)))
	const emit = `{"namespace":"/chat","event":"x"}`
	for _, c := range []struct {
		name               string
		certificate        tls.Certificate
		method, path, body string
		status             int
		answer             string // beginning of the body
	}{
		{"emits", emitter, "POST", "/socketio/emit", emit, 200, `{"delivered":0}`},
		{"emits to nowhere", emitter, "POST", "/socketio/emit", `{"event":"x","namespace":"/nope"}`, 404, `{"error":"namespace: `},
		{"may not put", emitter, "PUT", "/socketio/emit", emit, 403, `{"error":"not authorized to use this method"}`},
		{"may not join", emitter, "POST", "/socketio/join", `{"rooms":["a"]}`, 403, `{"error":"not authorized to access this path"}`},
		{"may not list", emitter, "GET", "/socketio/sockets", "", 403, `{"error":"not authorized`},
		{"may not go round", emitter, "POST", "/socketio/emit/../join", `{"rooms":["a"]}`, 403, `{"error":"not authorized`},
		{"may not go round by an escape", emitter, "POST", "/socketio/emit/%2e%2e/join", `{"rooms":["a"]}`, 403, `{"error":"not authorized`},
		{"may not go round twice", emitter, "POST", "//socketio/./emit/../join", `{"rooms":["a"]}`, 403, `{"error":"not authorized`},
		{"is not served below", emitter, "POST", "/socketio/emit/join", `{"rooms":["a"]}`, 404, `{"error":"there is no operation`},
		{"is not served by an escape", emitter, "POST", "/socketio/%65mit", emit, 404, `{"error":"there is no operation`},
		{"is not served by a stream of CONNECT", emitter, "CONNECT", "/socketio/emit", emit, 403, `{"error":"not authorized`},
		{"may not see the config", emitter, "GET", "/config/", "", 403, `{"error":"not authorized`},
		{"emits, too", operator, "POST", "/socketio/emit", emit, 200, `{"delivered":0}`},
		{"joins", operator, "POST", "/socketio/join", `{"namespace":"/chat","rooms":["a"]}`, 200, `{"sockets":0}`},
		{"sees the status", operator, "GET", "/socketio/", "", 200, `{"version":`},
		{"may not see the config either", operator, "GET", "/config/", "", 403, `{"error":"not authorized`},
	} {
		s.client = newClientWithCertificate(t, c.certificate)
		status, answer := s.doRequest(c.method, url+c.path, c.body, "Content-Type", "application/json")
		if status != c.status || !strings.HasPrefix(answer, c.answer) {
			t.Errorf("%s: got %d %s", c.name, status, answer)
		}
	}
	for _, unknown := range []tls.Certificate{stranger, {}} {
		if _, err := newClientWithCertificate(t, unknown).Get(url + "/socketio/"); err == nil || !strings.Contains(err.Error(), "tls: ") {
			t.Errorf("unknown certificate: %v", err)
		}
	}
}

// startRemoteAdmin starts Caddy with remote administration and returns its URL. It waits until
// a client with the certificate known can connect.
func startRemoteAdmin(t *testing.T, known tls.Certificate, access string) (*caddyServer, string) {
	t.Helper()
	was := caddy.DefaultStorage.Path
	caddy.DefaultStorage.Path = t.TempDir() // Caddy stores the certificate of the endpoint there
	t.Cleanup(func() { caddy.DefaultStorage.Path = was })
	s := startCaddy(t, false, chatDirectives)
	address := freeport.Address()
	s.loadSite(chatDirectives, func(config map[string]any) {
		keepTrustStore(config)
		admin := config["admin"].(map[string]any)
		admin["identity"] = json.RawMessage(`{"identifiers":["localhost"],"issuers":[{"module":"internal"}]}`)
		admin["remote"] = json.RawMessage(fmt.Sprintf(`{"listen":"%s","access_control":%s}`, address, access))
	})
	// Caddy obtains its certificate after it starts to serve, and does not report it.
	client := newClientWithCertificate(t, known)
	for deadline := time.Now().Add(time.Minute); ; {
		resp, err := client.Get("https://" + address)
		if err == nil {
			resp.Body.Close()
			return s, "https://" + address
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// newClientWithCertificate returns a client with a certificate, or with none if it is empty.
func newClientWithCertificate(t *testing.T, certificate tls.Certificate) *http.Client {
	config := &tls.Config{ServerName: "localhost", InsecureSkipVerify: true} // the test makes the authority
	if certificate.Certificate != nil {
		config.Certificates = []tls.Certificate{certificate}
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func newCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func encodeCertificate(c tls.Certificate) string {
	return base64.StdEncoding.EncodeToString(c.Certificate[0])
}
