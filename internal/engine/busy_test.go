package engine_test

import (
	"testing"
	"time"
)

// A client that is not read, because what it sent before is still being taken, is not
// silent.
func TestBusyReceiver(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		release := make(chan struct{})
		w.accept = func(p *peer) error {
			p.onText = func(_ *peer, text string) error {
				if text == "slow" {
					<-release
				}
				return nil
			}
			return nil
		}
		c := w.ws("EIO=4")
		c.wantOpen()
		c.send("4slow")
		c.want("2")
		go c.send("3") // a pipe takes it when it is read
		time.Sleep(5 * time.Minute)
		close(release)
		c.want("2")
		c.want(closedWithout)
		w.wantEnd("ping timeout")
	})
}
