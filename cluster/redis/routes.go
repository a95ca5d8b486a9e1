package redis

import "sync"

// routes say what is to become of messages, by the pattern or channel that they
// came by.
type routes struct {
	mu    sync.RWMutex // guards lines
	lines map[string]routed
}

type routed struct {
	line *line
	kind messageKind
}

func (r *routes) add(ln *line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines[ln.names.pattern] = routed{ln, broadcastMessage}
	r.lines[ln.names.request] = routed{ln, requestMessage}
	r.lines[ln.names.response] = routed{ln, responseMessage}
	r.lines[ln.names.own] = routed{ln, responseMessage}
}

func (r *routes) remove(ln *line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range [...]string{ln.names.pattern, ln.names.request, ln.names.response, ln.names.own} {
		if r.lines[name].line == ln {
			delete(r.lines, name)
		}
	}
}

// put says that a channel is that of a room of a line, in the sharded dialect, or
// one of the line itself.
func (r *routes) put(ln *line, channel string) {
	kind := shardedMessage
	if channel == ln.names.own {
		kind = responseMessage
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines[channel] = routed{ln, kind}
}

// forget is the reverse of put.
func (r *routes) forget(channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.lines, channel)
}

// clear is forget for all channels.
func (r *routes) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = make(map[string]routed)
}

// find returns whose pattern or channel that is.
func (r *routes) find(name string) routed {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.lines[name]
}
