// Command caddy is Caddy with the standard modules and Socket.IO: what
// `xcaddy build --with github.com/caddy-socketio/caddy-socketio` makes.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-socketio/caddy-socketio"
)

func main() {
	caddycmd.Main()
}
