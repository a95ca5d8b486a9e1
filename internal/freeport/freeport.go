// Package freeport chooses the ports at which servers of tests listen.
package freeport

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// The ports that Choose returns are below the range from which the kernel takes the ports of
// connections, and of listeners without a port of their own: until the server listens, no
// process gets its port by chance. Caddy's listeners share ports (SO_REUSEPORT), so the
// clients of two tests would otherwise meet the Caddy of the other one.
const (
	first = 12_000
	count = 20_000
)

// spacing is between the ports at which processes begin: the tests of several packages run at
// the same time, as processes with ids close to each other, and two random choices would
// sometimes meet between the choice and the listener.
const spacing = 211

var chosen atomic.Uint32 // how many ports this process has tried

// Choose returns a TCP port without a listener on 127.0.0.1. A process gets each port once,
// until it has tried all of them.
func Choose() int {
	for {
		port := first + (os.Getpid()*spacing+int(chosen.Add(1)))%count
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
