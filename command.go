package socketio

import (
	"github.com/caddy-socketio/caddy-socketio/internal/cli"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

func init() { caddycmd.RegisterCommand(cli.Command()) }
