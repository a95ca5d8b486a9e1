package servers

import (
	"context"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/centrifugal/centrifuge"
)

// ServeCentrifuge serves a Centrifuge node: clients subscribe to and publish in channels, and
// call the method "echo". It returns only with an error.
func ServeCentrifuge(address string, pingInterval time.Duration, certificate, key string) error {
	node, err := centrifuge.New(centrifuge.Config{ClientQueueMaxSize: 64 << 20, ClientChannelLimit: 1000})
	if err != nil {
		return err
	}
	node.OnConnecting(func(_ context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(serveCentrifugeClient)
	if err := node.Run(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		ReadBufferSize: 512, UseWriteBufferPool: true,
		PingPongConfig: centrifuge.PingPongConfig{PingInterval: pingInterval, PongTimeout: pingInterval / 2},
	}))
	mux.HandleFunc("POST /gc", func(http.ResponseWriter, *http.Request) { debug.FreeOSMemory() })
	if certificate != "" {
		return http.ListenAndServeTLS(address, certificate, key, mux)
	}
	return http.ListenAndServe(address, mux)
}

// serveCentrifugeClient allows everything.
func serveCentrifugeClient(client *centrifuge.Client) {
	client.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
		reply(centrifuge.SubscribeReply{}, nil)
	})
	client.OnPublish(func(_ centrifuge.PublishEvent, reply centrifuge.PublishCallback) {
		reply(centrifuge.PublishReply{}, nil)
	})
	client.OnRPC(func(e centrifuge.RPCEvent, reply centrifuge.RPCCallback) {
		reply(centrifuge.RPCReply{Data: e.Data}, nil)
	})
}
