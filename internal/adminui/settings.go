package adminui

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"
)

// Namespace is the namespace that the web app connects to.
const Namespace = "/admin"

// maxViewers is how many sockets may be in the namespace on this node.
const maxViewers = 100

// Settings are the settings of an Admin UI. They are not changed.
type Settings struct {
	// Username and PasswordHash are of the only user. The hash is one of bcrypt.
	Username, PasswordHash string
	// ReadOnly refuses all actions.
	ReadOnly bool
	// Development makes viewers get each socket, room and event. Without it they get
	// statistics alone.
	Development bool
	// Log is the logger. Nil logs nothing.
	Log *zap.Logger
}

// Check returns an error for a user without a name, or a password that is not a bcrypt hash.
// The error does not have the password.
func (s *Settings) Check() error {
	if s.Username == "" {
		return errors.New("admin_ui: expected a username")
	}
	if s.PasswordHash == "" {
		return errors.New("admin_ui: expected a password, as caddy hash-password prints it")
	}
	if _, err := bcrypt.Cost([]byte(s.PasswordHash)); err != nil {
		return errors.New("admin_ui: unexpected password: expected a bcrypt hash, as caddy hash-password prints it")
	}
	return nil
}

// userFingerprint identifies the user and the password.
func (s *Settings) userFingerprint() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q", s.Username, s.PasswordHash))
}

// NamespaceConfig returns the config of the namespace "/admin" with these settings.
func (c *Console) NamespaceConfig(s *Settings) hub.NamespaceConfig {
	rule := func(event string, h hub.Handler) hub.Rule {
		return hub.Rule{Events: []string{event}, Handlers: []hub.Handler{h}}
	}
	rules := []hub.Rule{rule(string(hub.Connect), login{console: c, settings: s})}
	for name, do := range actions {
		rules = append(rules, rule(name, &action{name: name, do: do, console: c, settings: s}))
	}
	rules = append(rules, rule("*", hub.HandlerFunc(refuseUnknown)))
	return hub.NamespaceConfig{Name: Namespace, MaxSockets: maxViewers, Rules: rules}
}
