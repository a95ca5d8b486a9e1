package report

import (
	"testing"
)

func TestSpreadHasMedianAndBounds(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3, 1}},
		{[]float64{9, 1}, Spread{5, 1, 9, 2}},
		{[]float64{9, 1, 2}, Spread{2, 1, 9, 3}},
	} {
		if got := NewSpread(c.values); got != c.want {
			t.Errorf("%v: got %v, want %v", c.values, got, c.want)
		}
	}
}

// result returns a result with one value.
func result(peer string, round int, noisy bool, rate float64) Result {
	return Result{Scenario: "ack", Case: "50 clients", Peer: peer, Round: round, Noisy: noisy, Values: map[string]float64{"rate": rate}}
}

func TestRatiosAreOfOneRound(t *testing.T) {
	table := NewTable([]Result{
		result("caddy", 1, false, 100), result("node", 1, false, 50),
		result("caddy", 2, false, 300), result("node", 2, false, 100),
		result("caddy", 3, false, 999), // without a peer in its round
	})
	if got, want := table.Ratio("ack", "50 clients", "rate", "caddy", "node"), (Spread{2.5, 2, 3, 2}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNoisyRoundsCountOnlyAlone(t *testing.T) {
	noisy, quiet := result("caddy", 1, true, 10), result("caddy", 2, false, 20)
	if got := NewTable([]Result{noisy, quiet}).Spread("ack", "50 clients", "caddy", "rate"); got != (Spread{20, 20, 20, 1}) {
		t.Errorf("with a quiet round: got %v", got)
	}
	if got := NewTable([]Result{noisy}).Spread("ack", "50 clients", "caddy", "rate"); got != (Spread{10, 10, 10, 1}) {
		t.Errorf("without a quiet round: got %v", got)
	}
}

func TestNumbersHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{0.456: "0.46", 9.99: "9.99", 12.34: "12.3", 999.6: "1,000", 1234567: "1,234,567"} {
		if got := formatNumber(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}
