package redisstreams

import (
	"cmp"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redistest"
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// process stands for another process: links of its own, that is.
func process(t testing.TB, s *redistest.Server, change ...func(*RedisStreams)) *link {
	t.Helper()
	var r RedisStreams
	r.URL = "redis://" + s.Address()
	for _, fn := range change {
		fn(&r)
	}
	settings, err := r.settings()
	if err != nil {
		t.Fatal(err)
	}
	log := zap.NewNop()
	if testing.Verbose() {
		log, _ = zap.NewDevelopment()
	}
	r.links = &links{settings: settings, log: log, byHub: make(map[string]*link)}
	t.Cleanup(func() { _ = r.links.Destruct() })
	return r.Cluster(defaultHub).(*link)
}

var tested = redistest.Suite{
	Name: "redis_streams",
	NewCluster: func(t testing.TB, s *redistest.Server, with redistest.Setup) cluster.Cluster {
		l := process(t, s, func(r *RedisStreams) {
			r.Addresses, r.RequestsTimeout = with.Addresses, caddy.Duration(with.RequestsTimeout)
			if with.Sentinel {
				r.Sentinel = &redisconn.Sentinel{Master: "main"}
			}
		})
		l.GatherTime = cmp.Or(with.GatherTime, l.GatherTime)
		return l
	},
	WaitPublished: func(a cluster.Adapter) { a.(*adapter).line.link.out.Flush(redistest.Timeout) },
	OtherHub: func(t testing.TB, c cluster.Cluster) cluster.Cluster {
		other := newLink(c.(*link).settings, "other", zap.NewNop())
		t.Cleanup(other.close)
		return other
	},
	WaitSubscribed: func(t testing.TB, a cluster.Adapter) {
		ln := a.(*adapter).line
		if _, err := ln.link.Ready(t.Context(), ln); err != nil {
			t.Fatal(err)
		}
	},
	RoomsReply: "[s1 r]",
	EmptyAck:   "[null]",
}

func TestEngine(t *testing.T) { tested.Run(t) }
