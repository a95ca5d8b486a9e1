package adminui

import (
	"context"
	"crypto/subtle"
	"runtime"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"
)

// Both errors have the message of Node.js: the web app then opens its login dialog. The
// first one counts as a failed attempt of the client's address, see [hub.AddressLimits]. The
// web app gets the other one after a restart of the server.
var (
	errPassword = &hub.ClientError{Message: "invalid credentials", FailedAttempt: true}
	errSession  = &hub.ClientError{Message: "invalid credentials"}
)

var errTooManyLogins = &hub.ClientError{Message: "too many logins at a time: try again later"}

// login is the handler of connect in "/admin": it admits viewers. It is a gate, so that a
// viewer that recovers its connection is checked and gets everything once more.
type login struct {
	console  *Console
	settings *Settings
}

// Gate implements [hub.Gate].
func (login) Gate() {}

// HandleEvent implements [hub.Handler]. It admits a client with the password or with the
// session id of an earlier login.
func (l login) HandleEvent(ctx context.Context, ev *hub.Event) error {
	auth := ev.Socket.Handshake().Auth
	if id, _ := auth.Lookup("sessionId"); l.console.sessions.checkID(id.Text(), l.settings, time.Now()) {
		return l.admitViewer(ev)
	}
	username, _ := auth.Lookup("username")
	password, hasPassword := auth.Lookup("password")
	if !hasPassword {
		return errSession
	}
	if err := l.checkPassword(ctx, ev.Socket.Handshake().Address, username.Text(), password.Text()); err != nil {
		return err
	}
	if err := ev.Socket.Emit("session", l.console.sessions.issueID(l.settings, time.Now())); err != nil {
		return err
	}
	return l.admitViewer(ev)
}

// failureLogInterval is the time between two log entries of failed logins of an address.
const failureLogInterval = time.Minute

// checkPassword returns an error unless the password is right. It checks the password for
// a wrong username too: the time of the reply is the same. It logs the first failure of a
// client's address in each failureLogInterval: clients must not fill the log.
func (l login) checkPassword(ctx context.Context, client, username, password string) error {
	c := l.console
	if err := c.beginCheck(ctx, address.KeyOf(client)); err != nil {
		return err
	}
	err := bcrypt.CompareHashAndPassword([]byte(l.settings.PasswordHash), []byte(password))
	c.endCheck()
	rightUser := subtle.ConstantTimeCompare([]byte(username), []byte(l.settings.Username)) == 1
	if err == nil && rightUser {
		return nil
	}
	if c.loggedFailures.Take(address.KeyOf(client), failureLogInterval, failureLogInterval) == 0 {
		c.currentLog().Warn("admin_ui: login failed", zap.String("hub", c.hub.Name()), zap.String("address", client))
	}
	return errPassword
}

// waitingLimits limit the passwords that wait for a processor. Passwords are checked in order:
// an address delays the others by its few.
var waitingLimits = address.Limits{Total: 64, PerAddress: 4}

// waitingLogin is a password that waits for a processor.
type waitingLogin struct {
	place   address.Place[*waitingLogin]
	evicted chan struct{} // closed when another address gets the place
}

// beginCheck waits for a processor: a check of a password takes one for about a second. A
// client that leaves meanwhile made a failed attempt: it must not take places for nothing.
func (c *Console) beginCheck(ctx context.Context, key address.Key) error {
	w := &waitingLogin{evicted: make(chan struct{})}
	evicted, has, result := c.waitingLogins.Add(&w.place, key, w, waitingLimits)
	if has {
		close(evicted.evicted)
	}
	if result != address.Added {
		return errTooManyLogins
	}
	defer c.waitingLogins.Remove(&w.place)
	select {
	case passwordChecks <- struct{}{}:
		return nil
	case <-w.evicted:
		return errTooManyLogins
	case <-ctx.Done():
		return errPassword
	}
}

// endCheck frees the processor.
func (c *Console) endCheck() { <-passwordChecks }

// passwordChecks limits how many passwords of the process are checked at a time, to half of
// the processors. It is never closed.
var passwordChecks = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// admitViewer sends the viewer its config, and registers it when it is in the namespace: the
// changes after its list of sockets are broadcasts, which reach it from then on.
func (l login) admitViewer(ev *hub.Event) error {
	if err := ev.Socket.Emit("config", map[string]any{"supportedFeatures": l.settings.supportedFeatures()}); err != nil {
		return err
	}
	return ev.WhenConnected(func() error {
		l.console.addViewer(ev.Socket)
		return nil
	})
}

// supportedFeatures returns the names of the features that the web app shows.
func (s *Settings) supportedFeatures() []string {
	var features []string
	if !s.ReadOnly {
		features = []string{"EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"}
	}
	if features = append(features, "AGGREGATED_EVENTS"); s.Development {
		features = append(features, "ALL_EVENTS")
	}
	return features
}
