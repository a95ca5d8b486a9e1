package servers

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// caddyfile is the config of Caddy. Its events are the ones of the other servers.
//
//go:embed site.caddyfile
var caddyfile string

// prepareCaddy writes the config and sets the command of a Caddy.
func (s *Settings) prepareCaddy(server *Server, program string, o Options) error {
	admin := "127.0.0.1:" + strconv.Itoa(int(freePort()))
	scheme, tls, cluster := "http", "", ""
	if o.TLS {
		scheme, tls = "https", fmt.Sprintf("tls %s %s", s.certFile(), s.keyFile())
	}
	if o.Redis != "" {
		cluster = "socketio {\n\t\tcluster redis redis://" + o.Redis + "\n\t}"
	}
	config := strings.NewReplacer(
		"{$ADMIN}", admin, "{$SITE}", fmt.Sprintf("%s://127.0.0.1:%d, %s://localhost:%d", scheme, server.Address.Port(), scheme, server.Address.Port()),
		"{$PING}", o.pingInterval().String(), "{$TLS}", tls, "{$CLUSTER}", cluster).Replace(caddyfile)
	file := filepath.Join(s.Dir, fmt.Sprintf("caddyfile-%d", server.Address.Port()))
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	server.cmd = exec.Command(program, "run", "--config", file, "--adapter", "caddyfile")
	server.cmd.Env = append(os.Environ(), "HOME="+s.Dir, "XDG_CONFIG_HOME="+s.Dir, "XDG_DATA_HOME="+s.Dir, webSocketsOnHTTP2)
	server.Control = "http://" + admin
	server.collectPath, server.emitPath = "/bench/collect", "/socketio/emit"
	return nil
}
