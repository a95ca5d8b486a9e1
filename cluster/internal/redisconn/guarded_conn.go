package redisconn

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
)

// The client library panics, on goroutines of its own, at replies that no Redis sends: a
// negative length, a reply without a command, a confirmation without a subscription. A
// guardedConn parses the stream too, and turns them into an error of the connection.

// guardedConn is a connection to a Redis that passes only replies that the client library
// can read without a panic. One Read and one Write may run at the same time.
type guardedConn struct {
	net.Conn
	address  string
	pending  pendingCommands
	commands commandReader // belongs to Write
	replies  replyReader   // belongs to Read
	readErr  error         // belongs to Read
}

// newGuardedConn returns a guarded connection. The address is for errors.
func newGuardedConn(conn net.Conn, address string) *guardedConn {
	c := &guardedConn{Conn: conn, address: address}
	c.commands.onCommand = c.pending.addCommand
	c.replies.onReply = c.pending.checkReply
	return c
}

// Write records the commands in p, then writes it.
func (c *guardedConn) Write(p []byte) (int, error) {
	c.commands.scanCommands(p)
	return c.Conn.Write(p)
}

// Read stops before the end of a reply that is malformed, or that the client library must
// not read. After that it returns the error.
func (c *guardedConn) Read(p []byte) (int, error) {
	if c.readErr != nil {
		return 0, c.readErr
	}
	n, err := c.Conn.Read(p)
	good, bad := c.replies.scanReplies(p[:n])
	if bad == nil {
		return n, err
	}
	c.readErr = fmt.Errorf("redis at %s: unexpected reply: %w", c.address, bad)
	if good == 0 {
		return 0, c.readErr
	}
	return good, nil
}

// commandKind is the kind of a command by its replies.
type commandKind uint8

// The kinds of commands.
const (
	anyCommand    commandKind = iota
	subscribing               // a push for each channel, or an error
	unsubscribing             // pushes, then the reply to the PING that the library sends next
	pinging                   // the PING after an unsubscribing command that failed
)

// pendingCommand is a command without a reply so far.
type pendingCommand struct {
	kind     commandKind
	channels int // of a subscribing command
	elements int // minimum in a reply that is a list
}

// pendingCommands holds the commands of a connection without a reply so far, in order.
type pendingCommands struct {
	mu                sync.Mutex // guards the following
	queue             []pendingCommand
	lastUnsubscribes  bool // the last command was an unsubscribing one
	confirmationsLeft int  // of a subscription that is confirmed in part
	resp3             bool // pushes have a type of their own
	subscribed        bool // there was a subscribing command
	sentinel          bool // the server is a sentinel
}

// addCommand records a command by its first words.
func (p *pendingCommands) addCommand(name, first string, args int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	command := pendingCommand{}
	after := p.lastUnsubscribes
	p.lastUnsubscribes = false
	switch name {
	case "PING":
		if after {
			return // its reply belongs to the command before it
		}
	case "HELLO":
		p.resp3 = p.resp3 || first == "3"
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE":
		command.kind, command.channels, p.subscribed = subscribing, args-1, true
		p.sentinel = p.sentinel || first == "+sentinel"
	case "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE":
		command.kind, p.lastUnsubscribes = unsubscribing, true
	case "ROLE":
		command.elements = 1
	case "SENTINEL":
		p.sentinel = true
		if first == "GET-MASTER-ADDR-BY-NAME" {
			command.elements = 2
		}
	}
	p.queue = append(p.queue, command)
}

// Errors of replies that the client library must not read.
var (
	errNoCommand            = errors.New("a reply without a command")
	errConfirmation         = errors.New("a confirmation without a subscription")
	errNotConfirmation      = errors.New("a reply to a subscription that does not confirm it")
	errNotPong              = errors.New("a reply to PING other than PONG")
	errTooShort             = errors.New("a list that is too short")
	errShortSentinelMessage = errors.New("a message of a sentinel that is too short")
)

// checkReply assigns a complete reply to its command. It returns an error for a reply that
// the client library must not read.
func (p *pendingCommands) checkReply(r *reply) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.kind == '>' {
		return p.checkPush(r)
	}
	if !p.resp3 && r.isList() && r.count > 0 && (p.subscribed && string(r.words[0]) != "pong" || isPush(string(r.words[0]))) {
		if !p.subscribed {
			return errConfirmation // the library does not expect pushes yet
		}
		return p.checkPush(r)
	}
	if len(p.queue) == 0 {
		return errNoCommand
	}
	command := &p.queue[0]
	switch {
	case command.kind == subscribing && !r.isRefusal():
		return errNotConfirmation
	case command.kind == unsubscribing && r.isRefusal() && !r.isPong():
		command.kind = pinging // the library sends the PING next
		return nil
	case command.kind == unsubscribing && !r.isPong():
		return errNotConfirmation
	case command.kind == pinging && !r.isPong():
		return errNotPong
	case r.isList() && r.count < command.elements:
		return errTooShort
	}
	p.removeFirst()
	return nil
}

// removeFirst removes the first command, which has got its reply.
func (p *pendingCommands) removeFirst() {
	if p.queue = p.queue[1:]; len(p.queue) == 0 {
		p.queue = nil
	}
}

// checkPush is checkReply for a push, which may arrive at any time.
func (p *pendingCommands) checkPush(r *reply) error {
	if r.count < 2 {
		return nil // the library ignores it
	}
	switch string(r.words[0]) {
	case "subscribe", "psubscribe", "ssubscribe":
		if p.confirmationsLeft > 0 {
			p.confirmationsLeft--
			return nil
		}
		if len(p.queue) == 0 || p.queue[0].kind != subscribing {
			return errConfirmation
		}
		p.confirmationsLeft = p.queue[0].channels - 1
		p.removeFirst()
	case "unsubscribe", "punsubscribe", "sunsubscribe":
		if p.confirmationsLeft > 0 {
			p.confirmationsLeft-- // the library counts in the same way
		}
	case "message":
		if p.sentinel && r.spaces < sentinelSpaces(string(r.words[1])) {
			return errShortSentinelMessage
		}
	}
	return nil
}

// isPush reports whether a list of RESP2 that begins with a word is a push.
func isPush(word string) bool {
	switch word {
	case "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", "message", "pmessage", "smessage":
		return true
	}
	return false
}

// sentinelSpaces returns how many spaces the library expects in a message of a sentinel's
// channel.
func sentinelSpaces(channel string) int {
	switch channel {
	case "+sentinel", "+reboot":
		return 3
	case "+switch-master":
		return 4
	}
	return 0
}

// isRefusal reports whether a reply refuses a subscription. The library reads the text
// QUEUED as a reply of a transaction, even in an error.
func (r *reply) isRefusal() bool { return r.isError() && string(r.text) != "QUEUED" }

// isPong reports whether the client library reads a reply as the reply to a PING.
func (r *reply) isPong() bool {
	if r.kind == '-' && (bytes.HasPrefix(r.text, []byte("LOADING")) || bytes.HasPrefix(r.text, []byte("BUSY")) || bytes.Contains(r.text, []byte("'ping'"))) {
		return true
	}
	return string(r.text) == "PONG" || r.isList() && r.count > 0 && string(r.words[0]) == "pong"
}
