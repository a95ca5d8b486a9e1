package hub_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/gorilla/websocket"
)

// fakeTimeSite serves the routes of a hub in fake time, each under its number.
type fakeTimeSite struct {
	*hub.Hub
	t      *testing.T
	gen    *hub.Generation
	conns  pipe
	server *http.Server
}

func newFakeTimeSite(t *testing.T, c cluster.Cluster, recoveries ...time.Duration) *fakeTimeSite {
	s := &fakeTimeSite{Hub: hub.New(hub.Options{}), t: t, conns: make(pipe, 1)}
	s.gen = s.Configure(newRecoveryConfig(c, recoveries))
	s.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Serve(s.gen.Routes()[r.URL.Path[1]-'0'], &engine.Request{W: w, R: r, Address: "192.0.2.1"})
	})}
	go s.server.Serve(s.conns) // ends when the test closes both
	return s
}

func newRecoveryConfig(c cluster.Cluster, recoveries []time.Duration) hub.Config {
	config := hub.Config{Cluster: c, Namespaces: []hub.NamespaceConfig{{Name: "/chat"}}}
	for i, d := range recoveries {
		r := newRouteConfig(fmt.Sprint(i), "/chat")
		r.Recovery = d
		config.Routes = append(config.Routes, r)
	}
	return config
}

func (s *fakeTimeSite) closeAll() {
	s.Hub.Close()
	close(s.conns)
	s.server.Close()
}

// connectAs connects over a route with a pid, and closes the connection. It returns the
// socket of the client.
func (s *fakeTimeSite) connectAs(route int, pid string) (is identity) {
	s.t.Helper()
	near, far := net.Pipe()
	s.conns <- far
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
	conn, _, err := dialer.Dial(fmt.Sprintf("ws://pipe/%d/?transport=websocket&EIO=4", route), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &client{t: s.t, conn: conn}
	c.readPacket()
	is = c.joinAs("/chat", fmt.Sprintf(`{"pid":%q}`, pid))
	conn.Close()
	synctest.Wait()
	return is
}

func TestRecoveryEndsAfterTimeOfRoute(t *testing.T) {
	const short, long = 300 * time.Millisecond, time.Minute
	tests := map[string]struct {
		recoveries []time.Duration // of the routes
		lost, back int             // numbers of routes
		away       time.Duration
		reload     []time.Duration // recoveries of the routes after a reload, if any
		recovered  bool
	}{
		"in time":               {recoveries: []time.Duration{short}, away: short, recovered: true},
		"too late":              {recoveries: []time.Duration{short}, away: short + time.Millisecond},
		"much too late":         {recoveries: []time.Duration{short}, away: 6 * time.Second},
		"another route is long": {recoveries: []time.Duration{short, long}, away: time.Second},
		"back on a long route":  {recoveries: []time.Duration{short, long}, back: 1, away: time.Second},
		"back on a short route": {recoveries: []time.Duration{short, long}, lost: 1, away: time.Second},
		"lost on a long route":  {recoveries: []time.Duration{short, long}, lost: 1, back: 1, away: time.Second, recovered: true},
		"shortened":             {recoveries: []time.Duration{long}, away: time.Second, reload: []time.Duration{short}},
		"shortened, in time":    {recoveries: []time.Duration{long}, away: short, reload: []time.Duration{short}, recovered: true},
		"lengthened":            {recoveries: []time.Duration{short, long}, away: time.Second, reload: []time.Duration{long, long}, recovered: true},
		"turned off":            {recoveries: []time.Duration{long}, away: time.Second, reload: []time.Duration{0}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFakeTimeSite(t, nil, test.recoveries...)
				defer s.closeAll()
				is := s.connectAs(test.lost, "")
				time.Sleep(test.away)
				if test.reload != nil {
					next := s.Configure(newRecoveryConfig(nil, test.reload))
					s.gen.Release()
					s.gen = next
				}
				if now := s.connectAs(test.back, is.PID); (now == is) != test.recovered {
					t.Errorf("recovered %v", now == is)
				}
			})
		})
	}
}

// A socket that the recorder still keeps is not recovered after the time of the route.
func TestSharedRecoveryEndsAfterTimeOfRoute(t *testing.T) {
	for away, recovered := range map[time.Duration]bool{time.Minute: true, time.Minute + time.Millisecond: false} {
		synctest.Test(t, func(t *testing.T) {
			s := newFakeTimeSite(t, &recorder{lostSockets: make(map[string]cluster.LostSocket)}, time.Minute)
			defer s.closeAll()
			is := s.connectAs(0, "")
			time.Sleep(away)
			if now := s.connectAs(0, is.PID); (now == is) != recovered {
				t.Errorf("after %s: recovered %v", away, now == is)
			}
		})
	}
}
