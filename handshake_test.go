package socketio

import "testing"

// TestPlaceholdersOfHandshake proves that events can use the placeholders of the request that
// opens their connection: the path before it was stripped, and placeholders that other
// handlers of Caddy define.
func TestPlaceholdersOfHandshake(t *testing.T) {
	s := startCaddy(t, false, `
	map {http.request.header.X-Key} {tenant} {
		secret acme
		default nobody
	}
	@room path_regexp room ^/rooms/(\w+)/
	handle @room {
		uri strip_prefix /rooms/{re.room.1}
		vars kind test
		socketio {
			namespace /chat {
				join {tenant}
				on who {
					ack {tenant} {http.request.orig_uri.path} {http.regexp.room.1} {vars.kind} "{tenant}: {socket.rooms}"
				}
			}
		}
	}`)
	at := *s
	at.site += "/rooms/red"
	for key, tenant := range map[string]string{"secret": "acme", "other": "nobody"} {
		c := at.connectPolling("/chat", "X-Key", key)
		c.postPacket(`42/chat,1["who"]`)
		want := `43/chat,1["` + tenant + `","/rooms/red/socket.io/","red","test","` + tenant + `: [\"` + c.id + `\",\"` + tenant + `\"]"]`
		if got := c.pollPackets(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
