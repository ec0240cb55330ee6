package catboost

import (
	"errors"
	"fmt"
)

func (d document) symmetricTree(i int) error {
	t := &d.m.trees
	depth, before := 0, len(t.leaves)
	err := d.Object(func(key []byte) error {
		switch name := string(key); name {
		case "leaf_values":
			var err error
			t.leaves, err = d.Doubles(t.leaves)
			return in(name, err)
		case "splits":
			return in(name, d.list(func(int) error {
				depth++
				return d.split()
			}))
		}
		return d.Skip()
	})
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return fmt.Errorf("a symmetric tree of depth %d, want 0 to %d", depth, maxDepth)
	}
	t.sizes = append(t.sizes, int32(depth))
	n := len(t.leaves) - before
	outputs := n >> depth
	if n == 0 || outputs<<depth != n {
		return fmt.Errorf("%d values for %d leaves", n, 1<<depth)
	}
	return d.width(outputs)
}

// split takes a split, of which its number says all.
func (d document) split() error {
	found := false
	err := d.Object(func(key []byte) error {
		if string(key) != "split_index" {
			return d.Skip()
		}
		found = true
		k, err := d.int32()
		d.m.trees.splits = append(d.m.trees.splits, k)
		return in("split_index", err)
	})
	if err == nil && !found {
		err = errors.New("no split_index")
	}
	return err
}

// width wants all leaves to have that many values.
func (d document) width(outputs int) error {
	if d.m.outputs == 0 {
		d.m.outputs = outputs
	}
	if d.m.outputs != outputs {
		return fmt.Errorf("%d values of a leaf, others have %d", outputs, d.m.outputs)
	}
	return nil
}

func (d document) freeTree(int) error {
	t := &d.m.trees
	before := len(t.splits)
	if err := d.node(); err != nil {
		return err
	}
	t.sizes = append(t.sizes, int32(len(t.splits)-before))
	return nil
}

// node takes a node and what is below it. Leaves are numbered from the left, whatever order members come in: a right
// child that comes first has to wait.
func (d document) node() error {
	t := &d.m.trees
	i := len(t.splits)
	t.splits, t.ids = append(t.splits, 0), append(t.ids, 0)
	t.children = append(t.children, [2]int32{})
	leaf, asked, waits := false, false, -1
	err := d.Object(func(key []byte) error {
		switch name := string(key); name {
		case "value":
			leaf = true
			return in(name, d.leafValue(i))
		case "split":
			asked = true
			n := len(t.splits)
			if err := d.split(); err != nil {
				return in(name, err)
			}
			t.splits[i], t.splits = t.splits[n], t.splits[:n]
		case "left":
			t.children[i][0] = int32(len(t.splits) - i)
			return in(name, d.node())
		case "right":
			if t.children[i][0] == 0 {
				waits = d.At()
				err := d.Skip()
				if *d.again -= d.At() - waits; err == nil && *d.again < 0 {
					err = errors.New("right comes before left, again and again")
				}
				return err
			}
			t.children[i][1] = int32(len(t.splits) - i)
			return in(name, d.node())
		default:
			return d.Skip()
		}
		return nil
	})
	if err == nil && waits >= 0 {
		end := d.At()
		d.Seek(waits)
		t.children[i][1] = int32(len(t.splits) - i)
		err = in("right", d.node())
		d.Seek(end)
	}
	switch c := t.children[i]; {
	case err != nil:
		return err
	case leaf == (asked || c[0] != 0 || c[1] != 0):
		return errors.New("neither a leaf nor a split")
	case !leaf && (!asked || c[0] == 0 || c[1] == 0):
		return errors.New("a split without both children")
	}
	return nil
}

// leafValue takes the values of node i: a number, or one for each output.
func (d document) leafValue(i int) (err error) {
	t := &d.m.trees
	before := len(t.leaves)
	t.ids[i] = uint32(before)
	if d.Peek() == '[' {
		t.leaves, err = d.Doubles(t.leaves)
	} else {
		var x float64
		x, err = d.Float()
		t.leaves = append(t.leaves, x)
	}
	if err == nil {
		err = d.width(len(t.leaves) - before)
	}
	return err
}
