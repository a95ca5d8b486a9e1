package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/tail"
	"go.yaml.in/yaml/v3"
)

// spec is openapi.yaml, or a part of it.
type spec map[string]any

func readSpec(t *testing.T) spec {
	t.Helper()
	text, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var s spec
	if err := yaml.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// descend follows keys and references. It returns nil if a key is absent.
func (s spec) descend(root spec, keys ...string) spec {
	for _, key := range keys {
		next, ok := s[key].(spec)
		if !ok {
			return nil
		}
		s = next.followRef(root)
	}
	return s
}

func (s spec) followRef(root spec) spec {
	ref, ok := s["$ref"].(string)
	if !ok {
		return s
	}
	found := root.descend(root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	if found == nil {
		panic("no " + ref)
	}
	return found
}

// listOperations returns the documented operations by the names of their paths. If a path
// has several methods, the names of all but GET begin with the method.
func (s spec) listOperations(t *testing.T) map[string]spec {
	t.Helper()
	found := make(map[string]spec)
	for path, methods := range s["paths"].(spec) {
		for method, op := range methods.(spec) {
			method, name := strings.ToUpper(method), strings.TrimPrefix(path, "/")
			real := operations[cmp.Or(name, StatusOperation)]
			if real[method] == nil {
				t.Errorf("%s %s: there is no such operation", method, path)
			}
			if len(real) > 1 && method != "GET" {
				name = method + " " + name
			} else if id := op.(spec)["operationId"]; id != cmp.Or(name, StatusOperation) {
				t.Errorf("%s: operation id %s", path, id)
			}
			found[name] = op.(spec)
		}
	}
	count := 0
	for _, op := range operations {
		count += len(op)
	}
	if len(found) != count {
		t.Errorf("%d operations are documented, there are %d", len(found), count)
	}
	return found
}

// validateValue checks a value against a schema, with the keywords that openapi.yaml
// uses.
func (s spec) validateValue(root spec, v any) error {
	s = s.followRef(root)
	for keyword, rule := range s {
		if err := s.checkKeyword(root, keyword, rule, v); err != nil {
			return err
		}
	}
	return nil
}

func (s spec) checkKeyword(root spec, keyword string, rule, v any) error {
	number, _ := v.(float64)
	list, _ := v.([]any)
	object, isObject := v.(map[string]any)
	text, isText := v.(string)
	wrong := false
	switch keyword {
	case "type":
		wrong = typeOfJSON(v, rule) != rule
	case "minimum":
		wrong = number < float64(rule.(int))
	case "minItems":
		wrong = len(list) < rule.(int)
	case "maxItems":
		wrong = len(list) > rule.(int)
	case "minLength":
		wrong = isText && len(text) < rule.(int)
	case "enum":
		wrong = !slices.Contains(rule.([]any), v)
	case "not":
		wrong = rule.(spec).validateValue(root, v) == nil
	case "oneOf":
		valid := 0
		for _, one := range rule.([]any) {
			if one.(spec).validateValue(root, v) == nil {
				valid++
			}
		}
		wrong = valid != 1
	case "required":
		for _, key := range rule.([]any) {
			if _, ok := object[key.(string)]; isObject && !ok {
				return fmt.Errorf("there is no %s in %v", key, v)
			}
		}
	case "items":
		for _, item := range list {
			if err := rule.(spec).validateValue(root, item); err != nil {
				return err
			}
		}
	case "properties":
		for key, schema := range rule.(spec) {
			if member, ok := object[key]; ok {
				if err := schema.(spec).validateValue(root, member); err != nil {
					return fmt.Errorf("%s: %w", key, err)
				}
			}
		}
	case "additionalProperties":
		return s.checkOthers(root, rule, object)
	case "description", "default":
	default:
		return fmt.Errorf("the test knows no %s", keyword)
	}
	if wrong {
		return fmt.Errorf("%v violates %s %v", v, keyword, rule)
	}
	return nil
}

func (s spec) checkOthers(root spec, rule any, object map[string]any) error {
	known, _ := s["properties"].(spec)
	for key, member := range object {
		if _, ok := known[key]; ok {
			continue
		}
		schema, ok := rule.(spec)
		if !ok {
			return fmt.Errorf("%s is not documented", key)
		}
		if err := schema.validateValue(root, member); err != nil {
			return err
		}
	}
	return nil
}

// typeOfJSON returns the type of a JSON value. An integer is a number, too.
func typeOfJSON(v, wanted any) string {
	switch v := v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case float64:
		if v == float64(int64(v)) && wanted == "integer" {
			return "integer"
		}
		return "number"
	}
	return "null"
}

// conformance makes requests, and checks the replies against the document.
type conformance struct {
	*fixture
	root       spec
	operations map[string]spec
	seen       map[string]bool // operation and status
}

func (c *conformance) checkReply(operation string, got response) {
	c.Helper()
	name, _, _ := strings.Cut(operation, "?")
	status := fmt.Sprint(got.status)
	response := c.operations[name].descend(c.root, "responses", status)
	if response == nil {
		c.Fatalf("%s: status %s is not documented: %s", operation, status, got.body)
	}
	c.seen[name+" "+status] = true
	schema := response.descend(c.root, "content", "application/json", "schema")
	var v any
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		c.Fatal(err)
	}
	if err := schema.validateValue(c.root, v); err != nil {
		c.Errorf("%s: %s: %v", operation, got.body, err)
	}
	if headers := response.descend(c.root, "headers"); headers != nil {
		for header, is := range headers {
			if err := is.(spec)["schema"].(spec).validateValue(c.root, got.header.Get(header)); err != nil || got.header.Get(header) == "" {
				c.Errorf("%s: header %s: %v", operation, header, err)
			}
		}
	}
}

// sendExamples sends the documented examples of an operation.
func (c *conformance) sendExamples(name string) {
	for contentType, content := range c.operations[name].descend(c.root, "requestBody", "content") {
		schema := content.(spec).descend(c.root, "schema")
		for title, example := range content.(spec)["examples"].(spec) {
			value := example.(spec)["value"]
			body, err := json.Marshal(value)
			if err != nil {
				c.Fatal(err)
			}
			if text, ok := value.(string); ok {
				body = []byte(text)
			}
			var v any
			if json.Unmarshal(body, &v) == nil {
				if err := schema.validateValue(c.root, v); err != nil {
					c.Errorf("%s: example %s: %v", name, title, err)
				}
			}
			got := c.sendRequest("POST", name, contentType, bytes.NewReader(body))
			if got.status != 200 {
				c.Errorf("%s: example %s: %s", name, title, got.body)
			}
			c.checkReply(name, got)
		}
	}
}

func TestRepliesConformToOpenAPI(t *testing.T) {
	root := readSpec(t)
	f, clients := newPopulatedFixture(t)
	c := &conformance{fixture: f, root: root, operations: root.listOperations(t), seen: make(map[string]bool)}
	for name, op := range c.operations {
		if strings.Contains(name, " ") || name == "tail" {
			continue // see checkDrain and checkTail
		}
		if op["requestBody"] == nil {
			c.checkReply(name, c.getReply(strings.Replace(name, "top", "top?for=10ms", 1)))
			c.checkReply(name, c.getReply(name+"?nonsense=1"))
		} else {
			c.sendExamples(name)
			c.checkReply(name, c.postJSON(name, `{"nonsense":1}`))
			c.checkReply(name, c.sendRequest("POST", name, "application/json", new(zeros)))
			c.checkReply(name, c.sendRequest("POST", name, "text/plain", nil))
			c.checkReply(name, c.postJSON(name+"?namespace=/nope", validBody[name]))
		}
		c.checkReply(name, c.sendRequest("PATCH", name, "", nil))
		if name != "" && op["requestBody"] == nil {
			c.checkReply(name, c.getReply(name+"?hub=nope"))
		}
	}
	c.checkReply("rooms", c.getReply("rooms?namespace=/chat&limit=2"))
	c.checkReply("sockets", c.getReply("sockets?namespace=/chat&limit=2"))
	c.checkReply("socket", c.getReply("socket?id="+clients[0].id))
	c.checkReply("socket", c.getReply("socket?id=unknown"))
	c.checkReply("emit", c.postJSON("emit", `[{"event":"x"},{}]`))
	c.checkReply("emit", c.postJSON("emit", "["+strings.Repeat("1,", 150)+"1]"))
	c.checkReply("emit", c.postLines(strings.NewReader("{}\n"+strings.Repeat("1\n", 150))))
	c.onRequest = func(context.Context, cluster.Request, func(cluster.Reply)) error { return errors.New("out of reach") }
	c.checkReply("server_side_emit", c.postJSON("server_side_emit", `{"event":"x","ack":{}}`))
	c.api.NotReady = func() []string { return []string{"memory"} }
	c.checkReply("health/ready", c.getReply("health/ready"))
	c.checkTail()
	c.checkTop()
	c.checkDrain()
	c.api.OnlyOperations = []string{}
	for name := range c.operations {
		method, path, several := strings.Cut(name, " ")
		if !several {
			path = name
			method = slices.Sorted(maps.Keys(operations[cmp.Or(name, StatusOperation)]))[0]
			if operations[name]["GET"] != nil {
				method = "GET"
			}
		}
		c.checkReply(name, c.sendRequest(method, path, "", nil))
	}
	c.checkSeen()
}

// checkTail makes the requests of the tail that fail, and one that ends at once.
func (c *conformance) checkTail() {
	c.Helper()
	c.checkReply("tail", c.getReply("tail?nonsense=1"))
	c.checkReply("tail", c.getReply("tail?hub=nope"))
	c.checkReply("tail", c.sendRequest("PATCH", "tail", "", nil))
	if status, contentType := c.probeTail(); status != 200 || contentType != "application/x-ndjson" {
		c.Errorf("tail: got status %d, %s", status, contentType)
	}
	c.seen["tail 200"] = true // its body is a stream
	for range 16 {
		t, err := c.tails.Open(tail.Filter{})
		if err != nil {
			c.Fatal(err)
		}
		defer t.Close()
	}
	c.checkReply("tail", c.getReply("tail"))
}

// checkTop makes as many measurements as may run, and one more.
func (c *conformance) checkTop() {
	c.Helper()
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	var running sync.WaitGroup
	for range 17 { // one of them is refused
		running.Go(func() {
			_, err := c.hub.MeasureActivity(ctx, hub.ActivityQuery{For: time.Minute})
			if err == hub.ErrTooManyMeasurements {
				c.checkReply("top", c.getReply("top"))
				cancel()
			}
		})
	}
	running.Wait()
}

// checkDrain makes the requests of the drain that change it.
func (c *conformance) checkDrain() {
	c.Helper()
	c.checkReply("POST drain", c.postJSON("drain", `{"over":"1h"}`))
	c.checkReply("POST drain", c.postJSON("drain", `{"nonsense":1}`))
	c.checkReply("POST drain", c.sendRequest("POST", "drain", "application/json", new(zeros)))
	c.checkReply("POST drain", c.sendRequest("POST", "drain", "text/plain", strings.NewReader("x")))
	c.checkReply("DELETE drain", c.sendRequest("DELETE", "drain", "", nil))
	c.checkReply("DELETE drain", c.sendRequest("DELETE", "drain?nonsense=1", "", nil))
	ended, cancel := context.WithCancel(c.Context())
	cancel()
	c.drainer.Shutdown(ended)
	c.checkReply("POST drain", c.postJSON("drain", `{}`))
	c.checkReply("DELETE drain", c.sendRequest("DELETE", "drain", "", nil))
}

// validBody has a valid request body of each operation.
var validBody = map[string]string{
	"emit": `{"event":"x"}`, "join": `{"rooms":["a"]}`, "leave": `{"rooms":["a"]}`,
	"disconnect": `{}`, "server_side_emit": `{"event":"x"}`,
}

func (c *conformance) checkSeen() {
	c.Helper()
	for name, op := range c.operations {
		for status := range op["responses"].(spec) {
			if !c.seen[name+" "+status] {
				c.Errorf("%q: status %s is documented, but no request got it", name, status)
			}
		}
	}
}

// The schemas have the fields of the Go types that they describe.
func TestOpenAPISchemasMatchTypes(t *testing.T) {
	root := readSpec(t)
	types := map[string]any{
		"Emit": Emit{}, "AckOptions": AckOptions{}, "BatchReply": BatchReply{}, "BatchError": BatchError{},
		"Membership": Membership{}, "Disconnect": Disconnect{}, "SocketsReply": SocketsReply{},
		"ServerSideEmit": ServerSideEmit{}, "ServerSideEmitReply": ServerSideEmitReply{}, "Status": Status{}, "HubStatus": HubStatus{},
		"ClusterState": cluster.State{}, "Totals": Totals{}, "NamespaceStatus": NamespaceStatus{}, "Health": Health{}, "Room": Room{},
		"Top": Top{}, "NamespaceActivity": hub.NamespaceActivity{}, "RoomActivity": hub.RoomActivity{}, "ClientQueue": hub.ClientQueue{},
		"Drain": Drain{}, "TailRecord": TailRecord{}, "DrainReply": DrainReply{},
		"Socket": Socket{}, "Handshake": Handshake{}, "EmitAckReply": EmitReply{},
		"SocketDetails": SocketDetails{}, "InspectedHandshake": hub.InspectedHandshake{}, "Queues": hub.Queues{}, "Traffic": hub.Traffic{},
		"LastEvent": hub.LastEvent{}, "SocketClose": hub.SocketClose{},
	}
	for name, value := range types {
		schema := root.descend(root, "components", "schemas", name)
		all, required := listFields(reflect.TypeOf(value))
		if documented := slices.Sorted(maps.Keys(schema["properties"].(spec))); !slices.Equal(documented, all) {
			t.Errorf("%s: documented %v, there are %v", name, documented, all)
		}
		var wanted []string
		list, _ := schema["required"].([]any)
		for _, key := range list {
			wanted = append(wanted, key.(string))
		}
		slices.Sort(wanted)
		if name != "EmitAckReply" && !slices.Equal(wanted, required) {
			t.Errorf("%s: documented as required %v, there are %v", name, wanted, required)
		}
	}
	for name := range root.descend(root, "components", "schemas") {
		if _, ok := types[name]; !ok && !slices.Contains([]string{"Error", "RoomName", "RequestID", "EmitReply", "EmitBatch", "EmitStream"}, name) {
			t.Errorf("schema %s is compared with no type", name)
		}
	}
}

// listFields returns the JSON fields of a struct: all fields, and the fields that are
// always present.
func listFields(typ reflect.Type) (all, required []string) {
	for _, field := range reflect.VisibleFields(typ) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue // a struct in the struct, or no part of the JSON
		}
		all = append(all, name)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	slices.Sort(all)
	slices.Sort(required)
	return all, required
}

func TestHeadRequestIsServed(t *testing.T) {
	f := newFixture(t)
	r := httptest.NewRequest("HEAD", "/socketio/rooms", nil)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" {
		t.Error(w.Code, w.Header())
	}
}
