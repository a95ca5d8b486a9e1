package docs

import (
	"os"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

// asCaddy is the environment variable that makes the test binary be caddy.
const asCaddy = "DOCS_TEST_AS_CADDY"

// TestMain runs the tests or, where a snippet runs caddy, caddy.
func TestMain(m *testing.M) {
	if os.Getenv(asCaddy) != "" {
		caddycmd.Main()
		return
	}
	os.Exit(m.Run())
}
