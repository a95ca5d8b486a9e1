package socketio

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
)

// BenchmarkAdminAPI emits through a real admin endpoint by single requests, by a batch and by
// a stream. The room is empty or has 1,000 clients, and each run ends when all clients have
// received all events.
func BenchmarkAdminAPI(b *testing.B) {
	const emits = 1000 // at a time
	event := `{"namespace":"/chat","to":["lobby"],"event":"news","args":[{"title":"hello","n":17}]}`
	packet := `42/chat,["news",{"title":"hello","n":17}]`
	s := startCaddy(b, false, `socketio {
		max_queue 64MB
		ping_interval 10m
		namespace /chat {
			join lobby
		}
	}`)
	for _, clients := range []int{0, 1000} {
		c := s.connectCrowd(b, clients)
		for _, way := range []struct {
			name, contentType string
			requests          int
			body              string
		}{
			{"single", "application/json", emits, event},
			{"batch", "application/json", 1, "[" + strings.Repeat(event+",", emits-1) + event + "]"},
			{"stream", "application/x-ndjson", 1, strings.Repeat(event+"\n", emits)},
		} {
			b.Run(fmt.Sprintf("%s/%d", way.name, clients), func(b *testing.B) {
				for b.Loop() {
					arrived := c.expectBytes(emits * (2 + len(packet))) // each frame has a head of 2 bytes
					for range way.requests {
						postAll(b, "http://"+s.admin+"/socketio/emit", way.contentType, way.body)
					}
					arrived.Wait()
				}
				b.ReportMetric(float64(b.N*emits)/b.Elapsed().Seconds(), "emits/s")
			})
		}
	}
}

func postAll(b *testing.B, url, contentType, body string) {
	resp, err := http.Post(url, contentType, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || bytes.Contains(answer, []byte("error\":\"")) {
		b.Fatalf("status %d: %s", resp.StatusCode, answer)
	}
}

// connectedCrowd is a number of connected clients. Each counts the bytes that it receives.
type connectedCrowd struct {
	wanted  []chan int
	arrived sync.WaitGroup
}

// expectBytes makes each client read size bytes. The WaitGroup is done when all have.
func (c *connectedCrowd) expectBytes(size int) *sync.WaitGroup {
	for _, wanted := range c.wanted {
		c.arrived.Add(1)
		wanted <- size
	}
	return &c.arrived
}

// connectCrowd connects a number of clients to /chat by WebSocket.
func (s *caddyServer) connectCrowd(b *testing.B, clients int) *connectedCrowd {
	c := new(connectedCrowd)
	for range clients {
		conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.site, "http")+"/socket.io/?EIO=4&transport=websocket", nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := conn.WriteMessage(websocket.TextMessage, []byte("40/chat,")); err != nil {
			b.Fatal(err)
		}
		for range 2 { // the open packet and the connect packet
			if _, _, err := conn.ReadMessage(); err != nil {
				b.Fatal(err)
			}
		}
		wanted := make(chan int, 1)
		c.wanted = append(c.wanted, wanted)
		b.Cleanup(func() {
			close(wanted)
			conn.Close()
		})
		go func() {
			for size := range wanted {
				if _, err := io.CopyN(io.Discard, conn.NetConn(), int64(size)); err != nil {
					b.Error(err)
				}
				c.arrived.Done()
			}
		}()
	}
	return c
}
