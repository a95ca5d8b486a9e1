package browserclient

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Values of the header Cache-Control. A URL without a version has another file after an
// update, so that caches have to revalidate.
const (
	revalidated = "public, max-age=0"
	immutable   = "public, max-age=31536000, immutable"
)

// ServeFile writes a file of the client for a GET or HEAD request. The caller has checked
// the name by [Client.Has]. If the browser accepts gzip, it gets the file as embedded.
//
// The file can be cached forever if the parameter v of the query is the version, as in
// socket.io.js?v=4.8.4. Otherwise caches revalidate it by the ETag, which is the version.
// An error means that the file was not written completely.
func (c *Client) ServeFile(w http.ResponseWriter, r *http.Request, name string, acceptsGzip bool) error {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	h.Set("ETag", c.etag())
	h.Set("Cache-Control", revalidated)
	if r.URL.Query().Get("v") == c.Version {
		h.Set("Cache-Control", immutable)
	}
	if matchesETag(r.Header.Values("If-None-Match"), c.etag()) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	file, err := dist.Open(c.distPath(name))
	if err != nil {
		return err
	}
	defer file.Close()
	h.Set("Content-Type", contentType(name))
	content := io.Reader(file)
	if acceptsGzip {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	} else if content, err = gzip.NewReader(file); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err = io.Copy(w, content)
	return err
}

// matchesETag reports whether the header If-None-Match names an ETag, as a strong or a weak
// one.
func matchesETag(lines []string, etag string) bool {
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if part = strings.TrimSpace(part); part == "*" || strings.TrimPrefix(part, "W/") == etag {
			return true
		}
	}
	return false
}
