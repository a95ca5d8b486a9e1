package socketio

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/adminui"
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// The modes of an Admin UI.
const (
	modeDevelopment = "development"
	modeProduction  = "production"
)

// AdminUI configures the official Admin UI of Socket.IO.
type AdminUI struct {
	// Username is the name of the only user.
	Username string `json:"username"`
	// Password is the bcrypt hash of the user's password, as caddy hash-password prints
	// it. Placeholders like {env.ADMIN_UI_HASH} are replaced when the config is loaded.
	Password string `json:"password"`
	// ReadOnly refuses to join, leave, disconnect and emit. Default: false.
	ReadOnly bool `json:"readonly,omitempty"`
	// Mode is development, which shows sockets, rooms, clients and events, or production,
	// which shows numbers alone. Default: development.
	Mode string `json:"mode,omitempty"`
}

// setDefaultMode sets the mode. The receiver may be nil.
func (u *AdminUI) setDefaultMode() {
	if u != nil && u.Mode == "" {
		u.Mode = modeDevelopment
	}
}

// checkUser returns an error for invalid options. The receiver may be nil.
func (u *AdminUI) checkUser() error {
	if u == nil {
		return nil
	}
	if u.Mode != modeDevelopment && u.Mode != modeProduction {
		return fmt.Errorf("admin_ui: mode %q: expected development or production", u.Mode)
	}
	if strings.Contains(u.Password, "{") { // a placeholder has its value on the server
		return nil
	}
	return u.compile(nil).Check()
}

// compile returns the settings of the Admin UI.
func (u *AdminUI) compile(log *zap.Logger) *adminui.Settings {
	return &adminui.Settings{
		Username: u.Username, PasswordHash: caddy.NewReplacer().ReplaceKnown(u.Password, ""),
		ReadOnly: u.ReadOnly, Development: u.Mode == modeDevelopment, Log: log,
	}
}

// checkAdminUI returns an error if the Admin UI of the handler's hub has other options in
// another handler, or if a handler declares its namespace.
func (a *App) checkAdminUI(h *Handler) error {
	if h.AdminUI != nil {
		if err := h.AdminUI.compile(a.log).Check(); err != nil {
			return err
		}
	}
	for _, other := range append(slices.Clip(a.handlers), h) {
		if other.Hub != h.Hub {
			continue
		}
		for _, pair := range [][2]*Handler{{h, other}, {other, h}} {
			if pair[0].AdminUI != nil && pair[1].declaresNamespace(adminui.Namespace) {
				return fmt.Errorf("admin_ui: the namespace %s of hub %s is declared at %s: expected another name, as the Admin UI has this one",
					adminui.Namespace, h.Hub, pair[1].describePlace())
			}
		}
		if h.AdminUI != nil && other.AdminUI != nil && *h.AdminUI != *other.AdminUI {
			return fmt.Errorf("admin_ui of hub %s has different options at %s and at %s: expected the same ones, by import for example, or a hub of its own for one of the sites",
				h.Hub, other.describePlace(), h.describePlace())
		}
	}
	return nil
}

// declaresNamespace reports whether the handler declares a namespace by its name.
func (h *Handler) declaresNamespace(name string) bool {
	return slices.ContainsFunc(h.Namespaces, func(ns *Namespace) bool { return ns != nil && ns.Name == name })
}

// consoleFor returns the console of a hub's Admin UI.
func consoleFor(h *hub.Hub) *adminui.Console { return poolEntryOf(h).console }
