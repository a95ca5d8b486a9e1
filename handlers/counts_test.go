package handlers_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/clienttest"
	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// countsSite announces the size of a room when sockets join, leave and disconnect.
const countsSite = `socketio {
	namespace /app {
		on join {
			join lobby
			emit users {room.lobby.size} {
				to lobby
				include_sender
			}
		}
		on leave {
			leave lobby
			emit left {room.lobby.size} {namespace.size} {
				broadcast
				include_sender
			}
		}
		on disconnect {
			emit users {room.lobby.size} {
				to lobby
			}
		}
	}
	namespace /connect {
		join lobby
		on connect {
			emit users {room.lobby.size} {
				to lobby
				include_sender
			}
		}
	}
	namespace /backend {
		on join {
			backend {
				%s
			}
			emit users {room.lobby.size} {
				to lobby
				include_sender
			}
		}
	}
}`

// crowd are clients that do the same at once.
type crowd struct {
	t       *testing.T
	clients []clienttest.Client
}

// dialCrowd connects clients to a namespace at once.
func dialCrowd(t *testing.T, s *sitetest.Site, size int, namespace string) *crowd {
	t.Helper()
	c := &crowd{t: t, clients: make([]clienttest.Client, size)}
	for i := range c.clients {
		c.clients[i] = s.Dial()
	}
	c.each(func(client clienttest.Client) { client.Call("40"+namespace+",", "40"+namespace+`,{"sid":"*`) })
	return c
}

// each calls fn for all clients at once.
func (c *crowd) each(fn func(clienttest.Client)) {
	var all sync.WaitGroup
	for _, client := range c.clients {
		all.Go(func() { fn(client) })
	}
	all.Wait()
}

// wantCounts reads counts of each client until the last one comes. Each client must get
// consecutive numbers, and begin with a number of its own.
func (c *crowd) wantCounts(namespace string, last int) {
	c.t.Helper()
	firsts := make(chan int, len(c.clients))
	c.each(func(client clienttest.Client) {
		n := readCount(c.t, client, namespace)
		firsts <- n
		for n != last && !c.t.Failed() {
			next := readCount(c.t, client, namespace)
			if next != n+1 {
				c.t.Errorf("%d follows %d", next, n)
			}
			n = next
		}
	})
	close(firsts)
	seen := slices.Sorted(func(yield func(int) bool) {
		for n := range firsts {
			if !yield(n) {
				return
			}
		}
	})
	for i, n := range seen {
		if n != i+1 {
			c.t.Fatalf("the counts announced first are %v", seen)
		}
	}
}

// readCount reads an event whose last argument is a count.
func readCount(t *testing.T, c clienttest.Client, namespace string) int {
	t.Helper()
	packet, err := c.Next()
	if err != nil {
		t.Error(err)
		return -1
	}
	text, _ := strings.CutPrefix(packet, "42"+namespace+`,["users",`)
	n, err := strconv.Atoi(strings.TrimSuffix(text, "]"))
	if err != nil {
		t.Errorf("unexpected %s", packet)
		return -1
	}
	return n
}

const crowdSize = 40

// Each number is announced once, and in order, to every member of the room.
func TestCountsOfSocketsThatJoinAtOnce(t *testing.T) {
	app := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"join":["lobby"]}`))
	s := sitetest.Serve(t, fmt.Sprintf(countsSite, app.Proxy()))
	for _, namespace := range []string{"/app", "/backend"} {
		c := dialCrowd(t, s, crowdSize, namespace)
		c.each(func(client clienttest.Client) { client.Send("42" + namespace + `,["join"]`) })
		c.wantCounts(namespace, crowdSize)
	}
	dialCrowd(t, s, crowdSize, "/connect").wantCounts("/connect", crowdSize)
}

func TestCountsOfSocketsThatLeaveAtOnce(t *testing.T) {
	s := sitetest.Serve(t, fmt.Sprintf(countsSite, "respond 204"))
	c := dialCrowd(t, s, crowdSize, "/app")
	c.each(func(client clienttest.Client) { client.Send(`42/app,["join"]`) })
	c.wantCounts("/app", crowdSize)

	c.each(func(client clienttest.Client) { client.Send(`42/app,["leave"]`) })
	c.each(func(client clienttest.Client) {
		for n := range crowdSize {
			client.Expect(fmt.Sprintf(`42/app,["left",%d,%d]`, crowdSize-1-n, crowdSize))
		}
	})
}

func TestCountsOfSocketsThatDisconnectAtOnce(t *testing.T) {
	s := sitetest.Serve(t, fmt.Sprintf(countsSite, "respond 204"))
	c := dialCrowd(t, s, crowdSize, "/app")
	c.each(func(client clienttest.Client) { client.Send(`42/app,["join"]`) })
	c.wantCounts("/app", crowdSize)

	last := c.clients[0]
	c.clients = c.clients[1:]
	c.each(func(client clienttest.Client) { client.Close() })
	for n := crowdSize - 1; n > 0; n-- {
		last.Expect(fmt.Sprintf(`42/app,["users",%d]`, n))
	}
}

func TestRequireCountsSocketsOfRoom(t *testing.T) {
	s := sitetest.Serve(t, `socketio {
		namespace /app {
			on sit {
				join {event.args.0}
				ack
			}
			on start {
				require `+"`room.sockets(event.args[0]) == 2`"+` "{room.{event.args.0}.size} of 2 players"
				leave {event.args.0}
				ack ok
			}
		}
	}`)
	ann, bob := s.Connect(), s.Connect()
	ann.Call(`42/app,1["sit","a"]`, "43/app,1[]")
	ann.Call(`42/app,2["start","a"]`, `43/app,2[{"error":"1 of 2 players"}]`)
	bob.Call(`42/app,3["sit","a"]`, "43/app,3[]")
	ann.Call(`42/app,4["start","a"]`, `43/app,4["ok"]`)
	bob.Call(`42/app,5["start","a"]`, `43/app,5[{"error":"1 of 2 players"}]`)
	bob.Call(`42/app,6["start",7]`, `43/app,6[{"error":"0 of 2 players"}]`)
}

// A backend that streams its reply holds up no other rule with a count.
func TestStreamedReplyInterruptsNoCounts(t *testing.T) {
	goOn := make(chan struct{})
	app := sitetest.NewApp(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = io.WriteString(w, `{"join":["lobby"],"emit":[{"event":"token"}]}`+"\n")
		w.(http.Flusher).Flush()
		<-goOn
	})
	s := sitetest.Serve(t, `socketio {
		namespace /app {
			on ask {
				backend {
					`+app.Proxy()+`
				}
				emit done {room.lobby.size}
			}
			on join {
				join lobby
				ack {room.lobby.size}
			}
		}
	}`)
	ann, bob := s.Connect(), s.Connect()
	ann.Call(`42/app,["ask"]`, `42/app,["token"]`)
	bob.Call(`42/app,1["join"]`, "43/app,1[2]")
	close(goOn)
	ann.Expect(`42/app,["done",2]`)
}

// A count in use begins no step that outlasts it.
func TestCountInUseEndsItsStep(t *testing.T) {
	app := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["ok"]}`))
	s := sitetest.Serve(t, `socketio {
		namespace /app {
			use {
				require `+"`room.sockets(\"lobby\") < 9`"+`
			}
			on ask {
				backend {
					`+app.Proxy()+`
				}
			}
		}
	}`)
	ann, bob := s.Connect(), s.Connect()
	for range 2 {
		ann.Call(`42/app,1["ask"]`, `43/app,1["ok"]`)
		bob.Call(`42/app,1["ask"]`, `43/app,1["ok"]`)
	}
}
