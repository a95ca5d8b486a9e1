package engine

import (
	"net/url"
	"strings"
)

// plainQuery is the longest query that ParseQuery reads without url.ParseQuery, in bytes.
const plainQuery = 512

// Query holds the parameters of a request that the engine reads: the last value of each.
type Query struct {
	transport, revision, sid, jsonpIndex, base64 string
	named, jsonp                                 bool // sid and j occur, if only empty
}

// ParseQuery reads the query of a URL like [url.ParseQuery], whose error it returns. Then the
// other parameters are read. Official clients send queries without escapes: these cost no map.
func ParseQuery(raw string) (Query, error) {
	var q Query
	if len(raw) > plainQuery || strings.ContainsAny(raw, "%+;") {
		values, err := url.ParseQuery(raw)
		for name, all := range values {
			q.setParameter(name, all[len(all)-1])
		}
		return q, err
	}
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		name, value, _ := strings.Cut(pair, "=")
		q.setParameter(name, value)
	}
	return q, nil
}

// NamesSession reports whether the request has a session id, if only an empty one.
func (q *Query) NamesSession() bool { return q.named }

func (q *Query) setParameter(name, value string) {
	switch name {
	case "transport":
		q.transport = value
	case "EIO":
		q.revision = value
	case "sid":
		q.sid, q.named = value, true
	case "j":
		q.jsonpIndex, q.jsonp = value, true
	case "b64":
		q.base64 = value
	}
}
