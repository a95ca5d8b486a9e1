package socketio

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/adminui"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddyserver/caddy/v2"
)

// routeConfig returns the config of the handler's route, without its identity.
func (h *Handler) routeConfig() hub.RouteConfig {
	c := hub.DefaultRoute()
	c.Source, c.Namespaces = h.Source, []string{}
	for _, ns := range h.Namespaces {
		c.Namespaces = append(c.Namespaces, ns.Name)
	}
	if h.AdminUI != nil {
		c.Namespaces = append(c.Namespaces, adminui.Namespace)
	}
	overrideDuration(&c.ConnectTimeout, h.ConnectTimeout)
	c.Recovery = time.Duration(h.Recovery)
	if h.RateLimit != nil {
		c.Engine.PacketRate, c.Engine.ByteRate = h.RateLimit.rates()
	}
	c.PerAddress = h.PerAddress.limits()
	h.configureEngine(&c.Engine)
	return c
}

// configureEngine sets the options of the Engine.IO server.
func (h *Handler) configureEngine(c *engine.Config) {
	c.Path = h.Path
	c.Polling, c.WebSocket = slices.Contains(h.Transports, "polling"), slices.Contains(h.Transports, "websocket")
	c.V3, c.V4 = slices.Contains(h.Protocols, 3), slices.Contains(h.Protocols, 4)
	overrideDuration(&c.PingInterval, h.PingInterval)
	overrideDuration(&c.PingTimeout, h.PingTimeout)
	overrideDuration(&c.UpgradeTimeout, h.UpgradeTimeout)
	if h.MaxPayload > 0 {
		c.MaxPayload, c.MaxQueue = h.MaxPayload, 2*int(h.MaxPayload)
	}
	if h.MaxQueue > 0 {
		c.MaxQueue = h.MaxQueue
	}
	c.MaxMemory = h.MaxMemoryPerConnection
	c.MaxConnections, c.Compression, c.Cookie = h.MaxConnections, h.Compression, h.Cookie
	c.AllowOrigin = allowOrigin(h.Origins)
}

// overrideDuration sets a duration if the config has one.
func overrideDuration(to *time.Duration, from caddy.Duration) {
	if from > 0 {
		*to = time.Duration(from)
	}
}

// checkCookie returns an error for a name that is not valid for a cookie.
func checkCookie(name string) error {
	if name != "" && (&http.Cookie{Name: name, Value: "x"}).Valid() != nil {
		return fmt.Errorf("cookie %q: expected the name of a cookie", name)
	}
	return nil
}
