//go:build bench

package main

import (
	"net/http"
	"runtime/debug"

	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(collectRoute{}) }

// collectRoute is the route POST /bench/collect of the admin endpoint, in the Caddy that
// benchmarks measure. It collects garbage and gives free memory back to the kernel, so that
// the resident memory of connections can be compared.
type collectRoute struct{}

// CaddyModule returns the Caddy module information.
func (collectRoute) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.bench", New: func() caddy.Module { return new(collectRoute) }}
}

// Routes returns the route.
func (collectRoute) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: "/bench/collect", Handler: caddy.AdminHandlerFunc(func(http.ResponseWriter, *http.Request) error {
		debug.FreeOSMemory()
		return nil
	})}}
}
