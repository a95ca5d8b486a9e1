// Package hopbyhop leaves the headers of one connection out of a copied header.
package hopbyhop

import (
	"net/http"
	"strings"
)

// IsHeader reports whether a header concerns one connection only (RFC 9110, 7.6.1) or
// the WebSocket handshake. The name is in canonical form.
func IsHeader(name string) bool {
	switch name {
	case ":protocol", "Connection", "Upgrade", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Proxy-Connection":
		return true
	}
	return strings.HasPrefix(name, "Sec-Websocket-")
}

// CopyHeader returns a copy of a header without the names that are excluded and without
// the names that its field Connection lists. The copy has room for a number of further
// names.
func CopyHeader(from http.Header, further int, isExcluded func(name string) bool) http.Header {
	count := 0
	for _, values := range from {
		count += len(values)
	}
	header := make(http.Header, len(from)+further)
	all := make([]string, 0, count)
	for name, values := range from {
		if isExcluded(name) {
			continue
		}
		at := len(all)
		all = append(all, values...)
		header[name] = all[at:len(all):len(all)]
	}
	for _, line := range from["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	return header
}
