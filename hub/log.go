package hub

import (
	"errors"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logEvent says what became of an event: verdicts are for whoever looks closely,
// faults are for everybody.
func (h *Hub) logEvent(msg string, ev *Event, err error) {
	level := zapcore.ErrorLevel
	if err == nil || errors.Is(err, ErrDisconnected) || clientErrorOf(err).Message != internalError {
		level = zapcore.DebugLevel // clients bring that about as often as they like
	}
	entry := h.log().Check(level, msg)
	if entry == nil {
		return
	}
	fields := append(ev.Socket.logFields(), zap.String("event", ev.Name))
	if err != nil {
		fields = append(fields, zap.Error(err))
	}
	entry.Write(fields...)
}

// logConnectError tells of a client that does not get as far as a socket.
func (c *client) logConnectError(namespace string, r *ClientError) {
	if e := c.hub.log().Check(zap.DebugLevel, "connect refused"); e != nil {
		e.Write(zap.String("hub", c.hub.name), zap.String("namespace", namespace),
			zap.String("address", c.session.Handshake().Address), zap.Error(r))
	}
}

func (s *Socket) logFields() []zap.Field {
	return []zap.Field{
		zap.String("hub", s.ns.hub.name),
		zap.String("namespace", s.ns.name),
		zap.String("socket", s.id),
		zap.String("address", s.handshakeRequest().Address),
	}
}
