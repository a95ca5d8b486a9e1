package browserclient

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// get requests a file of a client, with header fields.
func get(t *testing.T, c *Client, method, target string, acceptsGzip bool, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/"+target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if err := c.ServeFile(w, r, r.URL.Path[1:], acceptsGzip); err != nil {
		t.Fatal(err)
	}
	return w.Result()
}

func readBody(t *testing.T, response *http.Response) string {
	t.Helper()
	body := io.Reader(response.Body)
	if response.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		body = z
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The names are of the file lists of socket.io 2.5.1, 3.1.2 and 4.8.4.
func TestFilesAreTheOnesOfNodeServers(t *testing.T) {
	scripts := map[string]string{"2": "socket.io.js", "3": "socket.io.js socket.io.min.js socket.io.msgpack.min.js", "4": "socket.io.js socket.io.min.js socket.io.msgpack.min.js socket.io.esm.min.js"}
	for major, names := range scripts {
		c := Find(major)
		entries, err := dist.ReadDir("dist/" + major)
		if err != nil || len(entries) != 2*len(strings.Fields(names)) {
			t.Errorf("version %s: %d files, %v", major, len(entries), err)
		}
		for name := range strings.FieldsSeq(names) {
			script := get(t, c, "GET", name, true)
			if kind := script.Header.Get("Content-Type"); kind != "application/javascript; charset=utf-8" {
				t.Errorf("%s %s: type %s", major, name, kind)
			}
			text := readBody(t, script)
			if !strings.Contains(text[:100], "Socket.IO v"+c.Version+"\n") || !strings.HasSuffix(strings.TrimSpace(text), "//# sourceMappingURL="+name+".map") {
				t.Errorf("%s %s: begins with %s", major, name, text[:100])
			}
			sourceMap := get(t, c, "GET", name+".map", false)
			if kind := sourceMap.Header.Get("Content-Type"); kind != "application/json; charset=utf-8" || !json.Valid([]byte(readBody(t, sourceMap))) {
				t.Errorf("%s %s.map: type %s", major, name, kind)
			}
		}
	}
	for _, name := range []string{"", ".", "..", "LICENSE", "socket.io.js.gz", "../4/socket.io.js", "socket.io.slim.js"} {
		if IsFile(name) {
			t.Errorf("%q is served", name)
		}
	}
	if Find("5") != nil || Find("") != nil || Find("2").Has("socket.io.min.js") || !IsFile("socket.io.min.js") {
		t.Error("a version has files of another")
	}
}

func TestCachesRevalidateUnlessTheURLHasTheVersion(t *testing.T) {
	c := Find("4")
	for target, want := range map[string]string{
		"socket.io.js": revalidated, "socket.io.js?v=4": revalidated, "socket.io.js?v=4.8.3": revalidated, "socket.io.js?v=" + c.Version: immutable,
	} {
		response := get(t, c, "GET", target, true)
		if got := response.Header; got.Get("Cache-Control") != want || got.Get("ETag") != `"`+c.Version+`"` || got.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: header %v", target, got)
		}
	}
	for header, status := range map[string]int{
		`"4.8.4"`: 304, `W/"4.8.4"`: 304, `"1", W/"4.8.4"`: 304, "*": 304, `"3.1.3"`: 200, "4.8.4": 200, "": 200,
	} {
		response := get(t, c, "GET", "socket.io.js", true, "If-None-Match", header)
		if response.StatusCode != status || status == 304 && (readBody(t, response) != "" || response.Header.Get("ETag") == "") {
			t.Errorf("%s: status %d, header %v", header, response.StatusCode, response.Header)
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	for _, acceptsGzip := range []bool{true, false} {
		response := get(t, Find("4"), "HEAD", "socket.io.js", acceptsGzip)
		body, err := io.ReadAll(response.Body)
		if response.StatusCode != 200 || len(body) != 0 || err != nil {
			t.Errorf("status %d, %d bytes", response.StatusCode, len(body))
		}
	}
}

// The embedded clients are the ones that the tests with browsers and Node.js use.
func TestVersionsAreTheLockedOnes(t *testing.T) {
	text, err := os.ReadFile("../../test/e2e/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		if locked := lock.Packages["node_modules/socket.io-client-"+c.Major].Version; locked != c.Version {
			t.Errorf("version %s is embedded, %s is locked: run update.sh", c.Version, locked)
		}
	}
}
