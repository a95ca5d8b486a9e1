package adminui

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/gorilla/websocket"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/crypto/bcrypt"
)

// client is a bare client over WebSocket. It reads and writes Engine.IO packets.
type client struct {
	t    *testing.T
	conn *websocket.Conn
}

// newConsole serves a hub with an Admin UI, whose user is ada with the password secret.
func newConsole(t *testing.T, change func(*Settings)) (*hub.Hub, *Console, string) {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	s := &Settings{Username: "ada", PasswordHash: string(hash), Development: true}
	change(s)
	h := hub.New(hub.Options{Name: "test"})
	c := New(h)
	g := h.Configure(hub.Config{Namespaces: []hub.NamespaceConfig{c.NamespaceConfig(s)}})
	release := c.Use(s)
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		release()
		g.Release()
		h.Close()
		server.Close()
	})
	return h, c, "ws" + strings.TrimPrefix(server.URL, "http") + "/socket.io/?EIO=4&transport=websocket"
}

func dial(t *testing.T, url string) *client {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	t.Cleanup(func() { conn.Close() })
	c := &client{t, conn}
	c.read() // the handshake
	return c
}

// connect sends a connect packet and returns the reply.
func connect(t *testing.T, url, namespace, auth string) (c *client, reply string) {
	t.Helper()
	c = dial(t, url)
	c.write("40" + namespace + "," + auth)
	return c, c.read()
}

func (c *client) write(text string) {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next packet that is no heartbeat.
func (c *client) read() string {
	c.t.Helper()
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(time.Minute))
		_, text, err := c.conn.ReadMessage()
		if err != nil {
			c.t.Fatal(err)
		}
		if string(text) != "2" {
			return string(text)
		}
	}
}

// readEvent reads packets up to the event of that name, and returns its arguments.
func (c *client) readEvent(name string) []json.RawMessage {
	c.t.Helper()
	for {
		text, ok := strings.CutPrefix(c.read(), "42/admin,")
		if !ok {
			continue
		}
		var event []json.RawMessage
		if err := json.Unmarshal([]byte(text), &event); err != nil {
			c.t.Fatal(err)
		}
		if string(event[0]) == `"`+name+`"` {
			return event[1:]
		}
	}
}

const rightAuth = `{"username":"ada","password":"secret"}`

func TestLogin(t *testing.T) {
	_, _, url := newConsole(t, func(*Settings) {})
	for name, auth := range map[string]string{
		"nothing":          ``,
		"a wrong password": `{"username":"ada","password":"guess"}`,
		"a wrong user":     `{"username":"eve","password":"secret"}`,
		"a number":         `{"username":"ada","password":1}`,
		"a forged session": `{"sessionId":"342f7ebfefc2fdaa"}`,
	} {
		if _, reply := connect(t, url, Namespace, auth); reply != `44/admin,{"message":"invalid credentials"}` {
			t.Errorf("%s: got %s", name, reply)
		}
	}
	c, reply := connect(t, url, Namespace, rightAuth)
	if !strings.HasPrefix(reply, `40/admin,{"sid":`) {
		t.Fatalf("got %s", reply)
	}
	id := c.readEvent("session")[0]
	if got := string(c.readEvent("config")[0]); got != `{"supportedFeatures":["EMIT","JOIN","LEAVE","DISCONNECT","MJOIN","MLEAVE","MDISCONNECT","AGGREGATED_EVENTS","ALL_EVENTS"]}` {
		t.Errorf("got the config %s", got)
	}
	if _, reply := connect(t, url, Namespace, `{"sessionId":`+string(id)+`}`); !strings.HasPrefix(reply, `40/admin,{"sid":`) {
		t.Errorf("with the session id: got %s", reply)
	}
}

func TestWrongPasswordsAreFailedAttempts(t *testing.T) {
	h, _, url := newConsole(t, func(*Settings) {})
	connect(t, url, Namespace, `{"username":"ada","password":"guess"}`)
	connect(t, url, Namespace, `{"sessionId":"342f7ebfefc2fdaa"}`)
	if got := h.Stats().FailedAttempts; got != 1 {
		t.Errorf("got %d failed attempts, want 1", got)
	}
}

// Each wrong password is checked, and the first one of an address is logged, without it.
func TestWrongPasswordsOfAddressAreLoggedOnce(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	_, _, url := newConsole(t, func(s *Settings) { s.Log = zap.New(core) })
	for range 3 {
		connect(t, url, Namespace, `{"username":"ada","password":"guess"}`)
	}
	all := logs.FilterMessage("admin_ui: login failed").All()
	if len(all) != 1 || !strings.HasPrefix(all[0].ContextMap()["address"].(string), "127.0.0.1:") || strings.Contains(fmt.Sprint(logs.All()), "guess") {
		t.Errorf("got %v, want one entry with the address, without the password", logs.All())
	}
}

func TestViewerGetsLifeOfSocket(t *testing.T) {
	h, _, url := newConsole(t, func(*Settings) {})
	h.Of("/").On("say", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		if err := ev.Socket.Join("lobby"); err != nil {
			return err
		}
		_, err := h.Of("/").To("lobby").Emit("said", true)
		return err
	}))
	viewer, _ := connect(t, url, Namespace, rightAuth)
	viewer.readEvent("server_stats")
	viewer.readEvent("all_sockets")
	client, _ := connect(t, url, "/", "")
	var socket struct{ ID, ClientID, Transport, Nsp string }
	if err := json.Unmarshal(viewer.readEvent("socket_connected")[0], &socket); err != nil {
		t.Fatal(err)
	}
	if socket.Transport != "websocket" || socket.Nsp != "/" || len(socket.ClientID) != 12 {
		t.Errorf("got %+v", socket)
	}
	client.write(`42["say",1]`)
	if got := string(viewer.readEvent("event_received")[2]); got != `["say",1]` {
		t.Errorf("got the event %s", got)
	}
	if got := string(viewer.readEvent("room_joined")[1]); got != `"lobby"` {
		t.Errorf("got the room %s", got)
	}
	if got := string(viewer.readEvent("event_sent")[2]); got != `["said",true]` {
		t.Errorf("got the event %s", got)
	}
	viewer.write(`42/admin,7["leave","/","lobby","` + socket.ID + `"]`)
	if got := string(viewer.readEvent("room_left")[1]); got != `"lobby"` {
		t.Errorf("got the room %s", got)
	}
	viewer.write(`42/admin,8["_disconnect","/",false,"` + socket.ID + `"]`)
	if got := string(viewer.readEvent("socket_disconnected")[2]); got != `"server namespace disconnect"` {
		t.Errorf("got the reason %s", got)
	}
}

func TestNothingIsObservedWithoutViewers(t *testing.T) {
	_, c, url := newConsole(t, func(*Settings) {})
	viewer, _ := connect(t, url, Namespace, rightAuth)
	viewer.readEvent("all_sockets")
	viewer.conn.Close()
	deadline := time.Now().Add(time.Minute)
	for {
		c.mu.Lock()
		running := c.running
		c.mu.Unlock()
		if !running {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the goroutine of the console still runs")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if c.loop.stopObserving != nil {
		t.Error("the hub is still observed")
	}
}

func TestReadonlyRefusesActions(t *testing.T) {
	_, _, url := newConsole(t, func(s *Settings) { s.ReadOnly, s.Development = true, false })
	viewer, _ := connect(t, url, Namespace, rightAuth)
	if got := string(viewer.readEvent("config")[0]); got != `{"supportedFeatures":["AGGREGATED_EVENTS"]}` {
		t.Errorf("got the config %s", got)
	}
	for _, event := range []string{`["join","/","r"]`, `["leave","/","r"]`, `["_disconnect","/",true]`, `["emit","/",null,"x"]`} {
		viewer.write("42/admin,1" + event)
		for reply := viewer.read(); ; reply = viewer.read() {
			if ack, ok := strings.CutPrefix(reply, "43/admin,1"); ok {
				if !strings.Contains(ack, "admin_ui is readonly") {
					t.Errorf("%s: got %s", event, ack)
				}
				break
			}
		}
	}
}

// The id of a socket of Socket.IO 2 is the secret of its connection.
func TestActionsDoNotLogSecretIDs(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	h, _, url := newConsole(t, func(s *Settings) { s.Log = zap.New(core) })
	h.Of("/")
	conn, response, err := websocket.DefaultDialer.Dial(strings.Replace(url, "EIO=4", "EIO=3", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	defer conn.Close()
	old := &client{t, conn}
	var opened struct{ SID string }
	if err := json.Unmarshal([]byte(old.read()[1:]), &opened); err != nil {
		t.Fatal(err)
	}
	old.read() // the connect packet of "/"
	viewer, _ := connect(t, url, Namespace, rightAuth)
	viewer.write(`42/admin,["join","/","` + opened.SID + `-room","` + opened.SID + `"]`)
	viewer.write(`42/admin,7["_disconnect","/",false,"` + opened.SID + `"]`)
	for !strings.HasPrefix(viewer.read(), "43/admin,7") {
	}
	lines := logs.FilterMessage("admin_ui: action").All()
	if len(lines) != 2 || lines[0].ContextMap()["filter"] != id.ForLog(opened.SID) {
		t.Errorf("logged %v", lines)
	}
	for _, line := range lines {
		if text := fmt.Sprint(line.ContextMap()); strings.Contains(text, opened.SID) {
			t.Errorf("the secret %s is in %s", opened.SID, text)
		}
	}
}

// A client has much data, and changes a little of it all the time: viewers get its size, once
// a second.
func TestLargeDataOfSocketsIsClipped(t *testing.T) {
	h, c, url := newConsole(t, func(*Settings) {})
	h.Of("/")
	viewer, _ := connect(t, url, Namespace, rightAuth)
	viewer.readEvent("all_sockets")
	connect(t, url, "/", "")
	var connected struct{ ID string }
	if err := json.Unmarshal(viewer.readEvent("socket_connected")[0], &connected); err != nil {
		t.Fatal(err)
	}
	s, _ := h.Of("/").Socket(connected.ID)
	if err := s.Set("small", "x"); err != nil {
		t.Fatal(err)
	}
	if got := string(viewer.readEvent("socket_updated")[0]); !strings.Contains(got, `"data":{"small":"x"}`) {
		t.Errorf("got %s", got)
	}
	for i := range 500 {
		if err := s.Set(fmt.Sprint("key", i), strings.Repeat("x", 500)); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(viewer.readEvent("socket_updated")[0]); !strings.Contains(got, `"data":{"(too large)":"`) || len(got) > 200 {
		t.Errorf("got %.300s", got)
	}
	c.queue.mu.Lock()
	waiting := len(c.queue.items)
	c.queue.mu.Unlock()
	if waiting > 1 {
		t.Errorf("%d messages of one socket wait", waiting)
	}
}

// Messages of sockets take no more bytes a second than viewers follow.
func TestChangesAreBoundedByBytes(t *testing.T) {
	var q queue
	for range 1000 {
		q.pushItem(item{size: maxSocketSize}, false)
	}
	items, dropped := q.takeItems()
	if len(items) != maxChangeBytes/maxSocketSize || !dropped {
		t.Errorf("%d messages in a second, dropped: %v", len(items), dropped)
	}
	if q.resetBudget(); !q.admitChange(maxSocketSize) {
		t.Error("the next second has no bytes")
	}
}

// Sockets with much data, many rooms or large headers do not keep others out of the list.
func TestListHasAllSocketsBesideLargeOnes(t *testing.T) {
	large := socketMessage{ID: "large", Namespace: "/", Data: json.RawMessage(`{"a":"` + strings.Repeat("x", 4000) + `"}`)}
	large.Handshake.Headers = map[string]string{"x": strings.Repeat("y", 4000)}
	for i := range 1000 {
		large.Rooms = append(large.Rooms, fmt.Sprint("room", i))
	}
	small := socketMessage{ID: "small", Namespace: "/", Data: json.RawMessage(`{"name":"ada"}`), Rooms: []string{"lobby"}}
	small.Handshake.Headers = map[string]string{"user-agent": "x"}
	var all []socketMessage
	for range maxSockets / 2 {
		all = append(all, large, small)
	}
	list, count := encodeSockets(all)
	var got []socketMessage
	if err := json.Unmarshal(list, &got); err != nil || count != maxSockets || len(got) != maxSockets || len(list) > maxSocketBytes {
		t.Fatalf("%d of %d sockets in %d bytes: %v", count, len(got), len(list), err)
	}
	if s := got[1]; string(s.Data) != `{"name":"ada"}` || len(s.Rooms) != 1 || s.Handshake.Headers["user-agent"] != "x" {
		t.Errorf("a small socket lost something: %+v", s)
	}
	if s := got[0]; string(s.Data) != `{"(too large)":"4008 bytes"}` {
		t.Errorf("got the data %s", s.Data)
	}
}
