package placeholder

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestRoomsForEvent(t *testing.T) {
	ev := newSocketEvent(t, `["a",["b","c",4],[],7,null,"",["d",""],{"x":1}]`)
	for _, test := range []struct {
		rooms, want []string
		err         string
	}{
		{rooms: nil, want: []string{}},
		{rooms: []string{"lobby", "user:{event.args.0}"}, want: []string{"lobby", "user:a"}},
		{rooms: []string{"{event.args.0}", "{event.args.1}"}, want: []string{"a", "b", "c", "4"}},
		{rooms: []string{"{event.args.9:lobby}", "{event.args.4:a}", "{event.args.9:[]}", "u:{event.args.9:b}"}, want: []string{"lobby", "a", "u:b"}},
		{rooms: []string{"table {room.lobby.size}"}, want: []string{"table 1"}},
		{rooms: []string{"x{event.args.1}"}, want: []string{`x["b","c",4]`}},
		{rooms: []string{"{event.args.2}"}, want: []string{}},
		{rooms: []string{"{event.args.3}"}, want: []string{"7"}},
		{rooms: []string{"{event.args.7}"}, err: `bad room name: {event.args.7}: unexpected object of 7 bytes, expected a list`},
		{rooms: []string{"{socket.data.list}"}, want: []string{"a", "1"}},
		{rooms: []string{"user:{event.args.9}"}, want: []string{}},
		{rooms: []string{"{event.args.9}"}, err: "bad room name: {event.args.9} has no value"},
		{rooms: []string{"a", "{event.args.4}"}, err: "bad room name: it is empty"},
		{rooms: []string{"a", "{event.args.5}"}, err: "bad room name: it is empty"},
		{rooms: []string{"{event.args.6}"}, err: "bad room name: it is empty"},
		{rooms: []string{"{event.args.9}{event.args.9}", "a"}, want: []string{"a"}},
	} {
		rooms, err := NewRooms(test.rooms)
		if err != nil {
			t.Errorf("%q: %v", test.rooms, err)
			continue
		}
		got, err := rooms.For(ev)
		if err == nil && test.err != "" || err != nil && err.Error() != test.err {
			t.Errorf("%q: got error %v, want %q", test.rooms, err, test.err)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.rooms, got, test.want)
		}
	}
	own, err := NewRooms([]string{"{socket.rooms}"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := own.For(ev); err != nil || !slices.Equal(got, []string{ev.Socket.ID(), "lobby"}) {
		t.Errorf("{socket.rooms}: got %q, %v", got, err)
	}
}

func TestRoomsRefuses(t *testing.T) {
	for _, test := range []struct{ room, message string }{
		{"", "room 1: the name is empty"},
		{"{event.nothing}", "room 1: unknown placeholder"},
	} {
		if _, err := NewRooms([]string{"a", test.room}); err == nil || !strings.HasPrefix(err.Error(), test.message) {
			t.Errorf("%q: got %v, want %s", test.room, err, test.message)
		}
	}
}

// Other languages send numbers and objects for names and lists of names.
func TestRoomsAcceptNamesOfOtherLanguages(t *testing.T) {
	const half = "expected a name of whole characters, without half of a surrogate pair"
	for _, test := range []struct{ value, alone, within string }{
		{`"a"`, "[a]", "[r-a]"},
		{`42`, "[42]", "[r-42]"},
		{`42.0`, "[42]", "[r-42]"},
		{`9007199254740993`, "[9007199254740993]", "[r-9007199254740993]"},
		{`[42.0,4.2e1,"x{y"]`, "[42 42 x{y]", `[r-[42.0,4.2e1,"x{y"]]`},
		{`{"0":"a","2":"b"}`, "[a b]", `[r-{"0":"a","2":"b"}]`},
		{`{}`, "[]", "[r-{}]"},
		{`true`, "bad room name: {event.args.0}: unexpected bool, expected the name of a room", "[r-true]"},
		{`["a",null]`, "bad room name: {event.args.0}: 1: unexpected null, expected the name of a room", `[r-["a",null]]`},
		{`{"_placeholder":true,"num":0}`, `bad room name: {event.args.0}: unexpected object of 29 bytes, expected a list`, "[r-AQ==]"},
		{`"r\ud83d"`, `bad room name: {event.args.0}: unexpected string of 9 bytes, ` + half, "bad room name: {event.args.0}: half of a surrogate pair"},
		{`["a","\udc00"]`, `bad room name: {event.args.0}: 1: unexpected string of 8 bytes, ` + half, "bad room name: {event.args.0}: half of a surrogate pair"},
		{`"r\ufffd\ud83d\ude00"`, "[r\ufffd😀]", "[r-r\ufffd😀]"},
	} {
		ev := newSocketEvent(t, `[`+test.value+`]`, []byte{1})
		for text, want := range map[string]string{"{event.args.0}": test.alone, "r-{event.args.0}": test.within} {
			rooms, err := NewRooms([]string{text})
			if err != nil {
				t.Fatal(err)
			}
			names, err := rooms.For(ev)
			got := fmt.Sprint(names)
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s of %s: got %s, want %s", text, test.value, got, want)
			}
		}
	}
}

func TestNonEmptyLeavesOutEmptyNames(t *testing.T) {
	ev := newSocketEvent(t, `["a",null,"",["d",""],{"x":1}]`)
	for _, test := range []struct {
		rooms, want []string
		err         string
	}{
		{rooms: []string{"{event.args.0}", "{event.args.1}", "{event.args.2}", "{event.args.3}", "{event.args.9}"}, want: []string{"a", "d"}},
		{rooms: []string{"{event.args.9}", "x:{event.args.9}"}, want: []string{}},
		{rooms: []string{"{event.args.4}"}, err: `bad room name: {event.args.4}: unexpected object of 7 bytes, expected a list`},
	} {
		rooms, err := NewRooms(test.rooms)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rooms.NonEmpty(ev)
		if err == nil && !slices.Equal(got, test.want) || err != nil && !strings.HasPrefix(err.Error(), test.err) || err == nil && test.err != "" {
			t.Errorf("%q: got %q, %v", test.rooms, got, err)
		}
	}
}

func TestReadsCounts(t *testing.T) {
	for text, want := range map[string]bool{
		"lobby": false, "{event.args.0:0}": false, "{namespace.size}": true, "{room.lobby.size}": true,
		"a{event.args.0:{room.lobby.size}}": true,
	} {
		compiled, err := NewText(text)
		if err != nil || compiled.ReadsCounts() != want {
			t.Errorf("%s: got %v, %v", text, compiled.ReadsCounts(), err)
		}
	}
}
