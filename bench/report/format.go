package report

import (
	"fmt"
	"regexp"
	"strings"
)

// formatSpread returns "median [min..max]", the median alone for one round, and "" without
// rounds.
func formatSpread(s Spread) string {
	switch s.Rounds {
	case 0:
		return ""
	case 1:
		return formatNumber(s.Median)
	}
	return fmt.Sprintf("%s [%s..%s]", formatNumber(s.Median), formatNumber(s.Min), formatNumber(s.Max))
}

// formatRatio returns a ratio in bold with its spread, or "".
func formatRatio(s Spread) string {
	switch s.Rounds {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("**%.2f**", s.Median)
	}
	return fmt.Sprintf("**%.2f** [%.2f..%.2f]", s.Median, s.Min, s.Max)
}

// divideBy returns the spread of divided values.
func (s Spread) divideBy(d float64) Spread {
	return Spread{Median: s.Median / d, Min: s.Min / d, Max: s.Max / d, Rounds: s.Rounds}
}

// formatNumber returns a number with three digits that count, and commas in thousands.
func formatNumber(v float64) string {
	switch {
	case v >= 100:
		return groupDigits(fmt.Sprintf("%.0f", v))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

var longNumber = regexp.MustCompile(`\d{4,}`)

// groupDigits puts commas into the numbers of a text.
func groupDigits(text string) string {
	return longNumber.ReplaceAllStringFunc(text, func(digits string) string {
		var b strings.Builder
		for i, digit := range digits {
			if i > 0 && (len(digits)-i)%3 == 0 {
				b.WriteByte(',')
			}
			b.WriteRune(digit)
		}
		return b.String()
	})
}
