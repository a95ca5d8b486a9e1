package hostile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
)

// maxWait is the longest wait for an expected event.
const maxWait = time.Minute

// site holds the directives of the shared site: routes with the same namespaces and different
// options.
var site = routeBlock("/socket.io/", "") +
	routeBlock("/packed/", "compression on") +
	routeBlock("/four/", "protocols 4") +
	routeBlock("/limited/", "rate_limit 100 200") +
	routeBlock("/capped/", "max_connections 20") +
	routeBlock("/addressed/", "ping_interval 400ms\nping_timeout 5s\nconnect_timeout 5s\nper_address {\nmax_unjoined 200\nmax_namespaces 20\nmax_connections 500\n}") +
	routeBlock("/brief/", "ping_interval 1s\nping_timeout 2s\nconnect_timeout 3s\nupgrade_timeout 2s")

// routeBlock returns a socketio directive. Clients of all routes of a process share rooms.
func routeBlock(path, options string) string {
	return "socketio {\npath " + path + "\norigins https://app.example.com\n" + options + "\nimport namespaces\n}\n"
}

// buildConfig returns a Caddyfile with a site of the given directives.
func (p *process) buildConfig(site string) string {
	return fmt.Sprintf(`{
	admin %s
	persist_config off
	auto_https off
	metrics
	grace_period 5s
	servers {
		trusted_proxies static 127.0.0.1/32
	}
}
(namespaces) {
	namespace / {
		join lobby
		on tick {
			emit tick {event.args.0} {
				to lobby
			}
		}
		on flood {
			emit flood {event.args.*} {
				to lobby
			}
		}
		on echo {
			ack {event.args.*}
		}
		on join {
			join {event.args.0}
			ack {socket.rooms}
		}
	}
	namespace /other {
	}
	namespace /rated {
		rate_limit * {
			events 100 200
		}
		on rare {
			rate_limit 100 200
			ack
		}
		on shout {
			to {event.args.0} emit shout
			ack
		}
	}
	namespace /glob-* {
	}
}
http://%s {
%s
}
`, p.admin, p.address, site)
}

// process is a running Caddy.
type process struct {
	address, admin string
	dir            string
	cmd            *exec.Cmd
	log            *logLines
	ended          chan struct{} // closed when the process has ended
}

// startProcess starts a Caddy with additions to its environment, and waits until it serves.
func startProcess(dir, site string, env ...string) (*process, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &process{dir: dir, log: &logLines{arrived: make(chan struct{}, 1)}, ended: make(chan struct{})}
	p.address, p.admin = freeport.Address(), freeport.Address()
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(p.buildConfig(site)), 0o600); err != nil {
		return nil, err
	}
	p.cmd = exec.Command(program, "run", "--config", file, "--adapter", "caddyfile")
	p.cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // stopProcess checks the exit code and the log
		close(p.ended)
	}()
	if err := p.log.awaitWords("serving initial configuration", p.ended); err != nil {
		_ = p.cmd.Process.Kill()
		return nil, err
	}
	return p, nil
}

// launchProcess runs a Caddy until the test ends.
func launchProcess(t *testing.T, site string, env ...string) *process {
	t.Helper()
	p, err := startProcess(t.TempDir(), site, env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stopProcess(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// stopProcess stops the process by SIGTERM, as an operator does. The error reports a late end,
// an exit code other than 0, and data races and panics in the log.
func (p *process) stopProcess() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended already
	select {
	case <-p.ended:
	case <-time.After(maxWait):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // makes it write the stacks of its goroutines
		<-p.ended
		return fmt.Errorf("caddy does not end:\n%s", p.log.lastLines("SIGQUIT", 400))
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("caddy ended with %d:\n%s", code, p.log.lastLines("", 40))
	}
	for _, bad := range []string{"DATA RACE", "panic", "fatal error"} {
		if found := p.log.lastLines(bad, 60); found != "" {
			return fmt.Errorf("caddy logged:\n%s", found)
		}
	}
	return nil
}

// readMemory returns the resident memory of the process in bytes.
func (p *process) readMemory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("memory is read from /proc")
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("no VmRSS in %q, %v", status, err)
	}
	kB, _ := strconv.Atoi(string(m[1]))
	return kB << 10
}

// checkMemoryLimit checks at the end of the test that the memory of the process has grown by at
// most limit bytes. Limits are generous: they only catch unbounded growth.
func (p *process) checkMemoryLimit(t *testing.T, limit int) {
	t.Helper()
	before := p.readMemory(t)
	t.Cleanup(func() {
		if grown := p.readMemory(t) - before; grown > limit {
			t.Errorf("memory has grown by %d MB, to more than %d MB", grown>>20, limit>>20)
		}
	})
}

// loadConfig replaces the config and returns the status of the response.
func (p *process) loadConfig(t *testing.T, config string) int {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post("http://"+p.admin+"/load", "text/caddyfile", strings.NewReader(config))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// readMetric returns the sum of the series of a metric that have the label, or of all for "".
func (p *process) readMetric(t *testing.T, name, label string) float64 {
	t.Helper()
	return p.scrapeMetrics(t).sumSeries(name, label)
}

// scrape is the text of all metrics at a moment.
type scrape string

// scrapeMetrics reads all metrics.
func (p *process) scrapeMetrics(t *testing.T) scrape {
	t.Helper()
	resp, err := http.Get("http://" + p.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return scrape(body)
}

// sumSeries returns the sum of the series of a metric that have the label, or of all for "".
func (s scrape) sumSeries(name, label string) (sum float64) {
	for line := range strings.Lines(string(s)) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		plain, _, labelled := strings.Cut(series, "{")
		if !labelled {
			plain, value, _ = strings.Cut(strings.TrimSpace(line), " ")
		}
		if plain == name && strings.Contains(series, label) {
			n, _ := strconv.ParseFloat(value, 64)
			sum += n
		}
	}
	return sum
}

// awaitMetricAtMost waits until a metric is at most the given value.
func (p *process) awaitMetricAtMost(t *testing.T, name, label string, most float64) {
	t.Helper()
	p.awaitMetric(t, name, label, func(now float64) bool { return now <= most })
}

// awaitMetric waits until good returns true for the value of a metric.
func (p *process) awaitMetric(t *testing.T, name, label string, good func(float64) bool) {
	t.Helper()
	p.awaitMetricWithin(t, maxWait, name, label, good)
}

// awaitMetricWithin is awaitMetric with a longest wait.
func (p *process) awaitMetricWithin(t *testing.T, wait time.Duration, name, label string, good func(float64) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		now := p.readMetric(t, name, label)
		if good(now) {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("%s %s is still %v", name, label, now)
		}
	}
}

// logLines collects the log of a process.
type logLines struct {
	mu      sync.Mutex // guards text
	text    bytes.Buffer
	arrived chan struct{} // receives a value when text has grown; never closed
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.arrived <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

// lastLines returns at most count lines, from the first line that contains words, or the last
// count lines for "".
func (l *logLines) lastLines(words string, count int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.Split(l.text.String(), "\n")
	for i, line := range all {
		if words == "" {
			i = max(len(all)-count, 0)
		} else if !strings.Contains(line, words) {
			continue
		}
		return strings.Join(all[i:min(i+count, len(all))], "\n")
	}
	return ""
}

// awaitWords waits until a line of the log contains words.
func (l *logLines) awaitWords(words string, ended <-chan struct{}) error {
	late := time.After(maxWait)
	for l.lastLines(words, 1) == "" {
		select {
		case <-l.arrived:
		case <-ended:
			return fmt.Errorf("caddy has ended:\n%s", l.lastLines("", 40))
		case <-late:
			return fmt.Errorf("caddy has not logged %q:\n%s", words, l.lastLines("", 40))
		}
	}
	return nil
}
