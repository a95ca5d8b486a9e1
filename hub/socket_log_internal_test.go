package hub

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"go.uber.org/zap/zapcore"
)

// A crowd that disconnects at once does not fill the log.
func TestDisconnectsAreSampledBySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines lineSampler
		for range 2 {
			levels := make(map[zapcore.Level]int)
			for i := range 330 {
				levels[lines.nextLevel(address.KeyOf(fmt.Sprintf("192.0.2.%d", i%250)))]++
			}
			if levels[zapcore.InfoLevel] != 102 || levels[zapcore.DebugLevel] != 228 {
				t.Errorf("got %v", levels)
			}
			time.Sleep(time.Second)
		}
	})
}

// One client that connects and disconnects all the time does not fill the log.
func TestDisconnectsAreBoundedByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines lineSampler
		attacker, other := address.KeyOf("192.0.2.1"), address.KeyOf("192.0.2.2")
		shown := 0
		for range 60 {
			for range 80 {
				if lines.nextLevel(attacker) == zapcore.InfoLevel {
					shown++
				}
			}
			if lines.nextLevel(other) != zapcore.InfoLevel {
				t.Error("a line of another address is missing")
			}
			time.Sleep(time.Second)
		}
		if shown < 600 || shown > 700 {
			t.Errorf("%d lines of an address in a minute at info level", shown)
		}
	})
}

// An id of package id in the name of a room may be the secret of a connection.
func TestRoomForLogHidesIDs(t *testing.T) {
	h := New(Options{})
	defer h.Close()
	ns, secret := h.Of("/chat"), id.New()
	hash := id.ForLog(secret)
	for room, want := range map[string]string{
		"lobby":                                 "lobby",
		secret:                                  hash,
		"/chat#" + secret:                       "/chat#" + hash,
		"user_" + secret + "-" + secret:         "user_" + hash + "-" + hash,
		strings.Repeat("x", 50) + secret + "y":  strings.Repeat("x", 50) + hash + "y",
		strings.Repeat("x", 60) + secret:        strings.Repeat("x", 60) + hash[:4] + "...",
		strings.Repeat("x", 64) + secret:        strings.Repeat("x", 64) + "...",
		strings.Repeat(secret, 25):              strings.Repeat(hash, 8) + "...",
		"not an id: " + strings.Repeat("A", 20): "not an id: " + strings.Repeat("A", 20),
	} {
		if got := RoomForLog(ns, room); got != want {
			t.Errorf("%s: got %s, want %s", room, got, want)
		}
	}
}
