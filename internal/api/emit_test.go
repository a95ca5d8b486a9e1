package api

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

func TestEmitPublishesAllFields(t *testing.T) {
	f := newFixture(t)
	f.checkResponse(f.postJSON("emit", `{"namespace":"/chat","to":["a","b"],"except":["c"],"event":"news",
		"args":[1,{"$binary":"AAEC"},null],"volatile":true,"local":false,"compress":false}`), 200, `{"delivered":0}`)
	want := []publication{{"/chat", cluster.Emit{
		Target: rooms.Target{In: []string{"a", "b"}, Except: []string{"c"}},
		Flags:  cluster.Flags{Volatile: true, NoCompress: true},
		Data: sio.Data{
			JSON:        []byte(`["news",1,{"_placeholder":true,"num":0},null]`),
			Attachments: [][]byte{{0, 1, 2}},
		},
	}}}
	if got := f.listPublished(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEmitAcceptsEveryForm(t *testing.T) {
	for _, c := range []struct{ path, body, want string }{
		{"emit", `{"event":"x"}`, `/ ["x"]`},
		{"emit", ` {"event":"x","args":null,"to":null,"ack":null} `, `/ ["x"]`},
		{"emit", `{"event":"x","args":[],"except":[]}`, `/ ["x"]`},
		{"emit?namespace=/chat&hub=default", `{"event":"x"}`, `/chat ["x"]`},
		{"emit?namespace=/chat", `{"event":"x","namespace":"/org-7"}`, `/org-7 ["x"]`},
		{"emit", `{"\u0065vent":"\":{","args":[{"To":1,"a":{"A":[],"A":"\\"}},"event",{"event":2}],"to":["event"]}`, `/ ["\":{",{"To":1,"a":{"A":[],"A":"\\"}},"event",{"event":2}]`},
		{"emit", `{"event":"naïve 🐿","args":["\ud83d\ude00",[[1e400]]]}`, `/ ["naïve 🐿","\ud83d\ude00",[[1e400]]]`},
	} {
		f := newFixture(t)
		f.checkResponse(f.postJSON(c.path, c.body), 200, `{"delivered":0}`)
		if got := f.listEmits(); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: emitted %v", c.body, got)
		}
	}
}

func TestLocalEmitIsNotPublished(t *testing.T) {
	f := newFixture(t)
	f.checkResponse(f.postJSON("emit", `{"event":"x","local":true}`), 200, `{"delivered":0}`)
	if got := f.listPublished(); len(got) != 0 {
		t.Errorf("published %v", got)
	}
}

// badEmits are bodies that emit nothing, with a part of the error.
var badEmits = []struct{ body, error string }{
	{``, "body: expected JSON, it is empty"},
	{` `, "body: expected JSON, it is empty"},
	{`{`, "body: the JSON ends too early"},
	{`{"event":"x"`, "body: the JSON ends too early"},
	{`{"event":"x"}{"event":"y"}`, "body: expected one JSON value"},
	{`{"event":"x"}]`, "body: expected one JSON value"},
	{`nonsense`, "body: invalid character"},
	{`"event"`, "body: unexpected string, expected an object"},
	{`17`, "body: unexpected number, expected an object"},
	{`null`, "event: expected the name of an event"},
	{`{}`, "event: expected the name of an event"},
	{`{"event":""}`, "event: expected the name of an event"},
	{`{"event":null}`, "event: expected the name of an event"},
	{`{"event":7}`, "event: unexpected number, expected a string"},
	{`{"event":"disconnect"}`, `event: reserved event name: "disconnect"`},
	{`{"event":"connect_error"}`, "event: reserved"},
	{`{"event":"newListener"}`, "event: reserved"},
	{`{"event":"x","evnt":"y"}`, "evnt: unknown field"},
	{`{"event":"x","rooms":["y"]}`, "rooms: unknown field"},
	{`{"Event":"x"}`, "Event: unknown field"},
	{`{"event":"x","namespace":"/","NAMESPACE":"/chat"}`, "NAMESPACE: unknown field"},
	{`{"event":"x","acK":{}}`, "acK: unknown field"},
	{`{"event":"x", "event" : "y"}`, "event: given twice"},
	{`{"event":"x","\u0065vent":"y"}`, "event: given twice"},
	{`{"event":"x","ack":{"Timeout":"1s"}}`, "Timeout: unknown field"},
	{`{"event":"x","ack":{"timeout":"1s","timeout":"2s"}}`, "timeout: given twice"},
	{`{"event":"x","to":"lobby"}`, "to: unexpected string, expected a list"},
	{`{"event":"x","to":[1,true]}`, "to.1: unexpected bool, expected the name of a room"},
	{`{"event":"x","to":[null]}`, "to.0: unexpected null, expected the name of a room"},
	{`{"event":"x","except":[["a"]]}`, `except.0: unexpected array of 5 bytes, expected the name of a room`},
	{`{"event":"x","to":{"a":"b"}}`, "to: unexpected object, expected a list"},
	{`{"event":"x","to":["a","r\ud83d"]}`, `to.1: unexpected string of 9 bytes, expected a name of whole characters`},
	{`{"event":"x","except":["\udc00"]}`, "except.0: unexpected"},
	{`{"event":"x\ud83d"}`, `event: "x\ud83d" has half of a surrogate pair`},
	{`{"event":"x","namespace":"/org-\ud83d"}`, `namespace: "/org-\ud83d" has half of a surrogate pair`},
	{`{"event":"x","hub":"\ud83d"}`, "hub: "},
	{`{"event":"x","to":["a",""]}`, "to: bad room name: it is empty"},
	{`{"event":"x","except":[""]}`, "except: bad room name"},
	{`{"event":"x","to":["` + strings.Repeat("r", 513) + `"]}`, "to: bad room name: 513 bytes"},
	{`{"event":"x","args":"hello"}`, "args: expected a list"},
	{`{"event":"x","args":{"0":1,"a":2}}`, "args: expected a list"},
	{`{"event":"x","args":{"01":1}}`, "args: expected a list"},
	{`{"event":"x","args":[{"_placeholder":true,"num":0}]}`, "args: "},
	{`{"event":"x","args":[{"$binary":"***"}]}`, "args: "},
	{`{"event":"x","args":[{"$binary":7}]}`, "args: "},
	{`{"event":"x","args":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, "args: "},
	{`{"event":"x","args":` + strings.Repeat("[", 1e6), "body: "},
	{strings.Repeat(`{"args":`, 1e6), "body: "},
	{`{"event":"x","args":[` + strings.Repeat(`{"$binary":""},`, 10) + `{"$binary":""}]}`, "args: 11 binary values, the limit is 10"},
	{`{"event":"x","volatile":1}`, "volatile: unexpected number, expected true or false"},
	{`{"event":"x","local":"yes"}`, "local: unexpected string"},
	{`{"event":"x","compress":"no"}`, "compress: unexpected string"},
	{`{"event":"x","namespace":3}`, "namespace: unexpected number, expected a string"},
	{`{"event":"x","hub":[]}`, "hub: unexpected array, expected a string"},
	{`{"event":"x","namespace":"/` + strings.Repeat("n", 1024) + `"}`, "namespace: longer than 1024 bytes"},
	{`{"event":"x","ack":true}`, "ack: unexpected bool, expected an object"},
	{`{"event":"x","ack":{"timeout":5}}`, "ack.timeout: unexpected number, expected a string"},
	{`{"event":"x","ack":{"timeout":"soon"}}`, `ack.timeout: unexpected "soon"`},
	{`{"event":"x","ack":{"timeout":"-1s"}}`, "ack.timeout: "},
	{`{"event":"x","ack":{"timeout":"6m"}}`, "ack.timeout: "},
	{`{"event":"x","ack":{"wait":"6m"}}`, "wait: unknown field"},
	{"{\"event\":\"\xff\"}", "body: invalid UTF-8"},
	{"{\"event\":\"x\",\"args\":[\"\xed\xa0\x80\"]}", "body: invalid UTF-8"},
	{`[[]]x`, "body: "},
	{`{"event":"x","ack":["5s"]}`, "ack: unexpected array, expected an object"},
	{"{\"event\":\"x\"}\x00", "body: "},
	{`[{"event":"x"}`, "body: the JSON ends too early"},
	{`[{"event":"x"},]`, "body: invalid character"},
	{`[{"event":"x"}]]`, "body: "},
}

func TestInvalidEmitsAreRefused(t *testing.T) {
	f := newFixture(t)
	for _, c := range badEmits {
		got := f.postJSON("emit", c.body)
		if got.status != 400 {
			t.Errorf("%.80s: status %d", c.body, got.status)
			continue
		}
		f.checkResponse(got, 400, c.error)
	}
	for _, c := range []struct {
		path, error string
		status      int
	}{
		{"emit?namespace=/nope", `namespace: there is no namespace "/nope" in hub "default"`, 404},
		{"emit?namespace=chat", `namespace: there is no namespace "chat"`, 404},
		{"emit?hub=nope", `hub: there is no hub "nope"`, 404},
		{"emit?room=a", "room: unknown in a query, expected hub, namespace", 400},
		{"emit?hub=default&hub=other", "hub: given twice in the query", 400},
		{"emit?hub=%zz", "query: ", 400},
		{"emit?namespace=%ff", "namespace: invalid UTF-8", 400},
	} {
		f.checkResponse(f.postJSON(c.path, `{"event":"x"}`), c.status, c.error)
	}
	if got := f.listPublished(); len(got) != 0 {
		t.Errorf("published %v", got)
	}
}

func TestContentTypeIsChecked(t *testing.T) {
	f := newFixture(t)
	for contentType, status := range map[string]int{
		"application/json":                  200,
		"application/json; charset=utf-8":   200,
		"APPLICATION/JSON":                  200,
		"application/x-ndjson; charset=utf": 200,
		"":                                  415,
		"text/plain":                        415,
		"application/x-www-form-urlencoded": 415,
		"multipart/form-data; boundary=x":   415,
		"application/json, text/plain":      415,
	} {
		got := f.sendRequest("POST", "emit", contentType, strings.NewReader(`{"event":"x"}`))
		if got.status != status {
			t.Errorf("%q: status %d, want %d", contentType, got.status, status)
		}
	}
	f.checkResponse(f.sendRequest("POST", "join", "application/x-ndjson", strings.NewReader(`{}`)), 415, "for emit only")
}

// zeros is an endless body.
type zeros struct{ read int }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read += len(p)
	return len(p), nil
}

func TestLargeBodyIsRefused(t *testing.T) {
	f := newFixture(t)
	endless := new(zeros)
	for _, path := range []string{"emit", "join", "leave", "disconnect", "server_side_emit"} {
		f.checkResponse(f.sendRequest("POST", path, "application/json", endless), 413, "larger than 16777216 bytes")
	}
	if most := 5 * (MaxBody + maxDiscarded + 1<<20); endless.read > most {
		t.Errorf("read %d bytes, want at most %d", endless.read, most)
	}
}

// The bodies of most refused requests are read to their end, so that the client reads the
// reply.
func TestBodyOfRefusedRequestIsDiscarded(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		path, contentType, expect string
		contentLength, read       int
		status                    int
	}{
		{"emit", "application/json", "", 100 << 20, 100 << 20, 413},
		{"emit", "application/json", "100-continue", 100 << 20, 0, 413},
		{"emit", "application/json", "", 1 << 30, 0, 413},
		{"emit", "text/plain", "", 1 << 20, 1 << 20, 415},
		{"nope", "application/json", "", 1 << 20, 1 << 20, 404},
		{"rooms", "application/json", "", 1 << 20, 1 << 20, 405},
		{"emit?nonsense=1", "application/x-ndjson", "", -1, 0, 400},
		{"join", "application/x-ndjson", "", -1, 0, 415},
	} {
		body := new(zeros)
		r := httptest.NewRequest("POST", "/socketio/"+c.path, body)
		if c.contentLength >= 0 {
			r.Body = io.NopCloser(io.LimitReader(body, int64(c.contentLength)))
		}
		r.Header.Set("Content-Type", c.contentType)
		r.ContentLength = int64(c.contentLength)
		if c.expect != "" {
			r.Header.Set("Expect", c.expect)
		}
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		if w.Code != c.status || body.read != c.read {
			t.Errorf("%s %s of %d bytes: status %d after %d bytes", c.path, c.contentType, c.contentLength, w.Code, body.read)
		}
	}
}

func TestBrokenBodyEmitsNothing(t *testing.T) {
	f := newFixture(t)
	body := io.MultiReader(strings.NewReader(`{"event":"x"}`), brokenBody{})
	f.checkResponse(f.sendRequest("POST", "emit", "application/json", body), 400, "body: the line is cut")
	if got := f.listPublished(); len(got) != 0 {
		t.Errorf("published %v", got)
	}
}

func TestBatchSkipsInvalidItems(t *testing.T) {
	f := newFixture(t)
	f.checkResponse(f.postJSON("emit", `[]`), 200, `{"emits":0,"delivered":0,"errors":[]}`)
	f.checkResponse(f.postJSON("emit", ` [{"event":"a"},{"event":"b","namespace":"/chat"}] `), 200, `{"emits":2,"delivered":0,"errors":[]}`)
	f.checkResponse(f.postJSON("emit?namespace=/chat", `[{"event":"c"},{"evnt":"d"},7,{"event":"e","namespace":"/nope"},
		{"event":"f","ack":{}},{"event":"g","namespace":"/"}]`), 200, `{"emits":2,"delivered":0,"errors":[`+
		`{"index":1,"error":"evnt: unknown field"},`+
		`{"index":2,"error":"body: unexpected number, expected an object"},`+
		`{"index":3,"error":"namespace: there is no namespace \"/nope\" in hub \"default\""},`+
		`{"index":4,"error":"ack: batches and streams do not wait for acknowledgements"}]}`)
	f.checkResponse(f.postJSON("emit", "[{\"event\":\"\xff\"},{\"event\":\"h\"}]"), 200,
		`{"emits":1,"delivered":0,"errors":[{"index":0,"error":"body: invalid UTF-8"}]}`)
	want := []string{`/ ["a"]`, `/chat ["b"]`, `/chat ["c"]`, `/ ["g"]`, `/ ["h"]`}
	if got := f.listEmits(); !slices.Equal(got, want) {
		t.Errorf("emitted %q, want %q", got, want)
	}
}

func TestBatchListsFirstErrors(t *testing.T) {
	f := newFixture(t)
	got := f.postJSON("emit", "["+strings.Repeat("1,", 249)+"1]")
	if n := strings.Count(got.body, `"index"`); n != 100 || !strings.HasSuffix(got.body, `"more_errors":150}`) {
		t.Errorf("%d errors, %s", n, got.body[len(got.body)-40:])
	}
}

// deadlineRecorder is a writer that records the deadlines set on it.
type deadlineRecorder struct {
	*httptest.ResponseRecorder
	read, write []time.Time
}

func (d *deadlineRecorder) SetReadDeadline(t time.Time) error { d.read = append(d.read, t); return nil }

func (d *deadlineRecorder) SetWriteDeadline(t time.Time) error {
	d.write = append(d.write, t)
	return nil
}

func TestDeadlinesAreLifted(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		path, contentType, body string
		lifted                  bool
	}{
		{"emit", "application/x-ndjson", `{"event":"x"}`, true},
		{"emit", "application/json", `{"event":"x","ack":{"timeout":"1ms"}}`, true},
		{"server_side_emit", "application/json", `{"event":"x","ack":{"timeout":"1ms"}}`, true},
		{"emit", "application/json", `{"event":"x"}`, false},
	} {
		r := httptest.NewRequest("POST", "/socketio/"+c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.contentType)
		w := &deadlineRecorder{ResponseRecorder: httptest.NewRecorder()}
		f.ServeHTTP(w, r)
		// The body and the reply have deadlines. Between them there is none.
		bounded := len(w.read) > 0 && !w.read[0].IsZero() && !w.write[len(w.write)-1].IsZero()
		lifted := w.write[0].IsZero()
		if w.Code != 200 || !bounded || !w.read[len(w.read)-1].IsZero() || lifted != c.lifted {
			t.Errorf("%s %s: status %d, deadlines %v %v", c.path, c.body, w.Code, w.read, w.write)
		}
	}
}

func BenchmarkEmit(b *testing.B) {
	f := newFixture(b)
	f.hub.Configure(f.configWithoutCluster())
	for _, c := range []struct {
		name, contentType string
		emits             int
		body              []byte
	}{
		{"single", "application/json", 1, []byte(benchEmit)},
		{"batch", "application/json", 1000, []byte("[" + strings.Repeat(benchEmit+",", 999) + benchEmit + "]")},
		{"stream", "application/x-ndjson", 1000, bytes.Repeat([]byte(benchEmit+"\n"), 1000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			w := discardWriter{header: make(http.Header)}
			for b.Loop() {
				r := httptest.NewRequest("POST", "/socketio/emit", bytes.NewReader(c.body))
				r.Header.Set("Content-Type", c.contentType)
				if err := f.api.Serve(w, r, "emit"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*c.emits)/b.Elapsed().Seconds(), "emits/s")
		})
	}
}

const benchEmit = `{"namespace":"/chat","to":["lobby"],"event":"news","args":[{"title":"hello","n":17}]}`

// discardWriter is a writer that discards replies.
type discardWriter struct{ header http.Header }

func (d discardWriter) Header() http.Header         { return d.header }
func (d discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (d discardWriter) WriteHeader(int)             {}
