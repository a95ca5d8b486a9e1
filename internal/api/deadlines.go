package api

import (
	"net/http"
	"time"
)

const (
	// bodyTime is how long the body of a request may take, streams excepted.
	bodyTime = 30 * time.Second
	// answerTime is how long a client may take to read an answer, besides a second for
	// each answerRate bytes.
	answerTime = 30 * time.Second
	answerRate = 32 << 10
)

// limitBody bounds how long a request's body may take. Where the writer knows no
// deadlines there is no bound.
func limitBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
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

// limitAnswer bounds how long the writing of an answer may take.
func limitAnswer(w http.ResponseWriter, size int) {
	patience := answerTime + time.Duration(size/answerRate)*time.Second
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience))
}
