package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
)

//go:embed site.caddyfile
var site string

// server is the Caddy of the run.
type server struct {
	address, admin, backend string
	dir                     string
	cmd                     *exec.Cmd
	symbols                 *symbolTable
	log                     *os.File
	ended                   chan struct{} // closed when the process has ended
}

// startServer starts a Caddy and waits until it serves. Its heap profile samples each 512 bytes,
// so that timers and maps can be counted.
func startServer(program, dir, backend string) (*server, error) {
	s := &server{backend: backend, dir: dir, ended: make(chan struct{})}
	var err error
	if s.symbols, err = readSymbols(program); err != nil {
		return nil, err
	}
	s.address, s.admin = freeport.Address(), freeport.Address()
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(s.buildConfig(0)), 0o600); err != nil {
		return nil, err
	}
	if s.log, err = os.Create(filepath.Join(dir, "caddy.log")); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(program, "run", "--config", file, "--adapter", "caddyfile")
	s.cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "GODEBUG=memprofilerate=512")
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait() // stopServer checks the exit code
		close(s.ended)
	}()
	for range 200 {
		if resp, err := http.Get("http://" + s.admin + "/config/"); err == nil {
			resp.Body.Close()
			return s, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.Join(errors.New("caddy does not serve: see "+s.log.Name()), s.stopServer())
}

// stopServer ends the process, and reports panics and data races in its log.
func (s *server) stopServer() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
		<-s.ended
	}
	s.log.Close()
	var err error
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		err = fmt.Errorf("caddy ended with %d", code)
	}
	text, readErr := os.ReadFile(s.log.Name())
	for line := range bytes.Lines(text) {
		for _, bad := range []string{"DATA RACE", "panic", "fatal error"} {
			if bytes.Contains(line, []byte(bad)) {
				return errors.Join(err, readErr, fmt.Errorf("caddy logged: %s", line))
			}
		}
	}
	return errors.Join(err, readErr)
}

// buildConfig returns the Caddyfile of a reload. Reloads alternate between two configs, which
// differ in a rule, a namespace and a route.
func (s *server) buildConfig(reload int) string {
	namespace, route := "", ""
	if reload%2 == 1 {
		namespace = "namespace /extra {\njoin extra\n}\n"
		route = "socketio {\npath /extra/\nhub other\nnamespace /more-* {\n}\n}\n"
	}
	return strings.NewReplacer("{$ADMIN}", s.admin, "{$ADDRESS}", s.address, "{$BACKEND}", s.backend,
		"{$ROUTE}", route, "{$NAMESPACE}", namespace).Replace(site)
}

// sendToAdmin posts to the admin endpoint and returns the status and the body of the response.
func (s *server) sendToAdmin(ctx context.Context, path, contentType, body string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.admin+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", contentType)
	resp, err := httpClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// runReloads loads a config at each interval. Each third one is invalid.
func (s *soak) runReloads(ctx context.Context, interval time.Duration) {
	for reload := 1; ; reload++ {
		sleepFor(ctx, interval)
		if !s.awaitLoad(ctx) {
			return
		}
		config, want := s.server.buildConfig(reload), http.StatusOK
		if reload%3 == 0 {
			config, want = strings.Replace(config, "max_payload 100KB", "max_payload lots", 1), http.StatusBadRequest
		}
		status, text, err := s.server.sendToAdmin(ctx, "/load", "text/caddyfile", config)
		switch {
		case ctx.Err() != nil:
		case err != nil || status != want:
			s.ledger.addComplaint("reload %d: status %d, want %d: %s %v", reload, status, want, text, err)
		case want == http.StatusOK:
			s.ledger.reloads.Add(1)
		default:
			s.ledger.badReloads.Add(1)
		}
	}
}

// runAPI emits through the admin API: to the rooms of slow readers, and broadcasts with
// acknowledgements.
func (s *soak) runAPI(ctx context.Context) {
	flood := fmt.Sprintf(`{"namespace":"/soak","to":["flood"],"event":"flood","args":[%q]}`, strings.Repeat("flood ", 8000))
	for turn := 0; s.awaitLoad(ctx); turn++ {
		status, text, err := s.server.sendToAdmin(ctx, "/socketio/emit", "application/json", flood)
		if turn%50 == 0 && err == nil && status == http.StatusOK {
			room := fmt.Sprintf("room %d", turn/50%residentRooms)
			status, text, err = s.server.sendToAdmin(ctx, "/socketio/emit", "application/json",
				fmt.Sprintf(`{"namespace":"/soak","to":[%q],"event":"question","ack":{"timeout":"5s"}}`, room))
			s.ledger.broadcastAcks.Add(int64(strings.Count(text, "got it")))
		}
		if ctx.Err() == nil && (err != nil || status != http.StatusOK) {
			s.ledger.addComplaint("emit through the API: %d %s %v", status, text, err)
		}
		sleepFor(ctx, 100*time.Millisecond)
	}
}
