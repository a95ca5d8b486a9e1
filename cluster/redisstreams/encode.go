package redisstreams

import (
	"encoding/base64"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// entryEmit is how an entry says that it is an emit.
const entryEmit = "3"

// entryText returns data as it stands in an entry: JSON, or base64 of MessagePack
// where there is binary in it.
func entryText(d peer.Draft) (string, error) {
	data := d.Data("", "")
	if len(data.Attachments) == 0 {
		return string(data.JSON), nil
	}
	b, err := msgpack.AppendData(nil, data)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// message returns {type, data, uid, nsp} as MessagePack, for a channel.
func (ln *line) message(d peer.Draft) (string, error) {
	rest, err := peer.Stringify(struct {
		UID string `json:"uid"`
		Nsp string `json:"nsp"`
	}{ln.uid, ln.namespace})
	if err != nil {
		return "", err
	}
	data := d.Data(`{"type":`+strconv.Itoa(d.Type)+`,"data":`, ","+string(rest[1:]))
	out, err := msgpack.AppendData(nil, data)
	return string(out), err
}

// encodeQuery returns a question. The timeout is for clients' acknowledgements, in
// milliseconds.
func (ln *line) encodeQuery(id string, q cluster.Request, timeout int64) (string, error) {
	d, err := peer.EncodeRequest(id, q, timeout)
	if err != nil {
		return "", err
	}
	return ln.message(d)
}

// encodeAnswer returns the answer to a question. MessagePack has a nil where JSON
// leaves out what is nothing.
func (ln *line) encodeAnswer(id string, answer cluster.Reply) (string, error) {
	switch a := answer.(type) {
	case cluster.ClientAck:
		if _, ok := a.Data.Index(0); !ok {
			answer = cluster.ClientAck{Data: sio.Array(peer.Null)}
		}
	case cluster.ServerAck:
		if len(a.Data.JSON) == 0 {
			answer = cluster.ServerAck{Data: peer.Null}
		}
	}
	d, err := peer.EncodeReply(id, answer)
	if err != nil {
		return "", err
	}
	return ln.message(d)
}
