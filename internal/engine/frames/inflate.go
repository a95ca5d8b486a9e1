package frames

import (
	"compress/flate"
	"io"
	"runtime"
	"sync"
)

// inflateSlots has a token for each goroutine of the process that inflates at the moment:
// however many clients send compressed messages, half of the processors do other work. It
// admits its senders in turn, and is never closed.
var inflateSlots = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// inflaterSize is how many bytes a flate reader takes: its window of 32 KiB, its tables and
// its buffer.
const inflaterSize = 44 << 10

// flateReaders are kept for other messages: none carries anything from one to the next.
var flateReaders = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// deflateTail stands behind the compressed bytes of each message: the four bytes that the
// sender leaves out (RFC 7692, section 7.2.2), and an empty last block, which ends the data.
const deflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// inflater inflates one message while it arrives.
type inflater struct {
	body  io.Reader // the compressed bytes of the message
	tail  string    // the part of deflateTail that has not been read
	flate io.ReadCloser
}

// newInflater returns an inflater for a message. The caller releases it by releaseFlate.
func newInflater(body io.Reader) *inflater {
	i := &inflater{body, deflateTail, flateReaders.Get().(io.ReadCloser)}
	_ = i.flate.(flate.Resetter).Reset(compressedBytes{i}, nil) // it never fails
	return i
}

// releaseFlate keeps the flate reader for another message.
func (i *inflater) releaseFlate() {
	_ = i.flate.(flate.Resetter).Reset(noBytes{}, nil) // lets go of the connection
	flateReaders.Put(i.flate)
}

// Read returns the next inflated bytes, at most a window of them. It waits for a slot, and
// holds it while it inflates.
func (i *inflater) Read(p []byte) (int, error) {
	inflateSlots <- struct{}{}
	defer func() { <-inflateSlots }()
	return i.flate.Read(p)
}

// compressedBytes is the source of the flate reader.
type compressedBytes struct{ *inflater }

// Read returns compressed bytes of the message, then the tail. It waits for the client
// without a slot: a slow client holds up no other one.
func (c compressedBytes) Read(p []byte) (n int, err error) {
	<-inflateSlots
	n, err = c.body.Read(p)
	inflateSlots <- struct{}{}
	if err != io.EOF {
		return n, err
	}
	if n == 0 {
		n = copy(p, c.tail)
		c.tail = c.tail[n:]
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// noBytes is the source of a flate reader that is not in use.
type noBytes struct{}

// Read returns io.EOF.
func (noBytes) Read([]byte) (int, error) { return 0, io.EOF }
