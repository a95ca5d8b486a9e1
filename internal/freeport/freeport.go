// Package freeport chooses the ports at which servers of tests listen.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The ports that Choose returns are below the range from which the kernel takes the ports of
// connections, and of listeners without a port of their own: until the server listens, no
// process gets its port by chance. Caddy's listeners share ports (SO_REUSEPORT), so the
// clients of two tests would otherwise meet the Caddy of the other one.
const (
	first = 12_000
	count = 20_000
)

// Choose returns a TCP port without a listener on 127.0.0.1.
func Choose() int {
	for {
		port := first + rand.IntN(count)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if l.Close() == nil {
			return port
		}
	}
}

// Address returns 127.0.0.1 with a port of [Choose].
func Address() string { return fmt.Sprintf("127.0.0.1:%d", Choose()) }
