package frames

import "unicode/utf8"

// checkText checks the beginning of a text and returns how many of its bytes are valid
// UTF-8: all, or all but an incomplete rune at the end. complete means that the
// text has no further bytes. ok is false for bytes that cannot become UTF-8.
func checkText(text []byte, complete bool) (checked int, ok bool) {
	if utf8.Valid(text) {
		return len(text), true
	}
	if complete {
		return 0, false
	}
	tail := len(text)
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if utf8.RuneStart(text[len(text)-i]) {
			tail = len(text) - i
			break
		}
	}
	if !utf8.Valid(text[:tail]) || utf8.FullRune(text[tail:]) {
		return 0, false
	}
	return tail, true
}
