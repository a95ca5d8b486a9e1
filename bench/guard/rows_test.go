package main

import (
	"strings"
	"testing"
)

func TestOutputOfBenchmarksIsParsed(t *testing.T) {
	nanoseconds, allocs, err := parseOutput("goos: linux\nBenchmarkDecode/event-2  192759  1470 ns/op  17.68 MB/s  32 B/op  2 allocs/op\n" +
		"BenchmarkDecode/event-2  192759  1210.5 ns/op  17.68 MB/s  32 B/op  1 allocs/op\nok\n")
	if nanoseconds != 1210.5 || allocs != 1 || err != nil {
		t.Errorf("got %v ns, %d allocations, %v", nanoseconds, allocs, err)
	}
	if _, _, err := parseOutput("ok"); err == nil {
		t.Error("no error without a result")
	}
}

func TestFilesStayAsTheyAre(t *testing.T) {
	text := "# a comment\n" + formatRows("", []row{{"./sio", "Decode/event", 1, 12.5}})
	comments, rows, err := parseRows(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := formatRows(comments, rows); got != text {
		t.Errorf("got %q, want %q", got, text)
	}
	if _, _, err := parseRows("./sio Decode/event one 2"); err == nil {
		t.Error("no error for a word in place of a number")
	}
}

func TestChangesAreFailures(t *testing.T) {
	want := row{"./sio", "Decode/event", 2, 10}
	for _, c := range []struct {
		got  row
		part string
	}{
		{row{"./sio", "Decode/event", 2, 14}, ""},
		{row{"./sio", "Decode/event", 2, 16}, "takes 16.00"},
		{row{"./sio", "Decode/event", 3, 10}, "3 allocations, want 2"},
		{row{"./sio", "Decode/event", 1, 10}, "1 allocations, want 2"},
	} {
		err := compareRows(want, c.got, 1.5)
		if (err == nil) != (c.part == "") || err != nil && !strings.Contains(err.Error(), c.part) {
			t.Errorf("%v: got %v, want %q", c.got, err, c.part)
		}
	}
}

func TestManyAllocationsMayDifferALittle(t *testing.T) {
	want := row{"./hub", "Connect", 90, 10}
	for allocs, wrong := range map[int]bool{86: true, 87: false, 93: false, 94: true} {
		if err := compareRows(want, row{"./hub", "Connect", allocs, 10}, 1.5); (err != nil) != wrong {
			t.Errorf("%d allocations: got %v", allocs, err)
		}
	}
}
