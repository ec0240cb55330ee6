package stack

import (
	"fmt"
	"strings"
)

// An outline is YAML in block style, taken as lines and the lines below them: enough to lay pieces of a template over
// one another and to keep their comments and their spelling. Values in flow style, as [a, b], are part of a line.
type outline []*entry

// An entry is a line without its indentation, the comment above it, and what stands below it.
type entry struct {
	comment []string
	head    string // Key:, Key: value, or - item
	below   outline
	text    []string // instead of below: the lines of a block scalar
}

// indentation is what each level adds.
const indentation = 2

// parseOutline reads lines. They must be indented by twos, as a mistake in a piece is one of ours.
func parseOutline(text string) (outline, error) {
	var (
		top     outline
		open    = []*outline{&top} // the list that a line of each depth is appended to
		comment []string
		last    *entry
	)
	for i, line := range strings.Split(text, "\n") {
		bare := strings.TrimLeft(line, " ")
		depth := (len(line) - len(bare)) / indentation
		switch {
		case last != nil && last.scalar() && bare != "" && depth >= len(open):
			last.text = append(last.text, line[indentation*len(open):])
			continue
		case bare == "":
			continue
		case strings.HasPrefix(bare, "#"):
			comment = append(comment, bare)
			continue
		case (len(line)-len(bare))%indentation != 0, depth > len(open), depth == len(open) && last == nil:
			return nil, fmt.Errorf("line %d: %q: its indentation fits nowhere", i+1, line)
		case depth == len(open):
			open = append(open, &last.below)
		}
		open = open[:depth+1]
		last = &entry{head: bare, comment: comment}
		*open[depth] = append(*open[depth], last)
		comment = nil
	}
	return top, nil
}

// scalar reports whether what is below is text.
func (e *entry) scalar() bool { return strings.HasSuffix(e.head, " |") }

// key is what an entry of a map goes by; "" is an item of a list, which goes by nothing.
func (e *entry) key() string {
	if strings.HasPrefix(e.head, "- ") {
		return ""
	}
	key, _, _ := strings.Cut(e.head, ":")
	return key
}

// find returns the entry of that key; nil if there is none.
func (o outline) find(key string) *entry {
	for _, e := range o {
		if e.key() == key {
			return e
		}
	}
	return nil
}

// at returns the entry that keys lead to; nil if there is none.
func (o outline) at(path ...string) *entry {
	var e *entry
	for _, key := range path {
		if e = o.find(key); e == nil {
			return nil
		}
		o = e.below
	}
	return e
}

// lay lays another outline over o: what both have is merged, what is new is appended, as are items of lists, and a value
// takes the place of the one that was there.
func (o *outline) lay(over outline) {
	for _, e := range over {
		var same *entry
		if key := e.key(); key != "" {
			same = o.find(key)
		}
		if same == nil {
			*o = append(*o, e)
			continue
		}
		same.comment = append(same.comment, e.comment...)
		if len(e.below) > 0 {
			same.below.lay(e.below)
			continue
		}
		same.head, same.text = e.head, e.text
	}
}

// String writes the lines, with one that is empty before each entry of the first two levels that has others below it.
func (o outline) String() string {
	var b strings.Builder
	o.write(&b, 0)
	return b.String()
}

func (o outline) write(b *strings.Builder, depth int) {
	indent := strings.Repeat(" ", indentation*depth)
	for i, e := range o {
		if len(e.below) > 0 && (depth == 0 || depth == 1 && i > 0) {
			b.WriteByte('\n')
		}
		for _, line := range e.comment {
			fmt.Fprintf(b, "%s%s\n", indent, line)
		}
		fmt.Fprintf(b, "%s%s\n", indent, e.head)
		for _, line := range e.text {
			fmt.Fprintf(b, "%s  %s\n", indent, line)
		}
		e.below.write(b, depth+1)
	}
}
