package feature

import (
	"fmt"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/nearest"
	"github.com/besra-ml/besra/internal/strictyaml"
)

// Parse reads a features.yaml. file is what errors call it.
func Parse(file string, data []byte) (*Definition, error) {
	root, err := strictyaml.Parse(file, data)
	if err != nil {
		return nil, err
	}
	p := &parser{d: &Definition{File: file, Zone: "UTC", Lateness: hour, location: time.UTC}}
	layout, columns, loss := 0, strictyaml.Node{}, strictyaml.Node{}
	later := func(p *strictyaml.Node) strictyaml.Reader {
		return func(n strictyaml.Node) error { *p = n; return nil }
	}
	err = root.Members(map[string]strictyaml.Reader{
		"besra":    layoutInto(&layout),
		"zone":     p.zone,
		"lateness": durationInto(&p.d.Lateness, 0),
		"loss":     later(&loss),
		"event":    p.event,
		"columns":  later(&columns),
	})
	switch {
	case err != nil:
		return nil, err
	case layout == 0:
		return nil, root.Errorf("besra: is missing; this layout is besra: 1")
	case p.d.Fields == nil:
		return nil, root.Errorf("event: is missing; want the fields of an event, such as - {name: time, type: time}")
	case columns == (strictyaml.Node{}):
		return nil, root.Errorf("columns: is missing; want the columns of a row, such as - {name: amount, field: amount}")
	}
	if loss != (strictyaml.Node{}) {
		if err := p.loss(loss); err != nil {
			return nil, err
		}
	}
	if err := p.columns(columns); err != nil {
		return nil, err
	}
	return p.d, nil
}

// A parser fills a definition. What refers to something waits until that is known.
type parser struct {
	d      *Definition
	groups []groupOf // by index of d.Groups
}

func layoutInto(p *int) strictyaml.Reader {
	return func(n strictyaml.Node) (err error) {
		if *p, err = n.Int(); err == nil && *p != 1 {
			return n.Errorf("layout %d is not known; this version of besra reads 1", *p)
		}
		return err
	}
}

func (p *parser) zone(n strictyaml.Node) error {
	name, err := n.Text()
	if err != nil {
		return err
	}
	if name == "" || name == "Local" {
		return n.Errorf("want the name of a time zone, such as UTC or Europe/Berlin, not %q", name)
	}
	p.d.Zone = name
	if p.d.location, err = time.LoadLocation(name); err == nil {
		return nil
	}
	if _, none := time.LoadLocation("Europe/Berlin"); none != nil {
		return n.Errorf("this system has no time zone data, so only UTC is known; install tzdata, or let ZONEINFO name its zoneinfo.zip")
	}
	return n.Errorf("%.80q is no time zone that this system knows; want UTC or a name such as Europe/Berlin", name)
}

func (p *parser) loss(n strictyaml.Node) error {
	name, err := n.Text()
	if err != nil {
		return err
	}
	i, err := p.field(n, name)
	if err != nil {
		return err
	}
	switch f := &p.d.Fields[i]; {
	case f.Type != Number:
		return n.Errorf("want a number field, and %s is of type %v", name, f.Type)
	case f.Decimals < 0:
		return n.Errorf("the field %s needs decimals, such as decimals: 2", name)
	}
	p.d.Loss = name
	return nil
}

// event reads the fields.
func (p *parser) event(n strictyaml.Node) error {
	d := p.d
	d.Fields = []Field{}
	times, entities := 0, 0
	err := n.List(func(_ int, v strictyaml.Node) error {
		f, err := readField(v)
		if err != nil {
			return err
		}
		if i := d.Field(f.Name); i >= 0 {
			return v.Errorf("the field %s stands twice, first in line %d", f.Name, d.lines[i])
		}
		d.Fields, d.lines = append(d.Fields, f), append(d.lines, v.Line())
		if f.Type == Time {
			times++
		}
		if f.Type == Entity {
			entities++
		}
		switch {
		case times > 1:
			return v.Errorf("a second field of type time; an event has exactly one")
		case entities > MaxEntities:
			return v.Errorf("more than %d entities", MaxEntities)
		case len(d.Fields) > MaxFields:
			return v.Errorf("more than %d fields", MaxFields)
		}
		return nil
	})
	if err == nil && times == 0 {
		return n.Errorf("has no field of type time; want one, such as {name: time, type: time}")
	}
	return err
}

func readField(n strictyaml.Node) (Field, error) {
	f := Field{Decimals: -1}
	typed := false
	err := n.Members(map[string]strictyaml.Reader{
		"name": fieldNameInto(&f.Name),
		"type": func(n strictyaml.Node) error {
			word, err := n.Text()
			if err != nil {
				return err
			}
			for i, t := range fieldTypes {
				if word == t {
					f.Type, typed = FieldType(i), true
					return nil
				}
			}
			return n.Errorf("want time, entity, number, text or bool, not %.80q%s", word, hint(word, fieldTypes[:]))
		},
		"decimals": func(n strictyaml.Node) (err error) {
			if f.Decimals, err = n.Int(); err == nil && (f.Decimals < 0 || f.Decimals >= len(scales)) {
				return n.Errorf("want 0 to %d, not %d", len(scales)-1, f.Decimals)
			}
			return err
		},
		"required": strictyaml.Bool(&f.Required),
		"text":     labelInto(&f.Text),
	})
	switch {
	case err != nil:
		return f, err
	case f.Name == "":
		return f, n.Errorf("name: is missing")
	case !typed:
		return f, n.Errorf("type: is missing; want time, entity, number, text or bool")
	case f.Decimals >= 0 && f.Type != Number:
		return f, n.Errorf("decimals: are of numbers, and this field is of type %v", f.Type)
	}
	f.Required = f.Required || f.Type == Time
	return f, nil
}

// taken are the names beside fields in files of events.
var taken = []string{"event_id", "label", "label_time"}

// fieldNameInto reads a name without spaces or punctuation, so that lists and digests of names are plain.
func fieldNameInto(p *string) strictyaml.Reader {
	return func(n strictyaml.Node) (err error) {
		if *p, err = n.Text(); err != nil {
			return err
		}
		if len(*p) < 1 || len(*p) > 64 || strings.Trim(*p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != "" {
			return n.Errorf("want 1 to 64 of a-z, A-Z, 0-9, _, . and -, not %.80q", *p)
		}
		for _, t := range taken {
			if *p == t {
				return n.Errorf("%s is taken: it stands beside the fields in files of events", t)
			}
		}
		return nil
	}
}

// labelInto reads what people call a field, or the name of a column.
func labelInto(p *string) strictyaml.Reader {
	return func(n strictyaml.Node) (err error) {
		if *p, err = n.Text(); err != nil {
			return err
		}
		if *p == "" || len(*p) > 256 || strings.ContainsFunc(*p, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
			return n.Errorf("want 1 to 256 bytes without control characters")
		}
		return nil
	}
}

// field finds a field by name.
func (p *parser) field(n strictyaml.Node, name string) (int, error) {
	if i := p.d.Field(name); i >= 0 {
		return i, nil
	}
	names := make([]string, len(p.d.Fields))
	for i, f := range p.d.Fields {
		names[i] = f.Name
	}
	return 0, n.Errorf("the event has no field %.80q%s", name, hint(name, names))
}

// hint asks whether another name was meant.
func hint(name string, known []string) string {
	if k := nearest.Name(name, known); k != "" {
		return fmt.Sprintf(", did you mean %q?", k)
	}
	return ""
}
