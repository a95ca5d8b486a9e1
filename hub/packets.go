package hub

import (
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// encodeConnectPacket returns the reply to a connect packet. It has the socket's id, except for
// clients of Socket.IO 2, which derive it.
func encodeConnectPacket(s *Socket) *eio.Message {
	p := sio.Packet{Type: sio.Connect, Namespace: s.ns.name}
	if s.client.version == sio.V5 {
		p.Data = sio.Data{JSON: []byte(`{"sid":"` + s.id + `"}`)}
		if s.pid != "" {
			p.Data = sio.Data{JSON: []byte(`{"sid":"` + s.id + `","pid":"` + s.pid + `"}`)}
		}
	}
	m, err := p.Encode(s.client.version, true)
	if err != nil {
		panic(err) // ids and names of namespaces always encode
	}
	return m
}

// connectErrorData returns the data of a connect error. For clients of Socket.IO 2 it is
// the error's data or else its text; later ones get an object.
func connectErrorData(r *ClientError, v sio.Version) sio.Data {
	if v == sio.V4 {
		if len(r.Data.JSON) > 0 {
			return r.Data
		}
		return jsonText(r.Message)
	}
	b := append([]byte(`{"message":`), jsonText(r.Message).JSON...)
	if len(r.Data.JSON) > 0 {
		b = append(append(b, `,"data":`...), r.Data.JSON...)
	}
	return sio.Data{JSON: append(b, '}'), Attachments: r.Data.Attachments}
}

// ackErrorArgs returns the arguments of the acknowledgement {"error": message}.
func ackErrorArgs(message string) sio.Data {
	return sio.Data{JSON: append(append([]byte(`[{"error":`), jsonText(message).JSON...), "}]"...)}
}
