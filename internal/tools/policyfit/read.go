package policyfit

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Columns say where a labelled file has what. Loss is a column's name, or a number: the loss of every payment.
type Columns struct{ Score, Label, Loss string }

// A File is what was read of a labelled file.
type File struct {
	Payments  []Payment
	Unlabeled int // lines without a label, which were left out
	Unscored  int // lines with a label and without a score, which were left out
}

// checkEvery is how many lines are read before it is seen whether anybody still waits for them.
const checkEvery = 1 << 16

// Read reads a CSV file with a header. file is what errors call it.
//
// A label is fraud or 1, genuine or 0; empty, it is not known yet. A score is a number
// from -1e300 to 1e300, and a loss one from 0 to MaxMoney. Other columns are not looked at.
func Read(ctx context.Context, file string, r io.Reader, names Columns) (*File, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: is empty; want a header and labelled payments", file)
	}
	if err != nil {
		return nil, inFile(file, err)
	}
	c, err := find(header, names)
	if err != nil {
		return nil, fmt.Errorf("%s:1: %w", file, err)
	}
	f := &File{}
	for n := 1; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, errors.New("interrupted")
		}
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return nil, inFile(file, err)
		}
		if err := f.take(c, cells); err != nil {
			line, _ := in.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", file, line, err)
		}
	}
}

// inFile spells a csv error as file:line: what.
func inFile(file string, err error) error {
	var e *csv.ParseError
	if errors.As(err, &e) {
		return fmt.Errorf("%s:%d: %w", file, e.Line, e.Err)
	}
	return fmt.Errorf("%s: %w", file, err)
}

// columns are the indices of the columns; loss is -1 when it is constant.
type columns struct {
	score, label, loss int
	constant           float64
}

func find(header []string, names Columns) (c columns, err error) {
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	if c.score, err = index(header, names.Score, "score"); err != nil {
		return c, err
	}
	if c.label, err = index(header, names.Label, "label"); err != nil {
		return c, err
	}
	if x, err := number(names.Loss); err == nil && count(header, names.Loss) == 0 {
		if err := inBounds(x); err != nil {
			return c, fmt.Errorf("loss: %w", err)
		}
		c.loss, c.constant = -1, x
		return c, nil
	}
	c.loss, err = index(header, names.Loss, "loss")
	return c, err
}

func index(header []string, name, what string) (int, error) {
	switch count(header, name) {
	case 0:
		return 0, fmt.Errorf("no column %.80q; --%s names it, among: %s", name, what, shorten(strings.Join(header, ", ")))
	case 1:
		return slices.Index(header, name), nil
	}
	return 0, fmt.Errorf("column %.80q stands twice", name)
}

func count(header []string, name string) (n int) {
	for _, h := range header {
		if h == name {
			n++
		}
	}
	return n
}

func shorten(text string) string {
	if len(text) > 200 {
		return strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}

func (f *File) take(c columns, cells []string) error {
	var fraud bool
	switch cells[c.label] {
	case "fraud", "1":
		fraud = true
	case "genuine", "0":
	case "":
		f.Unlabeled++
		return nil
	default:
		return fmt.Errorf("label: want fraud or genuine, 1 or 0, not %.40q", cells[c.label])
	}
	if cells[c.score] == "" {
		f.Unscored++
		return nil
	}
	score, err := number(cells[c.score])
	if err != nil {
		return fmt.Errorf("score: %w", err)
	}
	if math.Abs(score) > maxScore {
		return fmt.Errorf("score: %v is beyond %v", score, maxScore)
	}
	loss := c.constant
	if c.loss >= 0 {
		if loss, err = number(cells[c.loss]); err != nil {
			return fmt.Errorf("loss: %w", err)
		}
		if err := inBounds(loss); err != nil {
			return fmt.Errorf("loss: %w", err)
		}
	}
	if len(f.Payments) == MaxPayments {
		return fmt.Errorf("more than %d payments; take a sample", MaxPayments)
	}
	f.Payments = append(f.Payments, NewPayment(score, loss, fraud))
	return nil
}

// maxScore bounds a score, so that there is room for a cutoff beyond it.
const maxScore = 1e300

// MaxMoney bounds an amount, so that sums of them are finite.
const MaxMoney = 1e15

func inBounds(amount float64) error {
	switch {
	case amount < 0:
		return fmt.Errorf("%v is negative", amount)
	case amount > MaxMoney:
		return fmt.Errorf("%v is more than %v", amount, MaxMoney)
	}
	return nil
}

// number reads a finite number.
func number(text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		return 0, fmt.Errorf("want a number, not %.40q", text)
	}
	return x, nil
}
