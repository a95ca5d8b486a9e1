package socketio_test

import (
	"errors"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio"
)

// Other modules of the same Caddy find the hub of its sites by name, whenever they
// need it: it comes and goes with the sites that name it, and outlives configs.
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
