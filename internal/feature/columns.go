package feature

import (
	"slices"
	"strings"

	"github.com/besra-ml/besra/internal/strictyaml"
	"github.com/besra-ml/besra/internal/window"
)

// forms are the members that say how a column is made, by Form; a column has exactly one.
var forms = [...]string{
	FromField: "field", Calendar: "calendar", Aggregate: "aggregate",
	Ratio: "ratio", Difference: "difference", Log1p: "log1p",
}

const wantForm = "want one of field, calendar, aggregate, ratio, difference and log1p"

// aggregateMembers only mean something beside aggregate.
var aggregateMembers = []string{"of", "over", "window", "delay", "current", "empty", "resolution"}

// columns reads the columns, then compiles the groups that they ask.
func (p *parser) columns(n strictyaml.Node) error {
	d := p.d
	pending := []pendingAsk{}
	index := map[string]int{}
	err := n.List(func(_ int, v strictyaml.Node) error {
		c, a, err := p.column(v, index)
		if err != nil {
			return err
		}
		if i, ok := index[c.Name]; ok {
			return v.Errorf("the column %.80q stands twice, first in line %d", c.Name, d.Columns[i].line)
		}
		if len(d.Columns) == MaxColumns {
			return v.Errorf("more than %d columns", MaxColumns)
		}
		if c.Form == Aggregate {
			pending = append(pending, pendingAsk{column: len(d.Columns), ask: a})
		}
		index[c.Name] = len(d.Columns)
		d.Columns = append(d.Columns, c)
		return nil
	})
	if err != nil {
		return err
	}
	if len(d.Columns) == 0 {
		return n.Errorf("want at least one column")
	}
	for i, g := range d.Groups {
		if err := g.compile(); err != nil {
			return p.groups[i].first.Errorf("the aggregates over %s: %w", strings.Join(g.Entities, " and "), err)
		}
	}
	for _, q := range pending {
		c := &d.Columns[q.column]
		c.ask = slices.Index(d.Groups[c.group].asks, q.ask)
	}
	return nil
}

// A pendingAsk waits for the order of its group's asks.
type pendingAsk struct {
	column int
	ask    ask
}

// A groupOf is what a parser knows of a group.
type groupOf struct {
	first strictyaml.Node // the column that asked first
}

func (p *parser) column(n strictyaml.Node, index map[string]int) (Column, ask, error) {
	c := Column{line: n.Line()}
	members := map[string]strictyaml.Node{}
	known := map[string]strictyaml.Reader{"name": labelInto(&c.Name)}
	for _, names := range [][]string{forms[:], aggregateMembers} {
		for _, name := range names {
			known[name] = func(v strictyaml.Node) error { members[name] = v; return nil }
		}
	}
	if err := n.Members(known); err != nil {
		return c, ask{}, err
	}
	if c.Name == "" {
		return c, ask{}, n.Errorf("name: is missing")
	}
	form := -1
	for i, name := range forms {
		v, ok := members[name]
		switch {
		case ok && form >= 0:
			return c, ask{}, v.Errorf("stands beside %s; %s", forms[form], wantForm)
		case ok:
			form = i
		}
	}
	if form < 0 {
		return c, ask{}, n.Errorf("nothing says how the column %.80q is made; %s", c.Name, wantForm)
	}
	c.Form = Form(form)
	v := members[forms[form]]
	if c.Form != Aggregate {
		for _, name := range aggregateMembers {
			if w, ok := members[name]; ok {
				return c, ask{}, w.Errorf("belongs to an aggregate, and this column has %s", forms[form])
			}
		}
	}
	switch c.Form {
	case FromField:
		return c, ask{}, p.fromField(v, &c)
	case Calendar:
		return c, ask{}, readCalendar(v, &c)
	case Aggregate:
		a, err := p.aggregate(n, members, &c)
		return c, a, err
	default:
		return c, ask{}, p.arithmetic(v, &c, index)
	}
}

func (p *parser) fromField(n strictyaml.Node, c *Column) error {
	name, err := n.Text()
	if err != nil {
		return err
	}
	if c.field, err = p.field(n, name); err != nil {
		return err
	}
	switch p.d.Fields[c.field].Type {
	case Time:
		return n.Errorf("%s is the event's time, which is no column; want calendar: night, weekend, hour or weekday", name)
	case Entity:
		return n.Errorf("%s is an entity, known by its hash alone, which is no column; want a field of type text, or an aggregate over it", name)
	default:
		return nil
	}
}

func readCalendar(n strictyaml.Node, c *Column) error {
	word, err := n.Text()
	if err != nil {
		return err
	}
	i := slices.Index(calendars[:], word)
	if i < 0 {
		return n.Errorf("want night, weekend, hour or weekday, not %.80q%s", word, hint(word, calendars[:]))
	}
	c.calendar = calendar(i)
	return nil
}

// arithmetic reads the operands: columns that stand before, so that there is no circle.
func (p *parser) arithmetic(n strictyaml.Node, c *Column, index map[string]int) error {
	operand := func(v strictyaml.Node) error {
		name, err := v.Text()
		if err != nil {
			return err
		}
		i, ok := index[name]
		if !ok {
			names := make([]string, 0, len(p.d.Columns))
			for _, before := range p.d.Columns {
				names = append(names, before.Name)
			}
			return v.Errorf("no column %.80q is declared before%s", name, hint(name, names))
		}
		if o := &p.d.Columns[i]; o.Form == FromField && p.d.Fields[o.field].Type == Text {
			return v.Errorf("the column %.80q is text, and no number", name)
		}
		c.operands = append(c.operands, i)
		return nil
	}
	if c.Form == Log1p {
		return operand(n)
	}
	if err := n.List(func(_ int, v strictyaml.Node) error { return operand(v) }); err != nil {
		return err
	}
	if len(c.operands) != 2 {
		return n.Errorf("want two columns, such as [amount, card_mean_1d], not %d", len(c.operands))
	}
	return nil
}

// aggregate reads an aggregate and adds it to its group.
func (p *parser) aggregate(n strictyaml.Node, members map[string]strictyaml.Node, c *Column) (ask, error) {
	r := aggregateReader{p: p, n: n, members: members}
	a, v, err := r.read()
	if err != nil {
		return a, err
	}
	c.group = slices.IndexFunc(p.d.Groups, func(g *Group) bool {
		return g.Resolution == r.resolution && slices.Equal(g.Entities, r.over)
	})
	if c.group < 0 {
		if len(p.d.Groups) == MaxGroups {
			return a, n.Errorf("more than %d different entities, pairs and resolutions to aggregate over", MaxGroups)
		}
		c.group = len(p.d.Groups)
		p.d.Groups = append(p.d.Groups, &Group{Entities: r.over, Lateness: p.d.Lateness, Resolution: r.resolution})
		p.groups = append(p.groups, groupOf{first: n})
	}
	g := p.d.Groups[c.group]
	g.add(a, v)
	if g.windows() > MaxWindows {
		return a, n.Errorf("more than %d different windows over %s", MaxWindows, strings.Join(g.Entities, " and "))
	}
	return a, nil
}

// alone asks window whether it can answer a by itself, so that a refusal has the column's line.
func (a ask) alone(v value, resolution, lateness int64) error {
	g := Group{Resolution: resolution, Lateness: lateness}
	g.add(a, v)
	_, err := window.Compile(g.spec())
	return err
}
