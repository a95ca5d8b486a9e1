package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// clientOptions choose how a client connects. The zero value is a WebSocket of revision 4 in
// the namespace "/" that does not reconnect.
type clientOptions struct {
	name      string // for messages; the transport and revision by default
	transport string // "websocket" (default) or "polling"
	revision  int    // 4 (default) or 3: the version of Engine.IO
	path      string // of the route; "/socket.io/" by default
	namespace string // "/" by default
	reconnect bool   // connect again after a disconnection, with the pid if there is one
}

// client is a Socket.IO client that records the events it receives, and its connections.
type client struct {
	clientOptions
	address string
	ctx     context.Context
	stop    context.CancelFunc
	ended   chan struct{} // closed when run has returned

	mu      sync.Mutex // guards the following
	changed chan struct{}
	events  []string // received events, as JSON arrays without the offset
	life    []string // "connect", "recovered", "connect error: …" and "disconnect: …", in order
	link    transport
	joined  bool // the socket is connected
	acks    map[int]chan string
	lastID  int
	sid     string
	pid     string
	offset  string
}

// connectClient connects a client to the process, and waits until its socket is connected. The
// client ends with the test.
func (p *process) connectClient(t *testing.T, o clientOptions) *client {
	t.Helper()
	c := newClient(p.address, o)
	go c.run()
	t.Cleanup(c.stopClient)
	c.awaitConnected(t)
	return c
}

// newClient returns a client that has not started.
func newClient(address string, o clientOptions) *client {
	if o.transport == "" {
		o.transport = "websocket"
	}
	if o.revision == 0 {
		o.revision = 4
	}
	if o.path == "" {
		o.path = "/socket.io/"
	}
	if o.name == "" {
		o.name = fmt.Sprint(o.transport, " of revision ", o.revision)
	}
	c := &client{clientOptions: o, address: address, ended: make(chan struct{}), changed: make(chan struct{}), acks: make(map[int]chan string)}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// stopClient ends the client and waits for its goroutines.
func (c *client) stopClient() {
	c.stop()
	c.breakConnection()
	<-c.ended
}

// breakConnection closes the transport without a close packet, as a lost network does.
func (c *client) breakConnection() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil {
		c.link.closeTransport()
	}
}

// run connects, and connects again if the options say so, until stopClient.
func (c *client) run() {
	defer close(c.ended)
	for {
		err := c.runSession()
		c.mu.Lock()
		if c.joined {
			c.recordLocked(&c.life, "disconnect: "+err.Error())
		} else if c.ctx.Err() == nil {
			c.recordLocked(&c.life, "connect error: "+err.Error())
		}
		c.joined = false
		for id, ack := range c.acks {
			close(ack)
			delete(c.acks, id)
		}
		c.mu.Unlock()
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
		if !c.reconnect {
			return
		}
	}
}

// openPacket is the data of an open packet.
type openPacket struct {
	SID          string
	PingInterval int
}

// parseOpenPacket returns the data of an open packet, or zeros for another packet.
func parseOpenPacket(packet string) (open openPacket) {
	_ = json.Unmarshal([]byte(strings.TrimPrefix(packet, "0")), &open)
	return open
}

// runSession opens a transport and handles its packets until it closes.
func (c *client) runSession() error {
	link, err := openTransport(c.ctx, c.transport, c.address, c.path, c.revision)
	if err != nil {
		return err
	}
	defer link.closeTransport()
	c.mu.Lock()
	c.link = link
	c.mu.Unlock()
	stopPings := make(chan struct{})
	defer close(stopPings)
	for {
		packets, err := link.readPackets()
		if err != nil {
			return err
		}
		for _, packet := range packets {
			if strings.HasPrefix(packet, "0") && c.revision == 3 {
				go sendPings(link, time.Duration(parseOpenPacket(packet).PingInterval)*time.Millisecond, stopPings)
			}
			if err := c.handlePacket(link, packet); err != nil {
				return err
			}
		}
	}
}

// sendPings sends the heartbeats of a client of revision 3 until stop closes.
func sendPings(link transport, interval time.Duration, stop <-chan struct{}) {
	pace := time.NewTicker(max(interval, time.Millisecond))
	defer pace.Stop()
	for {
		select {
		case <-pace.C:
			_ = link.sendPacket("2") // a broken link ends the session in readPackets
		case <-stop:
			return
		}
	}
}

// errClosedByServer ends a session after the close packet.
var errClosedByServer = errors.New("close packet")

// handlePacket handles a packet of Engine.IO.
func (c *client) handlePacket(link transport, packet string) error {
	switch {
	case packet == "":
	case packet[0] == '0':
		return c.connectSocket(link)
	case packet[0] == '1':
		return errClosedByServer
	case packet[0] == '2' && c.revision == 4:
		return link.sendPacket("3")
	case packet[0] == '4' && len(packet) > 1:
		return c.handleMessage(link, packet[1], strings.TrimPrefix(packet[2:], c.prefix()))
	case strings.HasPrefix(packet, "malformed"):
		return errors.New(packet)
	}
	return nil
}

// prefix returns the start of a packet's text for the client's namespace.
func (c *client) prefix() string {
	if c.namespace == "" || c.namespace == "/" {
		return ""
	}
	return c.namespace + ","
}

// connectSocket sends the connect packet. Clients of revision 3 send none for "/".
func (c *client) connectSocket(link transport) error {
	if c.revision == 3 && c.prefix() == "" {
		return nil
	}
	c.mu.Lock()
	auth := ""
	if c.pid != "" {
		auth = fmt.Sprintf(`{"pid":%q,"offset":%q}`, c.pid, c.offset)
	}
	c.mu.Unlock()
	return link.sendPacket("40" + c.prefix() + auth)
}

// handleMessage handles a packet of Socket.IO: its type, and the text after the namespace.
func (c *client) handleMessage(link transport, kind byte, text string) error {
	switch kind {
	case '0':
		c.recordConnect(text)
	case '1':
		return errors.New("disconnect packet")
	case '2', '5':
		return c.recordEvent(link, text)
	case '3', '6':
		c.resolveAck(text)
	case '4':
		return fmt.Errorf("connect error packet: %s", text)
	}
	return nil
}

// recordConnect records a connect packet, and keeps the sid and the pid.
func (c *client) recordConnect(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var connected struct{ SID, PID string }
	_ = json.Unmarshal([]byte(text), &connected) // clients of revision 3 get no data
	entry := "connect"
	if c.pid != "" && connected.PID == c.pid {
		entry = "recovered"
	}
	c.sid, c.pid, c.joined = connected.SID, connected.PID, true
	c.recordLocked(&c.life, entry)
}

// recordEvent records an event, and acknowledges it if the server expects that.
func (c *client) recordEvent(link transport, text string) error {
	id, list := splitID(text)
	c.mu.Lock()
	if c.pid != "" {
		list = c.cutOffsetLocked(list)
	}
	c.recordLocked(&c.events, list)
	c.mu.Unlock()
	if id == "" {
		return nil
	}
	return link.sendPacket("43" + c.prefix() + id + `["` + c.name + `"]`)
}

// splitID splits an event or an acknowledgement into its id and its JSON array.
func splitID(text string) (id, list string) {
	if _, after, found := strings.Cut(text, "-"); found && text[0] != '[' {
		text = after // the number of attachments
	}
	start := max(strings.IndexByte(text, '['), 0)
	return text[:start], text[start:]
}

// cutOffsetLocked removes the offset from the end of an event's list, and keeps it. The caller
// holds mu.
func (c *client) cutOffsetLocked(list string) string {
	var all []json.RawMessage
	var offset string
	if json.Unmarshal([]byte(list), &all) != nil || len(all) < 2 || json.Unmarshal(all[len(all)-1], &offset) != nil {
		return list
	}
	c.offset = offset
	cut, _ := json.Marshal(all[:len(all)-1])
	return string(cut)
}

// resolveAck passes an acknowledgement to the call that waits for it.
func (c *client) resolveAck(text string) {
	id, list := splitID(text)
	n, _ := strconv.Atoi(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ack, ok := c.acks[n]; ok {
		ack <- list
		delete(c.acks, n)
	}
}

// recordLocked appends an entry and wakes the waiting calls. The caller holds mu.
func (c *client) recordLocked(to *[]string, entry string) {
	*to = append(*to, entry)
	close(c.changed)
	c.changed = make(chan struct{})
}

// emitEvent emits an event to the server. It returns an error while the socket is not connected.
func (c *client) emitEvent(name string, args ...any) error {
	return c.sendEvent("", name, args)
}

func (c *client) sendEvent(id, name string, args []any) error {
	list, err := json.Marshal(append([]any{name}, args...))
	if err != nil {
		return err
	}
	c.mu.Lock()
	link, joined := c.link, c.joined
	c.mu.Unlock()
	if !joined {
		return errors.New("the socket is not connected")
	}
	return link.sendPacket("42" + c.prefix() + id + string(list))
}

// emitWithAck emits an event and returns the JSON array of its acknowledgement. It returns an
// error if the connection closes first, or after maxWait.
func (c *client) emitWithAck(name string, args ...any) (string, error) {
	ack := make(chan string, 1)
	c.mu.Lock()
	c.lastID++
	id := c.lastID
	c.acks[id] = ack
	c.mu.Unlock()
	if err := c.sendEvent(strconv.Itoa(id), name, args); err != nil {
		return "", err
	}
	select {
	case list, ok := <-ack:
		if !ok {
			return "", errors.New("the connection closed before the acknowledgement")
		}
		return list, nil
	case <-time.After(maxWait):
		return "", errors.New("no acknowledgement")
	}
}

// mustEmit emits an event and fails the test unless the acknowledgement is want.
func (c *client) mustEmit(t *testing.T, want, name string, args ...any) {
	t.Helper()
	got, err := c.emitWithAck(name, args...)
	if err != nil || got != want {
		t.Fatalf("%s: ack of %s: got %s %v, want %s", c.name, name, got, err, want)
	}
}
