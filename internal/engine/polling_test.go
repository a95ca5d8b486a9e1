package engine_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

func newText(s string) *eio.Message { return eio.NewMessage([]byte(s), nil, true) }

// startPoll sends a GET on a goroutine. The returned channel gets its reply.
func (w *testServer) startPoll(query string) <-chan string {
	answer := make(chan string, 1)
	go func() {
		_, body, _ := w.request("GET", query, "")
		answer <- body
	}()
	synctest.Wait()
	return answer
}

func wantReply(t *testing.T, answer <-chan string, want string) {
	t.Helper()
	if got := <-answer; got != want {
		t.Errorf("the poll got %q, want %q", got, want)
	}
}

func TestPollingEcho(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		w.wantResponse("POST", q, "4a\x1e4b\x1ebAQID", 200, "ok")
		w.wantResponse("GET", q, "", 200, "4a\x1e4b\x1e4bin\x1ebAQID")
		answer := w.startPoll(q)
		w.wantResponse("POST", q, "4c", 200, "ok")
		wantReply(t, answer, "4c")

		q = w.openPolling("EIO=3&b64=1")
		w.wantResponse("POST", q, "2:4a6:b4AQID1:2", 200, "ok")
		w.wantResponse("GET", q, "", 200, "2:4a4:4bin6:b4AQID1:3")

		q = w.openPolling("EIO=3")
		body := "\x00\x02\xff4a\x01\x03\xff\x04\x01\x02"
		if status, answer, _ := w.request("POST", q, body, "Content-Type", "application/octet-stream"); status != 200 || answer != "ok" {
			t.Errorf("got %d %q", status, answer)
		}
		status, answer2, h := w.request("GET", q, "")
		if want := "\x00\x02\xff4a\x00\x04\xff4bin\x01\x03\xff\x04\x01\x02"; status != 200 || answer2 != want || h.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("got %q, want %q", answer2, want)
		}
		w.wantResponse("POST", q, "2:4a", 200, "ok")
		if _, answer, h := w.request("GET", q, ""); answer != "2:4a" || h.Get("Content-Type") != "text/plain; charset=UTF-8" {
			t.Errorf("got %q %v", answer, h)
		}
	})
}

func TestJSONP(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=3&b64=1&j=0") + "&j=7"
		// The client's bytes for an argument with a line feed, a backslash with an n,
		// and a line separator.
		payload := "9:4a\\nb\\\\nc\u2028d"
		w.wantResponse("POST", q, "d="+url.QueryEscape(payload), 200, "ok")
		if got := w.lastReceiver().receivedTexts(); got != "a\nb\\nc\u2028d" {
			t.Errorf("took %q", got)
		}
		w.wantResponse("GET", q, "", 200, `___eio[0]("9:4a\nb\\nc\u2028d");`)
		w.wantResponse("POST", q, "x=1", 200, "ok")
		w.wantCloseReason("")
	})
}

func TestOverlappingPollsCloseSession(t *testing.T) {
	for eioParam, last := range map[string]string{"EIO=4": "1", "EIO=3": "1:1"} {
		runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
			q := w.openPolling(eioParam)
			answer := w.startPoll(q)
			w.wantResponse("GET", q, "", 400, "")
			wantReply(t, answer, last)
			w.wantResponse("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
			w.wantCloseReason("transport error")
		})
	}
}

func TestOverlappingUploadsCloseSession(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		body, rest := io.Pipe()
		first := make(chan int, 1)
		go func() {
			r, _ := http.NewRequest("POST", "http://x/socket.io/?"+q, body)
			resp, err := w.http.Do(r)
			if err != nil {
				first <- 0 // the connection was closed
				return
			}
			resp.Body.Close()
			first <- resp.StatusCode
		}()
		io.WriteString(rest, "4hal")
		synctest.Wait()
		w.wantResponse("POST", q, "4x", 400, "")
		if status := <-first; status == 200 {
			t.Error("the first is answered 200")
		}
		rest.Close()
		w.wantCloseReason("transport error")
		if got := w.lastReceiver().receivedTexts(); got != "" {
			t.Errorf("took %q", got)
		}
	})
}

// TestUploadEndsBeforeItsResponse posts again while the response is written, as a client
// does that reads it at once.
func TestUploadEndsBeforeItsResponse(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		post := func(rw http.ResponseWriter, body string) {
			w.ServeHTTP(rw, httptest.NewRequest("POST", "/socket.io/?"+q, strings.NewReader(body)))
		}
		second := httptest.NewRecorder()
		post(delayedResponse{httptest.NewRecorder(), func() { post(second, "4b") }}, "4a")
		if second.Code != 200 || second.Body.String() != "ok" {
			t.Errorf("got %d %q", second.Code, second.Body)
		}
		w.wantResponse("GET", q, "", 200, "4a\x1e4b")
	})
}

// delayedResponse is a response that calls a function before it is written.
type delayedResponse struct {
	http.ResponseWriter
	before func()
}

func (e delayedResponse) Write(p []byte) (int, error) {
	e.before()
	return e.ResponseWriter.Write(p)
}

// TestUnreadReplyTimesOut has a client that polls and does not read.
func TestUnreadReplyTimesOut(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		w.lastReceiver().session.Send(newText("a"))
		nc, err := w.dial(t.Context(), "tcp", "x")
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		io.WriteString(nc, "GET /socket.io/?"+q+" HTTP/1.1\r\nHost: x\r\n\r\n")
		time.Sleep(2 * time.Minute)
		if n, err := nc.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("read %d bytes, %v: want the end", n, err)
		}
	})
}

func TestAbortedPollClosesSession(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://x/socket.io/?"+q, nil)
		go func() {
			time.Sleep(5 * time.Millisecond)
			cancel()
		}()
		if _, err := w.http.Do(r); err == nil {
			t.Error("answered")
		}
		w.wantCloseReason("transport error")
		w.wantResponse("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
	})
}

func TestBadUploadsCloseSession(t *testing.T) {
	for _, c := range []struct {
		name, eio, body, kind string
		status                int
		reason                string
	}{
		{"garbage", "EIO=4", "abc", "", 400, "parse error"},
		{"empty", "EIO=4", "", "", 400, "parse error"},
		{"trailing separator", "EIO=4", "4a\x1e", "", 400, "parse error"},
		{"separators", "EIO=4", strings.Repeat("\x1e", 1_000_000), "", 400, "parse error"},
		{"octet stream", "EIO=4", "4a", "application/octet-stream", 400, "transport error"},
		{"length beyond the end", "EIO=3", "3:4€", "", 400, "parse error"},
		{"hex length", "EIO=3", "0x5:4abcd", "", 400, "parse error"},
		{"huge length", "EIO=3", "99999999999999999999:4", "", 400, "parse error"},
		{"close", "EIO=4", "1", "", 200, "transport close"},
		{"close V3", "EIO=3", "1:1", "", 200, "transport close"},
		{"close first", "EIO=4", "1\x1e4a", "", 200, "transport close"},
	} {
		t.Run(c.name, func(t *testing.T) {
			runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
				q := w.openPolling(c.eio)
				if status, _, _ := w.request("POST", q, c.body, "Content-Type", c.kind); status != c.status {
					t.Errorf("status %d", status)
				}
				w.wantResponse("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
				w.wantCloseReason(c.reason)
				if got := w.lastReceiver().receivedTexts(); got != "" && c.name != "trailing separator" {
					t.Errorf("took %q", got)
				}
			})
		})
	}
}

func TestUploadLimit(t *testing.T) {
	c := testConfig()
	c.MaxPayload = 1000
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		w.wantResponse("POST", q, strings.Repeat("4", 1000), 200, "ok")
		w.wantResponse("POST", q, strings.Repeat("4", 1001), 413, "")
		// A body without Content-Length.
		r, _ := http.NewRequest("POST", "http://x/socket.io/?"+q, io.MultiReader(strings.NewReader(strings.Repeat("4", 5000))))
		if resp, err := w.http.Do(r); err != nil || resp.StatusCode != 413 {
			t.Errorf("got %v %v", resp, err)
		}
		w.wantCloseReason("")
		w.wantResponse("POST", q, "4still", 200, "ok")
		if n := w.server.Stats().TooLarge; n != 2 {
			t.Errorf("%d too large", n)
		}
	})
}

func TestPollingClose(t *testing.T) {
	t.Run("parked", func(t *testing.T) {
		runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
			q := w.openPolling("EIO=4")
			answer := w.startPoll(q)
			w.lastReceiver().session.Close("kicked")
			wantReply(t, answer, "1")
			w.wantResponse("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
			w.wantCloseReason("kicked")
		})
	})
	t.Run("last words", func(t *testing.T) {
		runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
			q := w.openPolling("EIO=4")
			s := w.lastReceiver().session
			s.Send(newText("bye"))
			s.Close("kicked")
			if s.Send(newText("late")) || w.server.Sessions() != 0 {
				t.Error("it is still open")
			}
			<-s.Done()
			w.wantResponse("POST", q, "4x", 200, "ok")
			w.wantResponse("GET", q, "", 200, "4bye")
			w.wantResponse("GET", q, "", 200, "1")
			w.wantResponse("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
			if got := w.lastReceiver().receivedTexts(); got != "" {
				t.Errorf("took %q", got)
			}
		})
	})
	t.Run("never polled", func(t *testing.T) {
		runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
			q := w.openPolling("EIO=4")
			w.lastReceiver().session.Close("kicked")
			time.Sleep(31 * time.Second)
			w.wantResponse("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
		})
	})
	t.Run("by the client", func(t *testing.T) {
		runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
			q := w.openPolling("EIO=3")
			answer := w.startPoll(q)
			w.wantResponse("POST", q, "1:1", 200, "ok")
			wantReply(t, answer, "1:6")
			w.wantResponse("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
			w.wantCloseReason("transport close")
		})
	})
}

func TestDoneRequestGetsNoop(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		answer := w.startPoll(q)
		close(w.done)
		wantReply(t, answer, "6")
		w.wantCloseReason("")
	})
}

func TestLargeReplyIsCompressed(t *testing.T) {
	c := testConfig()
	c.Compression = true
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		for _, c := range []struct {
			m    *eio.Message
			want string
		}{
			{newText(strings.Repeat("a", 2000)), "gzip"},
			{newText("short"), ""},
			{eio.NewMessage([]byte(strings.Repeat("a", 2000)), nil, false), ""},
		} {
			w.lastReceiver().session.Send(c.m)
			_, body, h := w.request("GET", q, "", "Accept-Encoding", "gzip")
			if got := h.Get("Content-Encoding"); got != c.want {
				t.Errorf("encoding %q", got)
			}
			if c.want == "" {
				continue
			}
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(z); err != nil || string(got) != "4"+strings.Repeat("a", 2000) {
				t.Errorf("%v %d bytes", err, len(got))
			}
		}
	})
}

func TestReceiverMayCloseAndPanic(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		w.accept = func(p *testReceiver) error {
			p.onText = func(p *testReceiver, s string) error {
				if s == "panic" {
					panic("of the receiver")
				}
				p.session.Close("by receiver")
				if p.closeReason() != "" {
					t.Error("closed while it receives")
				}
				return nil
			}
			return nil
		}
		q := w.openPolling("EIO=4")
		w.wantResponse("POST", q, "4close\x1e4more", 200, "ok")
		w.wantCloseReason("by receiver")
		if got := w.lastReceiver().receivedTexts(); got != "close" {
			t.Errorf("took %q", got)
		}
		q = w.openPolling("EIO=4")
		w.wantResponse("POST", q, "4panic", 400, "")
		w.wantCloseReason("forced close")
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		c.sendText("4panic")
		if got := c.readMessage(); !strings.Contains(got, "close") && !strings.Contains(got, "EOF") {
			t.Errorf("got %q", got)
		}
		w.wantCloseReason("forced close")
	})
}
