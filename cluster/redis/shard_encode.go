package redis

import (
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
)

// shardTail is how every message of a line ends in JSON: ,"uid":"...","nsp":"..."}
func shardTail(uid, namespace string) string {
	tail, _ := peer.Stringify(struct { // strings always have a form in JSON
		UID string `json:"uid"`
		Nsp string `json:"nsp"`
	}{uid, namespace})
	return "," + string(tail[1:])
}

// shardBinaryTail is how every message of a line ends in MessagePack.
func shardBinaryTail(uid, namespace string) string {
	b := msgpack.AppendString(msgpack.AppendString(nil, "uid"), uid)
	return string(msgpack.AppendString(msgpack.AppendString(b, "nsp"), namespace))
}

// shardMessage returns {type, data, uid, nsp}: JSON or, with binary in data,
// MessagePack. It fails with the error that the draft was made with.
func (ln *line) shardMessage(d peer.Draft, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	d.ReplaceInvalidUTF8()
	whole := d.Data(`{"type":`+strconv.Itoa(d.Type)+`,"data":`, ln.tail)
	if len(whole.Attachments) == 0 {
		return whole.JSON, nil
	}
	return msgpack.AppendData(nil, whole)
}
