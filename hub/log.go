package hub

import (
	"errors"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logEvent logs the end of an event: at debug level if a client can cause it, and at
// error level otherwise.
func (h *Hub) logEvent(msg string, ev *Event, err error) {
	level := zapcore.ErrorLevel
	if err == nil || ev.Socket != nil && (errors.Is(err, ErrDisconnected) || clientErrorOf(err).Message != internalError) {
		level = zapcore.DebugLevel // clients could fill the log
	}
	entry := h.log().Check(level, msg)
	if entry == nil {
		return
	}
	fields := append(ev.LogFields(), zap.String("event", shortenText(ev.Name)))
	if err != nil {
		fields = append(fields, zap.Error(err))
	}
	entry.Write(fields...)
}

// logConnectError logs a connect error of a client without a socket, without the query of the
// namespace.
func (c *client) logConnectError(namespace string, connectError *ClientError) {
	namespace, _, _ = strings.Cut(namespace, "?")
	if e := c.hub.log().Check(zap.DebugLevel, "connect error"); e != nil {
		e.Write(zap.String("hub", c.hub.name), zap.String("namespace", shortenText(namespace)),
			zap.String("address", c.session.Handshake().Address), zap.Error(connectError))
	}
}

// LogFields returns the fields that identify the event's socket, or its namespace and
// room, in the log.
func (ev *Event) LogFields() []zap.Field {
	if ev.Socket != nil {
		return ev.Socket.logFields()
	}
	fields := []zap.Field{zap.String("hub", ev.ns.hub.name), zap.String("namespace", shortenText(ev.ns.name))}
	if ev.Room != "" {
		fields = append(fields, zap.String("room", RoomForLog(ev.ns, ev.Room)))
	}
	return fields
}

// logFields returns the fields that identify the socket in the log.
func (s *Socket) logFields() []zap.Field {
	return []zap.Field{
		zap.String("hub", s.ns.hub.name),
		zap.String("namespace", shortenText(s.ns.name)),
		zap.String("socket", s.logID()),
		zap.String("address", s.handshakeRequest().Address),
	}
}
