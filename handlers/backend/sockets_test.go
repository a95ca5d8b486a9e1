package backend_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/clienttest"
	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// socketsSite has a namespace /app whose sockets are in the rooms of their auth, and a
// namespace /lobby without rules. The event act goes to a backend.
func socketsSite(t *testing.T) (*sitetest.App, *sitetest.Site) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusNoContent, ""))
	return a, sitetest.Serve(t, `socketio {
		namespace /app {
			on connect {
				join {socket.auth.rooms}
			}
			on act {
				backend {
					`+a.Proxy()+`
				}
			}
			on state {
				ack {socket.rooms} {socket.data}
			}
		}
		namespace /lobby {
			on state {
				ack {socket.data}
			}
		}
	}`)
}

// connectToRooms connects to /app, in rooms that are given as JSON.
func connectToRooms(s *sitetest.Site, rooms string) (c clienttest.Client, id string) {
	c = s.Dial()
	c.Send(`40/app,{"rooms":` + rooms + `}`)
	return c, strings.Split(c.Expect(`40/app,{"sid":"*`), `"`)[3]
}

func TestReplyActsOnOtherSockets(t *testing.T) {
	a, s := socketsSite(t)
	ada, adaID := connectToRooms(s, `["user:1","lobby"]`)
	ben, benID := connectToRooms(s, `["user:2","lobby"]`)
	reply := func(body string) { a.SetReply(sitetest.Reply(http.StatusOK, body)) }

	// Kick: the emits of the reply still reach the socket by its own room.
	reply(`{"sockets":[{"in":["user:2"],"leave":["lobby"],"data":{"kicked":true}}],"emit":[{"event":"kicked","to":["lobby","user:2"],"include_sender":true}],"ack":["ok"]}`)
	ada.Call(`42/app,1["act"]`, `42/app,["kicked"]`)
	ada.Expect(`43/app,1["ok"]`)
	ben.Expect(`42/app,["kicked"]`)
	ben.Call(`42/app,2["state"]`, `43/app,2[["`+benID+`","user:2"],{"kicked":true}]`)

	// Move: all entries are done in order, before the emits.
	reply(`{"sockets":[{"all":true,"join":["game:7"]},{"in":["game:7"],"except":["user:2"],"join":["red"]},{"except":["red"],"join":["blue"],"leave":["game:7"]}],"emit":[{"event":"moved","to":["red"],"include_sender":true}]}`)
	ada.Call(`42/app,3["act"]`, `42/app,["moved"]`)
	ada.Call(`42/app,4["state"]`, `43/app,4[["`+adaID+`","user:1","lobby","game:7","red"],{}]`)
	ben.Call(`42/app,5["state"]`, `43/app,5[["`+benID+`","user:2","blue"],{"kicked":true}]`)

	// A reply puts no socket into the room of another one's id, where it would get private events.
	reply(`{"sockets":[{"in":["user:2"],"join":["` + adaID + `"]}]}`)
	ben.Call(`42/app,10["act"]`, `43/app,10[{"error":"room is the id of another socket"}]`)

	// Another namespace.
	lobby := s.Dial()
	lobby.Call(`40/lobby,`, `40/lobby,{"sid":"*`)
	reply(`{"sockets":[{"all":true,"namespace":"/lobby","data":{"bytes":{"$binary":"AQ=="}}}],"ack":["ok"]}`)
	ada.Call(`42/app,6["act"]`, `43/app,6["ok"]`)
	lobby.Send(`42/lobby,7["state"]`)
	lobby.Expect(`461-/lobby,7[{"bytes":{"_placeholder":true,"num":0}}]`)

	// Log out everywhere: the emits and the ack come before.
	again, _ := connectToRooms(s, `["user:1"]`)
	reply(`{"sockets":[{"in":["user:1"],"disconnect":"close"}],"emit":[{"event":"bye","to":["user:1"],"include_sender":true}],"ack":["ok"]}`)
	again.Call(`42/app,8["act"]`, `42/app,["bye"]`)
	again.Expect(`43/app,8["ok"]`)
	again.ExpectClosed()
	ada.Expect(`42/app,["bye"]`)
	ada.ExpectClosed()
	ben.Call(`42/app,9["state"]`, `43/app,9[["`+benID+`","user:2","blue"],{"kicked":true}]`)
}

// A reply to connect acts on the sockets that are connected already.
func TestReplyToConnectDisconnectsFormerSockets(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"join":["user:1"],"sockets":[{"in":["user:1"],"disconnect":true}]}`))
	s := sitetest.Serve(t, "socketio {\nnamespace /app {\non connect x {\nbackend {\n"+a.Proxy()+"}\n}\n}\n}")
	first := s.Connect()
	second := s.Connect()
	first.Expect("41/app,")
	a.SetReply(sitetest.Reply(http.StatusOK, `{"ack":["here"]}`))
	second.Call(`42/app,1["x"]`, `43/app,1["here"]`)
}

func TestWrongSocketsOfRepliesAreOutages(t *testing.T) {
	a, s := socketsSite(t)
	c, _ := connectToRooms(s, `["lobby"]`)
	for _, test := range []struct{ name, sockets, logged string }{
		{"no list", `{"in":["a"]}`, "sockets: unexpected"},
		{"no object", `["a"]`, "sockets.0: unexpected"},
		{"no target", `[{"disconnect":true}]`, "sockets: 0: expected in, except or all"},
		{"an empty except", `[{"except":[],"disconnect":true}]`, "sockets: 0: expected in, except or all"},
		{"two targets", `[{"in":["a"],"join":["b"]},{"in":["a"],"all":true,"join":["b"]}]`, "sockets: 1: in and all exclude each other"},
		{"no operation", `[{"in":["a"]}]`, "sockets: 0: expected data, leave, join or disconnect"},
		{"a wrong room", `[{"in":["a"],"join":["b",""]}]`, "sockets: 0: join: bad room name: it is empty"},
		{"a wrong type", `[{"in":"a","join":["b"]}]`, "sockets.0.in: unexpected"},
		{"a wrong disconnect", `[{"in":["a"],"disconnect":"now"}]`, `sockets.0.disconnect: unexpected string of 5 bytes, expected true, false or \"close\"`},
		{"much data", `[{"in":["a"],"data":{"k":"` + strings.Repeat("x", 300_000) + `"}}]`, "sockets: 0: data: socket data is full: the limit is 262144 bytes"},
		{"many rooms", `[{"in":["a"],"join":` + roomList(1001) + `}]`, "sockets: 0: join: 1001 rooms, the limit is 1000"},
		{"many entries", `[` + strings.Repeat(`{"in":["a"],"join":["b"]},`, 1000) + `{"in":["a"],"join":["b"]}]`, "sockets: 1001 entries, the limit is 1000"},
		{"no namespace", `[{"all":true,"namespace":"/none","join":["b"]}]`, `sockets 0: there is no namespace \"/none\"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.T = t
			a.SetReply(sitetest.Reply(http.StatusOK, `{"sockets":`+test.sockets+`,"ack":["no"]}`))
			c.Call(`42/app,1["act"]`, `43/app,1[{"error":"service unavailable"}]`)
			s.ExpectLogged("backend failed", test.logged)
		})
	}
	a.SetReply(sitetest.Reply(http.StatusOK, `{"sockets":[{"in":[],"join":["none"],"kick":true}],"ack":["ok"]}`))
	c.Call(`42/app,2["act"]`, `43/app,2["ok"]`)
	s.ExpectLogged("unknown keys", `"sockets.kick"`)
}
