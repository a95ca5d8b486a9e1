package socketio

import (
	"cmp"
	"net/http"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// pathWatcher warns of requests that a handler passes on, although they are meant for it.
// It warns once of each kind. A nil pathWatcher does nothing.
type pathWatcher struct {
	name, prefix, source string
	query                string // part of the query of every such request, if not empty
	log                  *zap.Logger

	rewritten, withoutSlash sync.Once
}

// watchRequest checks a request that is passed on.
func (p *pathWatcher) watchRequest(r *http.Request) {
	if p == nil {
		return
	}
	original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok || !strings.Contains(original.URL.RawQuery, p.query) {
		return
	}
	if original.URL.Path+"/" == p.prefix && r.URL.Path == original.URL.Path {
		p.warnOnce(&p.withoutSlash, r, original.URL.Path, "a request for the path without its last slash was passed on",
			"rewrite "+original.URL.Path+" "+p.prefix)
		return
	}
	if _, own := cutOwnPath(original.URL, p.prefix); own && r.URL.Path != original.URL.Path {
		p.warnOnce(&p.rewritten, r, original.URL.Path, "a rewrite, uri or try_files in front changes the path of requests for "+p.name,
			"give it a block of its own in front, handle "+p.prefix+"* { "+p.name+" }, and put the rest of the site into handle { }")
	}
}

func (p *pathWatcher) warnOnce(once *sync.Once, r *http.Request, original, message, fix string) {
	once.Do(func() {
		p.log.Warn(message, zap.String("at", cmp.Or(p.source, p.name+" on "+p.prefix)), zap.String("original_path", original), zap.String("path", r.URL.Path), zap.String("fix", fix))
	})
}
