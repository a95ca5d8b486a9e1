package reach

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
)

// ownHandler stands for the handlers that Find looks for.
type ownHandler struct {
	Path string `json:"path,omitempty"`
}

var (
	found   []Problem // by the handlers of the config that is provisioned
	reached bool      // by the request that is served
)

func (ownHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.socketio", New: func() caddy.Module { return new(ownHandler) }}
}

func (o *ownHandler) Provision(ctx caddy.Context) error {
	found = append(found, Find(ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server), &Handler{Name: "socketio", Prefix: o.Path}, parseOwn)...)
	return nil
}

func (o *ownHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if strings.HasPrefix(r.URL.Path, o.Path) && caddyhttp.CleanPath(r.URL.Path, true) == r.URL.Path {
		reached = true
	}
	return next.ServeHTTP(w, r) // one behind it is reached, too
}

func parseOwn(name string, config json.RawMessage) *Handler {
	if name != "socketio" {
		return nil
	}
	h := &Handler{Name: name, Suffixes: []string{""}}
	var o ownHandler
	if json.Unmarshal(config, &o) != nil {
		return nil
	}
	h.Prefix = o.Path
	return h
}

// unknownHandler is a module that Find does not know. It makes every path the own one.
type unknownHandler struct{}

func (unknownHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.stranger", New: func() caddy.Module { return new(unknownHandler) }}
}

func (unknownHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	r.URL.Path = "/a/"
	return next.ServeHTTP(w, r)
}

func init() {
	caddy.RegisterModule(ownHandler{})
	caddy.RegisterModule(unknownHandler{})
}

// provisionServer provisions a server with routes, and returns it and the problems found.
func provisionServer(t *testing.T, routes, named string) (*caddyhttp.Server, []Problem) {
	t.Helper()
	found = nil
	config := fmt.Sprintf(`{"servers":{"one":{"listen":["127.0.0.1:0"],"automatic_https":{"disable":true},"routes":%s,"named_routes":%s}}}`, routes, named)
	ctx, err := caddy.ProvisionContext(&caddy.Config{
		AppsRaw: caddy.ModuleMap{"http": []byte(config)},
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{WriterRaw: []byte(`{"output":"discard"}`)}}}},
	})
	if err != nil {
		t.Fatal(err, config)
	}
	app, err := ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*caddyhttp.App).Servers["one"], found
}

// TestProblemsAreFound holds Find to configs that only JSON can have.
func TestProblemsAreFound(t *testing.T) {
	const (
		a       = `{"handler":"socketio","path":"/a/"}`
		respond = `{"handler":"static_response"}`
		pass    = `{"handler":"vars"}`
	)
	for name, test := range map[string]struct{ routes, place string }{
		"alone":                    {`[{"handle":[` + a + `]}]`, ""},
		"behind an answer":         {`[{"handle":[` + respond + `]},{"handle":[` + a + `]}]`, "routes/1/handle/0"},
		"behind one in its route":  {`[{"handle":[` + respond + `,` + a + `]}]`, "routes/0/handle/1"},
		"terminal":                 {`[{"handle":[` + pass + `],"terminal":true},{"handle":[` + a + `]}]`, "routes/1/handle/0"},
		"terminal, other path":     {`[{"match":[{"path":["/b/*"]}],"terminal":true},{"handle":[` + a + `]}]`, ""},
		"terminal, same host":      {`[{"match":[{"host":["x"]}],"terminal":true},{"match":[{"host":["x"]}],"handle":[` + a + `]}]`, "routes/1/handle/0"},
		"terminal, wider host":     {`[{"match":[{"host":["*.x"]}],"terminal":true},{"match":[{"host":["y.x","z.x"]}],"handle":[` + a + `]}]`, "routes/1/handle/0"},
		"terminal, narrower host":  {`[{"match":[{"host":["y.x"]}],"terminal":true},{"match":[{"host":["*.x"]}],"handle":[` + a + `]}]`, ""},
		"terminal, other host":     {`[{"match":[{"host":["x"]}],"terminal":true},{"match":[{"host":["y"]}],"handle":[` + a + `]}]`, ""},
		"host set in between":      {`[{"match":[{"host":["x"]}],"terminal":true},{"handle":[{"handler":"headers","request":{"set":{"Host":["x"]}}}]},{"match":[{"host":["x"]}],"handle":[` + a + `]}]`, ""},
		"host in host":             {`[{"match":[{"host":["x"]}],"handle":[{"handler":"subroute","routes":[{"match":[{"host":["x"]}],"handle":[` + a + `]}]}]}]`, ""},
		"group, second":            {`[{"group":"g","handle":[` + pass + `]},{"group":"g","handle":[` + a + `]}]`, "routes/1/handle/0"},
		"group, first passes":      {`[{"group":"g","match":[{"path":["/a/*"]}],"handle":[` + pass + `]},{"group":"g","handle":[` + respond + `]},{"handle":[` + a + `]}]`, ""},
		"group, both answer":       {`[{"group":"g","match":[{"method":["GET"]}],"handle":[` + respond + `]},{"group":"g","handle":[` + respond + `]},{"handle":[` + a + `]}]`, "routes/2/handle/0"},
		"behind a stranger":        {`[{"handle":[{"handler":"rewrite","uri":"/b/"}]},{"handle":[{"handler":"stranger"}]},{"handle":[` + a + `]}]`, ""},
		"errors are caught":        {`[{"handle":[{"handler":"subroute","routes":[{"handle":[{"handler":"error"}]}],"errors":{"routes":[{"handle":[` + pass + `]}]}}]},{"handle":[` + a + `]}]`, ""},
		"errors are not caught":    {`[{"handle":[{"handler":"subroute","routes":[{"handle":[{"handler":"error"}]}]}]},{"handle":[` + a + `]}]`, "routes/1/handle/0"},
		"files pass through":       {`[{"handle":[{"handler":"file_server","pass_thru":true}]},{"handle":[` + a + `]}]`, ""},
		"a rewrite brings it here": {`[{"handle":[{"handler":"rewrite","uri":"/a/x?y"}]},{"match":[{"path":["/a/*"]}],"handle":[` + a + `]}]`, ""},
		"invoked":                  {`[{"handle":[{"handler":"invoke","name":"answer"}]},{"handle":[` + a + `]}]`, "routes/1/handle/0"},
		"invoked in circles":       {`[{"handle":[{"handler":"invoke","name":"circle"}]},{"handle":[` + a + `]}]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := provisionServer(t, test.routes, `{"answer":{"handle":[`+respond+`]},"circle":{"handle":[{"handler":"invoke","name":"circle"}]}}`)
			var place string
			for _, p := range problems {
				if p.Certain {
					place = p.Place
				}
				if p.Reason == "" || p.Fix == "" {
					t.Errorf("no reason or fix: %+v", p)
				}
			}
			if place != test.place {
				t.Errorf("got %q, want %q", place, test.place)
			}
		})
	}
}

// TestCertainProblemsAreCertain makes up routes, and compares each problem that is certain with Caddy
// itself: none of many requests reaches the handler.
func TestCertainProblemsAreCertain(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	certain, works := 0, 0
	for range 1000 {
		g := &generator{Rand: random}
		routes := g.makeRoutes(0, g.IntN(3)+1)
		owns := g.owns
		g.owns, g.inNamed = 1, true
		server, problems := provisionServer(t, routes, `{"n":`+g.makeRoute(2)+`}`)
		isCertain := slices.ContainsFunc(problems, func(p Problem) bool { return p.Certain })
		if isCertain {
			certain++
		}
		if owns == 0 {
			continue
		}
		if target := tryRequests(t, server); target != "" {
			works++
			if isCertain {
				t.Errorf("%s reaches it: %+v\n%s", target, problems, routes)
			}
		}
	}
	if certain < 100 || works < 100 {
		t.Errorf("the routes are too uniform: %d certain, %d work", certain, works)
	}
}

// tryRequests returns the first of many requests that reaches an own handler.
func tryRequests(t *testing.T, server *caddyhttp.Server) string {
	t.Helper()
	chain := server.Routes.Compile(caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
	for _, path := range []string{"/", "/a/", "/a/x", "/a/a/", "/a/a/x", "/A/", "/a/a/a/", "/b/", "/b/a/", "/b/a/x", "/b/b/a/", "/ba/", "/b/x", "/a", "//a/"} {
		for _, host := range []string{"x", "y.x", "z"} {
			for _, method := range []string{"GET", "POST"} {
				w := httptest.NewRecorder()
				r := httptest.NewRequestWithContext(t.Context(), method, "http://"+host+"/", nil)
				r.URL = &url.URL{Path: path}
				r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, server)
				reached = false
				_ = chain.ServeHTTP(w, r)
				if reached {
					return method + " " + host + path
				}
			}
		}
	}
	return ""
}

// generator makes up routes.
type generator struct {
	*rand.Rand
	owns    int
	inNamed bool // no route invokes itself
}

func (g *generator) pickOne(list ...string) string { return list[g.IntN(len(list))] }

func (g *generator) makeRoutes(depth, n int) string {
	list := make([]string, 0, n)
	for range n {
		list = append(list, g.makeRoute(depth))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func (g *generator) makeRoute(depth int) string {
	fields := []string{`"handle":[` + g.makeHandlers(depth) + `]`}
	if g.IntN(2) == 0 {
		fields = append(fields, `"match":[`+g.makeMatchers(depth)+`]`)
	}
	if g.IntN(3) == 0 {
		fields = append(fields, `"group":"`+g.pickOne("g", "h")+`"`)
	}
	if g.IntN(5) == 0 {
		fields = append(fields, `"terminal":true`)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func (g *generator) makeHandlers(depth int) string {
	var list []string
	for range g.IntN(2) + 1 {
		list = append(list, g.makeHandler(depth))
	}
	return strings.Join(list, ",")
}

func (g *generator) makeHandler(depth int) string {
	if depth < 3 && g.IntN(3) == 0 {
		errors := ""
		if g.IntN(4) == 0 {
			errors = `,"errors":{"routes":[{"handle":[{"handler":"vars"}]}]}`
		}
		return `{"handler":"subroute","routes":` + g.makeRoutes(depth+1, g.IntN(3)+1) + errors + `}`
	}
	if g.owns == 0 && g.IntN(3) == 0 {
		g.owns++
		return `{"handler":"socketio","path":"` + g.pickOne("/a/", "/a/", "/b/a/") + `"}`
	}
	if !g.inNamed && g.IntN(8) == 0 {
		return `{"handler":"invoke","name":"n"}`
	}
	return g.pickOne(`{"handler":"vars"}`, `{"handler":"static_response"}`, `{"handler":"static_response","status_code":103}`,
		`{"handler":"error"}`, `{"handler":"rewrite","uri":"/a/"}`, `{"handler":"rewrite","uri":"/b/x"}`, `{"handler":"rewrite","uri":"?x"}`,
		`{"handler":"rewrite","strip_path_prefix":"/a"}`, `{"handler":"rewrite","strip_path_prefix":"/b/"}`, `{"handler":"rewrite","strip_path_suffix":"x"}`,
		`{"handler":"rewrite","uri":"/a{http.request.uri.path}"}`, `{"handler":"headers","request":{"set":{"Host":["x"]}}}`, `{"handler":"stranger"}`)
}

func (g *generator) makeMatchers(depth int) string {
	var sets []string
	for range g.IntN(2) + 1 {
		fields := map[string]string{}
		for range g.IntN(2) + 1 {
			fields[g.pickOne("path", "path", "host", "method", "not", "path_regexp")] = ""
		}
		var set []string
		for name := range fields {
			set = append(set, `"`+name+`":`+g.makeMatcher(name, depth))
		}
		slices.Sort(set)
		sets = append(sets, "{"+strings.Join(set, ",")+"}")
	}
	return strings.Join(sets, ",")
}

func (g *generator) makeMatcher(name string, depth int) string {
	switch name {
	case "host":
		return `["` + g.pickOne("x", "*.x", "y.x", "*", "z") + `"]`
	case "method":
		return `["` + g.pickOne("GET", "POST") + `"]`
	case "path_regexp":
		return `{"pattern":"` + g.pickOne("^/a", "^/b", "x$") + `"}`
	case "not":
		if depth < 3 {
			return "[" + g.makeMatchers(depth+1) + "]"
		}
	}
	patterns := []string{"*", "/*", "/a/*", "/a*", "/b/*", "/a/", "*/x", "*a*", "/a/*/x", "/?/*", "/{http.request.host}/*", "/%61/*", "/A/*", "//a/*"}
	if name == "not" {
		return `[{"path":["` + g.pickOne(patterns...) + `"]}]`
	}
	return `["` + g.pickOne(patterns...) + `","` + g.pickOne(patterns...) + `"]`
}
