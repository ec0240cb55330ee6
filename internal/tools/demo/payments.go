package demo

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// What is held in memory is bounded whatever is handed in.
const (
	maxPayments = 250_000
	maxBytes    = 64 << 20
)

// A payment is ready to be sent.
type payment struct {
	id       string
	amount   Money
	fraud    bool
	features []byte // {"amount":12.5,…}
	body     []byte // the request
}

// readPayments reads the first o.Count payments, or all.
func readPayments(o Options) ([]payment, error) {
	in := &bounded{r: o.Payments, left: maxBytes}
	lines := csv.NewReader(in)
	lines.ReuseRecord = true
	header, err := lines.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("there is no header")
	} else if err != nil {
		return nil, err
	}
	columns, err := findColumns(header, o)
	if err != nil {
		return nil, err
	}
	var payments []payment
	for o.Count == 0 || len(payments) < o.Count {
		cells, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if len(payments) == maxPayments {
			return nil, fmt.Errorf("there are more than %s", grouped(maxPayments))
		}
		p, err := columns.payment(cells)
		if err != nil {
			line, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		payments = append(payments, p)
	}
	if len(payments) == 0 {
		return nil, errors.New("there are none below the header")
	}
	return payments, nil
}

// columns says where in a line each thing stands.
type columns struct {
	id, amount, label int
	features          []feature
	model             []byte // "model":"fraud", or nothing
}

type feature struct {
	column int
	name   string
	json   []byte // the name as JSON
}

func findColumns(header []string, o Options) (*columns, error) {
	at := make(map[string]int, len(header))
	for i, name := range header {
		if _, twice := at[name]; twice {
			return nil, fmt.Errorf("column %q is there twice", name)
		}
		at[name] = i
	}
	c := &columns{}
	if o.Model != "" {
		c.model = append(c.model, `"model":`...)
		c.model = append(append(c.model, quoted(o.Model)...), ',')
	}
	for name, place := range map[string]*int{"event_id": &c.id, "amount": &c.amount, "label": &c.label} {
		i, ok := at[name]
		if !ok {
			return nil, fmt.Errorf("column %q is missing", name)
		}
		*place = i
	}
	for _, name := range o.Features {
		i, ok := at[name]
		if !ok {
			return nil, fmt.Errorf("column %q of a feature is missing", name)
		}
		c.features = append(c.features, feature{column: i, name: name, json: quoted(name)})
	}
	return c, nil
}

func (c *columns) payment(cells []string) (payment, error) {
	p := payment{id: cells[c.id]}
	if p.id == "" {
		return p, errors.New("event_id is empty")
	}
	amount, err := strconv.ParseFloat(cells[c.amount], 64)
	if err != nil || !(amount >= 0 && amount <= maxAmount) {
		return p, fmt.Errorf("amount %q is not a number from 0 to %d", cells[c.amount], int64(maxAmount))
	}
	p.amount = cents(amount)
	switch label := cells[c.label]; label {
	case "fraud":
		p.fraud = true
	case "genuine":
	default:
		return p, fmt.Errorf("label %q is neither fraud nor genuine", label)
	}
	if p.features, err = c.object(cells); err != nil {
		return p, err
	}
	p.body = append(p.body, `{"event_id":`...)
	p.body = append(append(p.body, quoted(p.id)...), ',')
	p.body = append(p.body, c.model...)
	p.body = append(append(p.body, `"features":`...), p.features...)
	p.body = append(p.body, '}')
	return p, nil
}

// object writes the features as a JSON object, without those that are missing.
func (c *columns) object(cells []string) ([]byte, error) {
	object := []byte{'{'}
	for _, f := range c.features {
		cell := cells[f.column]
		if cell == "" {
			continue
		}
		if !isNumber(cell) {
			return nil, fmt.Errorf("%s %q is not a number as JSON spells them", f.name, cell)
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(append(object, f.json...), ':')
		object = append(object, cell...)
	}
	return append(object, '}'), nil
}

// isNumber tells whether cell is a JSON number: a JSON value that begins like one, and nothing around it.
func isNumber(cell string) bool {
	first, last := cell[0], cell[len(cell)-1]
	return (first == '-' || '0' <= first && first <= '9') && '0' <= last && last <= '9' && jsontext.Value(cell).IsValid()
}

// quoted writes s as a JSON string. What is not UTF-8 in it becomes U+FFFD, which the server will not know.
func quoted(s string) []byte {
	b, _ := jsontext.AppendQuote(nil, s)
	return b
}

// bounded reads from r and fails, rather than ends, after so many bytes.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("there are more than %d MiB", maxBytes>>20)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
