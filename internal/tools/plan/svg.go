package plan

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// The picture's measures, in pixels.
const (
	svgWidth   = 960.0
	svgLeft    = 76.0
	svgRight   = 936.0
	panelTop   = 112.0 // of the first
	panelHigh  = 148.0
	panelApart = 204.0 // from one's top to the next one's
	panels     = 3
	svgHeight  = panelTop + panelApart*(panels-1) + panelHigh + 56
)

// Its colours follow the reader's: light or dark.
const svgStyle = `
  svg { --paper: #ffffff; --ink: #1f2933; --faint: #5f6c7b; --grid: #e4e7eb; --calm: #2f6fb3; --wash: #dbe8f6;
        --warn: #b26a00; --amber: #f2b544; --bad: #c0392b; --limit: #6b4fa0; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #14181d; --ink: #e6eaee; --faint: #9aa7b4; --grid: #2b333c; --calm: #6fb0ee; --wash: #1d3348;
          --warn: #f0b357; --amber: #c98a1b; --bad: #f0796b; --limit: #b49be6; }
  }
  text { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: var(--ink); font-size: 12px; }
  .title { font-size: 18px; font-weight: 600 } .head { font-size: 14px; font-weight: 600 } .faint { fill: var(--faint) }
  .paper { fill: var(--paper) } .grid { stroke: var(--grid) } .axis { stroke: var(--faint) }
  .line { fill: none; stroke-width: 1.8; stroke-linejoin: round } .thin { fill: none; stroke-width: 1.2 }
  .calm { stroke: var(--calm) } .warn { stroke: var(--warn) } .bad { stroke: var(--bad) } .dim { stroke: var(--faint) }
  .limit { stroke: var(--limit); stroke-dasharray: 5 4; fill: none; stroke-width: 1.4 }
  .wash { fill: var(--wash) } .amber { fill: var(--amber) } .red { fill: var(--bad) }
`

// SVG draws the worst moment: requests, environments and latency over time. The plan's Input must have asked for a Picture.
func (p *Plan) SVG(w io.Writer) error {
	if len(p.line) == 0 {
		return fmt.Errorf("the plan was made without a picture")
	}
	last := p.line[len(p.line)-1]
	d := &drawing{plan: p, from: p.line[0].from, to: last.from + last.seconds}
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="%s">`+"\n",
		svgWidth, svgHeight, svgWidth, svgHeight, "What happens when traffic rises: requests, environments and latency over time")
	d.printf("<style>%s</style>\n<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n", svgStyle)
	d.title()
	d.requests(panelTop)
	d.environments(panelTop + panelApart)
	d.latency(panelTop + 2*panelApart)
	d.time(panelTop + 2*panelApart + panelHigh)
	d.printf("</svg>\n")
	_, err := io.WriteString(w, d.b.String())
	return err
}

type drawing struct {
	plan     *Plan
	from, to float64 // seconds
	b        strings.Builder
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(&d.b, format, args...) }

func (d *drawing) text(x, y float64, class, anchor, s string) {
	d.printf(`<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`+"\n", x, y, class, anchor, escape(s))
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func (d *drawing) x(seconds float64) float64 {
	return svgLeft + (seconds-d.from)/(d.to-d.from)*(svgRight-svgLeft)
}

func (d *drawing) title() {
	p := d.plan
	head := fmt.Sprintf("At %s requests a second", number(p.Worst.To))
	if p.Worst.From != p.Worst.To {
		head = fmt.Sprintf("From %s to %s requests a second", number(p.Worst.From), number(p.Worst.To))
	}
	d.text(24, 36, "title", "start", head)
	s := p.Simulation
	d.text(24, 58, "faint", "start", fmt.Sprintf("%s of work, %s to start, %s provisioned, concurrency %s. Of %s: %s cold, %s throttled; p99 %s, p99.9 %s.",
		took(p.input.Service.Mean), took(p.input.Start), count(float64(p.input.Provisioned)), count(float64(p.input.Concurrency)),
		span(p.Worst.Seconds), percent(s.Cold), percent(s.Throttled), took(s.P99), took(s.P999)))
}

// A key is an entry of a panel's legend.
type key struct{ class, name string }

// panel draws a panel's frame: its name, its legend at the right end, and the lines of its ticks.
func (d *drawing) panel(top float64, name string, keys []key, ticks []float64, y func(float64) float64, label func(float64) string) {
	d.text(24, top-14, "head", "start", name)
	x := svgRight
	for i := len(keys) - 1; i >= 0; i-- {
		k := keys[i]
		x -= 6.6 * float64(len([]rune(k.name)))
		d.text(x, top-14, "faint", "start", k.name)
		x -= 22
		switch k.class {
		case "wash", "amber", "red":
			d.printf(`<rect class="%s" x="%.1f" y="%.1f" width="14" height="9"/>`+"\n", k.class, x, top-23)
		default:
			d.printf(`<path class="%s" d="M%.1f %.1fh15"/>`+"\n", k.class, x, top-18)
		}
		x -= 16
	}
	for _, tick := range ticks {
		d.printf(`<path class="grid" d="M%.1f %.1fH%.1f"/>`+"\n", svgLeft, y(tick), svgRight)
		d.text(svgLeft-8, y(tick)+4, "faint", "end", label(tick))
	}
}

// area fills between 0 and what get returns, or between below and both.
func (d *drawing) area(class string, y func(float64) float64, below, get func(moment) float64) {
	var up, down strings.Builder
	for _, m := range d.plan.line {
		fmt.Fprintf(&up, "L%.1f %.1fL%.1f %.1f", d.x(m.from), y(below(m)+get(m)), d.x(m.from+m.seconds), y(below(m)+get(m)))
	}
	for i := len(d.plan.line) - 1; i >= 0; i-- {
		m := d.plan.line[i]
		fmt.Fprintf(&down, "L%.1f %.1fL%.1f %.1f", d.x(m.from+m.seconds), y(below(m)), d.x(m.from), y(below(m)))
	}
	d.printf(`<path class="%s" d="M%s%sZ"/>`+"\n", class, up.String()[1:], down.String())
}

// line draws what get returns, with gaps where it is below 0.
func (d *drawing) line(class string, y func(float64) float64, get func(moment) float64) {
	var path strings.Builder
	op := "M"
	for _, m := range d.plan.line {
		v := get(m)
		if v < 0 {
			op = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", op, d.x(m.from+m.seconds/2), y(v))
		op = "L"
	}
	d.printf(`<path class="%s" d="%s"/>`+"\n", class, path.String())
}

// linear returns an axis from 0 up to what holds highest, and its ticks.
func linear(top, highest float64) (y func(float64) float64, ticks []float64) {
	highest = max(highest, 1e-6)
	step := math.Pow(10, math.Floor(math.Log10(highest)))
	for highest/step < 2 {
		step /= 2
	}
	for highest/step > 4.5 {
		step *= 2
	}
	end := math.Ceil(highest/step+0.05) * step
	for i := 0.0; i*step <= end+step/2; i++ {
		ticks = append(ticks, i*step)
	}
	return func(v float64) float64 { return top + panelHigh*(1-min(max(v, 0), end)/end) }, ticks
}

func (d *drawing) requests(top float64) {
	highest := max(d.plan.Worst.From, d.plan.Worst.To)
	rate := func(m moment) float64 { return float64(m.offered) / m.seconds }
	for _, m := range d.plan.line {
		if m.offered > 50 {
			highest = max(highest, rate(m))
		}
	}
	y, ticks := linear(top, highest)
	d.panel(top, "Requests a second", []key{{"wash", "answered"}, {"amber", "cold"}, {"red", "throttled"}}, ticks, y, number)
	nothing := func(moment) float64 { return 0 }
	throttled := func(m moment) float64 { return float64(m.throttled) / m.seconds }
	d.area("wash", y, nothing, rate)
	d.area("red", y, nothing, throttled)
	d.area("amber", y, throttled, func(m moment) float64 { return float64(m.cold) / m.seconds })
}

func (d *drawing) environments(top float64) {
	all := func(m moment) float64 { return float64(m.environments) }
	highest, quota := 1.0, float64(d.plan.input.Concurrency)
	for _, m := range d.plan.line {
		highest = max(highest, all(m), float64(m.serving))
	}
	keys := []key{{"line dim", "environments"}, {"line calm", "requests in flight"}}
	shown := quota < 1.6*highest
	if shown {
		highest = max(highest, quota)
		keys = append(keys, key{"limit", "account's concurrency"})
	}
	y, ticks := linear(top, highest)
	d.panel(top, "Environments", keys, ticks, y, number)
	d.line("line dim", y, all)
	d.line("line calm", y, func(m moment) float64 { return float64(m.serving) })
	if shown {
		d.printf(`<path class="limit" d="M%.1f %.1fH%.1f"/>`+"\n", svgLeft, y(quota), svgRight)
	}
}

func (d *drawing) latency(top float64) {
	limit := d.plan.input.TargetBy.Seconds()
	least, most := limit, limit
	for _, m := range d.plan.line {
		if m.p50 > 0 {
			least, most = min(least, m.p50), max(most, m.highest)
		}
	}
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most)+0.02)
	y := func(v float64) float64 { return top + panelHigh*(high-math.Log10(max(v, 1e-9)))/(high-low) }
	var ticks []float64
	for e := low; e <= high; e++ {
		ticks = append(ticks, math.Pow(10, e))
	}
	d.panel(top, "Answered within", []key{{"line calm", "half (p50)"}, {"line warn", "99 %"}, {"thin bad", "all"}, {"limit", "target"}}, ticks, y, func(v float64) string {
		if v < 0.9 {
			return strconv.FormatFloat(v*1000, 'g', 3, 64) + " ms"
		}
		return strconv.FormatFloat(v, 'g', 3, 64) + " s"
	})
	some := func(get func(moment) float64) func(moment) float64 {
		return func(m moment) float64 {
			if m.p50 == 0 {
				return -1
			}
			return get(m)
		}
	}
	d.printf(`<path class="limit" d="M%.1f %.1fH%.1f"/>`+"\n", svgLeft, y(limit), svgRight)
	d.line("thin bad", y, some(func(m moment) float64 { return m.highest }))
	d.line("line warn", y, some(func(m moment) float64 { return m.p99 }))
	d.line("line calm", y, some(func(m moment) float64 { return m.p50 }))
}

// time draws the axis that all panels share.
func (d *drawing) time(y float64) {
	unit, name := 1.0, "seconds"
	switch long := d.to - d.from; {
	case long > 4*86400:
		unit, name = 86400, "days"
	case long > 4*3600:
		unit, name = 3600, "hours"
	}
	from, to := d.from/unit, d.to/unit
	step := math.Pow(10, math.Floor(math.Log10(to-from)))
	for (to-from)/step < 5 {
		step /= 2
	}
	d.printf(`<path class="axis" d="M%.1f %.1fH%.1f"/>`+"\n", svgLeft, y, svgRight)
	for i := math.Ceil(from/step - 1e-6); i*step <= to+step/1000; i++ {
		v := i*step + 0 // and never -0
		d.printf(`<path class="axis" d="M%.1f %.1fv5"/>`+"\n", d.x(v*unit), y)
		d.text(d.x(v*unit), y+20, "faint", "middle", strconv.FormatFloat(v, 'g', 4, 64))
	}
	what := name + " since the rise"
	if d.plan.Worst.From == d.plan.Worst.To {
		what = name
	}
	d.text((svgLeft+svgRight)/2, y+40, "faint", "middle", what)
}
