package placeholder

import (
	"fmt"
	"strings"
	"testing"
)

func TestFindUnknownNamesNearestPlaceholder(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"user:{jwt.sub} {socket.id} {event.args.0.name} {event.args.*} {socket.auth}", ""},
		{"{http.request.header.X-Name} {http.regexp.name.1} {http.vars.tenant} {env.HOME} {time.now.unix_ms}", ""},
		{`a{2} {"a":1} \{x} {a b} {}`, ""},
		{"{sockt.data.x}", "sockt.data.x=socket.data.x"},
		{"{socket.dta.name.first}", "socket.dta.name.first=socket.data.name.first"},
		{"{htp.request.host}", "htp.request.host=http.request.host"},
		{"{http.request.heder.X-Name}", "http.request.heder.X-Name=http.request.header.X-Name"},
		{"{http.requests.host}", "http.requests.host=http.request.host"},
		{"{args.0}", "args.0=event.args.0"},
		{"{evnt.args.0} {args}", "evnt.args.0=event.args.0 args=event.args.*"},
		{"{data.name}", "data.name=socket.data.name"},
		{"{socket.handshake.auth.token}", "socket.handshake.auth.token=socket.auth.token"},
		{"{process.env.SECRET}", "process.env.SECRET=env.SECRET"},
		{"{enf.SECRET}", "enf.SECRET=env.SECRET"},
		{"{tenant} {user.name}", "tenant= user.name="},
		{"{time.now.unx}", "time.now.unx=time.now.unix"},
		{"{time.now.custom.2006}", ""},
		{"{room.a b.size} {room.{jwt.sub:0}.size} {namespace.size} {event.args.0:{socket.id}}", ""},
		{"{room.{evnt.args.0}.size} {rom.lobby.size} {event.args.0:{socket.idd}}", "evnt.args.0=event.args.0 rom.lobby.size=room.lobby.size socket.idd=socket.id"},
	} {
		var got []string
		for _, u := range FindUnknown(test.text) {
			got = append(got, u.Key+"="+u.Nearest)
		}
		if list := strings.Join(got, " "); list != test.want {
			t.Errorf("%s: got %s, want %s", test.text, list, test.want)
		}
	}
}

func TestTextRefusesUnknownPlaceholder(t *testing.T) {
	const list = ": expected one of {socket.id}, {socket.namespace}, {socket.rooms}, {socket.transport}, "
	for _, test := range []struct{ key, want string }{
		{"event.arg.0", "unknown placeholder {event.arg.0}: did you mean {event.args.0}?"},
		{"args.0", "unknown placeholder {args.0}: did you mean {event.args.0}?"},
		{"socket.user", "unknown placeholder {socket.user}" + list},
		{"socket.id.x", "unknown placeholder {socket.id.x}" + list},
		{"socket.data.", "unknown placeholder {socket.data.}: "},
		{"socket", "unknown placeholder {socket}: "},
	} {
		_, err := NewText("{" + test.key + "}")
		if got := fmt.Sprint(err); !strings.HasPrefix(got, test.want) {
			t.Errorf("{%s}: got %s, want %s", test.key, got, test.want)
		}
	}
	for _, key := range []string{"socket.auth", "socket.data", "event.args", "tenant", "argument", "http.requst.host"} {
		if _, err := NewText("{" + key + "}"); err != nil {
			t.Errorf("{%s}: %v", key, err)
		}
	}
}
