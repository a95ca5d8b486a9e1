package redisadapter

import (
	"context"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/redis/rueidis"
)

const maxPIDLength = 64

// Restore finds what is left of a socket, and deletes it when the client can have it.
// Node.js's servers do not say which namespace a session is of: then it must be that
// of the client's last event.
func (r *recorder) Restore(ctx context.Context, pid, offset string) (s cluster.LostSocket, err error) {
	c := r.codec
	if pid == "" || len(pid) > maxPIDLength || offset != "" && !isEntryID(offset) {
		return s, cluster.ErrNotRecoverable
	}
	now, err := c.conn.waitSubscribed(ctx, c.namespace) // this server may just have begun
	if err != nil {
		return s, err
	}
	namespace := ""
	if offset != "" {
		if namespace, err = c.checkReach(ctx, now, offset); err != nil {
			return s, err
		}
	}
	saved, err := c.findSavedSocket(ctx, pid)
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
			return s, fmt.Errorf("%w: the client has got nothing yet", cluster.ErrNotRecoverable)
		}
		_, err = c.checkReach(ctx, now, offset)
	}
	if err == nil && isEntryID(s.Position) && compareEntryIDs(s.Position, offset) < 0 {
		_, err = c.checkReach(ctx, now, s.Position) // a client may claim any offset
	}
	if err != nil {
		return s, err
	}
	return s, c.takeSavedSocket(ctx, saved)
}

// checkReach returns an error when the stream does not have all entries after an
// offset any more; otherwise the namespace of the entry at the offset, if that is
// there.
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
	if offset == beforeAll { // nothing is forgotten before the stream is full
		count, err := client.Do(ctx, client.B().Xlen().Key(stream).Build()).AsInt64()
		if err != nil || count < c.conn.settings.Streams.MaxLen {
			return "", err
		}
	}
	if len(oldest) == 0 || compareEntryIDs(oldest[0].ID, offset) > 0 {
		return "", fmt.Errorf("%w: what came after %s is forgotten", cluster.ErrNotRecoverable, offset)
	}
	return "", nil
}
