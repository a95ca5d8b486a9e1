package hub_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

func TestNodeNameHasHostAndProcess(t *testing.T) {
	host, pid, _ := strings.Cut(hub.NodeName(), "#")
	if want := fmt.Sprint(os.Getpid()); host == "" || pid != want {
		t.Errorf("got %q, want HOST#%s", hub.NodeName(), want)
	}
}
