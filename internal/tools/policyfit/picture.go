package policyfit

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// The picture's measures, in pixels.
const (
	width, height      = 960.0, 416.0
	panelTop, panelLow = 96.0, 352.0
	panelWidth         = 380.0
	panelLeft          = 74.0
	panelGap           = 78.0
)

// Its colours.
const (
	ink         = "#1f2933"
	faint       = "#616e7c"
	grid        = "#e4e7eb"
	reviewInk   = "#b25e00"
	declineInk  = "#b42318"
	approveInk  = "#0b6e4f"
	paper       = "#ffffff"
	panelPaper  = "#fbfcfd"
	typeface    = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
	titleSize   = 17
	headingSize = 14
	labelSize   = 12
)

// Picture writes an SVG that shows what other cutoffs than r's would have cost: to the left another review
// cutoff with the decline cutoff as proposed, to the right the reverse.
func Picture(w io.Writer, p *Payments, c Costs, r Proposal) error {
	d := &drawing{payments: p, costs: c, proposal: r, x: scoreAxis(p, r)}
	d.trace()
	d.frame()
	d.panel(panel{
		left: panelLeft, ink: reviewInk, curve: d.review, cutoff: r.Review, other: r.Decline,
		name: "review", otherName: "decline", otherInk: declineInk,
	})
	d.panel(panel{
		left: panelLeft + panelWidth + panelGap, ink: declineInk, curve: d.decline, cutoff: r.Decline, other: r.Review,
		name: "decline", otherName: "review", otherInk: reviewInk,
	})
	d.printf("</svg>\n")
	_, err := io.WriteString(w, d.svg.String())
	return err
}

type drawing struct {
	payments *Payments
	costs    Costs
	proposal Proposal
	x, y     axis
	svg      strings.Builder

	review, decline []float64 // what the cutoff at each pixel costs
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(&d.svg, format, args...) }

// trace computes the curves and the axis of costs.
func (d *drawing) trace() {
	const n = int(panelWidth) + 1
	cutoffs := make([]float64, n)
	for i := range cutoffs {
		cutoffs[i] = d.x.value(float64(i) / float64(n-1))
	}
	r, all := d.proposal, d.payments.All
	toReview, toDecline := r.Approved, all.minus(r.Refused) // what is below the proposed cutoffs
	for _, below := range d.payments.below(cutoffs) {
		d.review = append(d.review, d.cost(lesser(below, toDecline), toDecline))
		d.decline = append(d.decline, d.cost(lesser(toReview, below), below))
	}
	highest := 0.0
	for i := range d.review {
		highest = max(highest, d.review[i], d.decline[i])
	}
	// What is several times dearer than the proposal may leave by the top: the differences are below.
	top := 4 * r.Cost
	if approved := d.costs.Approved(all); approved < 6*r.Cost || r.Cost == 0 {
		top = max(top, 1.25*approved)
	}
	if top == 0 {
		top = highest
	}
	d.y = axis{low: 0, high: max(min(top, 1.08*highest), 1.2*r.Cost)}
	if !(d.y.high > 0) {
		d.y.high = 1
	}
}

// cost is what it costs to approve what is below the review cutoff, to decline what is not below the decline
// cutoff, and to review the rest.
func (d *drawing) cost(toReview, toDecline Tally) float64 {
	c := d.costs
	return c.Approved(toReview) + c.Reviewed(toDecline.minus(toReview)) + c.Declined(d.payments.All.minus(toDecline))
}

func lesser(a, b Tally) Tally {
	if a.Payments < b.Payments {
		return a
	}
	return b
}

func (d *drawing) frame() {
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" font-family="%s" font-size="%d" fill="%s">`+"\n",
		width, height, width, height, typeface, labelSize, ink)
	d.printf(`<rect width="%g" height="%g" fill="%s"/>`+"\n", width, height, paper)
	all := d.payments.All
	d.printf(`<text x="%g" y="34" font-size="%d" font-weight="600">What the cutoffs cost</text>`+"\n", panelLeft, titleSize)
	d.printf(`<text x="%g" y="54" fill="%s">%s payments, %s of them fraud. As proposed %s; approving everything %s.</text>`+"\n",
		panelLeft, faint, Money(float64(all.Payments), 0), Money(float64(all.Frauds), 0), Money(d.proposal.Cost, 0), Money(d.costs.Approved(all), 0))
}

// A panel shows the costs over one of the cutoffs.
type panel struct {
	left            float64
	curve           []float64
	cutoff, other   float64 // as proposed
	name, otherName string
	ink, otherInk   string
}

func (q panel) heading() string {
	if math.IsNaN(q.cutoff) {
		return "No " + q.name + " cutoff pays"
	}
	return fmt.Sprintf("%s%s from %v", strings.ToUpper(q.name[:1]), q.name[1:], q.cutoff)
}

func (d *drawing) panel(q panel) {
	right, tall := q.left+panelWidth, panelLow-panelTop
	px := func(x float64) float64 { return q.left + panelWidth*d.x.at(x) }
	py := func(y float64) float64 { return panelLow - tall*d.y.at(y) }
	d.printf(`<text x="%g" y="%g" font-size="%d" font-weight="600" fill="%s">%s</text>`+"\n", q.left, panelTop-12, headingSize, q.ink, q.heading())
	d.printf(`<rect x="%g" y="%g" width="%g" height="%g" fill="%s"/>`+"\n", q.left, panelTop, panelWidth, tall, panelPaper)
	for _, y := range round(0, d.y.high, 5) {
		d.line(q.left, py(y), right, py(y), grid, "")
		d.text(q.left-8, py(y)+4, "end", faint, d.amount(y))
	}
	for _, x := range d.x.ticks(panelWidth) {
		d.line(px(x), panelTop, px(x), panelLow, grid, "")
		d.line(px(x), panelLow, px(x), panelLow+5, faint, "")
		d.text(px(x), panelLow+20, "middle", faint, Short(x))
	}
	d.line(q.left, panelLow, right, panelLow, faint, "")
	scale := ""
	if d.x.logit {
		scale = ", log-odds scale"
	}
	d.text(q.left+panelWidth/2, panelLow+44, "middle", ink, q.name+" cutoff (score"+scale+")")
	d.printf(`<text transform="translate(%g %g) rotate(-90)" text-anchor="middle">cost</text>`+"\n", q.left-58, panelTop+tall/2)

	if approved := d.costs.Approved(d.payments.All); approved <= d.y.high {
		d.line(q.left, py(approved), right, py(approved), approveInk, "6 4")
		d.text(right-8, py(approved)-6, "end", approveInk, "approve everything")
	}
	if !math.IsNaN(q.other) {
		x := px(q.other)
		d.line(x, panelTop, x, panelLow, q.otherInk, "2 4")
		anchor, dx := beside(q.left, x)
		d.text(x+dx/2, panelTop+16, anchor, q.otherInk, q.otherName+" as proposed")
	}
	d.curve(q, py)
	if !math.IsNaN(q.cutoff) {
		d.point(q, px(q.cutoff), py(d.proposal.Cost))
	}
}

// amount writes a cost beside its axis.
func (d *drawing) amount(x float64) string {
	if d.y.high < 10 {
		return Short(x)
	}
	return Money(x, 0)
}

// curve draws the costs, as far as they are within the panel.
func (d *drawing) curve(q panel, py func(float64) float64) {
	d.printf(`<path fill="none" stroke="%s" stroke-width="2.2" stroke-linejoin="round" d="`, q.ink)
	pen := "M"
	for i, cost := range q.curve {
		if i > 0 && i+1 < len(q.curve) && q.curve[i-1] == cost && cost == q.curve[i+1] {
			continue // amid a flat run
		}
		if cost > d.y.high {
			if pen == "L" || i+1 == len(q.curve) || q.curve[i+1] > d.y.high {
				if pen == "L" { // leave by the top
					d.printf("%s%.1f %.1f", pen, q.left+float64(i), py(d.y.high))
				}
				pen = "M"
				continue
			}
		}
		d.printf("%s%.1f %.1f", pen, q.left+float64(i), py(cost))
		pen = "L"
	}
	d.printf(`"/>` + "\n")
}

// point marks the proposed cutoff.
func (d *drawing) point(q panel, x, y float64) {
	d.line(x, y, x, panelLow, q.ink, "")
	d.printf(`<circle cx="%.1f" cy="%.1f" r="5.5" fill="%s" stroke="%s" stroke-width="2"/>`+"\n", x, y, q.ink, panelPaper)
	anchor, dx := beside(q.left, x)
	below := y + 22 // where no curve can be: nothing costs less
	if below > panelLow-6 {
		below = y - 14
	}
	d.printf(`<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" font-weight="600">%s</text>`+"\n",
		x+dx, below, anchor, q.ink, Money(d.proposal.Cost, 0))
}

// beside says on which side of x there is more room for a text in a panel, and how far from x it begins.
func beside(left, x float64) (anchor string, dx float64) {
	if x > left+panelWidth*0.6 {
		return "end", -10
	}
	return "start", 10
}

func (d *drawing) line(x1, y1, x2, y2 float64, stroke, dashes string) {
	if dashes != "" {
		dashes = fmt.Sprintf(` stroke-dasharray="%s"`, dashes)
	}
	d.printf(`<path d="M%.1f %.1fL%.1f %.1f" stroke="%s"%s/>`+"\n", x1, y1, x2, y2, stroke, dashes)
}

func (d *drawing) text(x, y float64, anchor, fill, text string) {
	d.printf(`<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" stroke="%s" stroke-width="3" paint-order="stroke">%s</text>`+"\n",
		x, y, anchor, fill, paper, text)
}
