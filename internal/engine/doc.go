// Package engine serves Engine.IO sessions, revisions 3 and 4, over HTTP
// long-polling and WebSocket, and the upgrade from the one to the other.
//
// It knows requests, transports, heartbeats and queues. It does not know what a
// message means: a [Receiver] does.
//
// # Order
//
// What one goroutine sends to a session arrives in that order, across an upgrade
// too, each message once. Messages of one session reach its Receiver one at a
// time, in the order sent by the client.
//
// # Concurrency
//
// A session is passive data with one lock. A WebSocket has one goroutine, its
// reader; a polling session has none but those of its requests. Writing is done
// by a few pumps, which never block, and, for a connection that does not take
// what it is given at once, by a flusher that lives until its queue is empty.
//
//	goroutine         begins                          ends
//	reader            after the 101, or when another  the client goes quiet: the next one begins;
//	                  one ends                        the connection's end
//	pump              a session has something queued  nothing is queued anywhere
//	flusher           a write would block             the session's queue is empty
//	session timer     time.AfterFunc                  at once
//	session closed    the session's end               Receiver.Closed returns
//
// Locks: Session.turn is held while a Receiver is called and is no leaf; under it
// Session.mu may be taken. Session.mu, Server.mu, Route.mu, pump.mu and transfer.mu
// are leaves: no other lock is taken under them, and nothing is called but, under
// transfer.mu, what sets a deadline.
package engine
