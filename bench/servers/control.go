package servers

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// errNoCollect is the error of a Caddy without the build tag "bench".
var errNoCollect = errors.New("the server cannot collect garbage at once: build Caddy with -tags bench")

// httpClient makes the requests that are not of clients.
var httpClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{
	TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 64,
}}

// PostEmits makes requests that emit. Each list of bodies is of one client, with one request
// after another. form is "stream" for bodies with an emit a line.
func (s *Server) PostEmits(form string, clients [][][]byte) error {
	contentType := "application/json"
	if form == "stream" {
		contentType = "application/x-ndjson"
	}
	failures := make([]error, len(clients))
	var group sync.WaitGroup
	for i, bodies := range clients {
		group.Go(func() {
			for _, body := range bodies {
				if failures[i] = s.postEmit(contentType, body); failures[i] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return errors.Join(failures...)
}

func (s *Server) postEmit(contentType string, body []byte) error {
	resp, err := httpClient.Post(s.Control+s.emitPath, contentType, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("emit: %s: %.200s", resp.Status, text)
	}
	return err
}

// AwaitIdle returns when the server has used no CPU for 200 ms, or after 20 s.
func (s *Server) AwaitIdle() {
	last, since := s.CPU(), time.Now()
	for deadline := time.Now().Add(20 * time.Second); time.Since(since) < 200*time.Millisecond && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
		if used := s.CPU(); used != last {
			last, since = used, time.Now()
		}
	}
}

// StartRedis starts a Redis that keeps nothing on disk.
func (s *Settings) StartRedis() (*Server, error) {
	server := &Server{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), freePort()), ended: make(chan struct{})}
	server.cmd = exec.Command("redis-server", "--port", strconv.Itoa(int(server.Address.Port())), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.Dir)
	return server, server.launch(filepath.Join(s.Dir, "redis.log"))
}
