package api

import (
	"net/http"
	"time"
)

const (
	// maxBodyTime is how long the body of a request may take, streams excepted.
	maxBodyTime = 30 * time.Second
	// minReplyTime is how long a client may take to read an answer, besides a second for
	// each minReplyRate bytes.
	minReplyTime = 30 * time.Second
	minReplyRate = 32 << 10
)

// limitBodyTime bounds how long a request's body may take. Where the writer knows no
// deadlines there is no bound.
func limitBodyTime(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(maxBodyTime))
	if r.ProtoMajor == 1 && r.Method != http.MethodPost {
		// Nothing reads that body. On a connection that is kept, net/http would do so
		// before it answers.
		w.Header().Set("Connection", "close")
	}
}

// liftReadDeadline lifts the bound on a body that was read. It would still matter:
// net/http goes on reading, and takes the deadline for the client's end.
func liftReadDeadline(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}

// liftDeadlines lifts the limits on how long a request may take, until it is answered.
func liftDeadlines(w http.ResponseWriter) {
	liftReadDeadline(w)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
}

// limitReplyTime bounds how long the writing of an answer may take.
func limitReplyTime(w http.ResponseWriter, size int) {
	patience := minReplyTime + time.Duration(size/minReplyRate)*time.Second
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience))
}
