package socketio

import "runtime/debug"

const modulePath = "github.com/caddy-socketio/caddy-socketio"

// moduleVersion returns the version of this module, from the build information of the
// program.
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
