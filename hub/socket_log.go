package hub

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// socketLogName is the name of the logger, below the one of the hub, that has a line for
	// each disconnected socket.
	socketLogName = "sockets"
	// sampledLines is how many of these lines a second are at info level. Of the ones after
	// them, one of so many is. The others are at debug level: a crowd that disconnects at once
	// does not fill the log.
	sampledLines = 100
	// lineInterval is how often an address may cause a line at info level, after lineBurst
	// lines. The others are at debug level: one client does not hide the lines of all others.
	lineInterval = 100 * time.Millisecond
	lineBurst    = 100
	// maxLoggedRooms is how many rooms a line names.
	maxLoggedRooms = 20
)

// lineSampler chooses the levels of log lines that may come in a flood.
type lineSampler struct {
	addresses     address.Buckets
	second, lines atomic.Int64
}

// nextLevel counts a line because of an address, and returns its level.
func (l *lineSampler) nextLevel(key address.Key) zapcore.Level {
	if l.addresses.Take(key, lineInterval, lineBurst*lineInterval) > 0 {
		return zapcore.DebugLevel
	}
	now := readClock() / int64(time.Second)
	if before := l.second.Load(); before != now && l.second.CompareAndSwap(before, now) {
		l.lines.Store(0)
	}
	if n := l.lines.Add(1); n <= sampledLines || n%sampledLines == 0 {
		return zapcore.InfoLevel
	}
	return zapcore.DebugLevel
}

// logID returns the text that identifies the socket in logs: its id, or a hash of it where the
// id is the secret of a connection, see [Socket.ID].
func (s *Socket) logID() string {
	switch {
	case s.client.version == sio.V5:
		return s.id
	case s.ns.name == "/":
		return id.ForLog(s.id)
	}
	return shortenText(s.ns.name) + "#" + s.client.session.LogID()
}

// findUser returns the id of the socket's user: the claim sub of the token that the handler jwt
// verified or else the user of Caddy's HTTP authentication. It is empty if there is neither.
func (s *Socket) findUser() string {
	if claims, ok := s.valueOf("jwt"); ok {
		if subject, ok := claims.Lookup("sub"); ok {
			var user string
			if subject.Decode(&user) == nil && user != "" {
				return user
			}
		}
	}
	if h, ok := s.handshakeRequest().Context.(interface{ UserID() string }); ok {
		return h.UserID()
	}
	return ""
}

// roomsForLog returns the names of the socket's rooms, except its own id, if the log of
// sockets may have a line. The names are as they are, see [RoomForLog].
func (s *Socket) roomsForLog() []string {
	if !s.ns.hub.log().Core().Enabled(zapcore.InfoLevel) {
		return nil
	}
	return slices.DeleteFunc(s.Rooms(), func(room string) bool { return room == s.id })
}

// logDisconnect logs that the socket has disconnected. rooms are the ones that it was in.
func (s *Socket) logDisconnect(reason string, rooms []string) {
	h, session := s.ns.hub, s.client.session
	entry := h.log().Named(socketLogName).Check(h.socketLines.nextLevel(s.client.addressKey()), "socket disconnected")
	if entry == nil {
		return
	}
	traffic := session.Traffic()
	shown := slices.Clone(rooms[:min(len(rooms), maxLoggedRooms)])
	for i, room := range shown {
		shown[i] = RoomForLog(s.ns, room)
	}
	entry.Write(append(s.logFields(),
		zap.String("session", session.LogID()),
		zap.String("user", shortenText(s.findUser())),
		zap.String("transport", session.Transport()),
		zap.Int("protocol", int(session.Version())),
		zap.Strings("rooms", shown),
		zap.Int("room_count", len(rooms)),
		zap.Duration("duration", time.Duration(readClock()-s.began)),
		zap.Uint64("packets_in", traffic.PacketsIn), zap.Uint64("bytes_in", traffic.BytesIn),
		zap.Uint64("packets_out", traffic.PacketsOut), zap.Uint64("bytes_out", traffic.BytesOut),
		zap.String("reason", reason), zap.String("cause", session.CloseCause()),
	)...)
}
