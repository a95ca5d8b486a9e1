package backend_test

import (
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// placements are lines of a backend, and the placeholder that is refused in them.
var placements = []struct{ lines, refused string }{
	// Upstreams.
	{"reverse_proxy {event.args.0}", "{event.args.0} in the address"},
	{"reverse_proxy app-{socket.auth.n}:80", "{socket.auth.n} in the address"},
	{"reverse_proxy {socket.data.host}:80 {event.name}:80", "{event.name} in the address"},
	{"reverse_proxy {http.request.header.X-App}:80", "{http.request.header.X-App} in the address"},
	{"reverse_proxy {query.app}:80", "{http.request.uri.query.app} in the address"},
	{"reverse_proxy {cookie.app}:80", "{http.request.cookie.app} in the address"},
	{"reverse_proxy {vars.app}:80", "{http.vars.app} in the address"},
	{"reverse_proxy {made.up}:80", "{made.up} in the address"},
	{"reverse_proxy {\ndynamic a {event.name} 80\n}", "{event.name} in the address"},
	{"vars app {event.args.0}\nreverse_proxy {vars.app}:80", "{http.vars.app} in the address"},
	{"vars a {event.args.0}\nvars b {vars.a}\nreverse_proxy {vars.b}:80", "{http.vars.b} in the address"},
	{"map {event.args.0} {app} {\n~^(.*)$ $1\n}\nreverse_proxy {app}:80", "{app} in the address"},
	{"map {event.args.0} {app} {\na {event.args.1}\n}\nreverse_proxy {app}:80", "{app} in the address"},
	{"map {event.args.0} {app} {\na b\ndefault {http.request.header.X}\n}\nreverse_proxy {app}:80", "{app} in the address"},
	{"map {event.args.0} {http.request.header.x} {\na b\n}\nreverse_proxy {http.request.header.x}:80", "{http.request.header.x} in the address"},
	{"map {event.args.0} {kind} {\n~(.*) $1\n}\nvars app {kind}\nreverse_proxy {vars.app}:80", "{http.vars.app} in the address"},
	{"reverse_proxy app:443 {\ntransport http {\ntls_server_name {event.name}\n}\n}", "{event.name} in transport.tls.server_name of the HTTP handler reverse_proxy"},
	// Host, method, names of headers, and headers that mean more to HTTP than a value.
	{"reverse_proxy app:80 {\nheader_up Host {event.args.0}\n}", "{event.args.0} in the header Host"},
	{"reverse_proxy app:80 {\nheader_up host {vars.h}\n}", "{http.vars.h} in the header Host"},
	{"request_header Host {event.args.0}\nreverse_proxy app:80", "{event.args.0} in the header Host"},
	{"request_header {event.args.0} x\nreverse_proxy app:80", "{event.args.0} in request.set of the HTTP handler headers"},
	{"request_header {env.NAME} {event.args.0}\nreverse_proxy app:80", "{event.args.0} in request.set"},
	{"vars {env.NAME} {event.args.0}\nreverse_proxy app:80", "{event.args.0} in"},
	{"request_header Connection {event.args.0}\nreverse_proxy app:80", "{event.args.0} in request.set.Connection"},
	{"request_header X-Http-Method-Override {event.args.0}\nreverse_proxy app:80", "{event.args.0} in request.set.X-Http-Method-Override"},
	{"request_header Webhook-Id {event.args.0}\nreverse_proxy app:80", "{event.args.0} in request.set.Webhook-Id"},
	{"request_header X-A x {event.args.0}\nreverse_proxy app:80", "{event.args.0} in request.replace"},
	{"method {event.args.0}\nreverse_proxy app:80", "{event.args.0} in method of the HTTP handler rewrite"},
	{"vars m {event.args.0}\nmethod {vars.m}\nreverse_proxy app:80", "{http.vars.m} in method"},
	// URIs.
	{"uri strip_prefix /{event.name}\nreverse_proxy app:80", "{event.name} in strip_path_prefix"},
	{"uri replace /a {event.name}\nreverse_proxy app:80", "{event.name} in uri_substring"},
	{"uri path_regexp /a {event.name}\nreverse_proxy app:80", "{event.name} in path_regexp"},
	{"uri query +{event.name} x\nreverse_proxy app:80", "{event.name} in query.add.key"},
	{"rewrite /x?{event.name}=1\nreverse_proxy app:80", "{event.name} in the query"},
	{"rewrite /x/{event.name}.json\nuri strip_suffix .json\nreverse_proxy app:80", "strip_path_suffix beside {event.name}"},
	{"rewrite /x/{event.name}\nuri strip_prefix /x\nreverse_proxy app:80", "strip_path_prefix beside {event.name}"},
	{"rewrite /x/{event.name}\nuri replace - x\nreverse_proxy app:80", "uri_substring beside {event.name}"},
	{"rewrite /x/{event.name}\nuri path_regexp [^a-z] x\nreverse_proxy app:80", "path_regexp beside {event.name}"},
	{"rewrite /x?a={event.name}\nuri replace %26 &\nreverse_proxy app:80", "uri_substring beside {event.name}"},
	{"vars n {event.name}\nrewrite /x/{vars.n}\nhandle_path /x/* {\nreverse_proxy app:80\n}", "strip_path_prefix beside {http.vars.n}"},
	// Defaults, and placeholders inside of others.
	{"request_header X-A {socket.data.name:guest}\nreverse_proxy app:80", "{socket.data.name:guest} in a header"},
	{"request_header X-A {room.{event.args.0}.size}\nreverse_proxy app:80", "{room.{event.args.0}.size} in a header"},
	{"rewrite /x?a={event.name:b}\nreverse_proxy app:80", "{event.name:b} in uri of the HTTP handler rewrite"},
	{"respond `{\"ack\":[{jwt.sub:0},{room.game:1.size},{namespace.size}]}`", "{jwt.sub:0} in a body"},
	{"respond `{\"ack\":[{room.game:1.size},{namespace.size}]}`", ""},
	// Keys of JSON.
	{"respond `{\"{event.name}\":1}`", "{event.name} in the key of an object"},
	{"respond `{\"a {event.name}\" : [1]}`", "{event.name} in the key of an object"},
	{"respond `{\"ack\":[1], {event.args.0}:[2]}`", "{event.args.0} in the key of an object"},
	{"respond `{\"ack\":[{event.args.0},\"{event.name}: x\"],\"data\":{\"a\":{event.args.1}}}`", ""},
	{"rewrite /x?{event.name}\nreverse_proxy app:80", "{event.name} in the query"},
	// Files.
	{"root /srv/{event.name}\nfile_server", "{event.name} in the root"},
	{"vars root /srv/{event.name}\nfile_server", "{event.name} in the root"},
	{"file_server {\nroot /srv/{socket.auth.n}\n}", "{socket.auth.n} in the root"},
	{"file_server {\nfs {event.name}\n}", "{event.name} in fs of the HTTP handler file_server"},
	{"fs {event.name}\nfile_server", "{event.name} in fs of the HTTP handler vars"},
	{"php_fastcgi app:9000 {\nroot /srv/{event.name}\n}", "{event.name} in the root"},
	{"php_fastcgi app:9000 {\nenv APP {event.name}\n}", "{event.name} in transport.env.APP"},
	{"php_fastcgi app:9000 {\nsplit {event.name}\n}", "{event.name} in"},
	{"@f file {\nroot /srv/{event.name}\ntry_files /a\n}\nrespond @f 204", "{event.name} in the root"},
	// Variables that Caddy reads itself, and names.
	{"vars client_ip {event.name}\nreverse_proxy app:80", "{event.name} in client_ip of the HTTP handler vars"},
	{"vars trusted_proxy {event.name}\nreverse_proxy app:80", "{event.name} in trusted_proxy"},
	{"vars {event.name} x\nreverse_proxy app:80", "{event.name} in"},
	// Matchers with patterns.
	{"@m path /{event.name}\nrespond @m 204", "{event.name} in the matcher path"},
	{"@m header X-A {event.name}\nrespond @m 204", "{event.name} in the matcher header"},
	{"@m not header X-A {event.name}\nrespond @m 204", "{event.name} in the matcher header"},
	{"@m `file({'try_files': [{event.name}]})`\nrespond @m 204", "{event.name} in a string or a matcher"},
	{"@m `path('/{event.name}')`\nrespond @m 204", "{event.name} in a string or a matcher"},
	// Others.
	{"respond \"{}\" {event.args.0}", "{event.args.0} in status_code of the HTTP handler static_response"},
	{"error \"no\" {event.args.0}", "{event.args.0} in status_code of the HTTP handler error"},
	{"log_append name {event.name}\nrespond 204", "{event.name} in value of the HTTP handler log_append"},
	{"push {event.name}\nrespond 204", "{event.name} in"},
	{"tracing {\nspan {event.name}\n}\nrespond 204", "{event.name} in span of the HTTP handler tracing"},
	{"respond `{{\"{event.name}\"}}`", "{event.name} in the action of a template"},
	{"templates {\nbetween [[ ]]\n}\nrespond `{\"ack\":[\"{event.name}\"]}`", "delimiters of templates"},
	{"respond {socketio.0}", "{socketio.*}"},
	{"reverse_proxy app:80 {\nhandle_response {\nrespond \"{}\" {event.name}\n}\n}", "{event.name} in status_code"},
	{"handle {\nroute {\nreverse_proxy {event.name}:80\n}\n}", "{event.name} in the address"},
	{"intercept {\nhandle_response {\nreverse_proxy {event.name}:80\n}\n}\nrespond 204", "{event.name} in the address"},
	{"invoke proxy", "{event.name} in the address"},
	{"request_body {\nset name={event.args.0}\n}\nreverse_proxy app:80", ""},

	// The config's, the application's and the issuer's own choice.
	{"reverse_proxy {socket.data.host}:80", ""},
	{"reverse_proxy {jwt.tenant}:80", ""},
	{"reverse_proxy {env.APP}:80", ""},
	{"vars app {jwt.tenant}\nreverse_proxy {vars.app}:80", ""},
	{"vars app app\nreverse_proxy {vars.app}:80", ""},
	{"map {event.name} {app} {\norder a:80\ndefault b:80\n}\nreverse_proxy {app}", ""},
	{"reverse_proxy app:80 {\nheader_up Host {host}\nheader_up X-Real-IP {remote_host}\n}", ""},
	{"reverse_proxy app:443 {\nheader_up Host {upstream_hostport}\ntransport http {\ntls\ntls_server_name {http.reverse_proxy.upstream.host}\n}\n}", ""},
	{"root /srv/{socket.data.tenant}\nfile_server", ""},
	{"root /srv\nphp_fastcgi app:9000", ""},
	{"root /srv\nrewrite /x/{event.name}\nphp_fastcgi app:9000 {\nroot /srv/{jwt.tenant}\n}", ""},
	{"forward_auth app:80 {\nuri /auth\ncopy_headers X-User\n}\nreverse_proxy app:80", ""},
	{"@m vars {event.name} order\nrespond @m 204", ""},
	{"@m vars_regexp {event.args.0} ^[a-z]{1,9}$\nrespond @m 204", ""},
	{"@m `{event.name} == \"order\" && {event.args.0}.startsWith(\"{\") && path(\"/x\")`\nrespond @m 204", ""},
	{"rewrite /api{uri}\nreverse_proxy app:80", ""},
	{"rewrite /x?n={event.name}&{query}\nreverse_proxy app:80", ""},
	{"uri query +name {event.name}\nreverse_proxy app:80", ""},
	{"error \"no event {event.name}\" 404", ""},
	{"try_files /{event.name}.json /none.json\nfile_server", ""},
	{"uri path_regexp ^/[a-z]{2} /\nreverse_proxy app:80", ""},
}

func TestBackendRefusesClientValuesInOtherPlaces(t *testing.T) {
	named := "&(proxy) {\nreverse_proxy {event.name}:80\n}\n"
	for _, test := range placements {
		err := sitetest.Validate(t, named, sitetest.BackendDirective(test.lines))
		if strings.HasPrefix(test.lines, "request_body") {
			if err == nil || !strings.Contains(err.Error(), "no JSON") {
				t.Errorf("%s: got %v", test.lines, err)
			}
		} else if test.refused == "" && err != nil || test.refused != "" && (err == nil || !strings.Contains(err.Error(), "unexpected "+test.refused)) {
			t.Errorf("%s: got %v", test.lines, err)
		}
	}
}

func TestBackendRefusesRecursiveNamedRoutes(t *testing.T) {
	err := sitetest.Validate(t, "&(again) {\nrewrite /x/{event.name}\ninvoke again\n}\n", sitetest.BackendDirective("invoke again"))
	if err == nil || !strings.Contains(err.Error(), "again invokes itself") {
		t.Errorf("got %v", err)
	}
}

// A value of a client that a rule keeps is the choice of the client wherever it is
// used.
func TestBackendFollowsValuesKeptByRules(t *testing.T) {
	for value, refused := range map[string]bool{
		"{event.args.0}": true, "{socket.auth.host}": true, "{http.request.header.X}": true, "x{query.host}": true,
		`{"a":{"b":"{event.args.0}"}}`: true, "{socket.data.other}": true,
		"{socket.data.other:x}": true, "{socket.data.other.host:x}": true, "{jwt.host:{event.args.0}}": true, "{event.args.0:x}": true,
		"{jwt.host:app}": false,
		"{jwt.host}":     false, "app": false, "{env.APP}": false, "{http.auth.user.id}": false,
	} {
		err := sitetest.Validate(t, "", `socketio {
			namespace /app {
				on connect {
					set host `+"`"+value+"`"+`
					set other {socket.auth.other}
				}
				on * {
					backend {
						reverse_proxy {socket.data.host}:80
					}
				}
			}
		}`)
		if got := err != nil && strings.Contains(err.Error(), "unexpected {socket.data.host} in the address"); got != refused || err != nil && !got {
			t.Errorf("%s: got %v", value, err)
		}
	}
}
