package faults_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// clockFile names the file with the seconds that the clock of a Caddy is ahead.
const clockFile = "FAULTS_CLOCK_FILE"

// shiftedClock makes the wall clock of Go differ by the seconds in a file, which it reads all
// the time. The monotonic clock goes on, as it does when an operator or NTP sets the clock of a
// machine. Now itself can't read the file: timers call it on the stack of the scheduler.
const shiftedClock = `
var shiftedSeconds atomic.Int64

func init() {
	if name, ok := syscall.Getenv("` + clockFile + `"); ok {
		go followClock(name)
	}
}

func followClock(name string) {
	for ; ; Sleep(10 * Millisecond) {
		file, err := syscall.Open(name, syscall.O_RDONLY, 0)
		if err != nil {
			continue
		}
		var text [20]byte
		n, _ := syscall.Read(file, text[:])
		_ = syscall.Close(file)
		sign, seconds := int64(1), int64(0)
		for _, c := range text[:max(n, 0)] {
			if c == '-' {
				sign = -1
			} else {
				seconds = seconds*10 + int64(c-'0')
			}
		}
		if n > 0 {
			shiftedSeconds.Store(sign * seconds)
		}
	}
}
`

// buildWithClock builds Caddy with a clock that can be set. All packages are compiled for it,
// the standard library too.
func buildWithClock(t *testing.T) (program string) {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	const now = "	sec, nsec, mono := runtimeNow()\n"
	text := string(source)
	if !strings.Contains(text, now) {
		t.Fatalf("%s does not have the line %q", original, now)
	}
	text = strings.ReplaceAll(text, now, now+"	sec += shiftedSeconds.Load()\n")
	text = strings.Replace(text, "import (\n", "import (\n\t\"sync/atomic\"\n\t\"syscall\"\n", 1) + shiftedClock
	dir := t.TempDir()
	patched, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json")
	files, _ := json.Marshal(map[string]any{"Replace": map[string]string{original: patched}}) // has no value that can fail
	for name, content := range map[string]string{patched: text, overlay: string(files)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program = filepath.Join(dir, "caddy")
	build := exec.Command("go", "build", "-overlay", overlay, "-o", program, "github.com/caddy-socketio/caddy-socketio/cmd/caddy")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// TestClockIsSet sets the clock of the process back and forth. No client is disconnected, and
// lost sockets are recovered with the events of the meantime.
func TestClockIsSet(t *testing.T) {
	if os.Getenv("FAULTS_CLOCK") == "" {
		t.Skip("this test compiles Go's standard library, which takes minutes: make faults runs it")
	}
	clock := filepath.Join(t.TempDir(), "clock")
	p := startCaddy(t, setup{program: buildWithClock(t), env: []string{clockFile + "=" + clock}, site: `socketio {
		ping_interval 500ms
		ping_timeout 1s
		recovery 1m
		rate_limit 1000 1000
		namespace / {
			join lobby
			on say {
				in lobby emit said {event.args.0}
				ack {time.now.unix}
			}
		}
	}`})
	var all []*client
	for _, kind := range clientKinds {
		all = append(all, p.connectClient(t, kind))
	}
	lost := p.connectClient(t, clientOptions{name: "recovering", reconnect: true})
	said := 0
	say := func() (clock int) {
		t.Helper()
		said++
		return readClock(t, all[0], said-1)
	}
	for n, seconds := range []int{-3600, 7200, -86_400, 0, 366 * 86_400, 0} {
		say()
		lost.breakConnection()
		if err := os.WriteFile(clock, fmt.Append(nil, seconds), 0o600); err != nil {
			t.Fatal(err)
		}
		for isSet := false; !isSet; { // events are among the missed ones, or after the recovery
			ahead := say() - int(time.Now().Unix())
			isSet = max(ahead-seconds, seconds-ahead) < 60
		}
		lost.awaitRecords(t, "a recovery", func() bool { return len(lost.life) >= 2*n+3 })
		say()
		time.Sleep(2 * time.Second) // longer than interval and timeout
	}
	want := numberedEvents("said", 0, said-1)
	wantEvents(t, want, append(all, lost)...)
	wantLife(t, []string{"connect"}, all...)
	for i, entry := range lost.readLife()[1:] {
		if i%2 == 1 && entry != "recovered" {
			t.Errorf("after clock %d: %s", i/2, entry)
		}
	}
}

// readClock lets a client say a number, and returns the clock of the process.
func readClock(t *testing.T, c *client, number int) int {
	t.Helper()
	ack, err := c.emitWithAck("say", number)
	var texts []string
	if err != nil || json.Unmarshal([]byte(ack), &texts) != nil || len(texts) != 1 {
		t.Fatalf("ack %s, %v: expected a time", ack, err)
	}
	seconds, err := strconv.Atoi(texts[0])
	if err != nil {
		t.Fatal(err)
	}
	return seconds
}
