package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	plotWidth, panelHeight    = 900, 110
	marginLeft, marginRight   = 90, 20
	plotTop, spaceUnderPanels = 30, 30
)

// plottedValues lists the values of the plot, a panel each.
var plottedValues = []string{
	valueHeap, valueObjects, valueResident, valueGoroutines, valueDescriptors, valueTimers, valueMaps, valueRooms, valueConnections,
}

// plotStyle has the colours for light and dark pages.
const plotStyle = `<style>
svg { --text: #24292f; --line: #afb8c1; --load: #8c959f; --calm: #0969da; font: 12px sans-serif; }
@media (prefers-color-scheme: dark) { svg { --text: #d1d7e0; --line: #3d444d; --load: #656c76; --calm: #4493f8; } }
text { fill: var(--text); }
.axis { stroke: var(--line); fill: none; }
.load { stroke: var(--load); fill: none; stroke-width: 1; }
.calm { stroke: var(--calm); fill: none; stroke-width: 2; }
.dot { fill: var(--calm); }
</style>
`

// drawPlot returns an SVG with a panel for each value: grey under load, blue in calms.
func drawPlot(samples []sample) string {
	var b strings.Builder
	height := plotTop + len(plottedValues)*(panelHeight+spaceUnderPanels)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Values of a soak run">`+"\n", plotWidth, height)
	b.WriteString(plotStyle)
	if len(samples) > 0 {
		for i, value := range plottedValues {
			drawPanel(&b, samples, value, plotTop+i*(panelHeight+spaceUnderPanels))
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// drawPanel draws the lines of one value.
func drawPanel(b *strings.Builder, samples []sample, value string, top int) {
	end := max(samples[len(samples)-1].At, time.Second)
	highest := 1.0
	for _, one := range samples {
		highest = max(highest, one.Values[value])
	}
	place := func(one sample) (x, y float64) {
		x = marginLeft + float64(one.At)/float64(end)*(plotWidth-marginLeft-marginRight)
		return x, float64(top) + panelHeight*(1-one.Values[value]/highest)
	}
	fmt.Fprintf(b, `<path class="axis" d="M%d %dv%dh%d"/>`+"\n", marginLeft, top, panelHeight, plotWidth-marginLeft-marginRight)
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", marginLeft, top-6, value)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", marginLeft-6, top+10, formatNumber(highest))
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">0</text>`+"\n", marginLeft-6, top+panelHeight)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", plotWidth-marginRight, top+panelHeight+16, end.Round(time.Second))
	for _, calm := range []bool{false, true} {
		var points, dots strings.Builder
		for _, one := range samples {
			if _, known := one.Values[value]; !known || one.Calm != calm {
				continue
			}
			x, y := place(one)
			fmt.Fprintf(&points, "%.1f,%.1f ", x, y)
			if calm {
				fmt.Fprintf(&dots, `<circle class="dot" cx="%.1f" cy="%.1f" r="3"/>`+"\n", x, y)
			}
		}
		class := []string{"load", "calm"}[slices.Index([]bool{false, true}, calm)]
		fmt.Fprintf(b, `<polyline class="%s" points="%s"/>`+"\n%s", class, strings.TrimSpace(points.String()), dots.String())
	}
}

// formatNumber shortens a number to its thousands or millions.
func formatNumber(n float64) string {
	switch {
	case n >= 1e7:
		return fmt.Sprintf("%.0fM", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0fk", n/1e3)
	}
	return fmt.Sprintf("%.0f", n)
}
