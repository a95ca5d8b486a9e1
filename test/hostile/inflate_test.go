package hostile_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// sampleMemory reads the memory of the process until the returned function is called, which
// returns the growth to the largest value.
func (p *process) sampleMemory(t *testing.T) (stop func() (grown int)) {
	t.Helper()
	before, done, peak := p.readMemory(t), make(chan struct{}), make(chan int)
	go func() {
		look := time.NewTicker(5 * time.Millisecond)
		defer look.Stop()
		for most := before; ; {
			select {
			case <-done:
				peak <- most - before
				return
			case <-look.C:
				most = max(most, p.readMemory(t))
			}
		}
	}()
	return func() int {
		close(done)
		return <-peak
	}
}

// TestManyInflateAtOnce sends messages that inflate to a thousand times their size, as large
// as they may be, over many connections at once. All are served, few at a time, and no other
// client waits for them.
func TestManyInflateAtOnce(t *testing.T) {
	sharedProcess.startObserver(t)
	const connections, limit = 30, 1_000_000
	withRace := len(buildFlags) > 0 // inflating is then slower than the rate that limits it
	messages := 10
	if withRace {
		messages = 1
	}
	bomb := maskFrame(fin|rsv1|opText, deflateData([]byte(`42["unknown","`+strings.Repeat("x", limit-16)+`"]`)))
	var all []*wireConn
	for range connections {
		all = append(all, sharedProcess.openCompressed(t))
	}
	stop := sharedProcess.sampleMemory(t)
	for _, w := range all {
		w.writeRaw(bytes.Repeat(bomb, messages))
	}
	for _, w := range all {
		w.wantAlive()
	}
	// Each connection may hold its message, the buffer that it grows from, and an event.
	if grown := stop(); grown > connections*4*limit+50<<20 && !withRace {
		t.Errorf("memory has grown by %d MB", grown>>20)
	}
	if withRace {
		return
	}
	// A connection alone is slowed down by the bytes that it inflates.
	const pauses = `reason="inflate"`
	before := sharedProcess.readMetric(t, "caddy_socketio_rate_limited_total", pauses)
	w := sharedProcess.openCompressed(t)
	w.writeRaw(bytes.Repeat(bomb, 20))
	sharedProcess.awaitMetric(t, "caddy_socketio_rate_limited_total", pauses, func(now float64) bool { return now > before })
	w.wantAlive()
}

// TestDrippedCompressedMessages begins many compressed messages and does not end them. Others
// inflate theirs meanwhile.
func TestDrippedCompressedMessages(t *testing.T) {
	sharedProcess.startObserver(t)
	const connections = 50
	text := `42987["echo","alive"]`
	packed := deflateData([]byte(`42["unknown","` + strings.Repeat("x", 100_000) + `"]`))
	stop := sharedProcess.sampleMemory(t)
	var dripping []*wireConn
	for range connections {
		w := sharedProcess.openCompressed(t)
		w.writeRaw(maskFrame(rsv1|opText, packed[:len(packed)/2]))
		w.writeRaw(maskFrame(fin|opPing, nil)) // the pong says that the server waits for the rest
		dripping = append(dripping, w)
	}
	for _, w := range dripping {
		for {
			op, _, err := w.readFrame()
			if err != nil {
				t.Fatal(err)
			}
			if op == opPong {
				break
			}
		}
	}
	quick := sharedProcess.openCompressed(t)
	quick.writeRaw(maskFrame(fin|rsv1|opText, deflateData([]byte(text))))
	quick.wantLike(`43987["alive"]`)
	for _, w := range dripping {
		w.writeRaw(maskFrame(fin|opContinue, packed[len(packed)/2:]))
		w.wantAlive()
	}
	if grown := stop(); grown > connections*1<<20+50<<20 {
		t.Errorf("memory has grown by %d MB", grown>>20)
	}
}
