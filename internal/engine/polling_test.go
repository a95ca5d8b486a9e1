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

func text(s string) *eio.Message { return eio.NewMessage([]byte(s), nil, true) }

// poll makes a GET on a goroutine and returns its answer to come.
func (w *world) poll(query string) <-chan string {
	answer := make(chan string, 1)
	go func() {
		_, body, _ := w.do("GET", query, "")
		answer <- body
	}()
	synctest.Wait()
	return answer
}

func wantAnswer(t *testing.T, answer <-chan string, want string) {
	t.Helper()
	if got := <-answer; got != want {
		t.Errorf("the poll got %q, want %q", got, want)
	}
}

func TestPollingEcho(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		w.want("POST", q, "4a\x1e4b\x1ebAQID", 200, "ok")
		w.want("GET", q, "", 200, "4a\x1e4b\x1e4bin\x1ebAQID")
		answer := w.poll(q)
		w.want("POST", q, "4c", 200, "ok")
		wantAnswer(t, answer, "4c")

		q = w.open("EIO=3&b64=1")
		w.want("POST", q, "2:4a6:b4AQID1:2", 200, "ok")
		w.want("GET", q, "", 200, "2:4a4:4bin6:b4AQID1:3")

		q = w.open("EIO=3")
		body := "\x00\x02\xff4a\x01\x03\xff\x04\x01\x02"
		if status, answer, _ := w.do("POST", q, body, "Content-Type", "application/octet-stream"); status != 200 || answer != "ok" {
			t.Errorf("got %d %q", status, answer)
		}
		status, answer2, h := w.do("GET", q, "")
		if want := "\x00\x02\xff4a\x00\x04\xff4bin\x01\x03\xff\x04\x01\x02"; status != 200 || answer2 != want || h.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("got %q, want %q", answer2, want)
		}
		w.want("POST", q, "2:4a", 200, "ok")
		if _, answer, h := w.do("GET", q, ""); answer != "2:4a" || h.Get("Content-Type") != "text/plain; charset=UTF-8" {
			t.Errorf("got %q %v", answer, h)
		}
	})
}

func TestJSONP(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=3&b64=1&j=0") + "&j=7"
		// What the client sends for an argument with a line feed, one with a
		// backslash and an n, and a line separator.
		payload := "9:4a\\nb\\\\nc\u2028d"
		w.want("POST", q, "d="+url.QueryEscape(payload), 200, "ok")
		if got := w.last().got(); got != "a\nb\\nc\u2028d" {
			t.Errorf("took %q", got)
		}
		w.want("GET", q, "", 200, `___eio[0]("9:4a\nb\\nc\u2028d");`)
		w.want("POST", q, "x=1", 200, "ok")
		w.wantEnd("")
	})
}

func TestOverlappingPolls(t *testing.T) {
	for eioParam, last := range map[string]string{"EIO=4": "1", "EIO=3": "1:1"} {
		bubble(t, config(), func(t *testing.T, w *world) {
			q := w.open(eioParam)
			answer := w.poll(q)
			w.want("GET", q, "", 400, "")
			wantAnswer(t, answer, last)
			w.want("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
			w.wantEnd("transport error")
		})
	}
}

func TestOverlappingUploads(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
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
		w.want("POST", q, "4x", 400, "")
		if status := <-first; status == 200 {
			t.Error("the first is answered 200")
		}
		rest.Close()
		w.wantEnd("transport error")
		if got := w.last().got(); got != "" {
			t.Errorf("took %q", got)
		}
	})
}

// TestUploadEndsBeforeItsAnswer posts again when the answer is written, which a client
// does that gets it at once.
func TestUploadEndsBeforeItsAnswer(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		post := func(rw http.ResponseWriter, body string) {
			w.ServeHTTP(rw, httptest.NewRequest("POST", "/socket.io/?"+q, strings.NewReader(body)))
		}
		second := httptest.NewRecorder()
		post(early{httptest.NewRecorder(), func() { post(second, "4b") }}, "4a")
		if second.Code != 200 || second.Body.String() != "ok" {
			t.Errorf("got %d %q", second.Code, second.Body)
		}
		w.want("GET", q, "", 200, "4a\x1e4b")
	})
}

// early is a response that something is done with before it is written.
type early struct {
	http.ResponseWriter
	do func()
}

func (e early) Write(p []byte) (int, error) {
	e.do()
	return e.ResponseWriter.Write(p)
}

// A client that polls and does not read holds its answer for a while only.
func TestAnswerThatIsNotTaken(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		w.last().session.Send(text("a"))
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

func TestAbortedPoll(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://x/socket.io/?"+q, nil)
		go func() {
			time.Sleep(5 * time.Millisecond)
			cancel()
		}()
		if _, err := w.http.Do(r); err == nil {
			t.Error("answered")
		}
		w.wantEnd("transport error")
		w.want("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
	})
}

func TestUploadsThatEndASession(t *testing.T) {
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
			bubble(t, config(), func(t *testing.T, w *world) {
				q := w.open(c.eio)
				if status, _, _ := w.do("POST", q, c.body, "Content-Type", c.kind); status != c.status {
					t.Errorf("status %d", status)
				}
				w.want("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
				w.wantEnd(c.reason)
				if got := w.last().got(); got != "" && c.name != "trailing separator" {
					t.Errorf("took %q", got)
				}
			})
		})
	}
}

func TestUploadLimit(t *testing.T) {
	c := config()
	c.MaxPayload = 1000
	bubble(t, c, func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		w.want("POST", q, strings.Repeat("4", 1000), 200, "ok")
		w.want("POST", q, strings.Repeat("4", 1001), 413, "")
		// A length that is not announced.
		r, _ := http.NewRequest("POST", "http://x/socket.io/?"+q, io.MultiReader(strings.NewReader(strings.Repeat("4", 5000))))
		if resp, err := w.http.Do(r); err != nil || resp.StatusCode != 413 {
			t.Errorf("got %v %v", resp, err)
		}
		w.wantEnd("")
		w.want("POST", q, "4still", 200, "ok")
		if n := w.server.Stats().TooLarge; n != 2 {
			t.Errorf("%d too large", n)
		}
	})
}

func TestCloseOfPolling(t *testing.T) {
	t.Run("parked", func(t *testing.T) {
		bubble(t, config(), func(t *testing.T, w *world) {
			q := w.open("EIO=4")
			answer := w.poll(q)
			w.last().session.Close("kicked")
			wantAnswer(t, answer, "1")
			w.want("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
			w.wantEnd("kicked")
		})
	})
	t.Run("last words", func(t *testing.T) {
		bubble(t, config(), func(t *testing.T, w *world) {
			q := w.open("EIO=4")
			s := w.last().session
			s.Send(text("bye"))
			s.Close("kicked")
			if s.Send(text("late")) || w.server.Sessions() != 0 {
				t.Error("it is still open")
			}
			<-s.Done()
			w.want("POST", q, "4x", 200, "ok")
			w.want("GET", q, "", 200, "4bye")
			w.want("GET", q, "", 200, "1")
			w.want("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
			if got := w.last().got(); got != "" {
				t.Errorf("took %q", got)
			}
		})
	})
	t.Run("never polled", func(t *testing.T) {
		bubble(t, config(), func(t *testing.T, w *world) {
			q := w.open("EIO=4")
			w.last().session.Close("kicked")
			time.Sleep(31 * time.Second)
			w.want("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
		})
	})
	t.Run("by the client", func(t *testing.T) {
		bubble(t, config(), func(t *testing.T, w *world) {
			q := w.open("EIO=3")
			answer := w.poll(q)
			w.want("POST", q, "1:1", 200, "ok")
			wantAnswer(t, answer, "1:6")
			w.want("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
			w.wantEnd("transport close")
		})
	})
}

func TestRetiredPoll(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		answer := w.poll(q)
		close(w.done)
		wantAnswer(t, answer, "6")
		w.wantEnd("")
	})
}

func TestCompressedPoll(t *testing.T) {
	c := config()
	c.Compression = true
	bubble(t, c, func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		for _, c := range []struct {
			m    *eio.Message
			want string
		}{
			{text(strings.Repeat("a", 2000)), "gzip"},
			{text("short"), ""},
			{eio.NewMessage([]byte(strings.Repeat("a", 2000)), nil, false), ""},
		} {
			w.last().session.Send(c.m)
			_, body, h := w.do("GET", q, "", "Accept-Encoding", "gzip")
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
	bubble(t, config(), func(t *testing.T, w *world) {
		w.accept = func(p *peer) error {
			p.onText = func(p *peer, s string) error {
				if s == "panic" {
					panic("of the receiver")
				}
				p.session.Close("by receiver")
				if p.ended() != "" {
					t.Error("closed while it receives")
				}
				return nil
			}
			return nil
		}
		q := w.open("EIO=4")
		w.want("POST", q, "4close\x1e4more", 200, "ok")
		w.wantEnd("by receiver")
		if got := w.last().got(); got != "close" {
			t.Errorf("took %q", got)
		}
		q = w.open("EIO=4")
		w.want("POST", q, "4panic", 400, "")
		w.wantEnd("forced close")
		c := w.ws("EIO=4")
		c.wantOpen()
		c.send("4panic")
		if got := c.next(); !strings.Contains(got, "close") && !strings.Contains(got, "EOF") {
			t.Errorf("got %q", got)
		}
		w.wantEnd("forced close")
	})
}
