package handlers_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/clienttest"
	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// lobbySite has rooms of four sockets, on an event and on connect.
const lobbySite = `socketio {
	namespace /app {
		on join {
			join game {event.args.0} {
				max 4
			}
			all emit players {room.game.size}
			ack {room.game.size}
		}
		on leave {
			leave game
			ack
		}
		on rooms {
			ack {socket.rooms}
		}
	}
	namespace /connect {
		join lobby {
			max 4
		}
		on connect {
			emit players {room.lobby.size} {
				to lobby
			}
		}
	}
}`

func TestRoomTakesNoMoreSocketsThanMax(t *testing.T) {
	s := sitetest.Serve(t, lobbySite)
	c := dialCrowd(t, s, crowdSize, "/app")
	var joined, full atomic.Int32
	c.each(func(client clienttest.Client) {
		client.Send(`42/app,1["join","a"]`)
		for {
			packet, err := client.Next()
			switch {
			case err != nil:
				t.Error(err)
			case strings.HasPrefix(packet, `42/app,["players",`):
				continue
			case packet == `43/app,1[{"error":"room is full"}]`:
				full.Add(1)
			default:
				if packet != fmt.Sprintf("43/app,1[%d]", joined.Add(1)) && joined.Load() > 4 {
					t.Errorf("got %s", packet)
				}
			}
			return
		}
	})
	if joined.Load() != 4 || full.Load() != crowdSize-4 {
		t.Fatalf("%d sockets joined, %d got an error", joined.Load(), full.Load())
	}
}

func TestFullRoomHasPlaceAfterLeave(t *testing.T) {
	s := sitetest.Serve(t, strings.Replace(lobbySite, "all emit players {room.game.size}", "", 1))
	var clients []clienttest.Client
	for n := range 4 {
		c := s.Connect()
		c.Call(`42/app,1["join","a"]`, fmt.Sprintf(`43/app,1[%d]`, n+1))
		clients = append(clients, c)
	}
	last := s.Connect()
	last.Call(`42/app,1["join","b"]`, `43/app,1[{"error":"room is full"}]`)
	last.Send(`42/app,2["rooms"]`)
	if packet := last.Read(); strings.Count(packet, `"`) != 2 { // its own id: it joined neither room
		t.Errorf("got %s", packet)
	}
	clients[0].Call(`42/app,3["join","b"]`, `43/app,3[4]`) // it has its place already
	clients[1].Call(`42/app,4["leave"]`, `43/app,4[]`)
	last.Call(`42/app,5["join","b"]`, `43/app,5[4]`)
}

func TestFullRoomRefusesConnect(t *testing.T) {
	s := sitetest.Serve(t, lobbySite)
	c := &crowd{t: t}
	for range crowdSize {
		c.clients = append(c.clients, s.Dial())
	}
	connected := make(chan clienttest.Client, crowdSize)
	var full atomic.Int32
	c.each(func(client clienttest.Client) {
		client.Send("40/connect,")
		packet, err := client.Next()
		switch {
		case strings.HasPrefix(packet, `40/connect,{"sid"`):
			connected <- client
		case packet == `44/connect,{"message":"room is full"}`:
			full.Add(1)
		default:
			t.Errorf("got %s, %v", packet, err)
		}
	})
	if len(connected) != 4 || full.Load() != crowdSize-4 {
		t.Fatalf("%d sockets connected, %d got an error", len(connected), full.Load())
	}
	first, second := <-connected, <-connected
	first.Send("41/connect,")
	first.Send("40/connect,") // its place may not be free yet
	for {
		packet := first.Read()
		if strings.HasPrefix(packet, `40/connect,{"sid"`) {
			break
		}
		if packet == `44/connect,{"message":"room is full"}` {
			first.Send("40/connect,")
		}
	}
	for n := 0; n != 4; { // its connect has announced the fourth place again
		_, _ = fmt.Sscanf(second.Read(), `42/connect,["players",%d]`, &n)
	}
}

func TestJoinRefusesMaxOfTarget(t *testing.T) {
	for line, want := range map[string]string{
		"join a {\nmax 0\n}":        "join: max: unexpected \"0\": expected a number above 0",
		"join a {\nmax\n}":          "join: max: unexpected \"\": expected a number above 0",
		"join a {\nmax 1\nmax 2\n}": "join: max is given twice",
		"join a {\nmin 1\n}":        "join: unknown option \"min\": expected max",
		"all join a {\nmax 1\n}":    "join: max goes without in and all",
	} {
		_, err := sitetest.Adapt("http://localhost {\nsocketio {\nnamespace / {\non x {\n" + line + "\n}\n}\n}\n}")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
}
