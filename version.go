package socketio

import "runtime/debug"

const modulePath = "github.com/caddy-socketio/caddy-socketio"

// moduleVersion is that of this module in the program, as its build says.
func moduleVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Path == modulePath {
		return info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == modulePath {
			return dep.Version
		}
	}
	return "unknown"
}
