package redisadapter

import (
	"encoding/base64"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/redis/rueidis"
)

// encodeOperation returns an entry, or the message of a server-side emit.
func (c *streamsCodec) encodeOperation(op cluster.Operation) (cmd command, err error) {
	d, err := messages.EncodeOperation(op)
	if err != nil {
		return cmd, err
	}
	if d.Type == messages.TypeServerEmit {
		cmd = command{kind: publishMessage, stream: c, name: c.names.requests}
		cmd.payload, err = c.encodeMessage(d)
	} else {
		cmd = command{kind: addEntry, stream: c, name: strconv.Itoa(d.Type)}
		cmd.payload, err = encodeEntry(d)
	}
	return cmd, err
}

// encodeEntry returns the data of an entry: JSON, or base64 of MessagePack if there is
// binary in it.
func encodeEntry(d messages.Draft) (string, error) {
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

// encodeMessage returns {type, data, uid, nsp} as MessagePack, for a channel.
func (c *streamsCodec) encodeMessage(d messages.Draft) (string, error) {
	data := d.Data(`{"type":`+strconv.Itoa(d.Type)+`,"data":`, jsonTail(c.uid, c.id.name))
	b, err := msgpack.AppendData(nil, data)
	return rueidis.BinaryString(b), err
}

func (c *streamsCodec) encodeRequest(id string, q cluster.Request, timeout int64) (string, error) {
	d, err := messages.EncodeRequest(id, q, timeout)
	if err != nil {
		return "", err
	}
	return c.encodeMessage(d)
}

// encodeReply returns a reply. MessagePack has a nil where JSON leaves a member out.
func (c *streamsCodec) encodeReply(id string, reply cluster.Reply) (string, error) {
	switch r := reply.(type) {
	case cluster.ClientAck:
		if _, ok := r.Data.Index(0); !ok {
			reply = cluster.ClientAck{Data: sio.Array(messages.Null)}
		}
	case cluster.ServerAck:
		if len(r.Data.JSON) == 0 {
			reply = cluster.ServerAck{Data: messages.Null}
		}
	}
	d, err := messages.EncodeReply(id, reply)
	if err != nil {
		return "", err
	}
	return c.encodeMessage(d)
}
