package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// kind is a version of the protocol on a transport: polling, websocket or upgrade.
type kind struct {
	protocol  int
	transport string
}

func (k kind) String() string { return fmt.Sprintf("EIO %d, %s", k.protocol, k.transport) }

// kinds lists all combinations.
var kinds = []kind{
	{3, "polling"},
	{3, "websocket"},
	{3, "upgrade"},
	{4, "polling"},
	{4, "websocket"},
	{4, "upgrade"},
}

// errRefused is the error of a client that got a connect error.
var errRefused = errors.New("connect error")

// client has one socket, in the namespace /soak or another.
type client struct {
	kind
	namespace string
	t         transport
	onEvent   func(name string, args []json.RawMessage, attachments [][]byte)

	connected chan struct{} // closed when the namespace is connected
	done      chan struct{} // closed when the reader has returned
	err       error         // why; after done

	mu      sync.Mutex // guards the following
	nextAck int
	acks    map[int]chan []json.RawMessage

	// Owned by the reader.
	waiting     string // an event whose attachments are on their way
	missing     int
	attachments [][]byte
}

// openClient connects a socket. onEvent runs in the reader.
func openClient(ctx context.Context, address string, k kind, namespace string, onEvent func(string, []json.RawMessage, [][]byte)) (*client, error) {
	t, h, rest, err := openTransport(ctx, address, k)
	if err != nil {
		return nil, err
	}
	c := &client{
		kind: k, namespace: namespace, t: t, onEvent: onEvent,
		connected: make(chan struct{}), done: make(chan struct{}), acks: make(map[int]chan []json.RawMessage),
	}
	go c.readEvents(rest)
	if k.protocol == 3 {
		go c.sendPings(time.Duration(h.PingInterval) * time.Millisecond)
	}
	if err := t.writePackets(packet{text: "40" + namespace + ","}); err != nil {
		c.closeClient(true)
		return nil, errors.Join(err, c.err) // the reader may have met the cause
	}
	select {
	case <-c.connected:
		return c, nil
	case <-c.done:
		return nil, c.err
	case <-ctx.Done():
		c.closeClient(true)
		return nil, ctx.Err()
	case <-time.After(maxWait):
		c.closeClient(true)
		return nil, errors.New("namespace not connected in time")
	}
}

// closeClient closes the connection and waits for the reader.
func (c *client) closeClient(abruptly bool) {
	c.t.closeTransport(abruptly)
	<-c.done
}

// sendPings sends the heartbeats of EIO 3, until the connection closes.
func (c *client) sendPings(interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = c.t.writePackets(packet{text: "2"}) // the reader reports a lost connection
		case <-c.done:
			return
		}
	}
}

// readEvents reads packets until the connection closes. rest are packets read before.
func (c *client) readEvents(rest []packet) {
	defer close(c.done)
	defer c.t.closeTransport(true)
	for {
		for _, p := range rest {
			if c.err = c.handlePacket(p); c.err != nil {
				return
			}
		}
		if rest, c.err = c.t.readPackets(); c.err != nil {
			return
		}
	}
}

// handlePacket handles a packet of the server.
func (c *client) handlePacket(p packet) error {
	if p.binary != nil {
		c.attachments = append(c.attachments, p.binary)
		if len(c.attachments) < c.missing {
			return nil
		}
		text, attachments := c.waiting, c.attachments
		c.waiting, c.missing, c.attachments = "", 0, nil
		return c.handleEvent(text, attachments)
	}
	body, isMessage := strings.CutPrefix(p.text, "4")
	switch {
	case isMessage:
		return c.handleMessage(body)
	case p.text == "2":
		return c.t.writePackets(packet{text: "3"})
	case p.text == "1":
		return errors.New("the server closed the session")
	}
	return nil // pongs and noops
}

// handleMessage handles a packet of Socket.IO.
func (c *client) handleMessage(body string) error {
	if body == "" {
		return errors.New("empty packet")
	}
	kind, rest := body[0], body[1:]
	if kind == '5' || kind == '6' {
		count, after, _ := strings.Cut(rest, "-")
		c.missing, _ = strconv.Atoi(count)
		rest = after
	}
	if strings.HasPrefix(rest, "/") {
		_, rest, _ = strings.Cut(rest, ",")
	} else if c.namespace != "/" {
		return nil // EIO 3 connects to "/" by itself
	}
	switch kind {
	case '0':
		close(c.connected)
	case '1':
		return errors.New("the server disconnected the socket")
	case '4':
		return fmt.Errorf("%w: %s", errRefused, rest)
	case '2', '3':
		return c.handleEvent(string(kind)+rest, nil)
	case '5', '6':
		c.waiting = string(kind) + rest
	}
	return nil
}

// handleEvent handles an event or an acknowledgement: its type, its id, its arguments.
func (c *client) handleEvent(text string, attachments [][]byte) error {
	start := strings.IndexByte(text, '[')
	if start < 0 {
		return fmt.Errorf("packet without arguments: %.80s", text)
	}
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(text[start:]), &args); err != nil {
		return fmt.Errorf("packet %.80s: %w", text, err)
	}
	id, idErr := strconv.Atoi(text[1:start])
	if text[0] == '3' || text[0] == '6' {
		c.mu.Lock()
		reply := c.acks[id]
		delete(c.acks, id)
		c.mu.Unlock()
		if reply != nil {
			reply <- args
		}
		return nil
	}
	if idErr == nil { // the API waits for an acknowledgement
		if err := c.t.writePackets(packet{text: "43" + c.namespace + "," + strconv.Itoa(id) + `["got it"]`}); err != nil {
			return err
		}
	}
	if c.onEvent != nil && len(args) > 0 {
		c.onEvent(strings.Trim(string(args[0]), `"`), args[1:], attachments)
	}
	return nil
}

// emitEvent emits an event without an acknowledgement. args are JSON.
func (c *client) emitEvent(args string) error {
	return c.t.writePackets(packet{text: "42" + c.namespace + ",[" + args + "]"})
}

// emitBinary emits an event whose last argument is an attachment.
func (c *client) emitBinary(args string, attachment []byte) error {
	return c.t.writePackets(
		packet{text: "451-" + c.namespace + ",[" + args + `,{"_placeholder":true,"num":0}]`},
		packet{binary: attachment})
}

// errNoAck is the error of an event that was not acknowledged in time.
var errNoAck = errors.New("no acknowledgement")

// callEvent emits an event and returns the arguments of its acknowledgement.
func (c *client) callEvent(args string) ([]json.RawMessage, error) {
	reply := make(chan []json.RawMessage, 1)
	c.mu.Lock()
	id := c.nextAck
	c.nextAck++
	c.acks[id] = reply
	c.mu.Unlock()
	if err := c.t.writePackets(packet{text: "42" + c.namespace + "," + strconv.Itoa(id) + "[" + args + "]"}); err != nil {
		return nil, err
	}
	late := time.NewTimer(maxWait)
	defer late.Stop()
	select {
	case got := <-reply:
		return got, nil
	case <-c.done:
		return nil, c.err
	case <-late.C:
		return nil, fmt.Errorf("%w: %s", errNoAck, args)
	}
}
