package require

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// subject is the part of a socket that expressions read. A *hub.Socket implements it.
type subject interface {
	ID() string
	Namespace() *hub.Namespace
	Rooms() []string
	Data() sio.Data
	Handshake() hub.Handshake
	Status() hub.Status
}

// valueSource returns the values that handlers keep by name. A *hub.Event implements
// it.
type valueSource interface {
	Lookup(key string) (sio.Data, bool)
}

// scope has the variables of one evaluation of an expression. Each value is made once,
// with its first use.
type scope struct {
	event  *hub.Event
	socket subject
	values valueSource

	objects          [5]object // socket, event, http, http.request, room
	args             ref.Val
	auth, data, jwt  lazy
	http             *http.Request
	header, queryMap ref.Val
	cookies          ref.Val
	input            int // bytes of the client's JSON that were parsed
}

func newScope(ev *hub.Event, socket subject, values valueSource) *scope {
	s := &scope{event: ev, socket: socket, values: values}
	for i, t := range []*objectType{socketType, eventType, httpType, requestType, roomType} {
		s.objects[i] = object{objectType: t, scope: s}
	}
	return s
}

// ResolveName returns the variable of that name.
func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "socket":
		return &s.objects[0], true
	case "event":
		return &s.objects[1], true
	case "http":
		return &s.objects[2], true
	case "jwt":
		return s.readClaims(), true
	case "room":
		return &s.objects[4], true
	}
	return nil, false
}

// Parent returns nil: there are no other variables.
func (s *scope) Parent() cel.Activation { return nil }

// The types of the variables. [Handler] documents them.
var (
	socketType = newObjectType("socketio.Socket", fields{
		"id":        newField(types.StringType, func(s *scope) any { return s.socket.ID() }),
		"namespace": newField(types.StringType, func(s *scope) any { return s.socket.Namespace().Name() }),
		"rooms":     newField(types.NewListType(types.StringType), func(s *scope) any { return s.socket.Rooms() }),
		"transport": newField(types.StringType, func(s *scope) any { return s.socket.Status().Transport }),
		"auth":      newField(types.DynType, (*scope).authData),
		"data":      newField(types.NewMapType(types.StringType, types.DynType), (*scope).socketData),
	})
	eventType = newObjectType("socketio.Event", fields{
		"name":   newField(types.StringType, func(s *scope) any { return s.event.Name }),
		"args":   newField(types.NewListType(types.DynType), (*scope).listArguments),
		"reason": newField(types.StringType, func(s *scope) any { return s.event.Reason }),
		"ack":    newField(types.BoolType, func(s *scope) any { return s.event.WantsAck() }),
	})
	httpType = newObjectType("socketio.HTTP", fields{
		"request": newField(requestType.cel, func(s *scope) any { return &s.objects[3] }),
		"address": newField(types.StringType, func(s *scope) any { return s.socket.Handshake().Address }),
		"secure":  newField(types.BoolType, func(s *scope) any { return s.socket.Handshake().Secure }),
		"user":    newField(types.StringType, (*scope).authenticatedUser),
	})
	requestType = newObjectType("socketio.Request", fields{
		"method": newField(types.StringType, func(s *scope) any { return s.openingRequest().Method }),
		"host":   newField(types.StringType, func(s *scope) any { return s.openingRequest().Host }),
		"uri":    newField(types.StringType, func(s *scope) any { return s.openingRequest().RequestURI }),
		"path":   newField(types.StringType, func(s *scope) any { return s.openingRequest().URL.Path }),
		"query":  newField(textsType, (*scope).queryValues),
		"header": newField(textsType, (*scope).headerValues),
		"cookie": newField(textsType, (*scope).cookieValues),
	})
	claimsType = types.NewMapType(types.StringType, types.DynType)
	textsType  = types.NewMapType(types.StringType, types.StringType)
)

// listArguments returns the arguments as a list whose members are parsed with their
// first use.
func (s *scope) listArguments() any {
	if s.args != nil {
		return s.args
	}
	var list []*lazy
	for arg := range s.event.Args.Elements() {
		if len(list) == maxArgs {
			s.args = types.NewErr("the event has more than %d arguments", maxArgs)
			return s.args
		}
		list = append(list, &lazy{parse: func() ref.Val { return s.parseInput(arg) }})
	}
	s.args = types.NewDynamicList(adapter{}, list)
	return s.args
}

// authData returns the client's auth. Without one it is an empty object, so that has()
// works.
func (s *scope) authData() any {
	return s.auth.getOnce(func() ref.Val {
		auth := s.socket.Handshake().Auth
		if len(auth.JSON) == 0 {
			return emptyMap
		}
		return s.parseInput(auth)
	})
}

func (s *scope) socketData() any {
	return s.data.getOnce(func() ref.Val { return celValue(s.socket.Data()) })
}

// readClaims returns the claims of the verified token, or an empty object.
func (s *scope) readClaims() ref.Val {
	return s.jwt.getOnce(func() ref.Val {
		claims, ok := s.values.Lookup(placeholder.Claims)
		if !ok {
			return emptyMap
		}
		return celValue(claims)
	})
}

// parseInput parses a value from the client, within maxInput.
func (s *scope) parseInput(d sio.Data) ref.Val {
	if s.input += len(d.JSON); s.input > maxInput {
		return types.NewErr("the expression looks at more than %d bytes of input", maxInput)
	}
	return celValue(d)
}

// openingRequest returns the HTTP request that opened the connection.
func (s *scope) openingRequest() *http.Request {
	if s.http != nil {
		return s.http
	}
	h := s.socket.Handshake()
	if q, ok := h.Context.(*handshake.Request); ok {
		s.http = q.New(context.Background())
		return s.http
	}
	u, err := url.ParseRequestURI(h.URL)
	if err != nil {
		u = new(url.URL)
	}
	s.http = &http.Request{Method: http.MethodGet, RequestURI: h.URL, URL: u, Header: h.Header}
	return s.http
}

func (s *scope) authenticatedUser() any {
	q, ok := s.socket.Handshake().Context.(*handshake.Request)
	if !ok {
		return ""
	}
	user, _ := q.Replacer().GetString("http.auth.user.id")
	return user
}

func (s *scope) queryValues() any {
	if s.queryMap == nil {
		s.queryMap = types.NewStringStringMap(adapter{}, joinValues(s.openingRequest().URL.Query(), strings.Clone))
	}
	return s.queryMap
}

func (s *scope) headerValues() any {
	if s.header == nil {
		s.header = foldedMap{types.NewStringStringMap(adapter{}, joinValues(s.openingRequest().Header, strings.ToLower))}
	}
	return s.header
}

func (s *scope) cookieValues() any {
	if s.cookies == nil {
		values := make(map[string]string)
		for _, c := range s.openingRequest().Cookies() {
			if _, twice := values[c.Name]; !twice {
				values[c.Name] = c.Value
			}
		}
		s.cookies = types.NewStringStringMap(adapter{}, values)
	}
	return s.cookies
}

// joinValues joins the values of each key by commas, as Caddy's placeholders do.
func joinValues(values map[string][]string, name func(string) string) map[string]string {
	texts := make(map[string]string, len(values))
	for key, list := range values {
		texts[name(key)] = strings.Join(list, ",")
	}
	return texts
}
