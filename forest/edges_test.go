package forest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// chain returns a tree of so many leaves that is as deep as it can be.
func chain(r *rand.Rand, features, leaves int) Tree {
	t := Tree{Weight: 1}
	for i := range int32(leaves - 1) {
		n := Node{
			Feature: int32(r.IntN(features)), Op: LessEqual, Value: math.Round(r.NormFloat64() * 4), DefaultLeft: r.IntN(2) == 0,
			Left: 2*i + 1, Right: 2*i + 2,
		}
		if r.IntN(2) == 0 { // the last node of all is the next split
			n.Op = Greater
		}
		t.Nodes = append(t.Nodes, n, Node{Feature: Leaf, Value: r.NormFloat64()})
	}
	t.Nodes = append(t.Nodes, Node{Feature: Leaf, Value: r.NormFloat64()})
	return t
}

// TestTreesAtTheEdgesOfKernels has trees as large as kernels take, and one larger.
func TestTreesAtTheEdgesOfKernels(t *testing.T) {
	full := func(r *rand.Rand, features, depth int, same bool) Tree {
		tree := Tree{Weight: 1}
		for d := range depth {
			var n Node
			for i := range 1 << d {
				if i == 0 || !same {
					n = Node{Feature: int32(r.IntN(features)), Value: math.Round(r.NormFloat64() * 4), DefaultLeft: r.IntN(2) == 0}
				}
				at := int32(len(tree.Nodes))
				n.Left, n.Right = 2*at+1, 2*at+2
				tree.Nodes = append(tree.Nodes, n)
			}
		}
		for range 1 << depth {
			tree.Nodes = append(tree.Nodes, Node{Feature: Leaf, Value: r.NormFloat64()})
		}
		return tree
	}
	const features = 3
	for name, c := range map[string]struct {
		tree func(r *rand.Rand) Tree
		want string // by levels and by bytes
	}{
		"six levels":              {func(r *rand.Rand) Tree { return full(r, features, 6, false) }, "mask"},
		"seven levels":            {func(r *rand.Rand) Tree { return full(r, features, 7, false) }, ""},
		"seven leaves in a chain": {func(r *rand.Rand) Tree { return chain(r, features, 7) }, "mask"},
		"eight leaves in a chain": {func(r *rand.Rand) Tree { return chain(r, features, 8) }, "sieve"},
		"sixty-three":             {func(r *rand.Rand) Tree { return chain(r, features, 63) }, "sieve"},
		"sixty-four":              {func(r *rand.Rand) Tree { return chain(r, features, 64) }, "sieve"},
		"sixty-five":              {func(r *rand.Rand) Tree { return chain(r, features, 65) }, ""},
		"sixty-six":               {func(r *rand.Rand) Tree { return chain(r, features, 66) }, ""},
		"sixteen of the same":     {func(r *rand.Rand) Tree { return full(r, features, 16, true) }, "symmetric"},
		"seventeen of the same":   {func(r *rand.Rand) Tree { return full(r, features, 17, true) }, ""},
		"one level":               {func(r *rand.Rand) Tree { return full(r, features, 1, true) }, "symmetric"},
		"three thousand":          {func(r *rand.Rand) Tree { return chain(r, features, 3000) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(8, uint64(len(name))))
			f := &Forest{Features: features, Outputs: 1, Input: Float32}
			for range 5 {
				f.Trees = append(f.Trees, c.tree(r))
			}
			es := evaluators(t, f)
			if e := es["by levels and by bytes"]; e != nil {
				got := ""
				if k := e.program.rows; k != nil {
					got = strings.TrimPrefix(fmt.Sprintf("%T", k), "*forest.")
				}
				if got != c.want {
					t.Errorf("taken by %q, want %q", got, c.want)
				}
			}
			rows := randomRows(r, features, 200)
			want, got := make([]float64, 200), make([]float64, 200)
			Plain(es["compiled"], want, rows, 0, 5)
			for name, e := range es {
				Margin(e, got, rows, 0, 5)
				sameBits(t, name, got, want)
			}
		})
	}
}

// TestLevelsThatAreAlmostTheSame changes one split of a symmetric tree in one way.
func TestLevelsThatAreAlmostTheSame(t *testing.T) {
	for name, change := range map[string]func(*Node){
		"nothing":                nil,
		"the feature":            func(n *Node) { n.Feature = 1 },
		"the threshold":          func(n *Node) { n.Value = 3 },
		"the comparison":         func(n *Node) { n.Op = LessEqual },
		"where missing goes":     func(n *Node) { n.DefaultLeft = true },
		"what is missing":        func(n *Node) { n.Missing = ZeroAndNaN },
		"the children":           func(n *Node) { n.Left, n.Right = n.Right, n.Left },
		"the set":                func(n *Node) { n.Ref = 1 },
		"the sign of zero":       func(n *Node) { n.Value = math.Copysign(n.Value, -1) },
		"the name of comparison": func(n *Node) { n.Op, n.Left, n.Right, n.DefaultLeft = GreaterEqual, n.Right, n.Left, !n.DefaultLeft },
	} {
		for i := range 6 {
			op, at := []Op{Less, Equal, In}[i/2], 1+i%2
			if op != Less && name == "the name of comparison" {
				continue
			}
			split := Node{Op: op, Value: 0}
			f := &Forest{
				Features: 2, Outputs: 1,
				Sets: []Set{{Bits: []uint64{1<<3 | 1}}, {Bits: []uint64{1<<3 | 2}}},
			}
			for range 2 {
				tree := Tree{Weight: 1}
				for i := range int32(3) {
					n := split
					n.Left, n.Right = 2*i+1, 2*i+2
					tree.Nodes = append(tree.Nodes, n)
				}
				for i := range 4 {
					tree.Nodes = append(tree.Nodes, Node{Feature: Leaf, Value: float64(i + 1)})
				}
				f.Trees = append(f.Trees, tree)
			}
			if change != nil {
				change(&f.Trees[1].Nodes[at])
			}
			var rows []float64
			values := []float64{0, math.Copysign(0, -1), 1, -1, 3, 2, math.NaN(), 1e-40}
			for _, a := range values {
				for _, b := range values {
					rows = append(rows, a, b)
				}
			}
			es := evaluators(t, f)
			want, got := make([]float64, len(rows)/2), make([]float64, len(rows)/2)
			Plain(es["compiled"], want, rows, 0, 2)
			for kernel, e := range es {
				Margin(e, got, rows, 0, 2)
				sameBits(t, fmt.Sprintf("%s, op %d, %s", name, op, kernel), got, want)
			}
			switch name {
			case "nothing", "the sign of zero", "the name of comparison":
				if es["by levels"].program.rows == nil && op == Less {
					t.Errorf("%s makes levels different", name)
				}
			}
		}
	}
}

// TestRanksOfManyThresholds has more thresholds in a column than a byte counts, and every value around them.
func TestRanksOfManyThresholds(t *testing.T) {
	const n = 1000
	f := &Forest{Features: 2, Outputs: 1, Input: Float32, Sum: Float32}
	var rows []float64
	for i := range n {
		x := float64(float32(i) / 7)
		f.Trees = append(f.Trees, Tree{Weight: 1, Nodes: []Node{
			{Feature: int32(i % 4 / 3), Value: x, Left: 1, Right: 2, DefaultLeft: i%4 == 3},
			{Feature: Leaf, Value: float64(i)},
			{Feature: Leaf, Value: float64(-2 * i)},
		}})
		up, down := float64(math.Nextafter32(float32(x), 1e9)), float64(math.Nextafter32(float32(x), -1e9))
		rows = append(rows, x, up, up, down, down, x)
	}
	inf := math.Inf(1)
	rows = append(rows, math.NaN(), 3, 3, math.NaN(), inf, -inf, -inf, inf, math.NaN(), math.NaN())
	for _, width := range []Width{Float32, Float64} {
		f.Input = width
		es := evaluators(t, f)
		if e := es["by bytes"]; e != nil {
			if r := e.program.rows.(*mask).ranks; len(r.sources) != 4 {
				t.Fatalf("%d slots: want 3 for 750 thresholds and 1 for 250", len(r.sources))
			}
		}
		want, got := make([]float64, len(rows)/2), make([]float64, len(rows)/2)
		Plain(es["compiled"], want, rows, 0, n)
		for name, e := range es {
			Margin(e, got, rows, 0, n)
			sameBits(t, name, got, want)
		}
	}
}

// TestBytesOfManyColumns has as many slots as a row of ranks has bytes, and one more.
func TestBytesOfManyColumns(t *testing.T) {
	for _, input := range []Width{Float32, Float64} {
		for _, n := range []int{1, rankSlots - 1, rankSlots, rankSlots + 1, 2 * rankSlots} {
			r := rand.New(rand.NewPCG(6, uint64(n)))
			f := &Forest{Features: n, Outputs: 1, Input: input}
			for i := range n {
				f.Trees = append(f.Trees, Tree{Weight: 1, Nodes: []Node{
					{Feature: int32(i), Left: 1, Right: 2, Op: LessEqual},
					{Feature: Leaf, Value: r.NormFloat64()},
					{Feature: Leaf, Value: r.NormFloat64()},
				}})
			}
			es := evaluators(t, f)
			if e := es["by bytes"]; e != nil && (e.program.rows != nil) != (n <= rankSlots) {
				t.Errorf("%d columns: taken by %T", n, e.program.rows)
			}
			rows := randomRows(r, n, 100)
			want, got := make([]float64, 100), make([]float64, 100)
			Plain(es["compiled"], want, rows, 0, n)
			for name, e := range es {
				Margin(e, got, rows, 0, n)
				sameBits(t, fmt.Sprintf("%s, %d columns", name, n), got, want)
			}
		}
	}
}

// TestTreesOfAnySize has trees whose nodes are too many for narrow ones, and one that is too large for deep ones.
func TestTreesOfAnySize(t *testing.T) {
	for name, c := range map[string]struct {
		nodes, trees int
		want         string
	}{
		"a large tree":     {200_000, 1, "deep"},
		"many":             {3000, 70, "deep"},
		"an enormous tree": {2_200_000, 1, "wide"},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 5))
			f := &Forest{Features: 3, Outputs: 1, Input: Float32, Sum: Float64}
			for range c.trees {
				// The root's right side has as many nodes as its left, so that one of them stands far away.
				tree := Tree{Weight: 1}
				var grow func(nodes int) int32
				grow = func(nodes int) int32 {
					at := int32(len(tree.Nodes))
					tree.Nodes = append(tree.Nodes, Node{Feature: Leaf, Value: r.NormFloat64()})
					if nodes > 2 {
						n := Node{Feature: int32(r.IntN(3)), Op: LessEqual, Value: float64(float32(r.NormFloat64())), DefaultLeft: true}
						n.Left = grow(nodes / 2)
						n.Right = grow(nodes / 2)
						tree.Nodes[at] = n
					}
					return at
				}
				grow(c.nodes)
				f.Trees = append(f.Trees, tree)
			}
			e, err := Compile(f)
			if err != nil {
				t.Fatal(err)
			}
			switch p := e.program; {
			case p.deep && c.want != "deep", !p.deep && c.want == "deep", p.narrow && c.want == "wide":
				t.Errorf("deep %v, narrow %v: want %s nodes", p.deep, p.narrow, c.want)
			}
			rows := randomRows(r, 3, 200)
			want, got := make([]float64, 200), make([]float64, 200)
			Plain(e, want, rows, 0, c.trees)
			Margin(e, got, rows, 0, c.trees)
			sameBits(t, "200 rows", got, want)
		})
	}
}
