package engine

import (
	"crypto/tls"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// deadlineConn notes the latest write deadline, and how many were set.
type deadlineConn struct {
	net.Conn
	deadline time.Time
	set      int
}

func (c *deadlineConn) SetWriteDeadline(deadline time.Time) error {
	c.deadline = deadline
	c.set++
	return nil
}

func TestFlusherKeepsNearDeadlineOverTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(deadlineConn)
		o := &outbound{net: tls.Server(c, nil)}
		write := func() {
			o.extendDeadline()
			if left := time.Until(c.deadline); left > writeTimeout || left <= writeTimeout-sameDeadline {
				t.Errorf("%v are left for a write, want %v", left, writeTimeout)
			}
			o.clearDeadline()
		}
		for range 10 { // within sameDeadline
			write()
			time.Sleep(sameDeadline / 10)
		}
		if c.set != 1 {
			t.Errorf("%d deadlines were set, want 1", c.set)
		}
		write()
		time.Sleep(2 * writeTimeout) // the deadline passes
		write()
		if c.set != 3 {
			t.Errorf("%d deadlines were set, want 3", c.set)
		}
	})
}

// A stream of HTTP/2 ends when its deadline passes, also without a write.
func TestFlusherClearsDeadlineOfStream(t *testing.T) {
	t.Parallel()
	c := new(deadlineConn)
	o := &outbound{net: c}
	for range 2 {
		o.extendDeadline()
		if c.deadline.IsZero() {
			t.Error("no deadline during the write")
		}
		o.clearDeadline()
		if !c.deadline.IsZero() {
			t.Error("a deadline after the write")
		}
	}
}
