package redisadapter

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
)

func TestClassicInRedisCluster(t *testing.T) {
	nodes := classicSuite.TestManyNodes(t, redistest.StartCluster(t))
	if replies, err := nodes[0].Request(cluster.FetchSockets{}); err != nil || len(replies) != 5 {
		t.Errorf("%d replies, %v", len(replies), err)
	}
}

// TestClassicSurvivesLostServer stops one server of a cluster: its nodes connect to another one.
func TestClassicSurvivesLostServer(t *testing.T) {
	all := redistest.StartCluster(t)
	addresses := func(r *setup) { r.Addresses = []string{all[1].Address(), all[2].Address()} }
	var nodes []*redistest.Node
	for range 4 {
		nodes = append(nodes, redistest.OpenNode(t, startNode(t, all[0], addresses), "/"))
	}
	for _, n := range nodes {
		n.WaitNodes(4)
	}
	redistest.ExpectFailure(all)
	all[2].Stop()
	for _, n := range nodes[1:] {
		waitEmitsReach(t, nodes[0], n, "x")
		waitEmitsReach(t, n, nodes[0], "y")
	}
}

func TestSentinelFailover(t *testing.T) {
	// Without this option a master waits five seconds for further replicas.
	master := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	replica := redistest.Start(t, "--replicaof", "127.0.0.1", fmt.Sprint(master.Port))
	// A sentinel requests replicas from its master at once, then every ten seconds.
	redistest.Eventually(t, "the master knows the replica", func() bool { return strings.Contains(master.Info("slave0"), "state=online") })
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor main 127.0.0.1 %d 1\nsentinel down-after-milliseconds main 300\nsentinel failover-timeout main 1000\n", master.Port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := redistest.StartSentinel(t, config)
	redistest.Eventually(t, "the sentinel knows the replica", func() bool { return strings.Contains(sentinel.Info("master0"), "slaves=1") })

	watched := func(r *setup) { r.Sentinel = &redisconn.Sentinel{Master: "main"} }
	a, b := redistest.OpenNode(t, startNode(t, sentinel, watched), "/"), redistest.OpenNode(t, startNode(t, sentinel, watched), "/")
	a.WaitNodes(2)
	waitEmitsReach(t, a, b, "at the first")
	master.Stop()
	waitEmitsReach(t, a, b, "at the second")
	waitEmitsReach(t, b, a, "at the second")
	a.WaitNodes(2)
	if got := replica.Info("role"); got != "master" {
		t.Errorf("the replica is a %s", got)
	}
}

func TestTLSChecksCertificate(t *testing.T) {
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	writeCertificate(t, certificate, key)
	s := redistest.Start(t)
	port := fmt.Sprint(freeport.Choose())
	s.Command("CONFIG", "SET", "tls-cert-file", certificate, "tls-key-file", key, "tls-ca-cert-file", certificate)
	if got := s.Command("CONFIG", "SET", "tls-port", port); got != "+OK" {
		t.Skip("this redis-server has no TLS: ", got)
	}
	secure := func(r *setup) {
		r.URL = "rediss://127.0.0.1:" + port
		r.TLS = &redisconn.TLS{CA: certificate, Certificate: certificate, Key: key}
	}
	a, b := redistest.OpenNode(t, startNode(t, s, secure), "/"), redistest.OpenNode(t, startNode(t, s, secure), "/")
	a.WaitNodes(2)
	a.Emit("x")
	b.NextOperation()
	stranger := redistest.OpenNode(t, startNode(t, s, secure, func(r *setup) { r.TLS.ServerName = "elsewhere" }), "/")
	if _, err := stranger.Request(cluster.AllRooms{}); err == nil {
		t.Error("a server with another name is trusted")
	}
}

// writeCertificate writes a certificate for 127.0.0.1 that is its own authority.
func writeCertificate(t *testing.T, certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
