package hostile_test

import (
	"fmt"
	"strings"
	"testing"
)

// wrongPackets are the packets that close the connection of a client in "/". They are text
// without the Engine.IO type. An attachment follows a packet that announces one.
var wrongPackets = map[string]string{
	"no type":                   "",
	"type 7":                    "7",
	"type 9":                    "9",
	"a letter":                  "x",
	"a connect error":           `4{"message":"x"}`,
	"no JSON":                   `2["x"`,
	"two values":                `2["x"]["y"]`,
	"an object":                 `2{}`,
	"a string":                  `2"x"`,
	"no event":                  `2`,
	"no name":                   `2[]`,
	"name null":                 `2[null]`,
	"name true":                 `2[true]`,
	"name an object":            `2[{"toString":"foo"}]`,
	"name an array":             `2[["x"]]`,
	"name connect":              `2["connect"]`,
	"name connect_error":        `2["connect_error"]`,
	"name disconnect":           `2["disconnect"]`,
	"name disconnecting":        `2["disconnecting"]`,
	"name newListener":          `2["newListener"]`,
	"name removeListener":       `2["removeListener"]`,
	"name of 1 MB":              `2["` + strings.Repeat("x", 900_000) + `"]`,
	"name escaped":              `2["disconn\u0065ct"]`,
	"a negative id":             `2-1["x"]`,
	"a fractional id":           `21.5["x"]`,
	"a hexadecimal id":          `20x1["x"]`,
	"a huge id":                 `29007199254740992["x"]`,
	"an id of 1 MB":             `2` + strings.Repeat("1", 900_000) + `["x"]`,
	"an ack of an object":       `30{"a":1}`,
	"an ack of 1 MB of digits":  `3` + strings.Repeat("1", 900_000),
	"disconnect with data":      `1{"a":1}`,
	"connect with an array":     `0/other,[]`,
	"connect with a string":     `0/other,"x"`,
	"connect with null":         `0/other,null`,
	"connect with half JSON":    `0/other,{"a":1`,
	"connect twice":             `0`,
	"connect twice with auth":   `0{"token":"x"}`,
	"event elsewhere":           `2/other,["x"]`,
	"ack elsewhere":             `3/other,1["x"]`,
	"disconnect elsewhere":      `1/other,`,
	"no comma for 1 MB":         `2/` + strings.Repeat("a", 900_000),
	"a namespace of 1 MB":       `0/` + strings.Repeat("a", 900_000) + `,`,
	"a raw control character":   "2[\"x\",\"\x01\"]",
	"a byte order mark":         "2\ufeff[\"x\"]",
	"NaN":                       `2["x",NaN]`,
	"arrays 129 deep":           `2["x",` + strings.Repeat("[", 128) + strings.Repeat("]", 128) + `]`,
	"arrays 400,000 deep":       `2["x",` + strings.Repeat("[", 400_000) + strings.Repeat("]", 400_000) + `]`,
	"objects 100,000 deep":      `2["x",` + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000) + `]`,
	"arrays without end":        `2["x",` + strings.Repeat("[", 900_000),
	"auth 100,000 deep":         `0/other,` + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
	"no count":                  `5["x"]`,
	"no hyphen":                 `51["x"]`,
	"count 0":                   `50-["x"]`,
	"count -1":                  `5-1-["x"]`,
	"count 1.5":                 `51.5-["x"]`,
	"count 1e1":                 `51e1-["x"]`,
	"count 11":                  `511-["x"]`,
	"count 1e9":                 `5999999999-["x"]`,
	"count of 1 MB":             `5` + strings.Repeat("1", 900_000) + `-["x"]`,
	"attachments elsewhere":     `51-/other,["x",{"_placeholder":true,"num":0}]`,
	"attachments of no event":   `51-["connect",{"_placeholder":true,"num":0}]`,
	"attachments of an object":  `51-{"_placeholder":true,"num":0}`,
	"a placeholder as the name": `51-[{"_placeholder":true,"num":0}]`,
}

func init() {
	for _, num := range []string{
		`1`, `-1`, `0.5`, `1e9`, `99999999999999999999`, `"0"`, `"splice"`, `null`, `true`, `[]`, `{}`, `{"num":0}`,
	} {
		wrongPackets["placeholder num "+num] = `51-["x",{"_placeholder":true,"num":` + num + `}]`
	}
	wrongPackets["two placeholders of one attachment"] = `51-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`
	wrongPackets["placeholder without num"] = `51-["x",{"_placeholder":true}]`
	wrongPackets["a placeholder 10,000 deep"] = `51-["x",` + strings.Repeat("[", 10_000) +
		`{"_placeholder":true,"num":0}` + strings.Repeat("]", 10_000) + `]`
}

func TestWrongPackets(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 150<<20)
	for name, packet := range wrongPackets {
		t.Run(name, func(t *testing.T) {
			w := sharedProcess.openMember(t, "/socket.io/")
			w.writeTexts("4" + packet)
			if strings.HasPrefix(packet, "5") {
				w.writeRaw(maskFrame(fin|opBinary, []byte("attached")))
			}
			w.wantClosed(noStatus)

			if len(packet) > 100_000 {
				return
			}
			c := sharedProcess.pollingMember(t, "/socket.io/")
			body := "4" + packet
			if strings.HasPrefix(packet, "5") {
				body += "\x1ebYXR0YWNoZWQ="
			}
			c.postPayload(body) // the session closes, so the response does not matter
			c.wantGone()
		})
	}
}

func TestAttachments(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 200<<20)
	attachment := maskFrame(fin|opBinary, []byte("attached"))
	const one = `451-["unknown",{"_placeholder":true,"num":0}]`
	for name, sent := range map[string][]byte{
		"none announced":     attachment,
		"one too many":       append(maskFrame(fin|opText, []byte(one)), append(attachment, attachment...)...),
		"text instead":       append(maskFrame(fin|opText, []byte(one)), maskFrame(fin|opText, []byte(`42["x"]`))...),
		"one missing":        append(append(maskFrame(fin|opText, []byte(`452-["x"]`)), attachment...), maskFrame(fin|opText, []byte("41"))...),
		"a connect instead":  append(maskFrame(fin|opText, []byte(one)), maskFrame(fin|opText, []byte("40/other,"))...),
		"another event":      append(maskFrame(fin|opText, []byte(one)), maskFrame(fin|opText, []byte(one))...),
		"base64 of nonsense": append(maskFrame(fin|opText, []byte(one)), maskFrame(fin|opText, []byte("b***"))...),
	} {
		t.Run(name, func(t *testing.T) {
			w := sharedProcess.openMember(t, "/socket.io/")
			w.writeRaw(sent)
			w.wantClosed(noStatus)
		})
	}
	t.Run("before the connect", func(t *testing.T) {
		w := sharedProcess.openSession(t, "/socket.io/")
		w.writeTexts(one)
		w.wantClosed(noStatus)
	})
	t.Run("more than 10 MB together", func(t *testing.T) {
		w := sharedProcess.openMember(t, "/socket.io/")
		w.writeTexts(`4510-["x"]`)
		large := maskFrame(fin|opBinary, make([]byte, 1_000_000))
		for range 10 {
			w.writeRaw(large) // 10 MB is the limit, and allowed
		}
		w.wantAlive()
	})
	t.Run("good ones", func(t *testing.T) {
		w := sharedProcess.openMember(t, "/socket.io/")
		w.writeTexts(`452-7["echo",{"_placeholder":true,"num":1},{"num":0,"_placeholder":true,"x":1},{"_placeholder":false,"num":9}]`)
		w.writeTexts("3") // a heartbeat may come between
		w.writeRaw(attachment)
		w.writeRaw(maskFrame(fin|opBinary, []byte("second")))
		w.wantLike(`462-7[{"_placeholder":true,"num":`)
		if a, b := w.readNext(), w.readNext(); a+b != "secondattached" && a+b != "attachedsecond" {
			t.Errorf("got %q and %q", a, b)
		}
		w.wantAlive()
	})
}

func TestHarmlessPackets(t *testing.T) {
	sharedProcess.startObserver(t)
	for _, test := range []struct{ args string }{
		{`12345678901234567890`},
		{`1e400`},
		{`-0`},
		{`1E-999`},
		{`"\ud800"`},
		{`"\u0000"`},
		{`"\u2028"`},
		{`{"a":1,"a":2}`},
		{`{"__proto__":{"x":1}}`},
		{`{"constructor":{"prototype":1}}`},
		{`{"_placeholder":false,"num":5}`},
		{`"` + "\u007f\ufeff\U0001F600" + `"`},
		{strings.Repeat("[", 126) + strings.Repeat("]", 126)},
		{"\"<script>&\""},
	} {
		w := sharedProcess.openMember(t, "/socket.io/")
		w.writeTexts(`429007199254740991["echo",` + test.args + `]`)
		w.wantMessages(`439007199254740991[` + test.args + `]`)
	}
	w := sharedProcess.openMember(t, "/socket.io/")
	for _, packet := range []string{
		`42["error"]`, `42["connection"]`, `42["__proto__"]`, `42["constructor",{}]`, `42["hasOwnProperty"]`, `42[1,2]`, `42[""]`,
		`42["\r\n{\"level\":\"error\",\"msg\":\"injected\"}"]`, `43`, `431`, `43[]`, `4399999["x"]`, `42/,["x"]`, "6", "0",
	} {
		w.writeTexts(packet)
		w.wantAlive()
	}
	if found := sharedProcess.log.lastLines(`{"level":"error","msg":"injected"}`, 1); found != "" {
		t.Errorf("logged: %s", found)
	}
}

func TestUnknownNamespaces(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 100<<20)
	w := sharedProcess.openMember(t, "/socket.io/")
	const batch, batches = 100, 100
	for i := range batches {
		var connects []string
		for j := range batch {
			connects = append(connects, fmt.Sprintf("40/nope-%d-%d,", i, j))
		}
		w.writeTexts(connects...)
		for j := range batch {
			w.wantMessages(fmt.Sprintf(`44/nope-%d-%d,{"message":"Invalid namespace"}`, i, j))
		}
	}
	w.wantAlive()
}

// TestManyNamespaces connects a client to more namespaces of a glob than one client may have.
func TestManyNamespaces(t *testing.T) {
	sharedProcess.startObserver(t)
	w := sharedProcess.openMember(t, "/socket.io/")
	refused := 0
	for i := range 200 {
		w.writeTexts(fmt.Sprintf("40/glob-%d,", i))
		if got := w.readNext(); strings.HasPrefix(got, "44") {
			refused++
		} else if !strings.HasPrefix(got, fmt.Sprintf(`40/glob-%d,{"sid":"`, i)) {
			t.Fatalf("got %q", got)
		}
	}
	if refused < 100 {
		t.Errorf("%d were refused", refused)
	}
	w.wantAlive()
	w.Close()
	sharedProcess.awaitMetricAtMost(t, "caddy_socketio_sockets", `namespace="/glob-`, 0)
}

func TestRooms(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 100<<20)
	w := sharedProcess.openMember(t, "/socket.io/")
	w.writeTexts(`421["join","` + strings.Repeat("x", 900_000) + `"]`)
	w.wantLike(`431[{"error":`)
	w.writeTexts(`422["join",""]`)
	w.wantLike(`432[{"error":`)
	failed := false
	for i := 0; i < 2_000 && !failed; i++ {
		w.writeTexts(fmt.Sprintf(`423["join","room %d"]`, i))
		failed = strings.HasPrefix(w.readNext(), `433[{"error":`)
	}
	if !failed {
		t.Error("a socket joined 2,000 rooms")
	}
	w.wantAlive()
	w.Close()
	sharedProcess.awaitMetricAtMost(t, "caddy_socketio_rooms", "", 10)
}
