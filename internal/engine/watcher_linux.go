package engine

import (
	"os"
	"sync"
	"syscall"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// watch is a connection's place in the watcher.
type watch struct {
	watcher    *watcher // nil if the connection cannot be watched
	descriptor int32
	registered bool // the epoll has the descriptor
}

// watcher waits for bytes of all idle WebSockets of the process, on one goroutine. The
// runtime waits as well, but for one goroutine each.
type watcher struct {
	// Static after construction.
	epoll int
	file  *os.File // of epoll; the runtime waits for events in its own epoll
	raw   syscall.RawConn

	// Owned by the goroutine of wakeReaders.
	events [128]syscall.EpollEvent
	count  int // of events

	mu   sync.Mutex   // guards the following; a leaf
	idle []*webSocket // by descriptor; nil for others
}

// sharedWatcher returns the watcher of the process, and starts its goroutine, which ends with
// the process. It is nil if the system has no descriptor for it.
var sharedWatcher = sync.OnceValue(func() *watcher {
	w := new(watcher)
	var err error
	if w.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil
	}
	if err = syscall.SetNonblock(w.epoll, true); err == nil { // otherwise the runtime does not wait for it
		w.file = os.NewFile(uintptr(w.epoll), "idle websockets")
		w.raw, err = w.file.SyscallConn()
	}
	if err != nil {
		syscall.Close(w.epoll)
		return nil
	}
	spawn.Go(nil, "idle websockets", w.wakeReaders, nil)
	return w
})

// wakeReaders wakes the readers of connections that have bytes, or have closed.
func (w *watcher) wakeReaders() {
	for w.raw.Read(w.pollEvents) == nil {
		for i := range w.events[:w.count] {
			if ws := w.takeWebSocket(w.events[i].Fd); ws != nil {
				spawn.Call(ws.out.session.server.options.Log(), "idle websockets", ws.wakeReader, nil)
			}
		}
	}
}

// pollEvents gets events, and reports whether there are some. It does not wait.
func (w *watcher) pollEvents(uintptr) bool {
	n, err := syscall.EpollWait(w.epoll, w.events[:], 0)
	w.count = max(n, 0)
	return n > 0 || err != nil && err != syscall.EINTR
}

// takeWebSocket removes the connection with a descriptor. Another one may have got the descriptor after
// the event: its reader waits for nothing, and it is idle again.
func (w *watcher) takeWebSocket(descriptor int32) *webSocket {
	w.mu.Lock()
	defer w.mu.Unlock()
	if int(descriptor) >= len(w.idle) {
		return nil
	}
	ws := w.idle[descriptor]
	w.idle[descriptor] = nil
	return ws
}

// addWebSocket makes the watcher call wakeReader once, when the descriptor of a connection has bytes or
// has closed. A closed descriptor leaves the epoll by itself.
func (w *watcher) addWebSocket(ws *webSocket, descriptor int32) (err error) {
	w.mu.Lock()
	for int(descriptor) >= len(w.idle) {
		w.idle = append(w.idle, nil)
	}
	w.idle[descriptor] = ws
	w.mu.Unlock()
	place := &ws.idleness.watch
	operation := syscall.EPOLL_CTL_ADD
	if place.registered {
		operation = syscall.EPOLL_CTL_MOD
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: descriptor}
	place.descriptor = descriptor
	if err = syscall.EpollCtl(w.epoll, operation, int(descriptor), &event); err != nil {
		w.removeWebSocket(ws)
	}
	place.registered = err == nil
	return err
}

// removeWebSocket removes a connection that is no longer idle, unless another one has got its
// descriptor.
func (w *watcher) removeWebSocket(ws *webSocket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := ws.idleness.watch.descriptor; w.idle[d] == ws {
		w.idle[d] = nil
	}
}

// prepareWatch reports whether the watcher can wait for bytes of the connection.
func (ws *webSocket) prepareWatch() bool {
	if descriptorOwner(ws.out.net) != nil {
		ws.idleness.watch.watcher = sharedWatcher()
	}
	return ws.idleness.watch.watcher != nil
}

// watchBytes makes the watcher call wakeReader once. It reports false if the connection has
// closed, or if the system limits the number of watches.
func (ws *webSocket) watchBytes() bool {
	raw := rawConnOf(descriptorOwner(ws.out.net))
	var err error
	closed := raw.Control(func(fd uintptr) { err = ws.idleness.watch.watcher.addWebSocket(ws, int32(fd)) })
	return closed == nil && err == nil
}

// unwatchBytes ends the wait of the watcher.
func (ws *webSocket) unwatchBytes() { ws.idleness.watch.watcher.removeWebSocket(ws) }
