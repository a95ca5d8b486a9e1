package socketio

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/gorilla/websocket"
	"github.com/quic-go/quic-go/http3"
)

const echo = `
	socketio {
		namespace / {
			on echo {
				ack {event.args.*}
			}
		}
	}`

// maskFrame returns a text as the frame of a client, with a mask of zeros.
func maskFrame(text string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
}

// TestWebSocketOnHTTP3Stream opens a WebSocket on a stream of HTTP/3 and exchanges packets.
func TestWebSocketOnHTTP3Stream(t *testing.T) {
	s := startCaddy(t, false, "")
	s.site = "https://" + strings.Replace(freeport.Address(), "127.0.0.1", "localhost", 1)
	s.loadSite("tls internal"+echo, keepTrustStore)
	trusting := &tls.Config{InsecureSkipVerify: true}
	awaitCertificate(t, s.site, trusting)
	transport := &http3.Transport{TLSClientConfig: trusting}
	defer transport.Close()

	body, send := io.Pipe()
	defer send.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodConnect, s.site+"/socket.io/?EIO=4&transport=websocket", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Proto = "websocket" // makes the request an extended CONNECT
	r.ContentLength = -1
	r.Header.Set("Sec-WebSocket-Version", "13")
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	read := func(want string) {
		t.Helper()
		buf := make([]byte, 1024)
		n, err := resp.Body.Read(buf)
		if err != nil || !strings.Contains(string(buf[:n]), want) {
			t.Fatalf("got %q, %v, want %s", buf[:n], err, want)
		}
	}
	read(`0{"sid":`)
	_, _ = send.Write(maskFrame("40"))
	read(`40{"sid":`)
	_, _ = send.Write(maskFrame(`421["echo",7]`))
	read(`431[7]`)
}

// awaitCertificate waits until Caddy has made the site's certificate.
func awaitCertificate(t *testing.T, site string, config *tls.Config) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(site, "https://"), config)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// dialWebSocket connects to the namespace "/".
func dialWebSocket(t *testing.T, site string) *websocket.Conn {
	t.Helper()
	url := "ws" + strings.TrimPrefix(site, "http") + "/socket.io/?EIO=4&transport=websocket"
	conn, resp, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	t.Cleanup(func() { conn.Close() })
	expectFrame(t, conn, `0{"sid":`)
	writeText(t, conn, "40")
	expectFrame(t, conn, `40{"sid":`)
	return conn
}

func writeText(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func expectFrame(t *testing.T, conn *websocket.Conn, prefix string) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	_, got, err := conn.ReadMessage()
	if err != nil || !strings.HasPrefix(string(got), prefix) {
		t.Fatalf("got %q, %v, want %s", got, err, prefix)
	}
}

// TestOldConfigIsCollected proves that a WebSocket keeps no reference to the config that
// opened it.
func TestOldConfigIsCollected(t *testing.T) {
	s := startCaddy(t, false, echo)
	conn := dialWebSocket(t, s.site)
	old := weak.Make(activeHandler(t))
	s.loadSite(echo + "\nheader X-New yes")
	writeText(t, conn, `421["echo",1]`)
	expectFrame(t, conn, `431[1]`)
	http.DefaultClient.CloseIdleConnections()
	// Goroutines of the old server may still run.
	for deadline := time.Now().Add(time.Minute); old.Value() != nil; runtime.Gosched() {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatal("the old handler is alive")
		}
	}
	writeText(t, conn, `422["echo",2]`)
	expectFrame(t, conn, `432[2]`)
}

// recordedServe refers to the last request and writer that a handler served.
type recordedServe struct {
	request weak.Pointer[http.Request]
	writer  weak.Pointer[caddyhttp.ResponseWriterWrapper]
}

// recordingHandler is a Caddy handler that records weak pointers to its requests and writers.
type recordingHandler struct{}

var recordedServes = make(chan recordedServe, 1)

func (recordingHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.socketio_recording", New: func() caddy.Module { return new(recordingHandler) }}
}

func (recordingHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	wrapper := &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}
	recordedServes <- recordedServe{weak.Make(r), weak.Make(wrapper)}
	return next.ServeHTTP(wrapper, r)
}

func init() {
	caddy.RegisterModule(recordingHandler{})
	httpcaddyfile.RegisterHandlerDirective("socketio_recording", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return recordingHandler{}, nil
	})
}

// TestRequestIsCollected proves that a WebSocket keeps no reference to the request that
// opened it, nor to its writer.
func TestRequestIsCollected(t *testing.T) {
	s := startCaddy(t, false, "route {\nsocketio_recording\n"+echo+"\n}")
	conn := dialWebSocket(t, s.site)
	was := <-recordedServes
	for deadline := time.Now().Add(time.Minute); was.request.Value() != nil || was.writer.Value() != nil; runtime.Gosched() {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatalf("alive: request %t, writer %t", was.request.Value() != nil, was.writer.Value() != nil)
		}
	}
	writeText(t, conn, `421["echo",1]`)
	expectFrame(t, conn, `431[1]`)
}

// activeHandler returns the handler of the active config.
func activeHandler(t *testing.T) *Handler {
	t.Helper()
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range app.(*caddyhttp.App).Servers {
		if h := findHandler(server.Routes); h != nil {
			return h
		}
	}
	t.Fatal("there is no handler")
	return nil
}

func findHandler(routes caddyhttp.RouteList) *Handler {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			switch handler := handler.(type) {
			case *Handler:
				return handler
			case *caddyhttp.Subroute:
				if h := findHandler(handler.Routes); h != nil {
					return h
				}
			}
		}
	}
	return nil
}

// TestUpgradeBehindWrappedWriters proves that a WebSocket opens behind each directive that
// wraps the response writer.
func TestUpgradeBehindWrappedWriters(t *testing.T) {
	for name, directives := range map[string]string{
		"encode":    "encode",
		"templates": "templates",
		"log":       "log {\n\toutput discard\n}",
		"headers":   "header >X-Deferred yes\nheader X-Early yes",
		"intercept": "intercept {\n\t@error status 5xx\n\thandle_response @error {\n\t\trespond oops\n\t}\n}",
		"push":      "push",
		"tracing":   "tracing {\n\tspan socketio\n}",
	} {
		t.Run(name, func(t *testing.T) {
			s := startCaddy(t, false, directives+echo)
			conn := dialWebSocket(t, s.site)
			writeText(t, conn, `421["echo",{"a":[1]}]`)
			expectFrame(t, conn, `431[{"a":[1]}]`)
		})
	}
}

func TestConflictingNamespacesAreRefused(t *testing.T) {
	config := func(rooms string) string {
		return fmt.Sprintf(`{"handler":"socketio","path":"/%s/","namespaces":[{"name":"/chat","on":[{"events":["connect"],"handle":[{"handler":"join","rooms":[%q]}]}]}]}`, rooms, rooms)
	}
	err := caddy.Validate(&caddy.Config{AppsRaw: caddy.ModuleMap{"http": []byte(
		`{"servers":{"one":{"listen":["127.0.0.1:0"],"routes":[{"handle":[` + config("a") + `]},{"handle":[` + config("b") + `]}]}}}`)}})
	for _, want := range []string{"namespace /chat of hub default", "route /a/ of server one", "route /b/ of server one"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if _, ok := Hub(DefaultHub); ok {
		t.Error("a refused config leaves a hub behind")
	}
}
