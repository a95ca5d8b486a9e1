package redis

import (
	"cmp"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redistest"
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// process stands for another process: a link of its own, that is.
func process(t testing.TB, s *redistest.Server, change ...func(*Redis)) cluster.Cluster {
	t.Helper()
	r := config("redis://" + s.Address())
	for _, fn := range change {
		fn(r)
	}
	settings, err := r.settings()
	if err != nil {
		t.Fatal(err)
	}
	log := zap.NewNop()
	if testing.Verbose() {
		log, _ = zap.NewDevelopment()
	}
	r.link = newLink(settings, log)
	t.Cleanup(r.link.close)
	return r.Cluster(defaultHub)
}

var tested = redistest.Suite{
	Name: "redis",
	NewCluster: func(t testing.TB, s *redistest.Server, with redistest.Setup) cluster.Cluster {
		c := process(t, s, func(r *Redis) {
			r.Addresses, r.RequestsTimeout = with.Addresses, caddy.Duration(with.RequestsTimeout)
			if with.Sentinel {
				r.Sentinel = &redisconn.Sentinel{Master: "main"}
			}
		})
		l := c.(member).link
		l.GatherTime = cmp.Or(with.GatherTime, l.GatherTime)
		return c
	},
	WaitPublished: func(a cluster.Adapter) { a.(*adapter).line.link.out.Flush(redistest.Timeout) },
	OtherHub: func(_ testing.TB, c cluster.Cluster) cluster.Cluster {
		return (&Redis{link: c.(member).link}).Cluster("other")
	},
	WaitSubscribed: func(t testing.TB, a cluster.Adapter) {
		ln := a.(*adapter).line
		if _, err := ln.link.Ready(t.Context(), ln); err != nil {
			t.Fatal(err)
		}
	},
	RoomsReply: "[r s1]",
	EmptyAck:   "[]",
}

func TestEngine(t *testing.T) { tested.Run(t) }
