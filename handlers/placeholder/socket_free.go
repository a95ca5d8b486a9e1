package placeholder

import (
	"fmt"
	"strings"
)

// socketKeys are placeholders that have a value only for events of a socket. A name with
// a dot at the end is a prefix.
var socketKeys = []string{
	"socket.", Claims + ".", "event.args", "event.args.", "event.reason", "http.",
}

// CheckSocketFree returns an error for the first placeholder that has a value only for
// events of a socket: a [hub.SocketFree] refuses it. keys are names without braces. Names
// of other modules are unknown here and accepted.
func CheckSocketFree(keys []string) error {
	for _, key := range keys {
		for _, known := range socketKeys {
			if key == known || strings.HasSuffix(known, ".") && strings.HasPrefix(key, known) {
				return fmt.Errorf("{%s} needs a socket", key)
			}
		}
	}
	return nil
}
