package forest

import "testing"

// stumps is a forest of trees with one split each, of a feature behind which there are others.
func stumps(trees, features int) *Forest {
	f := &Forest{Features: features, Outputs: 1}
	for i := range trees {
		f.Trees = append(f.Trees, Tree{Weight: 1, Nodes: []Node{
			{Feature: int32(i % 3), Left: 1, Right: 2, Value: float64(i%5 - 2), Op: Op(i % 2), DefaultLeft: i%7 == 0},
			{Feature: Leaf, Value: float64(i)},
			{Feature: Leaf, Value: -1},
		}})
	}
	return f
}

// TestKernelsTakeNoRoomForLeavesThatAreNotThere wants many small trees to go by a kernel that takes as much memory as they
// do.
func TestKernelsTakeNoRoomForLeavesThatAreNotThere(t *testing.T) {
	for trees, want := range map[int]bool{1000: true, 5000: false} {
		rows := assemble(stumps(trees, 3), kernels{bytes: true}).rows
		if is := rows != nil; is != want {
			t.Errorf("%d stumps are taken by %T", trees, rows)
		}
	}
}

// TestLongRowsAreTakenAlone wants a batch of long rows to take the memory of one.
func TestLongRowsAreTakenAlone(t *testing.T) {
	f := stumps(100, 100_000)
	e, err := Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	if n := e.program.block(); n != 1 {
		t.Errorf("%d rows are taken at once", n)
	}
	const n = 9
	rows := make([]float64, n*f.Features)
	for i := range n {
		rows[i*f.Features], rows[i*f.Features+1], rows[i*f.Features+2] = float64(i), float64(i-4), float64(4-i)
	}
	got, want := make([]float64, n), make([]float64, n)
	Margin(e, got, rows, 0, len(f.Trees))
	Plain(e, want, rows, 0, len(f.Trees))
	sameBits(t, "margins", got, want)
}
