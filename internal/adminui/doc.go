// Package adminui serves the official Admin UI of Socket.IO (@socket.io/admin-ui): it has the
// handlers of the namespace "/admin", and emits to the sockets there, the viewers, the
// events that the web app shows.
//
// A [Console] belongs to one hub and outlives configs. While no viewer is connected it
// observes nothing, and has no goroutine without a cluster. In a cluster it sends the
// statistics of its node every two seconds, as servers of Node.js do, because viewers of
// other nodes show them. It observes sockets, in development mode, while a viewer is connected
// to any node: a node fetches the sockets of "/admin" when a viewer connects to it.
//
// Observations wait in one bounded queue, which one goroutine empties.
package adminui
