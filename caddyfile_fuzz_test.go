package socketio

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// FuzzCaddyfile adapts blocks of the global option, of socketio and of socketio_api, and
// provisions the adapted configs.
func FuzzCaddyfile(f *testing.F) {
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		f.Setenv(name, f.TempDir())
	}
	f.Setenv("SOCKETIO_FUZZ", "0123456789abcdef0123456789abcdef")
	for _, seed := range caddyfileSeeds(f) {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(_ *testing.T, option, site, api string) { provisionBlocks(option, site, api) })
}

// caddyfileSeeds returns blocks of the adapted examples, and blocks with odd values.
func caddyfileSeeds(t testing.TB) [][3]string {
	const handler = "namespace /chat {\non connect * {\n%s\n}\n}"
	var seeds [][3]string
	for _, line := range []string{
		"require `event.args[0].matches(\"^[a-z]{1,20}$\")`", "require `event.args[0].matches(\"(\")` {event.args.0}",
		"jwt {\nsecret {env.SOCKETIO_FUZZ}\nleeway 1e400h\n}", "jwt {\njwks {$NONE:/nowhere}\nalgorithms none\n}",
		"jwt {\npublic_key caddyfile.go\nfrom {event.args.0} {http.request.header.Authorization}\nclose_on_expiry\n}",
		"emit a {event.args.*} `{\"a\":[1,{\"$binary\":\"AA==\"}]}` {\nto {socket.rooms} a{event.args.0}b\nexcept x\nvolatile\n}",
		"backend {\nrewrite /{event.name}\nrespond `{\"ack\":[{event.args.0}]}` 200\ntimeout 1e9d\nqueue 1\nconcurrency 1\n}",
		"backend {\ntemplates\nrespond `{{placeholder \"event.args.0\"}}`\nsign whsec_AAAA\n}",
		"join {event.args.0.a.1}{jwt.sub}\nleave {socket.id}\nset a.b `[1e999]`\nack {event.args.*}\ndisconnect close",
	} {
		seeds = append(seeds, [3]string{"", fmt.Sprintf(handler, line), "allow emit rooms\nnamespaces /a /b-*"})
	}
	seeds = append(seeds, [3]string{
		"cluster redis redis://127.0.0.1:1 {\nkey k\nrequests_timeout 5s\nsharded dynamic\n}",
		"path /s/\nhub h\ntransports polling\nprotocols 3\nping_interval 1d\nmax_payload 1.5MB\nmax_queue 9EB\nmax_connections 5\n" +
			"rate_limit NaN 1e9\norigins https://[::1] null *\ncompression on\nrecovery -1s\ncookie io\nconnect_timeout 292y", "path /api/\nhub h",
	})
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no examples", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		input, _, _ := strings.Cut(string(text), "----------")
		if _, block, ok := strings.Cut(input, "socketio {\n"); ok {
			block = block[:strings.LastIndex(block, "}")]
			seeds = append(seeds, [3]string{"", block[:max(0, strings.LastIndex(block, "}"))], ""})
		}
	}
	return seeds
}

// provisionBlocks adapts and provisions a config, and does not start it.
func provisionBlocks(option, site, api string) {
	config, err := adaptCaddyfile(fmt.Sprintf("{\nadmin off\npersist_config off\nauto_https off\nsocketio {\n%s\n}\n}\nhttp://127.0.0.1:1 {\nsocketio {\n%s\n}\nsocketio_api {\n%s\n}\n}\n",
		option, site, api))
	if err != nil || strings.HasPrefix(config, "warning") {
		return
	}
	var c caddy.Config
	if json.Unmarshal([]byte(config), &c) == nil {
		_ = caddy.Validate(&c)
	}
}
