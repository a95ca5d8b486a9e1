package freeport

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// AwaitOneListener waits until at most one socket listens at an address of 127.0.0.1, after a
// reload of Caddy. Caddy closes the listener of the former config when the one of the new
// config listens already, and the kernel resets the connections that the former one has not
// accepted. Without /proc/net/tcp, on another system than Linux, it does not wait.
func AwaitOneListener(t testing.TB, address string) {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); countListeners(number) > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: the listener of the former config does not close", address)
		}
	}
}

// countListeners returns how many sockets listen at a port of 127.0.0.1.
func countListeners(port int) (n int) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0
	}
	// The table has the address in the byte order of the machine; 0A is the state LISTEN.
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 3 && strings.HasSuffix(fields[1], fmt.Sprintf("0100007F:%04X", port)) && fields[3] == "0A" {
			n++
		}
	}
	return n
}
