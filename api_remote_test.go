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

	"github.com/caddyserver/caddy/v2"
)

// TestRemoteAdminGrantsOperations proves that the operations can be granted one by one, by path and
// method, to those whom Caddy's remote administration knows by their certificates.
func TestRemoteAdminGrantsOperations(t *testing.T) {
	emitter, operator, stranger := newCertificate(t), newCertificate(t), newCertificate(t)
	s, url := startRemoteAdmin(t, emitter, fmt.Sprintf(`[
		{"public_keys": ["%s"], "permissions": [{"paths": ["/socketio/emit"], "methods": ["POST"]}]},
		{"public_keys": ["%s"], "permissions": [{"paths": ["/socketio"], "methods": ["GET", "POST"]}]}
	]`, encodeCertificate(emitter), encodeCertificate(operator)))
	const emit = `{"namespace":"/chat","event":"x"}`
	for _, c := range []struct {
		name               string
		who                tls.Certificate
		method, path, body string
		status             int
		answer             string // begins so
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
		s.client = newClientWithCertificate(t, c.who)
		status, answer := s.doRequest(c.method, url+c.path, c.body, "Content-Type", "application/json")
		if status != c.status || !strings.HasPrefix(answer, c.answer) {
			t.Errorf("who %s: got %d %s", c.name, status, answer)
		}
	}
	for _, nobody := range []tls.Certificate{stranger, {}} {
		if _, err := newClientWithCertificate(t, nobody).Get(url + "/socketio/"); err == nil || !strings.Contains(err.Error(), "tls: ") {
			t.Errorf("a certificate that is not known: %v", err)
		}
	}
}

// startRemoteAdmin starts Caddy with remote administration, and returns its URL when
// those may connect who have certificates that it knows, of which one is given.
func startRemoteAdmin(t *testing.T, known tls.Certificate, access string) (*caddyServer, string) {
	t.Helper()
	was := caddy.DefaultStorage.Path
	caddy.DefaultStorage.Path = t.TempDir() // where Caddy keeps the endpoint's own certificate
	t.Cleanup(func() { caddy.DefaultStorage.Path = was })
	s := startCaddy(t, false, chatDirectives)
	address := freeAddress(t)
	s.loadSite(chatDirectives, func(config map[string]any) {
		keepTrustStore(config)
		admin := config["admin"].(map[string]any)
		admin["identity"] = json.RawMessage(`{"identifiers":["localhost"],"issuers":[{"module":"internal"}]}`)
		admin["remote"] = json.RawMessage(fmt.Sprintf(`{"listen":"%s","access_control":%s}`, address, access))
	})
	// Caddy gets its certificate while it serves already, and tells nobody.
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

// newClientWithCertificate is a client that has a certificate, or an empty one for none.
func newClientWithCertificate(t *testing.T, certificate tls.Certificate) *http.Client {
	config := &tls.Config{ServerName: "localhost", InsecureSkipVerify: true} // the authority is made by the test
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
