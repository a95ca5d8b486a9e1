package sio

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// checkedSamples are values in which trusted and untrusted scans could differ.
var checkedSamples = []string{
	`[]`, `{}`, `""`, `"a"`, `0`, `-1.5e+3`, `null`, ` [ true , false ] `, `["\\"]`, `["\\\""," \" ","b"]`,
	`["a",{"b":["c",{"d":"e\\"}],"b":"last"},"f"]`, `{"a":{"a":{"a":"\u00e9\ud83d"}}}`, `[[[[[["deep"]]]]],"é"]`,
	`["x",{"num":1},{"_placeholder":false,"num":0}]`, `[{"\u0061":1},"\\\\","\\\\\""]`,
}

// describe returns all that the methods of a Data say about it.
func describe(d Data) string {
	var b strings.Builder
	lookUp := func(path ...string) {
		v, ok := d.Lookup(path...)
		fmt.Fprintf(&b, "%v %v %s %q\n", path, ok, v.JSON, v.Text())
	}
	lookUp()
	for _, step := range []string{"0", "1", "2", "00", "-1", "a", "b", "num"} {
		lookUp(step)
		lookUp(step, "a")
		lookUp(step, "b", "1", "d")
	}
	for e := range d.Elements() {
		fmt.Fprintf(&b, "element %s\n", e.JSON)
	}
	for k, v := range d.Members() {
		fmt.Fprintf(&b, "member %s %s\n", k.JSON, v.JSON)
	}
	second, ok := d.Index(1)
	fmt.Fprintf(&b, "%d %s %v %v %s\n", d.Len(), second.JSON, ok, d.IsBinary(), d)
	fmt.Fprintf(&b, "%s %s %s\n", Array(d, d).JSON, Splice([][]byte{[]byte("["), []byte("]")}, []Data{d}).JSON, d.OrNull().JSON)
	m, err := Packet{Type: Ack, Data: Array(d)}.Encode(V5, false)
	if err == nil {
		fmt.Fprintf(&b, "%s\n", m.Bytes(eio.WebSocket4))
	}
	return b.String()
}

func TestCheckedDataEqualsOthers(t *testing.T) {
	for _, text := range checkedSamples {
		plain := Data{JSON: []byte(text)}
		d, _, err := plain.markValid()
		if err != nil || !d.isChecked() || plain.isChecked() {
			t.Fatalf("%s: %v", text, err)
		}
		if got, want := describe(d), describe(plain); got != want {
			t.Errorf("%s: got\n%swant\n%s", text, got, want)
		}
	}
}

// Text that was put in the place of checked text is checked again.
func TestReplacedTextIsNotTrusted(t *testing.T) {
	d, err := Marshal([]string{"a", "b"})
	if err != nil || !d.isChecked() {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Data){
		"other text":  func(d *Data) { d.JSON = []byte(`["a","b"`) },
		"a part":      func(d *Data) { d.JSON = d.JSON[:5] },
		"the rest":    func(d *Data) { d.JSON = d.JSON[1:] },
		"same length": func(d *Data) { d.JSON = []byte(`["a","b"}`) },
		"nothing":     func(d *Data) { d.JSON = nil },
		"longer":      func(d *Data) { d.JSON = append(slices.Clip(d.JSON), 'x') },
	} {
		changed := d
		change(&changed)
		if _, err := (Packet{Type: Ack, Data: changed}).Encode(V5, false); err == nil && name != "nothing" {
			t.Errorf("%s: %s is sent", name, changed.JSON)
		}
		if got := Array(changed); name != "longer" && string(got.JSON) != "[null]" {
			t.Errorf("%s: %s", name, got.JSON)
		}
	}
	attached := d
	attached.Attachments = [][]byte{{1}}
	if attached.isChecked() {
		t.Error("attachments are trusted")
	}
}

// A clone is trusted as its original is, and keeps nothing of the original in memory: a mark
// that points to the old text would.
func TestClonedTextIsTrusted(t *testing.T) {
	whole, err := Marshal([]string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	part, _ := whole.Index(1)
	clone := part.CloneText()
	if !clone.isChecked() || clone.checked.first != &clone.JSON[0] || clone.checked.first == part.checked.first || clone.String() != `"b"` {
		t.Errorf("got %+v of %+v", clone, part)
	}
	if plain := (Data{JSON: []byte("1")}).CloneText(); plain.isChecked() || plain.checked.first != nil {
		t.Error("a clone of unchecked text is trusted")
	}
}

// Arrays around checked values are bounded, although their text is not scanned again.
func TestNestingOfCheckedValuesIsBounded(t *testing.T) {
	d := Quote("x")
	for range maxDepth {
		d = Array(d)
	}
	if _, err := (Packet{Type: Ack, Data: d}).Encode(V5, false); err != nil {
		t.Error(err)
	}
	d = Array(d)
	if _, err := (Packet{Type: Ack, Data: d}).Encode(V5, false); err == nil {
		t.Error("an array that is nested too deep is sent")
	}
	if _, err := Marshal(d); err == nil {
		t.Error("Marshal admits it")
	}
	if got := Array(d); !bytes.Equal(got.JSON, []byte("[null]")) {
		t.Errorf("got %.20s", got.JSON)
	}
}

// TestEventWithAckAllocations bounds the allocations from the client's message to the bytes of
// its acknowledgement.
func TestEventWithAckAllocations(t *testing.T) {
	message := eio.Packet{Type: eio.TypeMessage, Data: []byte(`2/chat,7["echo","` + strings.Repeat("x", 100) + `"]`)}
	var d Decoder
	allocs := testing.AllocsPerRun(100, func() {
		p, _, err := d.Add(message)
		if err != nil {
			t.Fatal(err)
		}
		_, args, err := p.Event()
		if err != nil {
			t.Fatal(err)
		}
		first, _ := args.Lookup("0")
		ack := Packet{Type: Ack, Namespace: p.Namespace, ID: p.ID, HasID: true, Data: Array(first)}
		if _, err := ack.Encode(V5, true); err != nil {
			t.Fatal(err)
		}
	})
	// The payload, the name, the arguments, their array, the packet's text and the message.
	if allocs > 6 {
		t.Errorf("%v allocations", allocs)
	}
}
