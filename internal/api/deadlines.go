package api

import (
	"net/http"
	"time"
)

const (
	// maxBodyTime is how long the body of a request may take to arrive, streams excepted.
	maxBodyTime = 30 * time.Second
	// A client may take minReplyTime to read a reply, and a second more for each
	// minReplyRate bytes.
	minReplyTime = 30 * time.Second
	minReplyRate = 32 << 10
)

// limitBodyTime limits how long a request's body may take to arrive. It has no effect if
// the writer does not support deadlines.
func limitBodyTime(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(maxBodyTime))
	if r.ProtoMajor == 1 && r.Method != http.MethodPost {
		// The operation does not read that body. On a connection that is kept alive,
		// net/http would read it before it writes the reply.
		w.Header().Set("Connection", "close")
	}
}

// liftReadDeadline removes the deadline of a body that was read. Otherwise net/http,
// which reads on in the background, would take an expired deadline for the end of the
// connection.
func liftReadDeadline(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}

// liftDeadlines removes the deadlines of a request, until its reply is written.
func liftDeadlines(w http.ResponseWriter) {
	liftReadDeadline(w)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
}

// limitReplyTime limits how long writing a reply of a size in bytes may take.
func limitReplyTime(w http.ResponseWriter, size int) {
	limit := minReplyTime + time.Duration(size/minReplyRate)*time.Second
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit))
}
