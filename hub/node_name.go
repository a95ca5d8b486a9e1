package hub

import (
	"cmp"
	"os"
	"strconv"
)

var nodeName = func() string {
	host, _ := os.Hostname()
	return cmp.Or(host, "localhost") + "#" + strconv.Itoa(os.Getpid())
}()

// NodeName returns the name of this process among the nodes of a cluster, as HOST#PID: the
// form in which Socket.IO's Admin UI names the processes of one host. HOST is localhost if
// the host has no name.
func NodeName() string { return nodeName }
