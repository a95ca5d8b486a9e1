package scenarios

import (
	"os"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

// TestMain runs this program as the servers that it contains.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		if servers.ServeProgram(os.Args[2:]) != nil {
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// newTestRun returns a run of a peer that this program contains.
func newTestRun(t *testing.T, peer string) *Run {
	t.Helper()
	return &Run{Settings: &servers.Settings{Self: os.Args[0], Dir: t.TempDir()}, Peer: peer, Quick: true, MaxSockets: 1000}
}

func TestDeliveriesAreChecked(t *testing.T) {
	for _, peer := range []string{"raw", "centrifuge"} {
		t.Run(peer, func(t *testing.T) {
			r := newTestRun(t, peer)
			if err := measureAcks(r); err != nil {
				t.Fatal(err)
			}
			if err := measureFanOut(r); err != nil {
				t.Fatal(err)
			}
			for _, result := range r.Results {
				if result.Values["rate"] <= 0 || result.Values["p99"] < result.Values["p50"] {
					t.Errorf("%s: %v", result.Case, result.Values)
				}
			}
			if len(r.Results) != 3 {
				t.Errorf("got %d cases, want 3", len(r.Results))
			}
		})
	}
}

func TestDeliveriesOverTLSAndHTTP2(t *testing.T) {
	r := newTestRun(t, "centrifuge")
	if err := r.Settings.WriteCertificate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []streamCase{{load.TLS, "HTTP/1.1", 1}, {load.HTTP2, "HTTP/2", 1}, {load.HTTP2, "HTTP/2", 50}} {
		if err := r.measureStreams(c); err != nil {
			t.Fatalf("%s, %d on a connection: %v", c.version, c.shared, err)
		}
	}
	if len(r.Results) != 3 {
		t.Errorf("got %d cases, want 3", len(r.Results))
	}
}

func TestWrongDeliveriesAreFailures(t *testing.T) {
	for name, payload := range map[string]string{
		"gap":       "0000000002 0000000000000000000",
		"duplicate": "0000000000 0000000000000000000",
		"no stamp":  "hello",
		"longer":    "0000000001 0000000000000000000x",
	} {
		loop, err := load.NewLoop()
		if err != nil {
			t.Fatal(err)
		}
		b := newBroadcaster(loop, stampBytes)
		c := new(load.Client)
		b.nextPayload(b.addRoom("lobby", []*load.Client{c}))
		b.checkDelivery(c, load.Message{Kind: load.Delivered, Payload: []byte(payload)})
		if b.failure == nil {
			t.Errorf("%s: no failure", name)
		}
		loop.Close()
	}
}
