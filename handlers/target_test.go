package handlers_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers"
	"github.com/caddy-socketio/caddy-socketio/handlers/internal/clienttest"
	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
	"github.com/caddyserver/caddy/v2"
)

// targetsSite has a namespace /app whose rules emit to, and act on, targets.
const targetsSite = `socketio {
	namespace /app {
		on connect {
			join user:{socket.auth.name} {socket.auth.room}
		}
		on to {
			to a b emit got {event.name}
			ack
		}
		on in {
			in a b emit got {event.name}
			ack
		}
		on "in except" {
			in a b except user:{event.args.0} emit got {event.name}
			ack
		}
		on broadcast {
			broadcast emit got {event.name}
			ack
		}
		on all {
			all emit got {event.name}
			ack
		}
		on "all except" {
			all except b emit got {event.name}
			ack
		}
		on except {
			except b emit got {event.name}
			ack
		}
		on none {
			in {event.args.0} emit got {event.name}
			in {event.args.0} disconnect
			ack
		}
		on move {
			in {event.args.0} leave a b
			in {event.args.0} join {event.args.1}
			ack
		}
		on kick {
			in {event.args.0} except {socket.id} disconnect
			ack
		}
		on close {
			all except {socket.id} disconnect close
			ack
		}
		on rooms {
			ack {socket.rooms}
		}
		on set {
			in {event.args.0} except {socket.id} set team {event.args.1}
			ack
		}
		on team {
			ack {socket.data.team}
		}
	}
}`

// connectToRoom connects a user to /app of targetsSite, whose socket joins a room. It
// returns the client and the id of its socket.
func connectToRoom(s *sitetest.Site, name, room string) (c clienttest.Client, id string) {
	c = s.Dial()
	c.Send(`40/app,{"name":"` + name + `","room":"` + room + `"}`)
	return c, strings.Split(c.Expect(`40/app,{"sid":"*`), `"`)[3]
}

func TestLineEmitsToItsTarget(t *testing.T) {
	s := sitetest.Serve(t, targetsSite)
	clients := make(map[string]clienttest.Client)
	for _, name := range []string{"ann", "bob", "cat"} {
		room := map[string]string{"ann": "a", "bob": "b", "cat": "c"}[name]
		clients[name], _ = connectToRoom(s, name, room)
	}
	for _, test := range []struct{ event, args, receivers string }{
		{"to", "", "bob"},
		{"in", "", "ann bob"},
		{"in except", `,"ann"`, "bob"},
		{"broadcast", "", "bob cat"},
		{"all", "", "ann bob cat"},
		{"all except", "", "ann cat"},
		{"except", "", "cat"},
		{"none", ",[]", ""},
	} {
		clients["ann"].Send(`42/app,7["` + test.event + `"` + test.args + `]`)
		for name := range strings.FieldsSeq(test.receivers) {
			clients[name].Expect(`42/app,["got","` + test.event + `"]`)
		}
		clients["ann"].Expect(`43/app,7[]`)
	}
	for _, c := range clients { // nothing else has arrived
		c.Call(`42/app,8["rooms"]`, `43/app,8[[*`)
	}
}

func TestLineActsOnItsTarget(t *testing.T) {
	s := sitetest.Serve(t, targetsSite)
	ann, annID := connectToRoom(s, "ann", "a")
	bob, bobID := connectToRoom(s, "bob", "a")
	cat, _ := connectToRoom(s, "cat", "c")

	ann.Call(`42/app,1["move","a",["b","x"]]`, `43/app,1[]`)
	ann.Call(`42/app,2["rooms"]`, `43/app,2[["`+annID+`","user:ann"]]`) // it left the room of the second target
	ann.Call(`42/app,3["move","user:ann","b"]`, `43/app,3[]`)
	ann.Call(`42/app,4["rooms"]`, `43/app,4[["`+annID+`","user:ann","b"]]`)
	ann.Call(`42/app,5["move","`+bobID+`",["b","x"]]`, `43/app,5[]`)
	bob.Call(`42/app,6["rooms"]`, `43/app,6[["`+bobID+`","user:bob","b","x"]]`)
	ann.Call(`42/app,7["move","user:bob",""]`, `43/app,7[{"error":"bad room name: *`)
	ann.Call(`42/app,8["kick","user:nemo"]`, `43/app,8[]`)
	ann.Call(`42/app,9["kick"]`, `43/app,9[{"error":"bad room name: {event.args.0} has no value"}]`)

	ann.Call(`42/app,10["kick","x"]`, `43/app,10[]`)
	bob.Expect(`41/app,`)
	ann.Call(`42/app,11["close"]`, `43/app,11[]`)
	cat.ExpectClosed()
	ann.Call(`42/app,12["rooms"]`, `43/app,12[["`+annID+`","user:ann","b"]]`)
}

// A connect rule can disconnect the other sockets of the user: the own one is in no room
// yet.
func TestConnectRuleDisconnectsOtherSocketsOfUser(t *testing.T) {
	s := sitetest.Serve(t, `socketio {
		namespace /app {
			on connect {
				in user:{socket.auth.name} disconnect
				join user:{socket.auth.name} {socket.auth.room}
			}
			on rooms {
				ack {socket.rooms}
			}
		}
	}`)
	first, _ := connectToRoom(s, "ann", "a")
	second, _ := connectToRoom(s, "ann", "a")
	first.Expect(`41/app,`)
	third, _ := connectToRoom(s, "ann", "a")
	second.Expect(`41/app,`)
	third.Call(`42/app,1["rooms"]`, `43/app,1[[*`)
}

func TestTargetRefusesContradictions(t *testing.T) {
	for _, test := range []struct{ config, want string }{
		{`{"in":["a"],"all":true}`, "in and all exclude each other"},
		{`{"in":[]}`, "in: expected one or more rooms"},
		{`{"except":["a"]}`, "except goes with in or all"},
		{`{"in":[""]}`, "room 0: the name is empty"},
		{`{"all":true,"except":["{socket.x}"]}`, "room 0: unknown placeholder {socket.x}"},
	} {
		h := new(handlers.Disconnect)
		if err := json.Unmarshal([]byte(test.config), h); err != nil {
			t.Fatal(err)
		}
		if err := h.Provision(caddy.Context{}); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.config, err, test.want)
		}
	}
}

func TestSetInTargetChangesOthers(t *testing.T) {
	s := sitetest.Serve(t, targetsSite)
	ada, _ := connectToRoom(s, "ada", "a")
	ben, _ := connectToRoom(s, "ben", "a")
	eve, _ := connectToRoom(s, "eve", "b")
	ada.Call(`42/app,1["set","a",{"name":"red"}]`, `43/app,1[]`)
	ada.Call(`42/app,2["team"]`, `43/app,2[null]`)
	ben.Call(`42/app,3["team"]`, `43/app,3[{"name":"red"}]`)
	eve.Call(`42/app,4["team"]`, `43/app,4[null]`)
	ada.Call(`42/app,5["set","a","`+strings.Repeat("x", 300_000)+`"]`, `43/app,5[{"error":"socket data is full"}]`)
}
