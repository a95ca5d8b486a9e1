package redisadapter

import (
	"time"

	"github.com/redis/rueidis"
)

const (
	// maxMessageAge is how old a message to a channel may be when it is published: an
	// older one arrives too late, and the requesting node has given up.
	maxMessageAge = 5 * time.Second
	// maxEntryAge is how old an entry of a stream may be, or a lost socket: nodes read
	// them when they reconnect.
	maxEntryAge = time.Minute
)

// command is something that is queued for Redis: a message to publish or, in the streams
// dialect, an entry to add or a command about a lost socket.
type command struct {
	kind    commandKind
	name    string // of a channel or key; the type of an entry
	payload string
	stream  *streamsCodec                    // whose entry it is; of a message, whose entries it follows; may be nil
	tag     string                           // of an entry that is recorded
	keep    time.Duration                    // of a value
	done    func(rueidis.RedisResult, error) // nil if the outcome is not needed; does not block
}

type commandKind uint8

const (
	publishMessage commandKind = iota
	addEntry                   // to the stream
	setValue
	updateValue // of a key that exists
	getValue
	getTimeLeft // until a key expires
	takeValue   // gets and deletes it
)

// cost is how much memory the command takes.
func (cmd *command) cost() int { return len(cmd.payload) + len(cmd.name) + messageOverhead }

// isExpired reports whether the command is too old to be sent at this age.
func (cmd *command) isExpired(age time.Duration) bool {
	switch cmd.kind {
	case addEntry, setValue, updateValue:
		return age > maxEntryAge
	}
	return age > maxMessageAge
}

// finish passes the outcome on. The command is not used afterwards.
func (cmd *command) finish(result rueidis.RedisResult, err error) {
	if cmd.done != nil {
		cmd.done(result, err)
	}
}

// onError returns a callback for a command that calls fn if the command fails.
func onError(fn func(error)) func(rueidis.RedisResult, error) {
	return func(_ rueidis.RedisResult, err error) {
		if err != nil {
			fn(err)
		}
	}
}
