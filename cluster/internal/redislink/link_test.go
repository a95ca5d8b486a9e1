package redislink

import (
	"testing"

	"go.uber.org/zap"
)

// entry is a line of a test.
type entry struct{ id string }

func (e *entry) ID() string { return e.id }

func (e *entry) Name() string         { return e.id }
func (e *entry) CountChannel() string { return "" }

func (e *entry) Unused() bool { return true }

// TestLinkBeginsWithItsFirstLine has a link do nothing before somebody uses it.
func TestLinkBeginsWithItsFirstLine(t *testing.T) {
	l := New[*entry]("test", nil, nil, zap.NewNop())
	begun := 0
	enter := func(e *entry) (*entry, error) {
		if e == nil {
			e = &entry{"a"}
		}
		return e, nil
	}
	if l.begun {
		t.Error("it begins by itself")
	}
	for range 2 {
		if err := l.Enter("a", func() { begun++ }, enter); err != nil {
			t.Error(err)
		}
	}
	if begun != 1 || len(l.Lines()) != 1 {
		t.Errorf("begun %d times, %d lines", begun, len(l.Lines()))
	}
	if ln := l.Line("a"); !l.Drop(ln) || l.Drop(ln) || l.Line("a") != nil {
		t.Error("a line is dropped other than once")
	}
	l.End(nil)
	if err := l.Enter("a", nil, enter); err == nil || err.Error() != "test: the cluster is closed" {
		t.Error(err)
	}
}
