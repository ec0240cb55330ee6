package lightgbm

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/besra-ml/besra/forest"
)

// readTrees takes all trees and the line that ends them. Trees know nothing of each other, so that as many are read at a
// time as there are processors.
func (r *reader) readTrees() error {
	texts, err := r.split()
	if err != nil {
		return err
	}
	trees, errs := make([]tree, len(texts)), make([]error, len(texts))
	workers := min(runtime.GOMAXPROCS(0), len(texts))
	var team sync.WaitGroup
	for w := range workers {
		team.Go(func() {
			t := treeReader{columns: r.head.columns}
			for i := w; i < len(texts); i += workers {
				trees[i], errs[i] = t.read(texts[i])
			}
		})
	}
	team.Wait()
	r.Features, r.Outputs = r.head.columns, r.head.outputs
	r.Trees = make([]forest.Tree, len(trees))
	for i := range trees {
		if errs[i] != nil {
			return fmt.Errorf("tree %d: %w", i, errs[i])
		}
		r.add(i, &trees[i])
	}
	return nil
}

// add makes a tree the forest's, with its sets and lines.
func (r *reader) add(i int, t *tree) {
	if len(t.sets)+len(t.lines) > 0 {
		sets, lines := int32(len(r.Sets)), int32(len(r.Lines))
		for j := range t.nodes {
			switch n := &t.nodes[j]; {
			case n.Op == forest.In:
				n.Ref += sets
			case n.Feature == forest.Leaf && n.Ref >= 0:
				n.Ref += lines
			}
		}
		r.Sets, r.Lines = append(r.Sets, t.sets...), append(r.Lines, t.lines...)
	}
	r.Trees[i] = forest.Tree{Nodes: t.nodes, Output: i % r.Outputs, Weight: 1}
}

// split returns the text of each tree, with the empty lines behind it, and passes over the line that ends them.
func (r *reader) split() ([]lines, error) {
	whole := r.lines
	rest := r.data[r.pos-1:] // from the end of the line before
	end := bytes.Index(rest, endOfTrees)
	if end < 0 {
		return nil, fmt.Errorf("tree %d: line %d: %w: no %q",
			bytes.Count(rest, nextTree)-1, r.number+bytes.Count(rest[1:], []byte("\n")), errShort, endMark)
	}
	r.data = r.data[:r.pos+end]
	var texts []lines
	for r.pos < len(r.data) {
		text, err := r.cut(len(texts))
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	r.data = whole.data
	if line, _ := r.next(); !bytes.Equal(line, endMark) {
		return nil, fmt.Errorf("line %d: want %q, found %.40q", r.number, endMark, line)
	}
	return texts, r.checkSizes(texts)
}

// checkSizes wants tree_sizes to be those of the trees, with or without carriage returns.
func (r *reader) checkSizes(texts []lines) error {
	sizes := r.head.sizes
	if !sizes.there() {
		return nil
	}
	list := sizes.values("tree_sizes", len(texts))
	if n := sizes.count(); n != len(texts) {
		list.fail("there are %d sizes for %d trees", n, len(texts))
	}
	for i, text := range texts {
		size, took := list.int(0, math.MaxInt32), int64(len(text.data)-text.pos)
		if plain := took - int64(text.returns); took != size && plain != size {
			list.fail("tree %d has %d bytes, not %d", i, plain, size)
		}
	}
	return list.close()
}

// cut takes the text of tree i, up to the next.
func (r *reader) cut(i int) (lines, error) {
	text := r.lines
	line, _ := r.next()
	if string(line) != fmt.Sprintf("%s%d", treeMark, i) {
		return text, fmt.Errorf("line %d: want tree %d, found %.40q", r.number, i, line)
	}
	rest := r.data[r.pos-1:]
	size := bytes.Index(rest, nextTree)
	if size < 0 {
		size = len(rest) - 1
	}
	rest = rest[1 : size+1]
	r.number += bytes.Count(rest, []byte("\n"))
	r.pos += size
	text.data = text.data[:r.pos]
	text.returns = bytes.Count(text.data[text.pos:], []byte("\r\n"))
	return text, nil
}
