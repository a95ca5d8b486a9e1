package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// A client hears of an acknowledgement that can't be sent: its callback would wait for ever.
func TestAckThatCannotBeSentIsAnError(t *testing.T) {
	binary := `{"$binary":"AA=="}`
	eleven := "[" + strings.Repeat(binary+",", 10) + binary + "]"
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusNoContent, ""))
	s := sitetest.Serve(t, `socketio {
		namespace /app {
			on ack {
				ack {event.args.*} {event.args.0}
			}
			on twice {
				ack {event.args.*} {event.args.0}
				ack again
			}
			on emit {
				emit back {event.args.*} {event.args.0}
				ack done
			}
			on backend {
				backend {
					`+a.Proxy()+`
				}
			}
		}
		namespace /refused {
			on connect {
				backend {
					`+a.Proxy()+`
				}
			}
		}
	}`)
	c := s.Connect()
	files := func(event, id string) {
		t.Helper()
		placeholders := make([]string, 10)
		for i := range placeholders {
			placeholders[i] = `{"_placeholder":true,"num":` + string(rune('0'+i)) + `}`
		}
		c.Send(`4510-/app,` + id + `["` + event + `",` + strings.Join(placeholders, ",") + `]`)
		for range placeholders {
			if err := c.WriteMessage(2, []byte{0}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for id, event := range map[string]string{"1": "ack", "2": "twice", "3": "emit"} {
		files(event, id)
		c.Expect(`43/app,` + id + `[{"error":"internal error"}]`)
	}
	for _, answer := range []string{
		`{"ack":` + eleven + `,"join":["x"]}`, `{"ack":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`,
		`{"emit":[{"event":"x","args":` + eleven + `}],"ack":["ok"]}`, `{"emit":[{"event":"x","to":["x"],"args":` + eleven + `}],"ack":["ok"]}`,
	} {
		a.SetReply(sitetest.Reply(http.StatusOK, answer))
		c.Call(`42/app,4["backend"]`, `43/app,4[{"error":"service unavailable"}]`)
	}
	a.SetReply(sitetest.Reply(http.StatusOK, `{"ack":["`+strings.Repeat("x", 999_000)+`"]}`))
	c.Call(`42/app,5["backend"]`, `43/app,5["xxx*`)
	a.SetReply(sitetest.Reply(http.StatusForbidden, `{"error":{"message":"no","data":`+binary+`}}`))
	c.Call(`42/app,6["backend"]`, `43/app,6[{"error":"no"}]`)
	c.Call(`40/refused,`, `44/refused,{"message":"no"}`)
	c.Call(`42/app,7["backend"]`, `43/app,7[{"error":"no"}]`)
}
