package engine

import "testing"

// TestReadersYieldWhileItPays counts the yields among messages: most of them while they pay,
// few ones while they do not.
func TestReadersYieldWhileItPays(t *testing.T) {
	var y yields
	count := func(messages int, paid func(i int) bool) (yields int) {
		for i := range messages {
			if y.isDue() {
				yields++
				y.note(paid(i))
			}
		}
		return yields
	}
	if n := count(1000, func(int) bool { return true }); n != 1000 {
		t.Errorf("%d yields for 1000 messages, though each pays", n)
	}
	if n := count(1000, func(i int) bool { return i%4 == 0 }); n != 1000 {
		t.Errorf("%d yields for 1000 messages, though one of four pays", n)
	}
	if n := count(12_900, func(int) bool { return false }); n > yieldCredit+101 {
		t.Errorf("%d yields for 12900 messages, though none pays", n)
	}
	count(yieldTrial, func(int) bool { return true })
	if n := count(1000, func(int) bool { return true }); n != 1000 {
		t.Errorf("%d yields for 1000 messages after they have begun to pay again", n)
	}
}
