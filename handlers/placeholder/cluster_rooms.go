package placeholder

import (
	"bytes"
	"encoding/json"
	"strings"
)

// FindClusterCounts returns the rooms of all {cluster.room.NAME.size} in a config, which
// is JSON, with stars in place of the placeholders in their names. size is true if the
// config has {cluster.namespace.size}. Other nodes must report these counts.
func FindClusterCounts(config []byte) (rooms []string, size bool) {
	d := json.NewDecoder(bytes.NewReader(config))
	for {
		token, err := d.Token()
		if err != nil {
			return rooms, size
		}
		text, _ := token.(string)
		for i := strings.Index(text, "{cluster."); i >= 0; i = strings.Index(text, "{cluster.") {
			text = text[i:]
			raw, _, ok := Cut(text)
			text = text[1:]
			if !ok {
				continue
			}
			name, _, _ := cutDefault(raw)
			size = size || name == "cluster.namespace.size"
			if room, kind := cutRoom(name); kind != nil {
				rooms = append(rooms, globOf(room))
			}
		}
	}
}

// globOf returns a glob that matches all names that a text with placeholders may become.
func globOf(room string) string {
	t, err := NewText(room)
	if err != nil {
		return "*" // the handler refuses it
	}
	return strings.Join(t.literals, "*")
}
