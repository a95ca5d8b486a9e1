package servers

import (
	"fmt"
	"time"
)

// ServeProgram runs a server of this program by its arguments: centrifuge|raw ADDRESS
// PING_INTERVAL [CERTIFICATE KEY]. It returns only with an error.
func ServeProgram(args []string) error {
	args = append(args, "", "", "", "", "")
	interval, err := time.ParseDuration(args[2])
	if err != nil {
		return fmt.Errorf("serve %s: want a ping interval, got %q", args[0], args[2])
	}
	switch args[0] {
	case "centrifuge":
		return ServeCentrifuge(args[1], interval, args[3], args[4])
	case "raw":
		return ServeRaw(args[1])
	}
	return fmt.Errorf("serve %q: want centrifuge or raw", args[0])
}
