// Package socketio puts Socket.IO rooms into the Caddy web server. Clients of Socket.IO
// 2, 3 and 4 connect to the HTTP handler socketio. Rules in Caddy's config handle their
// events, and applications emit to rooms through Caddy's admin API.
//
// Importing the package registers its modules:
//
//	http.handlers.socketio       the HTTP handler, [Handler]
//	socketio                     the app, [App]
//	socketio.handlers.*          the handlers of events
//	socketio.adapters.*          the adapters of clusters
//	admin.api.socketio           the admin API, [AdminAPI]
//	http.handlers.socketio_api   the API on an ordinary route, [APIHandler]
//
// and the command caddy socketio.
//
// Other Go modules reach the sockets through [Hub]. They add handlers of events as
// modules in the namespace socketio.handlers.
package socketio
