package backend_test

import (
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// serveFastCGI runs an application behind FastCGI. It returns its address and the
// environments of its requests, with the URI and the method.
func serveFastCGI(t *testing.T) (string, <-chan map[string]string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan map[string]string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = fcgi.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			env := fcgi.ProcessEnv(r)
			env["uri"], env["method"] = r.URL.RequestURI(), r.Method
			seen <- env
			w.WriteHeader(http.StatusNoContent)
		}))
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String(), seen
}

// A backend of PHP is asked for the handler's path too.
func TestBackendRequestOfPHPHasHandlersPathOnly(t *testing.T) {
	address, seen := serveFastCGI(t)
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "index.php"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "realtime"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "realtime", "say.php"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := sitetest.Serve(t, "root "+root+`
		socketio {
			namespace /app {
				on connect {
					backend {
						php_fastcgi `+address+`
					}
				}
				on * {
					backend {
						rewrite /realtime/{event.name}.php
						php_fastcgi `+address+`
					}
				}
			}
		}`)
	c := s.Connect()
	env := sitetest.Await(t, seen)
	if env["uri"] != "/socket.io/" || env["method"] != "POST" || env["DOCUMENT_URI"] != "/index.php" || env["SCRIPT_FILENAME"] != filepath.Join(root, "index.php") {
		t.Errorf("got %v", env)
	}
	c.Send(`42/app,["say"]`)
	if env = sitetest.Await(t, seen); env["DOCUMENT_URI"] != "/realtime/say.php" || env["uri"] != "/realtime/say.php" {
		t.Errorf("got %v", env)
	}
	c.Call(`42/app,1["../say"]`, `43/app,1[{"error":"Bad Request"}]`)
	c.Call(`42/app,1["say.php\u0000x"]`, `43/app,1[{"error":"Bad Request"}]`)
}

// Front controllers choose an action by REQUEST_URI.
func TestBackendPassesRewrittenURIToFrontControllers(t *testing.T) {
	address, seen := serveFastCGI(t)
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "index.php"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	php := "php_fastcgi " + address
	s := sitetest.Serve(t, "root "+root+`
		socketio {
			namespace /app {
				on none {
					backend {
						`+php+`
					}
				}
				on rewrite {
					backend {
						rewrite /realtime/{event.args.0}?x=1
						`+php+`
					}
				}
				on again {
					backend {
						rewrite /app/again
						uri strip_prefix /app
						`+php+`
					}
				}
				on prefix {
					backend {
						rewrite /app/realtime
						handle_path /app/* {
							`+php+`
						}
					}
				}
				on env {
					backend {
						rewrite /index.php
						`+php+` {
							env REQUEST_URI /chosen
						}
					}
				}
				on script {
					backend {
						rewrite /index.php
						`+php+`
					}
				}
			}
		}`)
	c := s.Connect()
	for _, test := range []struct{ event, uri string }{
		{`"none"`, "/socket.io/"},
		{`"rewrite","{http.request.host}☕ x"`, "/realtime/%7Bhttp.request.host%7D%E2%98%95%20x?x=1"},
		{`"again"`, "/again"},
		{`"prefix"`, "/realtime"},
		{`"env"`, "/chosen"},
		{`"script"`, "/index.php"},
	} {
		c.Send(`42/app,[` + test.event + `]`)
		env := sitetest.Await(t, seen)
		if env["uri"] != test.uri || env["SCRIPT_FILENAME"] != filepath.Join(root, "index.php") {
			t.Errorf("%s: got %s, script %s, want %s", test.event, env["uri"], env["SCRIPT_FILENAME"], test.uri)
		}
	}
}
