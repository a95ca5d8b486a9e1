package redisadapter

import (
	"context"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/redis/rueidis"
)

const maxPIDLength = 64

// Restore returns a lost socket, and deletes it in Redis when it can be recovered. Node.js
// does not save the namespace of a socket: then it must be the namespace of the client's
// last event.
func (r *recorder) Restore(ctx context.Context, pid, offset string) (s cluster.LostSocket, err error) {
	c := r.codec
	if pid == "" || len(pid) > maxPIDLength || offset != "" && !isEntryID(offset) {
		return s, cluster.ErrNotRecoverable
	}
	now, err := c.conn.waitSubscribed(ctx, c.namespace) // this node may have just started
	if err != nil {
		return s, err
	}
	namespace := ""
	if offset != "" {
		if namespace, err = c.checkReach(ctx, now, offset); err != nil {
			return s, err
		}
	}
	saved, err := c.findSaved(ctx, pid)
	if err != nil {
		return s, err
	}
	if s, err = decodeLostSocket(saved.value, c.id.name); err != nil {
		return s, err
	}
	if !s.Known && namespace != c.id.name {
		return s, fmt.Errorf("%w: unknown namespace", cluster.ErrNotRecoverable)
	}
	s.Saved = saved
	if offset == "" {
		if offset = s.Offset; !isEntryID(offset) {
			return s, fmt.Errorf("%w: the client has received no event yet", cluster.ErrNotRecoverable)
		}
		_, err = c.checkReach(ctx, now, offset)
	}
	if err == nil && isEntryID(s.Position) && compareEntryIDs(s.Position, offset) < 0 {
		_, err = c.checkReach(ctx, now, s.Position) // a client may claim any offset
	}
	if err != nil {
		return s, err
	}
	return s, c.takeSaved(ctx, saved)
}

// checkReach returns an error when entries after an offset were trimmed. Otherwise it
// returns the namespace of the entry at the offset, or "" if there is no such entry.
func (c *streamsCodec) checkReach(ctx context.Context, s *session, offset string) (namespace string, err error) {
	client, stream := s.client, c.streams.stream
	oldest, err := client.Do(ctx, client.B().Xrange().Key(stream).Start("-").End("+").Count(1).Build()).AsXRange()
	if err != nil && !rueidis.IsRedisNil(err) {
		return "", err
	}
	at, err := client.Do(ctx, client.B().Xrange().Key(stream).Start(offset).End(offset).Count(1).Build()).AsXRange()
	if err != nil && !rueidis.IsRedisNil(err) {
		return "", err
	}
	if len(at) > 0 {
		return at[0].FieldValues["nsp"], nil
	}
	if offset == beforeFirstEntry { // no entry is trimmed before the stream is full
		count, err := client.Do(ctx, client.B().Xlen().Key(stream).Build()).AsInt64()
		if err != nil || count < c.conn.settings.Streams.MaxLen {
			return "", err
		}
	}
	if len(oldest) == 0 || compareEntryIDs(oldest[0].ID, offset) > 0 {
		return "", fmt.Errorf("%w: the events after %s were trimmed", cluster.ErrNotRecoverable, offset)
	}
	return "", nil
}
