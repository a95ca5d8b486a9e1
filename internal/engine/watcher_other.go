//go:build !linux

package engine

// watch is a connection's place in a watcher. This system has none: each WebSocket has a
// reader all the time.
type watch struct{}

func (ws *webSocket) prepareWatch() bool { return false }

func (ws *webSocket) watchBytes() bool { return false }

func (ws *webSocket) unwatchBytes() {}
