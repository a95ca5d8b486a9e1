// Package socketio puts Socket.IO rooms into the Caddy web server. Clients of
// Socket.IO 2, 3 and 4 connect to the HTTP handler socketio; what their events do
// is said in Caddy's config; anyone emits to rooms through Caddy's admin API.
//
// Importing the package registers its modules:
//
//	http.handlers.socketio   the handler, [Handler]
//	socketio                 the app, [App]
//	socketio.handlers.*      what an event may do
//	socketio.adapters.*      joins the nodes of a cluster
//	admin.api.socketio       the admin API, [AdminAPI]
//	http.handlers.socketio_api   the same on an ordinary route, [APIHandler]
//
// and the command caddy socketio.
//
// Go modules of others reach the sockets through [Hub], and add things that an
// event may do as modules in the namespace socketio.handlers.
package socketio
