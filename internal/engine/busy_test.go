package engine_test

import (
	"testing"
	"time"
)

// A client that is not read, because what it sent before is still being taken, is not
// silent.
func TestBusyReceiverIsNoPingTimeout(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		release := make(chan struct{})
		w.accept = func(p *testReceiver) error {
			p.onText = func(_ *testReceiver, text string) error {
				if text == "slow" {
					<-release
				}
				return nil
			}
			return nil
		}
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		c.sendText("4slow")
		c.wantMessages("2")
		go c.sendText("3") // a pipe takes it when it is read
		time.Sleep(5 * time.Minute)
		close(release)
		c.wantMessages("2")
		c.wantMessages(closedWithoutStatus)
		w.wantCloseReason("ping timeout")
	})
}
