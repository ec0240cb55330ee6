package onnx

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/formattest"
)

// read reads and compiles a model.
func read(data []byte) error {
	_, err := format.Compile(data)
	return err
}

func TestModelsThatDoNotAddUp(t *testing.T) {
	nan := float32(math.NaN())
	xy := func(op string, attributes ...message) graph {
		return through(2, made(op, []string{"x"}, []string{"y"}, attributes...))
	}
	with := func(g graph, constants ...message) graph {
		g.constants = constants
		return g
	}
	for _, c := range []struct {
		name string
		g    graph
		want string
	}{
		{"an operator that is not known", xy("Relu"), "node 0, Relu: operator Relu is not supported"},
		{"an operator without attributes", xy("Scaler"), "node 0, Scaler: attribute offset: 0 numbers for 2 features"},
		{"scales for other features", xy("Scaler", attr("offset", []float32{1, 2, 3}), attr("scale", []float32{1, 2, 3})), "3 numbers for 2 features"},
		{"an imputer for nothing", xy("Imputer"), "no replaced_value_float"},
		{"a norm that is unknown", xy("Normalizer", attr("norm", "L3")), `attribute norm is "L3"`},
		{"categories for floats", xy("OneHotEncoder", attr("cats_strings", []string{"a"})), "input is float for 1 cats_strings"},
		{"a category beyond float64", xy("OneHotEncoder", attr("cats_int64s", []int{1<<53 + 1})), "beyond 2^53"},
		{"strings from numbers", xy("LabelEncoder", attr("keys_floats", []float32{1}), attr("values_strings", []string{"a"})), `output "y" is string`},
		{"keys without values", xy("LabelEncoder", attr("keys_floats", []float32{1}), attr("values_floats", []float32{1, 2})), "1 keys for 2 values"},
		{"a clip by a row", through(2, made("Clip", []string{"x", "x"}, []string{"y"})), "min is no constant number"},
		{"shapes that do not fit", with(through(2, made("Add", []string{"x", "c"}, []string{"y"})), constantOf("c", float32s, []int64{3}, 1, 2, 3)), "do not fit"},
		{"types that do not fit", with(through(2, made("Add", []string{"x", "c"}, []string{"y"})), constantOf("c", int64s, nil, 1)), "float and int64"},
		{"a division of integers", through(2, made("Cast", []string{"x"}, []string{"i"}, attr("to", 7)), made("Div", []string{"i", "i"}, []string{"y"})), "division of int64"},
		{"a matrix that the row tells", through(2, made("MatMul", []string{"x", "x"}, []string{"y"})), "constant matrix"},
		{"weights for other features", xy("LinearRegressor", attr("coefficients", []float32{1, 2, 3})), "3 weights for 2 features"},
		{"a weight that is NaN", xy("LinearRegressor", attr("coefficients", []float32{1, nan})), "weight 1 is NaN"},
		{"an axis that is not there", xy("ArgMax", attr("axis", 2)), "axis 2 of 2 dimensions"},
		{"a softmax along rows", xy("Softmax", attr("axis", 0)), "axis 0, which is not the last"},
		{"a split that does not divide", through(3, made("Split", []string{"x"}, []string{"y", "z"}, attr("axis", 1))), "3 elements in 2 parts"},
		{"a slice with steps", xy("Slice", attr("starts", []int{0}), attr("ends", []int{1}), attr("axes", []int{1}), attr("steps", []int{2})), "step 2"},
		{"dimensions that are not exchanged", xy("Transpose", attr("perm", []int{0, 0})), "perm [0 0]"},
		{"a map of other classes", xy("ZipMap", attr("classlabels_int64s", []int{1, 2, 3})), "3 labels for 2 scores"},
		{"inputs of other sizes", xy("FeatureVectorizer", attr("inputdimensions", []int{1, 2})), "2 inputdimensions for 1 inputs"},

		{"a tree without nodes", through(2, stump(map[string]any{"nodes_modes": nil})), "no nodes_modes"},
		{"a list that is short", through(2, stump(map[string]any{"nodes_truenodeids": []int{1}})), "attribute nodes_truenodeids: 1 values for 3 nodes"},
		{"thresholds that are short", through(2, stump(map[string]any{"nodes_values": []float32{1}})), "attribute nodes_values: 1 values for 3 nodes"},
		{"a mode that is unknown", through(2, stump(map[string]any{"nodes_modes": []string{"BRANCH", "LEAF", "LEAF"}})), "tree 0, node 0: an unknown mode"},
		{"a feature out of range", through(2, stump(map[string]any{"nodes_featureids": []int{2, 0, 0}})), "tree 0, node 0: feature 2 of 2"},
		{"a child that is no node", through(2, stump(map[string]any{"nodes_truenodeids": []int{7, 0, 0}})), "tree 0, node 0: children 7 and 2"},
		{"a cycle", through(2, stump(map[string]any{"nodes_truenodeids": []int{0, 0, 0}})), "reached twice"},
		{"a target out of range", through(2, stump(map[string]any{"target_ids": []int{1, 0}})), "tree 0, node 1: class or target 1 of 1"},
		{"a weight that is NaN", through(2, stump(map[string]any{"target_weights": []float32{nan, 1}})), "tree 0, node 1: weight NaN"},
		{"a weight of nothing", through(2, stump(map[string]any{"target_nodeids": []int{1, 9}})), "a weight of node 9 of tree 0"},
		{"a leaf without a weight", through(2, stump(map[string]any{"target_nodeids": []int{1, 1}})), "tree 0, node 2: a leaf without a weight"},
		{"targets that are none", through(2, stump(map[string]any{"n_targets": 0})), "attribute n_targets is 0"},
		{"many targets", through(2, stump(map[string]any{"n_targets": 1 << 40})), "attribute n_targets is"},
		{"base values for others", through(2, stump(map[string]any{"base_values": []float32{1, 2}})), "2 base_values for 1"},
		{"an unknown transform", through(2, stump(map[string]any{"post_transform": "TANH"})), `attribute post_transform is "TANH"`},
		{"an unknown aggregate", through(2, stump(map[string]any{"aggregate_function": "MEDIAN"})), `attribute aggregate_function is "MEDIAN"`},
		{"doubles for floats", through(2, stump(map[string]any{"nodes_values": nil, "nodes_values_as_tensor": constantOf("", float64s, []int64{0})})), "attribute nodes_values_as_tensor: double for an input of float"},

		{"an index into nothing", with(through(2, made("ArgMax", []string{"x"}, []string{"i"}, attr("axis", 1)),
			made("ArrayFeatureExtractor", []string{"c", "i"}, []string{"y"})), constantOf("c", float32s, []int64{1, 0})), "1 indices into 0 numbers"},
		{"no index", with(through(2, made("GatherElements", []string{"c", "i"}, []string{"y"})),
			constantOf("c", float32s, []int64{2}, 1, 2), constantOf("i", int64s, []int64{0})), "0 indices into 2 numbers"},
		{"no numbers of many dimensions", with(through(2, made("Transpose", []string{"c"}, []string{"t"}, attr("perm", []int{1, 2, 0})),
			made("Concat", []string{"t", "t"}, []string{"y"}, attr("axis", 2))), constantOf("c", float32s, []int64{0, 1 << 30, 1 << 30})), errBudget.Error()},
		{"a long name of many columns", graph{
			nodes:   []message{made("Identity", []string{"x"}, []string{"y"})},
			inputs:  []message{portOf("x", float32s, 0, 1), portOf(strings.Repeat("n", 10_000), float32s, 0, 10_000)},
			outputs: []message{portOf("y", float32s, 0, 1)},
		}, `input "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn": the graph makes more numbers`},

		{"a result that is text", graph{
			nodes: []message{made("Identity", []string{"x"}, []string{"y"})}, inputs: []message{portOf("x", texts, 0, 1)},
			outputs: []message{portOf("y", float32s, 0, 1)},
		}, `output "y" is string`},
		{"classes alone", graph{
			nodes: []message{made("Cast", []string{"x"}, []string{"y"}, attr("to", 7))}, inputs: []message{portOf("x", float32s, 0, 1)},
			outputs: []message{portOf("y", int64s, 0, 1)},
		}, "tells classes and no scores"},
		{"features that nobody counts", xy0("Normalizer"), "does not say how many features"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := read(c.g.file()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: want %q", err, c.want)
			}
		})
	}
}

// xy0 is a graph of one operator whose input does not say how wide it is.
func xy0(op string, attributes ...message) graph {
	return through(0, made(op, []string{"x"}, []string{"y"}, attributes...))
}

func TestBombsAreRefusedAtOnce(t *testing.T) {
	body := message(nil)
	for range 100_000 {
		body = body.bytes(graphNode, message(nil).text(nodeOp, "Relu"))
	}
	edges := message(nil)
	for range 300_000 {
		edges = edges.text(nodeInput, "")
	}
	long := message(nil)
	for range 300_000 {
		long = long.text(nodeAttribute, "")
	}
	wide := graph{inputs: make([]message, 0, 70_000)}
	for range 70_000 {
		wide.inputs = append(wide.inputs, portOf("", float32s, 0, 1))
	}
	head := message(nil).integer(modelIRVersion, 8).bytes(modelOpset, nil)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"a hundred thousand nodes":      {head.bytes(modelGraph, body), "more than 16384 nodes"},
		"three hundred thousand inputs": {head.bytes(modelGraph, message(nil).bytes(graphNode, edges)), "inputs and outputs"},
		"many attributes":               {head.bytes(modelGraph, message(nil).bytes(graphNode, long)), "more than 64 attributes"},
		"seventy thousand columns":      {wide.file(), "more than 65536 inputs"},
		"an input of many columns":      {through(1<<20, stump(nil)).file(), "features: want at most 65536"},
		"columns of nothing":            {through(1<<15, stump(nil)).file(), "32768 columns in a file of"},
		"a hundred opsets":              {manyOpsets(100), "more than 64 opset_imports"},
		"axes for many":                 {shared(func(i string) message { return made("Squeeze", []string{"empty", "list"}, []string{i}) }), errBudget.Error()},
		"indices for many":              {shared(func(i string) message { return made("Gather", []string{"empty", "list"}, []string{i}) }), errBudget.Error()},
		"parts for many":                {shared(func(i string) message { return made("Split", []string{"empty", "list"}, []string{i}) }), "200000 parts for 1 outputs"},
		"constants that are ranked":     {shared(func(i string) message { return made("TopK", []string{"list", "one"}, []string{i}) }), errBudget.Error()},
		"a column's names, many times":  {manyNames(500), errBudget.Error()},
		"sets of members far apart":     {farSets(2000), errBudget.Error()},
		"a chain that is entered often": {entered(20_000), "is reached twice"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			var err error
			used := formattest.Allocated(func() { err = read(c.data) })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: want %q", err, c.want)
			}
			if used > memoryBound(len(c.data)) {
				t.Errorf("%d bytes were allocated for a file of %d", used, len(c.data))
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// manyOpsets is a file with so many sets of operators.
func manyOpsets(n int) []byte {
	m := message(through(2, stump(nil)).file())
	for i := range n {
		m = m.bytes(modelOpset, message(nil).text(opsetDomain, strconv.Itoa(i)).integer(opsetVersion, 1))
	}
	return m
}

// shared is a graph of thousands of nodes that read one list of 200000 zeros.
func shared(node func(output string) message) []byte {
	list := make([]float64, 200_000)
	g := through(1)
	g.constants = []message{
		constantOf("list", int64s, []int64{int64(len(list))}, list...), constantOf("empty", float32s, []int64{1, 0}),
		constantOf("one", int64s, []int64{1}, 1),
	}
	all := []string{"x"}
	for i := range 8000 {
		all = append(all, strconv.Itoa(i))
		g.nodes = append(g.nodes, node(strconv.Itoa(i)))
	}
	g.nodes = append(g.nodes, made("Concat", all, []string{"y"}))
	return g.file()
}

// manyNames is a graph that encodes n columns of texts, each of which may be one of n.
func manyNames(n int) []byte {
	var texts []string
	for i := range n {
		texts = append(texts, strconv.Itoa(i))
	}
	g := through(1, made("OneHotEncoder", []string{"x"}, []string{"y"}, attr("cats_strings", texts)))
	g.inputs = []message{portOf("x", 8, 0, int64(n))}
	return g.file()
}

// farSets is a forest of n trees, each of which asks for two categories that are far apart.
func farSets(n int) []byte {
	var f lists
	for i := range n {
		f.split(i, 0, 3, 1, float32(i%60), "BRANCH_EQ")
		f.split(i, 1, 3, 2, 1<<18-100, "BRANCH_EQ")
		f.leaf(i, 2)
		f.leaf(i, 3)
	}
	return through(1, f.node()).file()
}

// entered is a tree with a chain of n nodes that ask for categories, and n others that lead into the midst of it.
func entered(n int) []byte {
	var f lists
	for i := range n {
		f.split(0, i, n+i, min(i+1, n-1), float32(i), "BRANCH_LEQ")
	}
	for i := range n {
		f.split(0, n+i, 2*n, n+i+1, float32(i), "BRANCH_EQ")
	}
	f.leaf(0, 2*n)
	return through(1, f.node()).file()
}

// lists are those of a regressor's trees.
type lists struct {
	trees, ids, features, yes, no, leafTrees, leaves []int
	values                                           []float32
	modes                                            []string
}

func (l *lists) split(tree, id, yes, no int, value float32, mode string) {
	l.trees, l.ids, l.features = append(l.trees, tree), append(l.ids, id), append(l.features, 0)
	l.yes, l.no = append(l.yes, yes), append(l.no, no)
	l.values, l.modes = append(l.values, value), append(l.modes, mode)
}

func (l *lists) leaf(tree, id int) {
	l.split(tree, id, 0, 0, 0, "LEAF")
	l.leafTrees, l.leaves = append(l.leafTrees, tree), append(l.leaves, id)
}

// node writes the regressor; every leaf is 1.
func (l *lists) node() message {
	return stump(map[string]any{
		"nodes_treeids": l.trees, "nodes_nodeids": l.ids, "nodes_featureids": l.features, "nodes_values": l.values,
		"nodes_modes": l.modes, "nodes_truenodeids": l.yes, "nodes_falsenodeids": l.no,
		"target_treeids": l.leafTrees, "target_nodeids": l.leaves, "target_ids": make([]int, len(l.leaves)),
		"target_weights": slices.Repeat([]float32{1}, len(l.leaves)),
	})
}

func TestATrainedModelTakesLittleMoreMemoryThanItsFile(t *testing.T) {
	files, err := filepath.Glob("../../testdata/onnx/*/model.onnx")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if used := formattest.Allocated(func() { _, _ = Read(data) }); used > 256<<10+4*uint64(len(data)) {
			t.Errorf("%s: %d bytes were allocated for a file of %d", file, used, len(data))
		}
	}
}
