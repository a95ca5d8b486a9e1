package handlers_test

import (
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// Bytes of a request that are not UTF-8 are in the name of no room.
func TestJoinRefusesNamesThatAreNotUTF8(t *testing.T) {
	s := sitetest.Serve(t, `socketio {
		namespace /app {
			on join {
				join {http.request.header.X-Room}
			}
			on "join user" {
				join user:{http.request.header.X-Room}
			}
			on rooms {
				ack {socket.rooms} {http.request.header.X-Room}
			}
		}
	}`)
	for room, want := range map[string]string{"é": `"é"`, "r\xff": `"r\udcff"`, "r\xed\xa0\xbd": `"r\udced\udca0\udcbd"`} {
		c := s.Dial("X-Room", room)
		c.Call("40/app,", `40/app,{"sid":"*`)
		if strings.Contains(want, `\u`) {
			c.Call(`42/app,1["join"]`, `43/app,1[{"error":"bad room name: *`)
			c.Call(`42/app,2["join user"]`, `43/app,2[{"error":"bad room name: *`)
			c.Send(`42/app,3["rooms"]`)
			if got, err := c.Next(); err != nil || !strings.HasSuffix(got, `"],`+want+`]`) || strings.Count(got, ",") != 2 {
				t.Errorf("%q: got %s, %v", room, got, err)
			}
			continue
		}
		c.Send(`42/app,["join"]`)
		c.Send(`42/app,["join user"]`)
		c.Send(`42/app,3["rooms"]`)
		if got, err := c.Next(); err != nil || !strings.HasSuffix(got, `","é","user:é"],"é"]`) {
			t.Errorf("%q: got %s, %v", room, got, err)
		}
	}
}
