package hub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// A hub serves clients without Caddy too. In a Caddy with sites that have the directive
// socketio, socketio.Hub returns theirs.
func Example() {
	h := hub.New(hub.Options{})
	defer h.Close()
	chat := h.Of("/chat")
	chat.On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		if _, ok := ev.Socket.Handshake().Auth.Lookup("name"); !ok {
			return &hub.ClientError{Message: "who are you?"}
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

	ada, ben := connectVisitor(h, "/chat"), connectVisitor(h, "/chat")
	defer ada.closeConnection()
	defer ben.closeConnection()
	ada.emitEvent(`["message","hello"]`)
	fmt.Println(ben.readEvent())
	// Output: ["message","hello"]
}

// A route that is not the default one has pages of other origins, other limits and
// connection state recovery, for instance. Without Caddy a hub serves one route.
func ExampleOptions_route() {
	route := hub.DefaultRoute()
	route.Engine.AllowOrigin = func(origin string, r *http.Request) bool {
		return origin == "https://chat.example.com" || hub.SameOrigin(origin, r)
	}
	route.Engine.MaxPayload = 100_000 // bytes
	route.Recovery = 2 * time.Minute
	h := hub.New(hub.Options{Name: "chat", Route: &route})
	defer h.Close()
	http.Handle("/socket.io/", h) // then http.ListenAndServe(":8080", nil)
}

// Of makes a namespace, which exists until the hub is closed.
func ExampleHub_Of() {
	h := hub.New(hub.Options{})
	defer h.Close()
	n, err := h.Of("/news").Emit("flash", "nobody is here yet")
	fmt.Println(h.Of("/news").Name(), n, err)
	// Output: /news 0 <nil>
}

// Handlers get the events of each socket, in order.
func ExampleNamespace_On() {
	h := hub.New(hub.Options{})
	defer h.Close()
	chat := h.Of("/chat")
	gone := make(chan struct{})
	for _, name := range []string{"connect", "*", "disconnecting", "disconnect"} {
		chat.On(name, hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			fmt.Println(ev.Type, ev.Name, ev.Args, ev.Reason, len(ev.Socket.Rooms()))
			switch ev.Type {
			case hub.Connect:
				return ev.Socket.Join("lobby")
			case hub.Disconnect:
				close(gone)
			}
			return nil
		}))
	}
	ada := connectVisitor(h, "/chat")
	ada.emitEvent(`["say","hello"]`)
	ada.closeConnection()
	<-gone
	// Output:
	// connect connect []  1
	// event say ["hello"]  2
	// disconnecting disconnecting [] transport close 2
	// disconnect disconnect [] transport close 0
}

// A broadcast is a value: a target and flags. It may be kept.
func ExampleBroadcast() {
	h := hub.New(hub.Options{})
	defer h.Close()
	game := h.Of("/game")
	ada, ben := connectVisitor(h, "/game"), connectVisitor(h, "/game")
	defer ada.closeConnection()
	defer ben.closeConnection()

	_, _ = game.All().SocketsJoin("red")
	players := game.To("red").In("blue").Except("bench").Compress(false)
	n, err := players.Emit("score", map[string]int{"red": 3, "blue": 1})
	fmt.Println(n, err, ada.readEvent(), ben.readEvent())

	// Sockets that are not ready miss this score, and so do other nodes.
	_, err = players.Volatile().Local().Emit("score", map[string]int{"red": 4, "blue": 1})
	fmt.Println(err)
	// Output:
	// 2 <nil> ["score",{"blue":1,"red":3}] ["score",{"blue":1,"red":3}]
	// <nil>
}

// EmitWithAck waits for the acknowledgements of all clients that it emits to.
func ExampleBroadcast_EmitWithAck() {
	h := hub.New(hub.Options{})
	defer h.Close()
	game := h.Of("/game")
	ada := connectVisitor(h, "/game")
	defer ada.closeConnection()
	ada.ackNext(`["yes",7]`)
	answers, err := game.Timeout(5*time.Second).EmitWithAck(context.Background(), "ready?")
	fmt.Println(answers, err)

	ben := connectVisitor(h, "/game") // never acknowledges, nor does ada a second time
	defer ben.closeConnection()
	answers, err = game.Timeout(time.Millisecond).EmitWithAck(context.Background(), "ready?")
	fmt.Println(answers, errors.Is(err, hub.ErrTimeout))
	// Output:
	// [["yes",7]] <nil>
	// [] true
}

// FetchSockets describes sockets, also of other nodes. Methods of a description reach its
// socket on whichever node it is.
func ExampleBroadcast_FetchSockets() {
	h := hub.New(hub.Options{})
	defer h.Close()
	chat := h.Of("/chat")
	ada := connectVisitor(h, "/chat")
	defer ada.closeConnection()
	sockets, err := chat.All().FetchSockets(context.Background())
	if err != nil {
		fmt.Println(err)
	}
	for _, s := range sockets {
		fmt.Println(len(s.Rooms), s.Handshake.URL)
		_ = s.Emit("seen")
	}
	fmt.Println(ada.readEvent())
	// Output:
	// 1 /socket.io/?EIO=4&transport=websocket
	// ["seen"]
}

// SocketsJoin and SocketsLeave move sockets between rooms, on all nodes.
func ExampleBroadcast_SocketsJoin() {
	h := hub.New(hub.Options{})
	defer h.Close()
	game := h.Of("/game")
	ada, ben := connectVisitor(h, "/game"), connectVisitor(h, "/game")
	defer ada.closeConnection()
	defer ben.closeConnection()
	fmt.Println(game.All().SocketsJoin("lobby"))
	fmt.Println(game.In("lobby").SocketsJoin("red", "players"))
	fmt.Println(game.In("red").SocketsLeave("lobby"))
	fmt.Println(game.To("lobby").Emit("nobody is here"))
	// Output:
	// 2 <nil>
	// 2 <nil>
	// 2 <nil>
	// 0 <nil>
}

// DisconnectSockets disconnects sockets from the namespace, or closes their connections.
func ExampleBroadcast_DisconnectSockets() {
	h := hub.New(hub.Options{})
	defer h.Close()
	chat := h.Of("/chat")
	ada := connectVisitor(h, "/chat")
	defer ada.closeConnection()
	n, err := chat.All().DisconnectSockets(false)
	fmt.Println(n, err, ada.readEvent())
	// Output: 1 <nil> 41/chat,
}

// To on a socket begins a broadcast that excepts the socket.
func ExampleSocket_To() {
	h := hub.New(hub.Options{})
	defer h.Close()
	h.Of("/chat").On("typing", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		name, _ := ev.Socket.Handshake().Auth.Lookup("name")
		_, err := ev.Socket.To("lobby").Emit("typing", name)
		return err
	}))
	ada, ben := connectVisitor(h, "/chat"), connectVisitor(h, "/chat")
	defer ada.closeConnection()
	defer ben.closeConnection()
	_, _ = h.Of("/chat").All().SocketsJoin("lobby")
	ada.emitEvent(`["typing"]`)
	fmt.Println(ben.readEvent())
	// Output: ["typing","ada"]
}

// EmitWithAck returns the acknowledgement of one socket's client.
func ExampleEmitter_EmitWithAck() {
	h := hub.New(hub.Options{})
	defer h.Close()
	chat := h.Of("/chat")
	connected := make(chan *hub.Socket, 1)
	chat.On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		connected <- ev.Socket
		return nil
	}))
	ada := connectVisitor(h, "/chat")
	defer ada.closeConnection()
	ada.ackNext(`["blue"]`)
	answer, err := (<-connected).Timeout(5*time.Second).EmitWithAck(context.Background(), "which color?")
	fmt.Println(answer, err)
	// Output: ["blue"] <nil>
}

// A socket's rooms stand until its disconnecting event is handled.
func ExampleNamespace_On_disconnecting() {
	h := hub.New(hub.Options{})
	defer h.Close()
	h.Of("/chat").On("disconnecting", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		_, err := ev.Socket.To(ev.Socket.Rooms()...).Emit("left", ev.Socket.ID(), ev.Reason)
		return err
	}))
}

// OnRoom reports rooms that are created and deleted.
func ExampleNamespace_OnRoom() {
	h := hub.New(hub.Options{})
	defer h.Close()
	cancel := h.Of("/game").OnRoom(func(ev hub.RoomEvent) {
		if ev.Kind == rooms.Create {
			fmt.Println("a new room:", ev.Room)
		}
	})
	defer cancel()
}

// SocketsSet sets data of sockets, on all nodes.
func ExampleBroadcast_SocketsSet() {
	h := hub.New(hub.Options{})
	defer h.Close()
	game := h.Of("/game")
	ada := connectVisitor(h, "/game")
	defer ada.closeConnection()
	_, _ = game.All().SocketsJoin("red")
	fmt.Println(game.In("red").SocketsSet("score", 7))
	found, _ := game.In("red").FetchSockets(context.Background())
	fmt.Println(string(found[0].Data))
	// Output:
	// 1 <nil>
	// {"score":7}
}
