package socketio

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
	"github.com/quic-go/quic-go/http3"
)

// accessControls are the directives by which a Caddyfile denies access to a path. AUTH stands
// for the address of an application that answers 401 to each request.
var accessControls = map[string]string{
	"basic_auth": `
		basic_auth /socket.io/* {
			ada $2a$04$5fSOdpCDu4Xb5s1r1hTpTOp7cBL6ZJZxyl6g9kYk6AUAmLw4VDQ7C
		}
		basic_auth /socketio/* {
			ada $2a$04$5fSOdpCDu4Xb5s1r1hTpTOp7cBL6ZJZxyl6g9kYk6AUAmLw4VDQ7C
		}`,
	"forward_auth": `
		@own {
			path /socket.io/* /socketio/*
			not header X-Key secret
		}
		forward_auth @own AUTH {
			uri /check
		}`,
	"abort": `
		@own {
			path /socket.io/* /socketio/*
			not header X-Key secret
		}
		abort @own`,
	"error": `
		@own {
			path /socket.io/* /socketio/*
			not header X-Key secret
		}
		error @own 403`,
	"respond": `
		@own {
			path /socket.io/* /socketio/*
			not header X-Key secret
		}
		respond @own 403`,
	"redir": `
		@own {
			path /socket.io/* /socketio/*
			not header X-Key secret
		}
		redir @own /login`,
	"handle": `
		@own {
			path /socket.io/* /socketio/*
			not header X-Key secret
		}
		handle @own {
			respond 403
		}`,
	"not path": `
		@guarded {
			not path /public/*
			not header X-Key secret
		}
		error @guarded 403`,
	"path_regexp": `
		@own path_regexp ^/(socket\.io|socketio)/
		error @own 403`,
	"expression path": `
		@own expression path('/socket.io/*', '/socketio/*')
		error @own 403`,
	"expression text": "\n@own expression `{path}.startsWith('/socket.io/') || {path}.startsWith('/socketio/')`\nabort @own",
	"expression uri":  "\n@own expression `{uri}.startsWith('/socket.io/') || {uri}.startsWith('/socketio/')`\nabort @own",
	"vars": `
		@own vars_regexp {http.request.uri} ^/socket(io|\.io)/
		error @own 403`,
	"remote_ip": `
		@own {
			path /socket.io/* /socketio/*
			remote_ip 127.0.0.1
		}
		abort @own`,
	"not remote_ip": `
		@denied not remote_ip 10.0.0.0/8
		abort @denied`,
	"header": `
		@own {
			path /socket.io/* /socketio/*
			not header X-Key secret
		}
		error @own 401`,
}

// TestAccessControlsAreNotBypassed proves that access controls apply to the paths of this
// module, however a request spells them. Each target is sent to each access control in one
// form of a request, and to basic_auth in all forms.
func TestAccessControlsAreNotBypassed(t *testing.T) {
	auth := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(auth.Close)
	s := startCaddy(t, false, "")
	address := strings.TrimPrefix(s.site, "http://")
	_, port, _ := strings.Cut(address, ":")
	var sites strings.Builder
	for name, gate := range accessControls {
		gate = strings.ReplaceAll(gate, "AUTH", auth.Listener.Addr().String())
		fmt.Fprintf(&sites, "}\nhttp://%s:%s {\n%s\nsocketio\nsocketio_api\n", hostForControl(name), port, gate)
	}
	s.loadSite(sites.String())
	for name := range accessControls {
		t.Run(name, func(t *testing.T) {
			for i, target := range append(listTargets("/socket.io/"), listTargets("/socketio/")...) {
				target = strings.ReplaceAll(target, "example.com", hostForControl(name))
				requests := listRequests(target, hostForControl(name))
				if name != "basic_auth" {
					form := (i + len(name)) % len(requests)
					requests = requests[form : form+1]
				}
				for _, request := range requests {
					if answer := sendRawRequest(t, address, request); isModuleResponse(answer) {
						t.Errorf("%q is served: %.200q", request, answer)
					}
				}
			}
		})
	}
}

// hostForControl returns the host of the site behind an access control.
func hostForControl(gate string) string {
	return strings.NewReplacer(" ", "-", "_", "-").Replace(gate) + ".test"
}

// listRequests returns a poll, a WebSocket and two requests to the API with a target.
func listRequests(target, host string) []string {
	query := "?EIO=4&transport="
	if strings.Contains(target, "?") {
		query = "&EIO=4&transport="
	}
	end := " HTTP/1.1\r\nHost: " + host + "\r\n"
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	if strings.Contains(target, "socketio") {
		return []string{
			"GET " + target + end + "Connection: close\r\n\r\n",
			"POST " + target + end + "Connection: close\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"event\":\"x\"}",
		}
	}
	return []string{
		"GET " + target + query + "polling" + end + "Connection: close\r\n\r\n",
		"GET " + target + query + "polling HTTP/1.0\r\nHost: " + host + "\r\n\r\n",
		"GET " + target + query + "websocket" + end + upgrade,
		"CONNECT " + target + query + "websocket" + end + upgrade,
	}
}

// sendRawRequest writes a request unchanged. It returns the status of the response, with the
// body unless a WebSocket opens. It returns "" if the server aborts the connection.
func sendRawRequest(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, request); err != nil {
		return ""
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "" // aborted
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp.Status
	}
	body, _ := io.ReadAll(resp.Body)
	return resp.Status + " " + string(body)
}

// isModuleResponse reports whether a response is from this module: a session, a WebSocket, or
// JSON of Engine.IO or of the API.
func isModuleResponse(answer string) bool {
	return strings.HasPrefix(answer, "101") || strings.Contains(answer, `{"`)
}

// TestAccessControlsAreNotBypassedOnStreams proves the same for HTTP/2 and HTTP/3, where the
// path is a field of its own.
func TestAccessControlsAreNotBypassedOnStreams(t *testing.T) {
	s := startCaddy(t, false, "")
	s.site = "https://" + strings.Replace(freeport.Address(), "127.0.0.1", "localhost", 1)
	const guarded = `
		tls internal
		@own {
			path /socket.io/* /socketio/*
			not header X-Key secret
		}
		error @own 403
		socketio
		socketio_api`
	s.loadSite(guarded, keepTrustStore)
	trusting := &tls.Config{InsecureSkipVerify: true}
	awaitCertificate(t, s.site, trusting)
	h2 := &http.Transport{TLSClientConfig: trusting, ForceAttemptHTTP2: true}
	defer h2.CloseIdleConnections()
	h3 := &http3.Transport{TLSClientConfig: trusting}
	defer h3.Close()
	for name, transport := range map[string]http.RoundTripper{"HTTP/2.0": h2, "HTTP/3.0": h3} {
		t.Run(name, func(t *testing.T) {
			for _, target := range append(listTargets("/socket.io/"), listTargets("/socketio/")...) {
				if !strings.HasPrefix(target, "/") || strings.ContainsAny(target, "# ") {
					continue // the client does not send such a target
				}
				if answer := tryStreamRequest(t, transport, name, s.site, target, ""); isModuleResponse(answer) {
					t.Errorf("%s is served: %.200s", target, answer)
				}
			}
			for _, target := range []string{"/socket.io/?EIO=4&transport=polling", "/socketio/"} {
				if answer := tryStreamRequest(t, transport, name, s.site, target, "secret"); !isModuleResponse(answer) {
					t.Errorf("%s is not served: %.200s", target, answer)
				}
			}
		})
	}
}

// tryStreamRequest requests an unchanged target with GET and, on HTTP/3, with an extended
// CONNECT for a WebSocket. It returns the beginnings of the bodies.
func tryStreamRequest(t *testing.T, transport http.RoundTripper, proto, site, target, key string) string {
	t.Helper()
	u, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	u.Opaque = target
	if strings.HasPrefix(target, "//") {
		u.Opaque = "//" + u.Host + target // as RequestURI has it
	}
	var answers strings.Builder
	for _, method := range []string{http.MethodGet, http.MethodConnect} {
		if method == http.MethodConnect && proto != "HTTP/3.0" {
			continue // needs GODEBUG=http2xconnect=1
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := (&http.Request{Method: method, URL: u, Host: u.Host, Header: make(http.Header)}).WithContext(ctx)
		r.Header.Set("X-Key", key)
		if method == http.MethodConnect {
			r.Proto = "websocket"
			r.Header.Set("Sec-WebSocket-Version", "13")
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			continue // the library of the client or of the server refuses the path
		}
		if resp.Proto != proto {
			t.Fatalf("got %s, want %s", resp.Proto, proto)
		}
		buf := make([]byte, 512)
		n, _ := io.ReadFull(io.LimitReader(resp.Body, int64(len(buf))), buf[:1])
		if n == 1 {
			more, _ := resp.Body.Read(buf[1:])
			n += more
		}
		resp.Body.Close()
		answers.Write(buf[:n])
	}
	return answers.String()
}
