package api

import (
	"strings"
	"testing"
	"time"
)

func TestDrainClosesConnections(t *testing.T) {
	f, clients := newPopulatedFixture(t)
	f.checkResponse(f.getReply("drain"), 200, `{"state":"serving","connections":3,"total":0,"over":"0s","left":"0s"}`)
	if got := f.postJSON("drain", `{"over":"1h"}`); !strings.HasPrefix(got.body, `{"state":"draining","connections":3,"total":3,"over":"1h0m0s","left":"`) {
		t.Errorf("got %s", got.body)
	}
	f.checkResponse(f.sendRequest("DELETE", "drain", "", nil), 200, `{"state":"serving","connections":3,"total":0,"over":"0s","left":"0s"}`)
	f.postJSON("drain", `{"over":"0s"}`)
	for _, c := range clients {
		if got := c.readPacket(); got != "1" {
			t.Errorf("got packet %q", got)
		}
	}
	const drained = `{"state":"drained","connections":0,"total":3,"over":"0s","left":"0s"}`
	deadline := time.Now().Add(10 * time.Second)
	for strings.TrimSpace(f.getReply("drain").body) != drained {
		if time.Now().After(deadline) {
			t.Fatalf("got %s", f.getReply("drain").body)
		}
	}
}

func TestDrainRefusesBadRequests(t *testing.T) {
	f := newFixture(t)
	for _, over := range []string{"soon", "-1s", "61m", "5"} {
		f.checkResponse(f.postJSON("drain", `{"over":"`+over+`"}`), 400, `over: unexpected "`+over+`", expected a duration from 0s to 1h, like 30s`)
	}
	f.checkResponse(f.postJSON("drain?hub=default", `{}`), 400, "hub: unknown in a query, expected no key")
	f.checkResponse(f.sendRequest("PUT", "drain", "", nil), 405, "method PUT is not allowed: expected DELETE, GET, POST")
	f.api.OnlyHub = "default"
	for _, method := range []string{"GET", "POST", "DELETE"} {
		f.checkResponse(f.sendRequest(method, "drain", "", nil), 403, "drain is not allowed here, as it closes the connections of all hubs and namespaces")
	}
}
