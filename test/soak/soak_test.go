package main

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

// calmSamples returns a calm each five minutes of two hours with the values of one name.
func calmSamples(name string, value func(i int) float64) (samples []sample) {
	for i := range 24 {
		samples = append(samples, sample{At: time.Duration(i+1) * 5 * time.Minute, Calm: true, Values: map[string]float64{name: value(i)}})
	}
	return samples
}

func growthOf(t *testing.T, name string, samples []sample) growth {
	t.Helper()
	for _, g := range measureGrowth(samples, 2*time.Hour) {
		if g.value == name {
			return g
		}
	}
	t.Fatalf("%s is not judged", name)
	return growth{}
}

func TestGrowthOfCalmsFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, value string
		at          func(i int) float64
		fails       bool
	}{
		{"one goroutine in each calm", valueGoroutines, func(i int) float64 { return float64(80 + i) }, true},
		{"one room in all", valueRooms, func(i int) float64 { return float64(60 + i/12) }, true},
		{"noise", valueGoroutines, func(i int) float64 { return float64(80 + i*7%5) }, false},
		{"caches that fill at the start", valueHeap, func(i int) float64 { return 5e6 + float64(min(i, 2))*5e6 }, false},
		{"one wild sample", valueDescriptors, func(i int) float64 { return float64(60 + i/23*500) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if g := growthOf(t, test.value, calmSamples(test.value, test.at)); g.failed() != test.fails {
				t.Errorf("grew by %.0f of %.0f: failed is %v", g.grown, g.limit, g.failed())
			}
		})
	}
}

func TestShortRunsAreNotJudged(t *testing.T) {
	t.Parallel()
	samples := calmSamples(valueGoroutines, func(i int) float64 { return float64(i * 100) })
	if g := growthOf(t, valueGoroutines, samples[:minCalms]); g.judged {
		t.Errorf("judged by %d calms, one of them before the load has settled", minCalms)
	}
}

func TestPayloadsOfBothProtocolsAreRead(t *testing.T) {
	t.Parallel()
	packets := []packet{{text: `42["é – 🚀"]`}, {text: "2"}, {binary: []byte{0, 1, 255}}, {text: "451-[]"}}
	for protocol, want := range map[int]string{
		3: "12:42[\"é – 🚀\"]1:26:b4AAH/6:451-[]",
		4: "42[\"é – 🚀\"]\x1e2\x1ebAAH/\x1e451-[]",
	} {
		text := encodePayload(protocol, packets)
		if text != want {
			t.Errorf("EIO %d: encoded %q, want %q", protocol, text, want)
		}
		got, err := decodePayload(protocol, text)
		if err != nil || !reflect.DeepEqual(got, packets) {
			t.Errorf("EIO %d: decoded %v, %v", protocol, got, err)
		}
	}
}

func TestSequencesReportLostMessages(t *testing.T) {
	t.Parallel()
	var l ledger
	s := newSequence("reader", &l)
	for _, number := range []string{"7", "8", "11", "9"} {
		s.checkMessage([]json.RawMessage{[]byte(`"room"`), []byte(`"sender"`), []byte(number)}, nil)
	}
	s.checkMessage([]json.RawMessage{[]byte(`"room"`), []byte(`"other"`), []byte("3")}, [][]byte{makeAttachment(4, 20)})
	if l.lost.Load() != 2 || l.repeated.Load() != 1 || l.corrupted.Load() != 1 || l.delivered.Load() != 5 {
		t.Errorf("lost %d, repeated %d, corrupted %d of %d", l.lost.Load(), l.repeated.Load(), l.corrupted.Load(), l.delivered.Load())
	}
	if n := len(l.listComplaints()); n != 3 {
		t.Errorf("%d complaints", n)
	}
}

func TestPlotIsXML(t *testing.T) {
	t.Parallel()
	plot := drawPlot(calmSamples(valueHeap, func(i int) float64 { return float64(i) }))
	decoder := xml.NewDecoder(strings.NewReader(plot))
	for {
		if _, err := decoder.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
