package main

import (
	"bytes"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"go.uber.org/zap"
)

type echo struct{ s *engine.Session }

func (e echo) Receive(p eio.Packet) error {
	d := bytes.Clone(p.Data)
	if p.Binary {
		// binary alone: an empty text packet would come first with NewMessage
		e.s.Send(eio.NewMessage([]byte("bin"), [][]byte{d}, true))
		return nil
	}
	e.s.Send(eio.NewMessage(d, nil, true))
	return nil
}
func (e echo) Closed(reason string) {
	if os.Getenv("V") != "" {
		log.Println(e.s.ID(), reason)
	}
}

func main() {
	l, _ := zap.NewDevelopment()
	s := engine.NewServer(engine.Options{Log: func() *zap.Logger { return l }, Accept: func(s *engine.Session) (engine.Receiver, error) { return echo{s}, nil }})
	r := engine.NewRoute(engine.Config{Path: "/engine.io/", Polling: true, WebSocket: true, V3: true, V4: true, PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond, Compression: os.Getenv("Z") != ""})
	http.HandleFunc("/engine.io/", func(w http.ResponseWriter, q *http.Request) {
		s.ServeEngine(&engine.Request{W: w, R: q, Route: r, Address: q.RemoteAddr})
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
