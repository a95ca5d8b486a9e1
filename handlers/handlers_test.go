package handlers_test

import (
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/clienttest"
	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// roomsSite has a namespace /app in which events use all handlers of this package.
const roomsSite = `socketio {
	namespace /app {
		on connect {
			set user {"id":7,"name":"{socket.auth.name}"}
			join lobby user:{socket.auth.name}
			emit welcome {socket.id} {socket.data.user} {http.request.header.X-Test} {http.request.local.host}
		}
		on join {
			join {event.args.0}
			ack {socket.rooms}
		}
		on leave {
			leave {event.args.0}
			ack {socket.rooms}
		}
		on own {
			leave {socket.id}
			ack {socket.rooms}
		}
		on echo {
			emit {event.args.0} {event.args.*}
			ack {event.args.*}
			ack twice
		}
		on say {
			emit said {socket.data.user.name} {event.args.1} {
				to {event.args.0} lobby
				except user:eve
			}
			ack ok
		}
		on all {
			emit all {"by":"{socket.data.user.name}"} {
				broadcast
				include_sender
				volatile
				local
				compress off
			}
		}
		on quit {
			disconnect
		}
		on "quit all" {
			disconnect close
		}
		on disconnecting {
			emit left {event.reason} {socket.data.user.id} {
				to {socket.rooms}
			}
		}
	}
}`

// connectUser connects a user to /app of a roomsSite. It returns the client and the id of
// its socket.
func connectUser(s *sitetest.Site, name string) (c clienttest.Client, id string) {
	c = s.Dial("X-Test", "header")
	c.Send(`40/app,{"name":"` + name + `"}`)
	id = strings.Split(c.Expect(`40/app,{"sid":"*`), `"`)[3]
	c.Expect(`42/app,["welcome","` + id + `",{"id":7,"name":"` + name + `"},"header","127.0.0.1"]`)
	return c, id
}

func TestJoinAndLeaveChangeRooms(t *testing.T) {
	ada, id := connectUser(sitetest.Serve(t, roomsSite), "ada")
	own := `["` + id + `","lobby","user:ada"`
	ada.Call(`42/app,1["join",["a","b","a"]]`, `43/app,1[`+own+`,"a","b"]]`)
	ada.Call(`42/app,2["join",""]`, `43/app,2[{"error":"bad room name: it is empty"}]`)
	ada.Call(`42/app,3["join"]`, `43/app,3[{"error":"bad room name: {event.args.0} has no value"}]`)
	ada.Call(`42/app,4["leave",["b","never"]]`, `43/app,4[`+own+`,"a"]]`)
	ada.Call(`42/app,5["own"]`, `43/app,5[["lobby","user:ada","a"]]`)
}

func TestEmitAndAckKeepTypesOfArguments(t *testing.T) {
	ada, _ := connectUser(sitetest.Serve(t, roomsSite), "ada")
	ada.Call(`42/app,6["echo","back",{"x":[1.0]}]`, `42/app,["back","back",{"x":[1.0]}]`)
	ada.Expect(`43/app,6["back",{"x":[1.0]}]`)
	ada.Send(`451-/app,7["echo","file",{"_placeholder":true,"num":0}]`)
	if err := ada.WriteMessage(2, []byte("bytes")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`451-/app,["file","file",{"_placeholder":true,"num":0}]`, "bytes", `461-/app,7["file",{"_placeholder":true,"num":0}]`, "bytes"} {
		ada.Expect(want)
	}
	ada.Call(`42/app,8["echo","disconnect"]`, `43/app,8[{"error":"internal error"}]`)
}

func TestEmitReachesRoomsAndNamespace(t *testing.T) {
	s := sitetest.Serve(t, roomsSite)
	ada, id := connectUser(s, "ada")
	bob, _ := connectUser(s, "bob")
	eve, _ := connectUser(s, "eve")
	ada.Call(`42/app,1["join","a"]`, `43/app,1[["`+id+`","lobby","user:ada","a"]]`)
	ada.Call(`42/app,9["say","a","hi"]`, `43/app,9["ok"]`)
	bob.Expect(`42/app,["said","ada","hi"]`)
	eve.Send(`42/app,["all"]`)
	for _, c := range []clienttest.Client{ada, bob, eve} {
		c.Expect(`42/app,["all",{"by":"eve"}]`)
	}
}

func TestDisconnectEmitsToRoomsBefore(t *testing.T) {
	s := sitetest.Serve(t, roomsSite)
	ada, _ := connectUser(s, "ada")
	bob, _ := connectUser(s, "bob")
	eve, _ := connectUser(s, "eve")
	ada.Call(`42/app,["quit"]`, `41/app,`)
	bob.Expect(`42/app,["left","server namespace disconnect",7]`)
	eve.Expect(`42/app,["left","server namespace disconnect",7]`)
	eve.Call(`42/app,["quit all"]`, `41/app,`)
	eve.ExpectClosed()
	bob.Expect(`42/app,["left","server namespace disconnect",7]`)
}

func TestHandlersInCaddyfile(t *testing.T) {
	for _, test := range []struct{ handler, message string }{
		{"join", "join: expected one or more rooms"},
		{`join ""`, "the name is empty"},
		{"join {socket.room}", "unknown placeholder {socket.room}"},
		{"join a {\nb\n}", `join: unknown option "b": expected max`},
		{"leave", "leave: expected one or more rooms"},
		{"emit", "emit: expected the name of an event"},
		{"emit connect", "reserved event name"},
		{"emit x {event.arg.0}", "argument 0: unknown placeholder {event.arg.0}"},
		{"emit x {\nto\n}", "emit: to: expected one or more rooms"},
		{"emit x {\nbroadcast now\n}", "emit: broadcast takes no argument"},
		{"emit x {\ncompress maybe\n}", `emit: compress: unexpected "maybe": expected on or off`},
		{"emit x {\nnowhere\n}", `emit: unknown option "nowhere"`},
		{"emit x {\ninclude_sender\n}", "include_sender and local go with to, except or broadcast"},
		{"ack {socket.x}", "unknown placeholder {socket.x}"},
		{"set name", "set: expected a key and a value"},
		{"set a.b 1", "the key must not be empty and has no dot"},
		{"disconnect now", `disconnect: unexpected "now"`},
		{"dance", `unknown handler "dance": expected parallel, rate_limit, allow_ids, ack, backend, disconnect, emit, join, jwt, leave, members, require or set, or a module socketio.handlers.dance`},
		{"backend", "backend: expected the address of an application"},
		{"backend {\n}", "backend: expected the address of an application"},
		{"backend {\ntimeout 10\nrespond 204\n}", "backend: timeout: "},
		{"backend {\ntimeout -1s\nrespond 204\n}", `backend: timeout: unexpected "-1s": expected a duration above 0`},
		{"backend {\ntimeout\nrespond 204\n}", "backend: timeout: expected one value"},
		{"backend {\nmax_response much\nrespond 204\n}", "backend: max_response: "},
		{"backend {\nconcurrency 0\nrespond 204\n}", "backend: concurrency: unexpected \"0\""},
		{"backend {\nqueue many\nrespond 204\n}", "backend: queue: unexpected \"many\""},
		{"backend {\non_outage shrug\nrespond 204\n}", `backend: on_outage: unexpected "shrug"`},
		{"backend {\ndance\n}", "unrecognized directive: dance"},
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("http://localhost:8080 {\nsocketio {\nnamespace /app {\non x {\n"+test.handler+"\n}\n}\n}\n}\n"), nil)
		if err == nil || !strings.Contains(err.Error(), test.message) || !strings.Contains(err.Error(), "Caddyfile:") {
			t.Errorf("%s\ngot  %v\nwant %s, at a line", test.handler, err, test.message)
		}
	}
}

// TestBackendInCaddyfile adapts the lines that a block may have, in any order.
func TestBackendInCaddyfile(t *testing.T) {
	for _, block := range []string{
		"respond `{}`",
		"respond \"{}\"",
		"@a header A b\nerror @a \"no\" 403\nrespond `{}`",
		"respond 204\ntimeout 1s",
		"timeout 1s\nmax_response 1KiB\nconcurrency 1\nqueue 1\non_outage deny\nsign secret\nrespond 204",
		"handle /a* {\nrespond 200\n}\nhandle {\nrespond 404\n}",
		"import answer `{}`",
	} {
		config := "(answer) {\nrespond \"{args[0]}\"\n}\nhttp://localhost:8080 {\n" + sitetest.BackendDirective(block) + "}\n"
		if _, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil); err != nil {
			t.Errorf("%s: %v", block, err)
		}
	}
}
