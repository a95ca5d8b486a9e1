// Package engine serves Engine.IO sessions, revisions 3 and 4, over HTTP
// long-polling and WebSocket, and the upgrade from polling to WebSocket.
//
// It knows HTTP requests, transports, heartbeats and queues. It does not know the
// meaning of a message: a [Receiver] does.
//
// # Order
//
// Messages that one goroutine sends to a session arrive in that order, each once, across
// an upgrade too. Messages of one session reach its Receiver one at a time, in the order
// sent by the client.
//
// # Parts
//
// A [Session] is passive data. Its queue holds the messages for the client. A WebSocket
// has an outbound, which writes the queue, and a reader from package frames. Polling
// takes from the queue with each poll.
//
// # Concurrency
//
// A WebSocket has one goroutine, its reader, and none while it is idle: one watcher waits
// for bytes of all idle ones. A polling session has only the goroutines of its HTTP
// requests. A few pumps write to all connections, and never block. A
// connection that does not accept all bytes at once gets a flusher until its queue is
// empty.
//
//	goroutine         begins                          ends
//	reader            after the 101, or when bytes    the connection is idle, or ends
//	                  of an idle connection arrive
//	watcher           a first connection can be       the process ends
//	                  watched
//	pump              a session has something queued  nothing is queued for its connections
//	flusher           a write would block             the session's queue is empty
//	session timer     time.AfterFunc                  at once
//	session closed    the session closes              Receiver.Closed returns
//
// Locks: intake.mu is held while a Receiver is called, and is no leaf; Session.mu may
// be taken under it. Session.mu, Server.mu, Route.mu, pump.mu, watcher.mu,
// pollHold.mu and transfer.mu are leaves: no other lock is taken under them, and no foreign code is
// called, except that transfer.mu is held while a deadline is set, and the lock of
// Server.unjoined may be taken under Session.mu.
package engine
