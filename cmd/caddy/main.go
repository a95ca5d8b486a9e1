// Command caddy is Caddy with its standard modules and Socket.IO. It is equal to the
// result of `xcaddy build --with github.com/caddy-socketio/caddy-socketio`.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-socketio/caddy-socketio"
)

func main() {
	caddycmd.Main()
}
