package guesthandler_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	_ "github.com/caddy-socketio/caddy-socketio"
	_ "github.com/caddy-socketio/caddy-socketio/examples/guest-handler"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/gorilla/websocket"
)

const config = `{
	admin off
	persist_config off
	log {
		output discard
	}
}
http://%s {
	socketio {
		namespace /theatre {
			on sit {
				seat {event.args.0} %d
			}
		}
	}
}
`

// load runs Caddy with that number of seats in each room, or reloads its config.
func load(t *testing.T, address string, seats int) {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, config, address, seats), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(adapted, true); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, seats int) (address string) {
	t.Helper()
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	free.Close()
	load(t, address, seats)
	return address
}

// visitor is a client in the namespace /theatre.
type visitor struct {
	t    *testing.T
	conn *websocket.Conn
	id   string
}

func visit(t *testing.T, address string) *visitor {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+address+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	v := &visitor{t: t, conn: conn}
	v.read()
	v.id = strings.Split(v.call("40/theatre,"), `"`)[3]
	return v
}

func (v *visitor) read() string {
	v.t.Helper()
	_ = v.conn.SetReadDeadline(time.Now().Add(time.Minute))
	_, text, err := v.conn.ReadMessage()
	if err != nil {
		v.t.Fatal(err)
	}
	return string(text)
}

func (v *visitor) call(message string) string {
	v.t.Helper()
	if err := v.conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		v.t.Fatal(err)
	}
	return v.read()
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSeatIsTakenUntilItsSocketDisconnects(t *testing.T) {
	address := start(t, 2)
	a, b, c := visit(t, address), visit(t, address), visit(t, address)
	expect(t, a.call(`42/theatre,1["sit","stalls"]`), `43/theatre,1[1]`)
	expect(t, b.call(`42/theatre,1["sit","stalls"]`), `43/theatre,1[2]`)
	expect(t, a.read(), `42/theatre,["seated","`+b.id+`",2]`)
	expect(t, c.call(`42/theatre,1["sit","stalls"]`), `43/theatre,1[{"error":"no seat is free in stalls"}]`)
	expect(t, c.call(`42/theatre,2["sit","balcony"]`), `43/theatre,2[1]`)
	expect(t, c.call(`42/theatre,3["sit","balcony"]`), `43/theatre,3[1]`) // it sits there already
	expect(t, c.call(`42/theatre,4["sit",""]`), `43/theatre,4[{"error":"bad room name: it is empty"}]`)

	// Seats stay taken over a reload, and a closed connection makes its seat free.
	load(t, address, 3)
	expect(t, c.call(`42/theatre,3["sit","stalls"]`), `43/theatre,3[3]`)
	expect(t, a.read(), `42/theatre,["seated","`+c.id+`",3]`)
	d := visit(t, address)
	expect(t, d.call(`42/theatre,1["sit","stalls"]`), `43/theatre,1[{"error":"no seat is free in stalls"}]`)
	a.conn.Close()
	for n := 2; ; n++ { // until the server has noticed
		if got := d.call(fmt.Sprintf(`42/theatre,%d["sit","stalls"]`, n)); got == fmt.Sprintf(`43/theatre,%d[1]`, n) {
			break
		}
	}
	expect(t, b.read(), `42/theatre,["seated","`+c.id+`",3]`)
	expect(t, b.read(), `42/theatre,["seated","`+d.id+`",1]`)
}

func TestSeatErrorsInCaddyfile(t *testing.T) {
	for _, test := range []struct{ handler, message string }{
		{"seat stalls", "seat: expected a room and the number of its seats"},
		{"seat stalls many", `seat: unexpected "many": expected the number of seats`},
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("http://localhost {\nsocketio {\nnamespace /theatre {\non sit {\n"+test.handler+"\n}\n}\n}\n}\n"), nil)
		if err == nil || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: got %v, want %s", test.handler, err, test.message)
		}
	}
}
