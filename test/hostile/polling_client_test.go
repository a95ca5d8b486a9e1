package hostile_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// client makes the requests of all polling clients.
var client = &http.Client{Transport: &http.Transport{MaxIdleConns: 500, MaxIdleConnsPerHost: 500}}

// response is the response to a request, with its whole body.
type response struct {
	status int
	body   string
	header http.Header
}

// sendRequest makes a request from a page that may connect: JSONP needs one. header holds names
// and values in turn.
func (p *process) sendRequest(ctx context.Context, method, target string, body io.Reader, header ...string) (response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+p.address+target, body)
	if err != nil {
		return response{}, err
	}
	r.Header.Set("Referer", "https://app.example.com/")
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = []string{header[i+1]}
	}
	resp, err := client.Do(r)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, string(b), resp.Header}, err
}

// mustSendRequest makes a request, and fails the test without a response within maxWait.
func (p *process) mustSendRequest(t testing.TB, method, target, body string, header ...string) response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	a, err := p.sendRequest(ctx, method, target, strings.NewReader(body), header...)
	if err != nil {
		t.Fatalf("%s %.100s: %v", method, target, err)
	}
	return a
}

// pollingClient is a client that polls.
type pollingClient struct {
	t *testing.T
	p *process
	// target is the path and query of its requests, with the sid.
	target, sid string
}

// openPoller opens a polling session. The query begins with EIO.
func (p *process) openPoller(t *testing.T, path, query string) *pollingClient {
	t.Helper()
	target := path + "?" + query + "&transport=polling"
	a := p.mustSendRequest(t, "GET", target, "")
	_, open, _ := strings.Cut(strings.ReplaceAll(a.body, `\"`, `"`), "{") // JSONP quotes the packet
	open, _, _ = strings.Cut(open, "}")
	var handshake struct{ SID string }
	if err := json.Unmarshal([]byte("{"+open+"}"), &handshake); err != nil || a.status != 200 {
		t.Fatalf("handshake: %d %s", a.status, a.body)
	}
	return &pollingClient{t, p, target + "&sid=" + handshake.SID, handshake.SID}
}

// pollingMember opens a polling session and connects it to "/".
func (p *process) pollingMember(t *testing.T, path string) *pollingClient {
	t.Helper()
	c := p.openPoller(t, path, "EIO=4")
	c.wantPost("40", 200, "ok")
	if a := c.getPayload(); !strings.HasPrefix(a.body, `40{"sid":"`) {
		t.Fatalf("connect: %d %s", a.status, a.body)
	}
	return c
}

func (c *pollingClient) getPayload() response {
	c.t.Helper()
	return c.p.mustSendRequest(c.t, "GET", c.target, "")
}

func (c *pollingClient) postPayload(body string, header ...string) response {
	c.t.Helper()
	return c.p.mustSendRequest(c.t, "POST", c.target, body, header...)
}

func (c *pollingClient) wantPost(body string, status int, text string) {
	c.t.Helper()
	if a := c.postPayload(body); a.status != status || a.body != text {
		c.t.Errorf("POST %.60q (%d bytes): got %d %q, want %d %q", body, len(body), a.status, a.body, status, text)
	}
}

// wantAlive checks that the server still acknowledges events of the session.
func (c *pollingClient) wantAlive() {
	c.t.Helper()
	c.wantPost(`42987["echo","alive"]`, 200, "ok")
	for {
		a := c.getPayload()
		if strings.Contains(a.body, `43987["alive"]`) {
			return
		}
		if a.status != 200 {
			c.t.Fatalf("poll: %d %s", a.status, a.body)
		}
	}
}

// wantGone polls until the session is unknown.
func (c *pollingClient) wantGone() {
	c.t.Helper()
	for {
		switch a := c.getPayload(); {
		case a.status == 200:
		case a.status == 400 && a.body == unknownSession:
			return
		default:
			c.t.Fatalf("poll: %d %s", a.status, a.body)
		}
	}
}

const unknownSession = `{"code":1,"message":"Session ID unknown"}`
