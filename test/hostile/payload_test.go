package hostile_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// ackID finds the acknowledgements in the response to a poll, in any encoding.
var ackID = regexp.MustCompile(`4(?:3|61-)(\d+)\[`)

// TestPollEndsAfter16Packets posts more events at once than one response may acknowledge.
// Python clients refuse a payload of more than 16 packets. No ack is lost, the order is kept,
// and each message stays together with its attachment.
func TestPollEndsAfter16Packets(t *testing.T) {
	sharedProcess.startObserver(t)
	const events, maxPackets = 40, 16
	for name, test := range map[string]struct {
		query  string
		packet int // packets of one acknowledgement
	}{
		"4":                  {"EIO=4", 1},
		"4, binary":          {"EIO=4", 2},
		"4, JSONP":           {"EIO=4&j=0", 1},
		"3":                  {"EIO=3&b64=1", 1},
		"3, JSONP":           {"EIO=3&j=0", 1},
		"3, binary":          {"EIO=3", 2},
		"3, binary as text":  {"EIO=3&b64=1", 2},
		"3, binary in JSONP": {"EIO=3&j=0", 2},
	} {
		t.Run(name, func(t *testing.T) {
			c := sharedProcess.openPoller(t, "/socket.io/", test.query)
			old := strings.HasPrefix(test.query, "EIO=3")
			jsonp := strings.Contains(test.query, "j=")
			if !old {
				c.wantPost(buildPayload([]string{"40"}, old, jsonp), 200, "ok")
			}
			c.getPayload() // the connect packet or a tick; events before it are dropped
			var packets []string
			for i := range events {
				if test.packet == 1 {
					packets = append(packets, fmt.Sprintf(`42%d["echo"]`, 100+i))
					continue
				}
				packets = append(packets, fmt.Sprintf(`451-%d["echo",{"_placeholder":true,"num":0}]`, 100+i), buildAttachment(old))
			}
			c.wantPost(buildPayload(packets, old, jsonp), 200, "ok")
			for next := 100; next < 100+events; {
				a := c.getPayload()
				if a.status != 200 {
					t.Fatalf("poll: %d %q", a.status, a.body)
				}
				ids := ackID.FindAllStringSubmatch(a.body, -1)
				if len(ids)*test.packet > maxPackets {
					t.Errorf("%d acknowledgements in one response", len(ids))
				}
				for _, id := range ids {
					if id[1] != fmt.Sprint(next) {
						t.Fatalf("got acknowledgement %s, want %d", id[1], next)
					}
					next++
				}
			}
		})
	}
}

// buildAttachment returns a binary packet as text. old selects revision 3.
func buildAttachment(old bool) string {
	if old {
		return "b4AQID"
	}
	return "bAQID"
}

// buildPayload returns the body of a POST with packets. old selects revision 3.
func buildPayload(packets []string, old, jsonp bool) string {
	body := strings.Join(packets, "\x1e")
	if old {
		body = ""
		for _, p := range packets {
			body += fmt.Sprintf("%d:%s", len(p), p) // the packets are ASCII
		}
	}
	if jsonp {
		return "d=" + url.QueryEscape(body)
	}
	return body
}
