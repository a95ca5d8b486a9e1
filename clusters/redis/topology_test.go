package redis

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
	"github.com/caddy-socketio/caddy-socketio/clusters/internal/redisconn"
)

// startCluster starts a Redis Cluster of three masters.
func startCluster(t *testing.T) []*server {
	t.Helper()
	var all []*server
	for range 3 {
		// The bus of a server is at its port and 10000 more.
		s := startRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", fmt.Sprint(freePort(t)))
		all = append(all, s)
	}
	for i, s := range all {
		s.command("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(i*16384/3), fmt.Sprint((i+1)*16384/3-1))
		s.command("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
	}
	for _, s := range all[1:] {
		all[0].command("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(s.port), s.args[len(s.args)-1])
	}
	for _, s := range all {
		eventually(t, "the cluster is whole", func() bool {
			return s.command("SPUBLISH", "x", "y") != "" && s.info("cluster_state") == "ok" && s.info("cluster_known_nodes") == "3"
		})
	}
	return all
}

func TestRedisCluster(t *testing.T) {
	all := startCluster(t)
	addresses := func(r *Redis) { r.Addresses = []string{all[1].address(), all[2].address()} }
	var nodes []*node
	for range 6 { // each at a server that chance says
		nodes = append(nodes, join(t, process(t, all[0], addresses), "/"))
	}
	for _, n := range nodes {
		n.together(6)
	}
	for i := range 300 {
		nodes[0].emit(fmt.Sprint(i), "room")
	}
	for _, n := range nodes[1:] {
		for i := range 300 {
			if got, _ := n.nextEmit().Data.Index(1); got.Text() != fmt.Sprint(i) {
				t.Fatalf("%d: %s", i, got)
			}
		}
	}
	if answers, err := nodes[0].ask(cluster.FetchSockets{}); err != nil || len(answers) != 5 {
		t.Errorf("%d answers, %v", len(answers), err)
	}
}

// TestRedisClusterLosesAServer has who was at that server go to another one.
func TestRedisClusterLosesAServer(t *testing.T) {
	all := startCluster(t)
	addresses := func(r *Redis) { r.Addresses = []string{all[1].address(), all[2].address()} }
	var nodes []*node
	for range 4 {
		nodes = append(nodes, join(t, process(t, all[0], addresses), "/"))
	}
	for _, n := range nodes {
		n.together(4)
	}
	all[2].stop()
	for _, n := range nodes[1:] {
		hears(t, nodes[0], n, "x")
		hears(t, n, nodes[0], "y")
	}
}

func TestSentinel(t *testing.T) {
	master := startRedis(t)
	replica := startRedis(t, "--replicaof", "127.0.0.1", fmt.Sprint(master.port))
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor main 127.0.0.1 %d 1\nsentinel down-after-milliseconds main 300\nsentinel failover-timeout main 1000\n", master.port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := &server{t: t, port: freePort(t), first: []string{config, "--sentinel"}}
	sentinel.start()
	t.Cleanup(sentinel.stop)
	eventually(t, "the sentinel knows the replica", func() bool { return strings.Contains(sentinel.info("master0"), "slaves=1") })

	watched := func(r *Redis) { r.Sentinel = &redisconn.Sentinel{Master: "main"} }
	a, b := join(t, process(t, sentinel, watched), "/"), join(t, process(t, sentinel, watched), "/")
	a.together(2)
	hears(t, a, b, "at the first")
	master.stop()
	hears(t, a, b, "at the second")
	hears(t, b, a, "at the second")
	a.together(2)
	if got := replica.info("role"); got != "master" {
		t.Errorf("the replica is a %s", got)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	writeCertificate(t, certificate, key)
	s := startRedis(t)
	port := fmt.Sprint(freePort(t))
	s.command("CONFIG", "SET", "tls-cert-file", certificate, "tls-key-file", key, "tls-ca-cert-file", certificate)
	if got := s.command("CONFIG", "SET", "tls-port", port); got != "+OK" {
		t.Skip("this redis-server has no TLS: ", got)
	}
	secure := func(r *Redis) {
		r.URL = "rediss://127.0.0.1:" + port
		r.TLS = &redisconn.TLS{CA: certificate, Certificate: certificate, Key: key}
	}
	a, b := join(t, process(t, s, secure), "/"), join(t, process(t, s, secure), "/")
	a.together(2)
	a.emit("x")
	b.next()
	stranger := join(t, process(t, s, secure, func(r *Redis) { r.TLS.ServerName = "elsewhere" }), "/")
	if _, err := stranger.ask(cluster.AllRooms{}); err == nil {
		t.Error("a server with another name is trusted")
	}
}

// writeCertificate makes a certificate for 127.0.0.1 that is its own authority.
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
