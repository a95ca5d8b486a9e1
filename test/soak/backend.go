package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"
)

// startBackend runs the application that handles "work" and connects of /glob-*. One request in
// ten fails, in one of several ways.
func startBackend() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() { _ = http.Serve(l, http.HandlerFunc(handleEvent)) }() //nolint:gosec // ends with the listener
	return l, nil
}

func handleEvent(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Type string
		Args []json.RawMessage
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch rand.IntN(60) {
	case 0:
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	case 1:
		panic(http.ErrAbortHandler) // a reset connection
	case 2:
		time.Sleep(3 * time.Second) // longer than timeout
	case 3:
		fmt.Fprint(w, `{"ack":[`) // half a reply
		return
	case 4:
		fmt.Fprintf(w, `{"ack":[%q]}`, strings.Repeat("x", 2<<20)) // more than max_response
		return
	case 5:
		fmt.Fprint(w, `{"error":{"message":"no"}}`)
		return
	default:
		time.Sleep(rand.N(20 * time.Millisecond))
	}
	if event.Type == "connect" || len(event.Args) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	fmt.Fprintf(w, `{"ack":[%s],"data":{"work":%s}}`, event.Args[0], event.Args[0])
}
