// Package servers starts the servers that the benchmark compares, and measures their
// processes.
package servers

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is a running server.
type Server struct {
	// Address is where clients connect.
	Address netip.AddrPort
	// Control is the base URL of requests that are not of clients: emits, collections.
	Control string

	collectPath string
	emitPath    string
	cmd         *exec.Cmd
	log         *os.File
	ended       chan struct{} // closed when the process has ended
}

// Options are the same for each kind of server.
type Options struct {
	// TLS makes the server use the certificate of Settings.
	TLS bool
	// PingInterval is the time between heartbeats, or 0 for 25 s.
	PingInterval time.Duration
	// Redis is the address of a Redis that joins servers, or empty.
	Redis string
}

func (o Options) pingInterval() time.Duration { return cmp.Or(o.PingInterval, 25*time.Second) }

// Settings are where programs and files are.
type Settings struct {
	Caddy, Base string // programs; Base is an older Caddy, or empty
	Node        string // program
	NodeDir     string // folder of server.js
	Self        string // this program, which serves Centrifuge and raw writes
	Dir         string // folder for configs, logs and certificates
}

// Start starts a server by its name and waits until it accepts connections.
func (s *Settings) Start(name string, o Options) (*Server, error) {
	address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), freePort())
	server := &Server{Address: address, ended: make(chan struct{})}
	var err error
	switch name {
	case "caddy":
		err = s.prepareCaddy(server, s.Caddy, o)
	case "base":
		err = s.prepareCaddy(server, s.Base, o)
	case "node":
		s.prepareNode(server, o)
	case "centrifuge", "raw":
		s.prepareSelf(server, name, o)
	default:
		err = errors.New("there is no such server")
	}
	if err == nil {
		err = server.launch(filepath.Join(s.Dir, name+".log"))
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return server, nil
}

// prepareNode sets the command of the Node.js server.
func (s *Settings) prepareNode(server *Server, o Options) {
	scheme := "http"
	args := []string{
		"--expose-gc", filepath.Join(s.NodeDir, "server.js"), "--port", strconv.Itoa(int(server.Address.Port())),
		"--ping", strconv.FormatInt(o.pingInterval().Milliseconds(), 10),
	}
	if o.TLS {
		scheme = "https"
		args = append(args, "--cert", s.certFile(), "--key", s.keyFile())
	}
	if o.Redis != "" {
		args = append(args, "--redis", o.Redis)
	}
	server.cmd = exec.Command(s.Node, args...)
	server.cmd.Env = append(os.Environ(), "NODE_ENV=production")
	server.Control = scheme + "://" + server.Address.String()
	server.collectPath, server.emitPath = "/gc", "/emit"
}

// webSocketsOnHTTP2 is the environment of Go programs that accept WebSockets on streams of
// HTTP/2.
const webSocketsOnHTTP2 = "GODEBUG=http2xconnect=1"

// prepareSelf sets the command of a server that is part of this program.
func (s *Settings) prepareSelf(server *Server, name string, o Options) {
	scheme := "http"
	args := []string{"serve", name, server.Address.String(), o.pingInterval().String()}
	if o.TLS {
		scheme = "https"
		args = append(args, s.certFile(), s.keyFile())
	}
	server.cmd = exec.Command(s.Self, args...)
	server.cmd.Env = append(os.Environ(), webSocketsOnHTTP2)
	server.Control = scheme + "://" + server.Address.String()
	server.collectPath = "/gc"
}

// startLimit is the longest time until a server accepts connections.
const startLimit = 20 * time.Second

func (s *Server) launch(logFile string) error {
	var err error
	if s.log, err = os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err != nil {
		return err
	}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return errors.Join(err, s.log.Close())
	}
	go func() {
		_ = s.cmd.Wait() // servers are ended by a signal
		close(s.ended)
	}()
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", s.Address.String()); err == nil {
			return conn.Close()
		}
		select {
		case <-s.ended:
			return fmt.Errorf("it ended: see %s", logFile)
		default:
		}
	}
	s.Stop()
	return fmt.Errorf("it accepts no connections: see %s", logFile)
}

// Stop ends the process.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.ended
	_ = s.log.Close()
}

// freePort returns a TCP port below the range of ports of connections, without a listener.
func freePort() uint16 {
	for {
		port := 12_000 + uint16(time.Now().UnixNano()/1000%20_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil && l.Close() == nil {
			return port
		}
	}
}

// clockTick is the unit of CPU time in /proc, which Linux fixes for programs.
const clockTick = 10 * time.Millisecond

// CPU returns the CPU time of the process so far, in user and kernel mode.
func (s *Server) CPU() time.Duration { return processCPU(s.cmd.Process.Pid) }

func processCPU(pid int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The second field is the program's name in parentheses, which may have spaces.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick
}

// RSS returns the resident memory of the process in bytes.
func (s *Server) RSS() (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "Rss:"); ok {
			kB, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kB << 10, err
		}
	}
	return 0, errors.New("smaps_rollup has no Rss")
}

// Collect makes the server collect garbage and give free memory back to the kernel.
func (s *Server) Collect() error {
	resp, err := httpClient.Post(s.Control+s.collectPath, "", http.NoBody)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return errNoCollect
	}
	return nil
}
