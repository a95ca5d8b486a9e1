package adminui

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// FuzzArguments checks that arguments of actions are refused, or name a namespace and fit
// the action.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{`["/","room","id"]`, `["/",true]`, `["/",null,"say",1]`, `[]`, `["/",{"a":[]},{}]`, `["","",""]`, `[null,null,null,null]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var args sio.Data
		if args.UnmarshalJSON(text) != nil || len(args.JSON) == 0 || args.JSON[0] != '[' {
			return
		}
		for name := range actions {
			a, err := parseArguments(name, args)
			if err != nil {
				continue
			}
			hasText := a.room != "" || a.event != "" || name == "_disconnect"
			if a.namespace == "" || !hasText {
				t.Errorf("%s %s: got %+v", name, text, a)
			}
		}
	})
}
