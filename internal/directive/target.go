package directive

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Target is the target and the flags of a line, which stand before the name of the
// handler: "to lobby except muted volatile".
type Target struct {
	To, In, Except                  []string
	All, Broadcast, Volatile, Local bool
}

// TargetWords are the words that a target consists of, apart from rooms. See
// docs/decisions/0015-targets.md.
var TargetWords = []string{"to", "in", "all", "broadcast", "except", "volatile", "local"}

// IsTargetWord reports whether a token is a word of a target. A token in quotes is the name
// of a room.
func IsTargetWord(token caddyfile.Token) bool {
	return !token.Quoted() && slices.Contains(TargetWords, token.Text)
}

// ParseTarget reads a target, the whole of d. The words to, in and except are followed by
// one or more rooms. Each word may stand once, and to, in and all exclude each other.
func ParseTarget(d *caddyfile.Dispenser) (t Target, err error) {
	flags := map[string]*bool{"all": &t.All, "broadcast": &t.Broadcast, "volatile": &t.Volatile, "local": &t.Local}
	lists := map[string]*[]string{"to": &t.To, "in": &t.In, "except": &t.Except}
	given := make(map[string]bool)
	for d.Next() {
		word := d.Val()
		if !IsTargetWord(d.Token()) {
			return t, d.Errf("unexpected %q before the name of the handler: expected %s or the name of a handler", word, strings.Join(TargetWords, ", "))
		}
		if given[word] {
			return t, d.Errf("%s is given twice", word)
		}
		given[word] = true
		if flag, ok := flags[word]; ok {
			*flag = true
		} else if *lists[word] = readRooms(d); len(*lists[word]) == 0 {
			if d.Next() && d.Val() == "all" {
				return t, d.Errf("%s all: all stands alone for everyone, the sender too: \"all emit news\"; broadcast leaves the sender out", word)
			}
			return t, d.Errf("%s: expected one or more rooms; a room that is named like a handler or a word of a target stands in quotes", word)
		}
		for _, pair := range [][2]string{{"to", "in"}, {"to", "all"}, {"in", "all"}, {"broadcast", "in"}, {"broadcast", "all"}} {
			if given[pair[0]] && given[pair[1]] {
				return t, d.Errf("%s and %s exclude each other: to and broadcast leave the sender out, in and all do not", pair[0], pair[1])
			}
		}
	}
	return t, nil
}

// readRooms reads the rooms behind a word, up to the next word.
func readRooms(d *caddyfile.Dispenser) (rooms []string) {
	for d.Next() {
		if IsTargetWord(d.Token()) {
			d.Prev()
			break
		}
		rooms = append(rooms, d.Val())
	}
	return rooms
}
