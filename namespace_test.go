package socketio

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddyserver/caddy/v2"
)

// invalidConfigs are configs of the socketio handler, and texts in their errors.
var invalidConfigs = map[string][]string{
	`{"pth":"/x/"}`:                                  {"http.handlers.socketio", `unknown field "pth"`},
	`{"path":"x"}`:                                   {`path "x"`, "expected a path"},
	`{"transports":["tcp"]}`:                         {`transport "tcp"`, "expected polling or websocket"},
	`{"protocols":[2]}`:                              {"protocol 2", "expected 3 or 4"},
	`{"ping_interval":"-5s"}`:                        {"ping_interval: unexpected value below 0"},
	`{"max_payload":-1}`:                             {"max_payload: unexpected value below 0"},
	`{"rate_limit":{}}`:                              {"rate_limit", "expected events a second, bytes a second, or both"},
	`{"rate_limit":{"events":-5}}`:                   {"rate_limit: unexpected -5", "expected events a second"},
	`{"rate_limit":{"burst":5}}`:                     {"rate_limit: expected a burst above 0 beside events"},
	`{"rate_limit":{"bytes":3000000000}}`:            {"rate_limit: bytes: expected a size a second"},
	`{"rate_limit":{"events":1,"bytes_burst":5}}`:    {"rate_limit: bytes_burst: expected bytes"},
	`{"rate_limit":{"bytes":10000}}`:                 {"rate_limit: bytes: unexpected 10000: expected 100000 or more"},
	`{"max_payload":6000,"rate_limit":{"bytes":99}}`: {"rate_limit: bytes: unexpected 99: expected 600 or more"},
	configWithRule(`"events":["a"],"rate_limit":{}`): {"on a: rate_limit: expected events a second"},
	configWithRule(`"events":["a"],"rate_limit":{"events":1,"bytes":1}`):                                              {"on a: rate_limit: unexpected bytes"},
	configWithRule(`"events":["connect"],"rate_limit":{"events":1}`):                                                  {"on connect: rate_limit is for events that clients emit"},
	configWithNamespace(`"rate_limits":[null]`):                                                                       {"rate_limits: entry 0 is null"},
	configWithNamespace(`"rate_limits":[{"events":1}]`):                                                               {"rate_limit: expected names or globs of rooms"},
	configWithNamespace(`"rate_limits":[{"rooms":[""],"events":1}]`):                                                  {"rate_limit: expected names or globs of rooms"},
	configWithNamespace(`"rate_limits":[{"rooms":["a"]}]`):                                                            {"rate_limit", "expected events a second, bytes a second, or both"},
	`{"origins":["https://a/b"]}`:                                                                                     {`origin "https://a/b"`, "expected *, null, file://, an origin"},
	`{"cookie":"a b"}`:                                                                                                {`cookie "a b"`, "expected the name"},
	`{"namespaces":[null]}`:                                                                                           {"namespaces: entry 0", "expected a namespace"},
	`{"namespaces":[{"name":"chat"}]}`:                                                                                {`namespace "chat"`, "begins with a slash"},
	`{"namespaces":[{"nam":"/chat"}]}`:                                                                                {`unknown field "nam"`},
	`{"namespaces":[{"name":"/a"},{"name":"/a"}]}`:                                                                    {"namespace /a is declared twice"},
	`{"namespaces":[{"name":"/a","max_sockets":-1}]}`:                                                                 {"namespace /a", "max_sockets"},
	`{"namespaces":[{"name":"/a","on":[null]}]}`:                                                                      {"namespace /a", "on: entry 0", "expected events"},
	`{"namespaces":[{"name":"/a","on":[{}]}]}`:                                                                        {"namespace /a", "expected the names of events"},
	`{"namespaces":[{"name":"/a","on":[{"events":[""]}]}]}`:                                                           {"namespace /a", "expected the name of an event"},
	`{"namespaces":[{"name":"/a","on":[{"events":["connect_error"]}]}]}`:                                              {"namespace /a", "on connect_error"},
	configWithHandler(`{"rooms":["a"]}`):                                                                              {"namespace /chat: on hi: position 0", "'handler'"},
	configWithHandler(`{"step":"join","rooms":["a"]}`):                                                                {"namespace /chat: on hi: position 0", "'handler'"}, // a former word
	configWithHandler(`{"handler":"jion"}`):                                                                           {"namespace /chat: on hi: position 0", "unknown module: socketio.handlers.jion"},
	configWithHandler(`{"handler":"join"}`):                                                                           {"namespace /chat: on hi: position 0", "expected one or more rooms"},
	configWithHandler(`{"handler":"join","romms":["a"]}`):                                                             {"namespace /chat: on hi: position 0", `unknown field "romms"`},
	configWithHandler(`{"handler":"leave","rooms":[""]}`):                                                             {"namespace /chat: on hi: position 0", "room 0: the name is empty"},
	configWithHandler(`{"handler":"join","rooms":["a"],"history":true}`):                                              {"namespace /chat: on hi: position 0", "add history ROOM... to the namespace"},
	`{"namespaces":[{"name":"/a","history":[null]}]}`:                                                                 {"history: entry 0 is null"},
	`{"namespaces":[{"name":"/a","history":[{}]}]}`:                                                                   {"history: expected names or globs of rooms"},
	`{"namespaces":[{"name":"/a","history":[{"rooms":[""]}]}]}`:                                                       {"history: expected names or globs of rooms, got an empty one"},
	`{"namespaces":[{"name":"/a","history":[{"rooms":["a"],"keep":1001}]}]}`:                                          {"history a: keep: unexpected 1001"},
	`{"namespaces":[{"name":"/a","history":[{"rooms":["a"],"for":-1}]}]}`:                                             {"history a: for: unexpected -1ns"},
	configWithHandler(`{"handler":"leave"}`):                                                                          {"namespace /chat: on hi: position 0", "expected one or more rooms"},
	configWithHandler(`{"handler":"emit"}`):                                                                           {"namespace /chat: on hi: position 0", "expected the name of an event"},
	configWithHandler(`{"handler":"emit","event":"connect"}`):                                                         {"namespace /chat: on hi: position 0", "reserved event name"},
	configWithHandler(`{"handler":"ack","args":["{event.a}"]}`):                                                       {"namespace /chat: on hi: position 0", "argument 0: unknown placeholder {event.a}"},
	configWithHandler(`{"handler":"set","key":"a"}`):                                                                  {"namespace /chat: on hi: position 0", "expected a value"},
	configWithRule(`"events":["room_occupied","connect"]`):                                                            {"on room_occupied connect: unexpected connect", "a rule of their own"},
	configWithRule(`"events":["a"],"rooms":["b"]`):                                                                    {"on a: unexpected rooms", "only room_occupied"},
	configWithRule(`"events":["room_vacated"],"rooms":[""]`):                                                          {"on room_vacated: rooms: expected names", "empty"},
	configWithRoomHandler(`{"handler":"join","rooms":["a"]}`):                                                         {"on room_occupied: join: without in or all it needs a socket"},
	configWithRoomHandler(`{"handler":"ack"}`):                                                                        {"on room_occupied: ack: it needs a socket"},
	configWithRoomHandler(`{"handler":"leave","in":["a"],"rooms":["{event.args.0}"]}`):                                {"leave: {event.args.0} needs a socket"},
	configWithRule(`"events":["a"],"parallel":257`):                                                                   {"on a: parallel: expected a number from 1 to 256"},
	configWithRule(`"events":["a"],"parallel":-1`):                                                                    {"on a: parallel: expected a number from 1 to 256"},
	configWithRule(`"events":["disconnect"],"parallel":2`):                                                            {"on disconnect: parallel is for events that clients emit"},
	configWithNamespace(`"use":[{"handler":"jion"}]`):                                                                 {"namespace /chat: use: position 0", "unknown module: socketio.handlers.jion"},
	configWithNamespace(`"every":[null]`):                                                                             {"namespace /chat: every: entry 0 is null"},
	configWithNamespace(`"every":[{"interval":"10ms"}]`):                                                              {"every: unexpected interval 10ms: expected one from 1s to 24h"},
	configWithNamespace(`"every":[{"interval":"1m","handle":[{"handler":"ack"}]}]`):                                   {"every 1m0s: ack: it needs a socket"},
	configWithNamespace(`"every":[{"interval":"1m","handle":[{"handler":"emit","event":"a"}]}]`):                      {"every 1m0s: emit: without to, except or broadcast it needs a socket"},
	configWithRoomHandler(`{"handler":"emit","event":"a"}`):                                                           {"on room_occupied: emit: without to, except or broadcast it needs a socket"},
	configWithRoomHandler(`{"handler":"emit","event":"a","to":["{socket.id}"]}`):                                      {"on room_occupied: emit: {socket.id} needs a socket"},
	configWithRoomHandler(`{"handler":"emit","event":"a","args":["{event.args.*}"],"broadcast":true}`):                {"emit: {event.args.*} needs a socket"},
	configWithRoomHandler(`{"handler":"emit","event":"{jwt.sub}","broadcast":true}`):                                  {"emit: {jwt.sub} needs a socket"},
	configWithRoomHandler(`{"handler":"backend","routes":[{"handle":[{"handler":"rewrite","uri":"/{socket.id}"}]}]}`): {"backend: {socket.id} needs a socket"},
}

// configWithRule, configWithHandler, configWithRoomHandler and configWithNamespace return the config
// of a socketio handler, with a part of its namespace.
func configWithRule(rule string) string { return configWithNamespace(`"on":[{` + rule + `}]`) }

func configWithHandler(handler string) string {
	return configWithRule(`"events":["hi"],"handle":[` + handler + `]`)
}

func configWithRoomHandler(handler string) string {
	return configWithRule(`"events":["room_occupied"],"handle":[` + handler + `]`)
}

func configWithNamespace(fields string) string {
	return `{"namespaces":[{"name":"/chat",` + fields + `}]}`
}

// TestInvalidJSONIsRefused proves that loading a config fails on an invalid value. The error
// names the place and the expected value.
func TestInvalidJSONIsRefused(t *testing.T) {
	for config, wants := range invalidConfigs {
		handler := `{"handler":"socketio",` + strings.TrimPrefix(config, "{")
		var c caddy.Config
		text := `{"admin":{"disabled":true},"apps":{"http":{"servers":{"x":{"listen":["127.0.0.1:0"],"routes":[{"handle":[` + handler + `]}]}}}}}`
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		err := caddy.Validate(&c)
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q in it", config, err, want)
			}
		}
	}
	if _, ok := Hub(DefaultHub); ok {
		t.Error("a refused config leaves a hub behind")
	}
}

func TestFormerNamesInJSONAreRefused(t *testing.T) {
	for cluster, want := range map[string]string{
		`{"engine":"redis"}`:                                   `cluster: the key "engine" is now "adapter": expected {"adapter": "redis"}`,
		`{"engine":"redis","urls":["redis://a"]}`:              `cluster: the key "engine" is now "adapter": expected {"adapter": "redis"}`,
		`{"engine":"redis_streams","adapter":"redis_streams"}`: `cluster: the key "engine" is now "adapter": expected {"adapter": "redis_streams"}`,
		`{"urls":["redis://a"]}`:                               `'adapter'`,
		`[]`:                                                   `load the cluster's adapter`,
	} {
		c := caddy.Config{
			Admin:   &caddy.AdminConfig{Disabled: true},
			AppsRaw: caddy.ModuleMap{"socketio": json.RawMessage(`{"cluster":` + cluster + `}`)},
		}
		if err := caddy.Validate(&c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", cluster, err, want)
		}
	}
}

// TestSettingsReachRoute proves that each setting changes the config of its route, and that
// the defaults are as documented.
func TestSettingsReachRoute(t *testing.T) {
	route := func(config string) hub.RouteConfig {
		var h Handler
		if err := json.Unmarshal([]byte(config), &h); err != nil {
			t.Fatal(err)
		}
		h.setDefaults()
		c := h.routeConfig()
		c.Engine.AllowOrigin = nil // no function equals another
		return c
	}
	defaults := hub.RouteConfig{
		ConnectTimeout: 45 * time.Second,
		Namespaces:     []string{},
		PerAddress:     hub.AddressLimits{MaxUnjoined: 5000, MaxNamespaces: 2000, MaxFailures: 100, FailureWindow: time.Minute},
		Engine: engine.Config{
			Path: "/socket.io/", Polling: true, WebSocket: true, V3: true, V4: true,
			PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, UpgradeTimeout: 10 * time.Second,
			MaxPayload: 1_000_000, MaxQueue: 2_000_000,
		},
	}
	if got := route(`{}`); !reflect.DeepEqual(got, defaults) {
		t.Errorf("without settings: %+v", got)
	}
	for setting, set := range map[string]func(*hub.RouteConfig){
		`"path":"/rt/"`:                       func(c *hub.RouteConfig) { c.Engine.Path = "/rt/" },
		`"transports":["polling"]`:            func(c *hub.RouteConfig) { c.Engine.WebSocket = false },
		`"transports":["websocket"]`:          func(c *hub.RouteConfig) { c.Engine.Polling = false },
		`"protocols":[3]`:                     func(c *hub.RouteConfig) { c.Engine.V4 = false },
		`"protocols":[4]`:                     func(c *hub.RouteConfig) { c.Engine.V3 = false },
		`"ping_interval":"1s"`:                func(c *hub.RouteConfig) { c.Engine.PingInterval = time.Second },
		`"ping_timeout":"1s"`:                 func(c *hub.RouteConfig) { c.Engine.PingTimeout = time.Second },
		`"connect_timeout":"1s"`:              func(c *hub.RouteConfig) { c.ConnectTimeout = time.Second },
		`"upgrade_timeout":"1s"`:              func(c *hub.RouteConfig) { c.Engine.UpgradeTimeout = time.Second },
		`"max_payload":5`:                     func(c *hub.RouteConfig) { c.Engine.MaxPayload, c.Engine.MaxQueue = 5, 10 },
		`"max_queue":5`:                       func(c *hub.RouteConfig) { c.Engine.MaxQueue = 5 },
		`"max_memory_per_connection":5000000`: func(c *hub.RouteConfig) { c.Engine.MaxMemory = 5_000_000 },
		`"max_connections":5`:                 func(c *hub.RouteConfig) { c.Engine.MaxConnections = 5 },
		`"rate_limit":{"events":5,"burst":6}`: func(c *hub.RouteConfig) { c.Engine.PacketRate = hub.Rate{PerSecond: 5, Burst: 6} },
		`"per_address":{"max_connections":5,"handshake_rate":1.5,"max_failures":-1}`: func(c *hub.RouteConfig) {
			c.PerAddress = hub.AddressLimits{
				MaxConnections: 5, HandshakeRate: 1.5, HandshakeBurst: 2, MaxUnjoined: 5000, MaxNamespaces: 2000, FailureWindow: time.Minute,
			}
		},
		`"per_address":{"max_unjoined":-1,"max_namespaces":1,"max_failures":2,"failure_window":"5s"}`: func(c *hub.RouteConfig) {
			c.PerAddress = hub.AddressLimits{MaxNamespaces: 1, MaxFailures: 2, FailureWindow: 5 * time.Second}
		},
		`"compression":true`:           func(c *hub.RouteConfig) { c.Engine.Compression = true },
		`"recovery":"1s"`:              func(c *hub.RouteConfig) { c.Recovery = time.Second },
		`"cookie":"io"`:                func(c *hub.RouteConfig) { c.Engine.Cookie = "io" },
		`"namespaces":[{"name":"/a"}]`: func(c *hub.RouteConfig) { c.Namespaces = []string{"/a"} },
	} {
		want := defaults
		set(&want)
		if got := route("{" + setting + "}"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", setting, got, want)
		}
	}
}
