package faults_test

import (
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
	"syscall"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
)

// maxWait is the longest wait for an expected event.
const maxWait = time.Minute

// setup describes a Caddy. The zero value is a Caddy without a site.
type setup struct {
	global string // global options, one a line
	site   string // directives of its only site
	more   string // further sites and snippets

	address string   // host:port of the site; a free port on loopback by default
	program string   // the executable; the one of the test by default
	wrap    []string // the command that runs Caddy, such as "prlimit --nofile=100 --"
	env     []string // environment variables, as NAME=value

	expectPanics bool // panics in the log do not fail the test
}

// process is a running Caddy.
type process struct {
	setup
	admin string // host:port of the admin API
	dir   string // its home, data and config directory
	cmd   *exec.Cmd
	log   *logLines
	ended chan struct{} // closed when the process has ended
}

// startCaddy runs a Caddy until the end of the test. The test fails if the Caddy then does not
// end well: by SIGTERM, with exit code 0, without panics and data races in its log.
func startCaddy(t *testing.T, s setup) *process {
	t.Helper()
	p := &process{setup: s, admin: freeport.Address(), dir: t.TempDir(), log: newLogLines(), ended: make(chan struct{})}
	if p.address == "" {
		p.address = freeport.Address()
	}
	file := filepath.Join(p.dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(p.buildConfig(p.site)), 0o600); err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if p.program != "" {
		binary = p.program
	}
	args := append(append([]string{}, p.wrap...), binary, "run", "--config", file, "--adapter", "caddyfile")
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = append(os.Environ(), runAsCaddy+"=1", "HOME="+p.dir, "XDG_CONFIG_HOME="+p.dir, "XDG_DATA_HOME="+p.dir)
	p.cmd.Env = append(append(p.cmd.Env, "GORACE=atexit_sleep_ms=0"), p.env...) // by default a process with the race detector ends a second late
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // stopProcess checks the exit code and the log
		close(p.ended)
	}()
	t.Cleanup(func() {
		if err := p.stopProcess(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", p.address, p.log.lastLines("", 60))
		}
	})
	if err := p.log.awaitWords("serving initial configuration", p.ended); err != nil {
		t.Fatal(err)
	}
	return p
}

// buildConfig returns the Caddyfile of the process with another site.
func (p *process) buildConfig(site string) string {
	return fmt.Sprintf("{\n\tadmin %s\n\tpersist_config off\n\tauto_https off\n\tmetrics\n\tgrace_period 5s\n%s\n}\n%s\nhttp://%s {\n%s\n}\n",
		p.admin, p.global, p.more, p.address, site)
}

// stopProcess stops the process as an operator does. The error reports a late end, an exit
// code other than 0, and data races and panics in the log.
func (p *process) stopProcess() error {
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // a frozen process cannot end
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended already
	select {
	case <-p.ended:
	case <-time.After(maxWait):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // makes it write the stacks of its goroutines
		<-p.ended
		return fmt.Errorf("caddy does not end:\n%s", p.log.lastLines("SIGQUIT", 400))
	}
	bad := []string{"DATA RACE", "fatal error"}
	if !p.expectPanics {
		bad = append(bad, "panic")
	}
	for _, words := range bad {
		if found := p.log.lastLines(words, 60); found != "" {
			return fmt.Errorf("caddy logged:\n%s", found)
		}
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("caddy ended with %d:\n%s", code, p.log.lastLines("", 40))
	}
	return nil
}

// signalProcess sends the process a signal, such as SIGSTOP.
func (p *process) signalProcess(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// apiClient makes requests to the admin API. It keeps no connections: the API restarts with
// each reload.
var apiClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: maxWait}

// requestAdmin makes a request to the admin API and returns the status and the whole body. A
// request that a reload interrupts is made again.
func (p *process) requestAdmin(t *testing.T, method, path, contentType, body string) (int, string) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		status, text, err := p.tryAdmin(method, path, contentType, body)
		if err == nil {
			return status, text
		}
		if attempt == 5 || !isInterrupted(err) {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
}

func (p *process) tryAdmin(method, path, contentType, body string) (int, string, error) {
	r, err := http.NewRequest(method, "http://"+p.admin+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", contentType)
	resp, err := apiClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// isInterrupted reports whether a connection broke because its listener closed.
func isInterrupted(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// loadConfig replaces the config and returns the status and the body of the response.
func (p *process) loadConfig(t *testing.T, config string) (int, string) {
	t.Helper()
	return p.requestAdmin(t, "POST", "/load", "text/caddyfile", config)
}

// reloadSite replaces the directives of the site.
func (p *process) reloadSite(t *testing.T, site string) {
	t.Helper()
	if status, body := p.loadConfig(t, p.buildConfig(site)); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
}

// emitFromAPI emits an event through the admin API. body is the JSON of the request.
func (p *process) emitFromAPI(t *testing.T, body string) {
	t.Helper()
	if status, text := p.requestAdmin(t, "POST", "/socketio/emit", "application/json", body); status != http.StatusOK {
		t.Fatalf("emit %s: %d %s", body, status, text)
	}
}

// readMetric returns the sum of the series of a metric that have the label, or of all for "".
func (p *process) readMetric(t *testing.T, name, label string) (sum float64) {
	t.Helper()
	_, body := p.requestAdmin(t, "GET", "/metrics", "", "")
	for line := range strings.Lines(body) {
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

// awaitMetric waits until good returns true for the value of a metric.
func (p *process) awaitMetric(t *testing.T, name, label string, good func(float64) bool) {
	t.Helper()
	var last float64
	awaitTrue(t, func() string { return fmt.Sprintf("%s %s is still %v", name, label, last) }, func() bool {
		last = p.readMetric(t, name, label)
		return good(last)
	})
}

// awaitTrue waits until ok returns true. The test fails with the text of late after maxWait.
func awaitTrue(t *testing.T, late func() string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatal(late())
		}
	}
}
