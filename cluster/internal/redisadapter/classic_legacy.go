package redisadapter

import (
	"encoding/json"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// Types of requests of socket.io-redis 5, for Socket.IO 2. Newer versions use the same
// numbers for other types; the spelling "requestid" distinguishes the old ones.
const (
	legacyClients     = 0
	legacyClientRooms = 1
	legacyAllRooms    = 2
	legacyJoin        = 3
	legacyLeave       = 4
	legacyCustom      = 5
	legacyDisconnect  = 6
)

// legacyReply is a reply to one of them.
type legacyReply struct {
	RequestID string           `json:"requestid"`
	Clients   *[]string        `json:"clients,omitempty"`
	Rooms     *[]string        `json:"rooms,omitempty"`
	Data      *json.RawMessage `json:"data,omitempty"`
}

// handleLegacy handles a request of Socket.IO 2. The node with the socket replies to a
// request that names one.
func (c *classicCodec) handleLegacy(q *classicRequest) error {
	r := legacyReply{RequestID: string(q.LegacyID)}
	one := rooms.Target{In: []string{string(q.SID)}}
	named := []string{string(q.Room)}
	switch *q.Type {
	case legacyClients:
		r.Clients = new(c.socketIDs(q.Rooms))
	case legacyAllRooms:
		r.Rooms = new(c.localRooms())
	case legacyCustom:
		r.Data = new(json.RawMessage("null"))
	case legacyClientRooms:
		for _, s := range c.localSockets(one.In) {
			if s.ID == string(q.SID) {
				r.Rooms = new(append([]string{}, s.Rooms...))
			}
		}
		if r.Rooms == nil {
			return nil
		}
	case legacyJoin, legacyLeave, legacyDisconnect:
		if !c.hasSocket(string(q.SID)) {
			return nil
		}
		switch *q.Type {
		case legacyJoin:
			c.applyOperation(cluster.Join{Target: one, Rooms: named})
		case legacyLeave:
			c.applyOperation(cluster.Leave{Target: one, Rooms: named})
		default:
			c.applyOperation(cluster.Disconnect{Target: one, Close: q.Close != nil && *q.Close})
		}
	default:
		return fmt.Errorf("%w: request of type %d of socket.io-redis 5", messages.ErrMalformed, *q.Type)
	}
	return c.publishReply(r)
}
