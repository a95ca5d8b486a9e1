package report

import (
	"fmt"
	"math"
	"strings"
)

// plotStyle has the colors of light and dark pages.
const plotStyle = `<style>
svg { --back: #ffffff; --text: #24292f; --grid: #d0d7de; --caddy: #0969da; --base: #8c959f; --node: #1a7f37; --centrifuge: #bc4c00; --raw: #8250df; font: 13px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { svg { --back: #0d1117; --text: #d1d7e0; --grid: #3d444d; --caddy: #4493f8; --base: #7d8590; --node: #3fb950; --centrifuge: #f0883e; --raw: #a371f7; } }
.back { fill: var(--back); }
text { fill: var(--text); }
.grid { stroke: var(--grid); fill: none; }
.line { fill: none; stroke-width: 2; }
.dashed { stroke-dasharray: 6 4; }
</style>
`

// The area of a plot's lines in pixels.
const (
	plotLeft, plotRight = 70, 640
	plotTop, plotBottom = 46, 330
)

// plot is a chart of lines.
type plot struct {
	title, xTitle, yTitle string
	logarithmic           bool // both axes
	lines                 []plotLine
	xTicks                []float64
}

// plotLine is one line, in the color of a peer.
type plotLine struct {
	label, peer string
	dashed      bool
	points      [][2]float64
}

// renderSVG returns the plot as SVG, or "" without lines.
func (p *plot) renderSVG() string {
	if len(p.lines) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 380" role="img" aria-label="%s">`+"\n%s", p.title, plotStyle)
	fmt.Fprintf(&b, `<rect class="back" width="800" height="380"/>`+"\n"+`<text x="%d" y="22" font-weight="600">%s</text>`+"\n", plotLeft, p.title)
	xMin, xMax, yMin, yMax := p.findBounds()
	x := func(v float64) float64 { return p.scaleValue(v, xMin, xMax, plotLeft, plotRight) }
	y := func(v float64) float64 { return p.scaleValue(v, yMin, yMax, plotBottom, plotTop) }
	for _, tick := range p.yTicks(yMin, yMax) {
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			plotLeft, y(tick), plotRight, plotLeft-6, y(tick)+4, groupDigits(fmt.Sprintf("%g", tick)))
	}
	for _, tick := range p.xTicks {
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %dV%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			x(tick), plotTop, plotBottom, x(tick), plotBottom+18, groupDigits(fmt.Sprintf("%g", tick)))
	}
	fmt.Fprintf(&b, `<text x="%d" y="40">%s</text><text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", plotLeft, p.yTitle, plotRight, plotBottom+38, p.xTitle)
	labelY := float64(plotTop)
	for _, line := range p.lines {
		class := "line"
		if line.dashed {
			class = "line dashed"
		}
		points := make([]string, len(line.points))
		for i, point := range line.points {
			points[i] = fmt.Sprintf("%.1f,%.1f", x(point[0]), y(point[1]))
		}
		fmt.Fprintf(&b, `<polyline class="%s" style="stroke: var(--%s)" points="%s"/>`+"\n", class, line.peer, strings.Join(points, " "))
		for i := range points {
			px, py, _ := strings.Cut(points[i], ",")
			fmt.Fprintf(&b, `<circle cx="%s" cy="%s" r="3" style="fill: var(--%s)"/>`+"\n", px, py, line.peer)
		}
		fmt.Fprintf(&b, `<path class="%s" style="stroke: var(--%s)" d="M%d %.1fh24"/><text x="%d" y="%.1f">%s</text>`+"\n",
			class, line.peer, plotRight+12, labelY, plotRight+42, labelY+4, line.label)
		labelY += 22
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// findBounds returns the ranges of both axes.
func (p *plot) findBounds() (xMin, xMax, yMin, yMax float64) {
	xMin, yMin = math.Inf(1), math.Inf(1)
	for _, line := range p.lines {
		for _, point := range line.points {
			xMin, xMax = min(xMin, point[0]), max(xMax, point[0])
			yMin, yMax = min(yMin, point[1]), max(yMax, point[1])
		}
	}
	if !p.logarithmic {
		return 0, xMax, 0, yMax * 1.05
	}
	return xMin, xMax, yMin * 0.9, yMax * 1.1
}

// scaleValue returns the pixel of a value on an axis.
func (p *plot) scaleValue(v, low, high, from, to float64) float64 {
	if p.logarithmic {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	return from + (to-from)*(v-low)/max(high-low, 1e-9)
}

// yTicks returns round values of the vertical axis.
func (p *plot) yTicks(low, high float64) []float64 {
	var ticks []float64
	if p.logarithmic {
		for power := math.Pow(10, math.Floor(math.Log10(low))); power <= high; power *= 10 {
			for _, factor := range []float64{1, 2, 5} {
				if v := power * factor; v >= low && v <= high {
					ticks = append(ticks, math.Round(v*1e6)/1e6)
				}
			}
		}
		return ticks
	}
	if high <= 0 {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10(high)))
	for high/step < 4 {
		step /= 2
	}
	for v := 0.0; v <= high; v += step {
		ticks = append(ticks, v)
	}
	return ticks
}

// plotCost returns the plot of CPU time against members, with 8 broadcasts in flight.
func plotCost(t *Table, results []Result) string {
	p := &plot{title: "CPU time of one delivery, 8 broadcasts in flight", xTitle: "members of the room", yTitle: "µs", logarithmic: true}
	p.lines = collectLines(caseNames(results, "fan-out"), "%d sockets, 8 in flight", func(_ float64, peer, name string) (float64, bool) {
		s := t.Spread("fan-out", name, peer, "cpu")
		return s.Median, s.Rounds > 0 && s.Median > 0
	})
	p.setTicks()
	return p.renderSVG()
}

// plotMemory returns the plot of memory against connections, of processes as they are.
func plotMemory(t *Table, results []Result) string {
	p := &plot{title: "Resident memory of the process, idle WebSockets", xTitle: "connections", yTitle: "MB"}
	for _, scenario := range []string{"idle", "idle-tls"} {
		lines := collectLines(caseNames(results, scenario), "%d connections", func(size float64, peer, name string) (float64, bool) {
			each, empty := t.Spread(scenario, name, peer, "idle"), t.Spread(scenario, name, peer, "empty")
			return (each.Median*size + empty.Median) / 1e6, each.Rounds > 0
		})
		for _, line := range lines {
			if scenario == "idle-tls" {
				line.label, line.dashed = line.label+", TLS", true
			}
			p.lines = append(p.lines, line)
		}
	}
	p.setTicks()
	return p.renderSVG()
}

// collectLines returns a line for each peer, with a point for each case that the pattern
// matches.
func collectLines(names []string, pattern string, valueOf func(float64, string, string) (float64, bool)) []plotLine {
	var lines []plotLine
	for _, peer := range peerNames {
		line := plotLine{label: peer.name, peer: peer.key}
		for _, name := range names {
			var size int
			if n, _ := fmt.Sscanf(name, pattern, &size); n != 1 || name != fmt.Sprintf(pattern, size) {
				continue
			}
			if v, ok := valueOf(float64(size), peer.key, name); ok {
				line.points = append(line.points, [2]float64{float64(size), v})
			}
		}
		if len(line.points) > 0 {
			lines = append(lines, line)
		}
	}
	return lines
}

// setTicks marks each size that was measured on the horizontal axis.
func (p *plot) setTicks() {
	seen := make(map[float64]bool)
	for _, line := range p.lines {
		for _, point := range line.points {
			if !seen[point[0]] {
				seen[point[0]] = true
				p.xTicks = append(p.xTicks, point[0])
			}
		}
	}
}
