package hub_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// A hub serves clients without Caddy too.
func Example() {
	h := hub.New(hub.Options{})
	defer h.Close()
	chat := h.Of("/chat")
	chat.On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		if _, ok := ev.Socket.Auth().Lookup("name"); !ok {
			return &hub.Refusal{Message: "who are you?"}
		}
		return ev.Socket.Join("lobby")
	}))
	chat.On("message", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		if _, err := ev.Socket.To("lobby").Emit("message", hub.Args(ev.Args)); err != nil {
			return err
		}
		return ev.Ack("sent")
	}))
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", h) // then http.ListenAndServe(":8080", mux)
}

// A broadcast is a value: it names rooms, and may be kept.
func ExampleBroadcast() {
	h := hub.New(hub.Options{})
	defer h.Close()
	players := h.Of("/game").To("red", "blue").Except("bench")
	n, err := players.Volatile().Emit("score", map[string]int{"red": 3, "blue": 1})
	fmt.Println(n, err)
	// Output: 0 <nil>
}

// EmitWithAck waits for the acknowledgements of all who got the event.
func ExampleBroadcast_EmitWithAck() {
	h := hub.New(hub.Options{})
	defer h.Close()
	answers, err := h.Of("/game").To("red").EmitWithAck(context.Background(), "ready?")
	fmt.Println(len(answers), err)
	// Output: 0 <nil>
}
