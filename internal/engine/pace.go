package engine

import "time"

const (
	// slowMessageTime is how long a message may take from its first to its last byte, or
	// slowPacketPeriods if they are shorter. Each minMessageRate bytes are worth a second
	// more.
	slowMessageTime = 30 * time.Second
	minMessageRate  = 1 << 10
	// countedPause is how much of one pause between two reads counts. The process may
	// have been suspended for the rest of a longer one. A client that sends nothing at all
	// loses its session by the heartbeat.
	countedPause = 10 * time.Second
)

// pace measures how fast one message of a client arrives: a WebSocket message, or the body
// of a POST. A client that is too slow could otherwise hold a message's memory for as long
// as it likes, a byte at a time. Only the time of reads counts, so that the server's own
// pauses do not. The goroutine that reads owns it.
type pace struct {
	waited int64 // time of the reads, in nanoseconds
	bytes  int64 // read since the message began
}

// add counts the n bytes of one read, which took some nanoseconds. It reports false if the
// message arrives too slowly: later than after limit nanoseconds, and the time that the
// bytes so far are worth.
func (p *pace) add(n int, took, limit int64) (fastEnough bool) {
	p.waited += min(took, int64(countedPause))
	p.bytes += int64(n)
	return p.waited <= limit+p.bytes*int64(time.Second)/minMessageRate
}
