package hub

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// hasRecord reports whether a record is found.
func hasRecord(c *closedSockets, id string) bool {
	_, ok := c.findRecord(&InspectionQuery{ID: id})
	return ok
}

func TestRecordsOfClosedSocketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c closedSockets
		for i := range maxClosedSockets + 5 {
			c.addRecord(closedSocket{id: strconv.Itoa(i), closed: time.Now()})
		}
		if len(c.list) != maxClosedSockets || hasRecord(&c, "4") || !hasRecord(&c, "5") || !hasRecord(&c, strconv.Itoa(maxClosedSockets+4)) {
			t.Errorf("%d records are kept, of which 4: %t, 5: %t", len(c.list), hasRecord(&c, "4"), hasRecord(&c, "5"))
		}
		time.Sleep(closedSocketTime + time.Second)
		if hasRecord(&c, "5") {
			t.Error("an expired record is found")
		}
		c.addRecord(closedSocket{id: "new", closed: time.Now()})
		if len(c.list) != 1 || !hasRecord(&c, "new") {
			t.Errorf("%d records are kept, want the new one", len(c.list))
		}
	})
}

// A recovered socket may be lost twice.
func TestNewestRecordOfSocketIsFound(t *testing.T) {
	var c closedSockets
	now := time.Now()
	c.addRecord(closedSocket{id: "a", reason: "ping timeout", closed: now.Add(-time.Second)})
	c.addRecord(closedSocket{id: "a", reason: "transport close", closed: now})
	if s, _ := c.findRecord(&InspectionQuery{ID: "a"}); s.reason != "transport close" {
		t.Errorf("got %s", s.reason)
	}
}

func BenchmarkRecordOfClosedSocket(b *testing.B) {
	var c closedSockets
	s := closedSocket{id: "0DnpsOhc8LHcliaRJimd", namespace: "/", closed: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		c.addRecord(s)
	}
}
