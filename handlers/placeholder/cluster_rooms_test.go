package placeholder

import (
	"slices"
	"testing"
)

func TestFindClusterCounts(t *testing.T) {
	for _, test := range []struct {
		config string
		rooms  []string
		size   bool
	}{
		{`{"args":["{room.a.size}","{namespace.size}"]}`, nil, false},
		{`{"args":["{cluster.room.lobby.size}",{"n":"x {cluster.room.room:{event.args.0}.{jwt.sub:a}.size:0} y"}]}`, []string{"lobby", "room:*.*"}, false},
		{`["{cluster.namespace.size:0} of {cluster.room.a b.size}"]`, []string{"a b"}, true},
		{`["{cluster.", "{cluster.room.a"]`, nil, false},
	} {
		rooms, size := FindClusterCounts([]byte(test.config))
		if !slices.Equal(rooms, test.rooms) || size != test.size {
			t.Errorf("%s: got %q, %v", test.config, rooms, size)
		}
	}
}
