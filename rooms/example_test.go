package rooms_test

import (
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/rooms"
)

func Example() {
	index := rooms.NewIndex[string](rooms.Options{MaxRooms: 100})
	index.Add("ada", "lobby", "chess")
	index.Add("bob", "lobby")
	index.Add("eve", "chess")

	// All in the lobby or at chess, except bob's friends.
	index.Add("bob", "friends of bob")
	fmt.Println(index.Select(nil, rooms.Target{
		In:     []string{"lobby", "chess"},
		Except: []string{"friends of bob"},
	}))
	for _, room := range index.Page("", "", 2) {
		fmt.Println(room.Name, room.Members)
	}
	// Output:
	// [ada eve]
	// chess 2
	// friends of bob 1
}

func ExampleIndex_Subscribe() {
	index := rooms.NewIndex[string](rooms.Options{})
	cancel := index.Subscribe(func(ev rooms.Event[string]) {
		fmt.Println(ev.Kind, ev.Room, ev.Member)
	})
	defer cancel()
	index.Add("ada", "lobby")
	index.Remove("ada")
	// Output:
	// create-room lobby ada
	// join-room lobby ada
	// leave-room lobby ada
	// delete-room lobby ada
}
