package socketio_test

import (
	"errors"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio"
)

// Other modules of the same Caddy look up a hub by name each time they use it. A hub exists
// as long as a site names it, across reloads.
func ExampleHub() {
	greet := func() error {
		h, ok := socketio.Hub(socketio.DefaultHub)
		if !ok {
			return errors.New("no site has the directive socketio")
		}
		_, err := h.Of("/chat").To("lobby").Except("muted").Emit("news", "hello")
		return err
	}
	fmt.Println(greet()) // in a Caddy without such a site
	// Output: no site has the directive socketio
}
