package onnx

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// TestCasesAreDetectedAndCompile reads every committed model; the answers are held against ONNX Runtime's by TestParity
// in the root.
func TestCasesAreDetectedAndCompile(t *testing.T) {
	files, err := filepath.Glob("../../testdata/onnx/*/model.onnx")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !Detect(data[:min(len(data), 4096)]) {
			t.Errorf("%s: not detected", file)
		}
		spec, err := Read(data)
		if err != nil {
			continue // a case that is refused, with the words that its case.json has
		}
		if _, err := pipeline.Compile(spec); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestOtherFilesAreNotDetected(t *testing.T) {
	for name, data := range map[string][]byte{
		"nothing":            nil,
		"JSON":               []byte(`{"learner": {}}`),
		"a LightGBM model":   []byte("tree\nversion=v4\nnum_class=1\n"),
		"a CatBoost model":   append([]byte("CBM1"), 0x20, 0x4e, 0, 0),
		"UBJSON":             []byte("{L\x00\x00\x00\x00\x00\x00\x00\x07learner"),
		"zip":                []byte("PK\x03\x04\x14\x00\x00\x00"),
		"gzip":               {0x1f, 0x8b, 8, 0},
		"zeros":              make([]byte, 100),
		"another protobuf":   message(nil).text(1, "a").integer(2, 5),
		"a version alone, 0": message(nil).integer(modelIRVersion, 0),
	} {
		if Detect(data) {
			t.Errorf("%s is taken for ONNX", name)
		}
	}
	g := message(nil).bytes(modelGraph, message(nil).bytes(graphNode, nil))
	if !Detect(g.integer(modelIRVersion, 8)) {
		t.Error("a model whose graph comes first is not detected")
	}
}

// load reads and compiles a graph that is sound.
func load(t *testing.T, g graph) *pipeline.Pipeline {
	t.Helper()
	spec, err := Read(g.file())
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func values(t *testing.T, p *pipeline.Pipeline, row ...float64) []float64 {
	t.Helper()
	out := make([]float64, p.Values())
	if err := pipeline.Predict(p, out, row, 0, p.Rounds()); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestATreeByItselfIsTheModel(t *testing.T) {
	p := load(t, through(2, stump(map[string]any{"base_values": []float32{10}})))
	if p.Forest == nil || len(p.Steps) != 0 || p.Inputs != nil || !p.ValueOnly || p.OutputWidth() != forest.Float32 {
		t.Errorf("forest %v, %d steps, inputs %v", p.Forest != nil, len(p.Steps), p.Inputs)
	}
	got := [][]float64{values(t, p, 1, 0), values(t, p, 2, 0), values(t, p, math.NaN(), 0)}
	if d := cmp.Diff([][]float64{{12}, {13}, {13}}, got); d != "" {
		t.Error(d)
	}
	var names []string
	for _, c := range p.Columns {
		names = append(names, c.Name)
	}
	if d := cmp.Diff([]string{"f0", "f1"}, names); d != "" {
		t.Error(d)
	}
}

func TestWhatMovesNumbersLeavesNoStep(t *testing.T) {
	tree := stump(nil)
	moved := through(3,
		made("Transpose", []string{"x"}, []string{"t"}),
		made("Reshape", []string{"t", "flat"}, []string{"r"}),
		made("Slice", []string{"r", "one", "end", "one"}, []string{"s"}),
		made("Gather", []string{"s", "turned"}, []string{"g"}, attr("axis", 1)),
		made("Squeeze", []string{"g", "zero"}, []string{"q"}),
		made("Unsqueeze", []string{"q", "zero"}, []string{"u"}),
		made("Flatten", []string{"u"}, []string{"f"}),
		made("ArrayFeatureExtractor", []string{"f", "turned"}, []string{"a"}),
		made("Split", []string{"a"}, []string{"left", "right"}, attr("axis", 1)),
		made("Concat", []string{"right", "left"}, []string{"c"}, attr("axis", 1)),
		made("Identity", []string{"c"}, []string{"i"}),
		made("TreeEnsembleRegressor", []string{"i"}, []string{"y"}, attributesOf(tree)...),
	)
	moved.constants = []message{
		constantOf("flat", int64s, []int64{2}, 1, -1), constantOf("one", int64s, []int64{1}, 1), constantOf("end", int64s, []int64{1}, 99),
		constantOf("turned", int64s, []int64{2}, 1, 0), constantOf("zero", int64s, []int64{1}, 0),
	}
	p := load(t, moved)
	if p.Forest == nil || len(p.Steps) != 0 {
		t.Fatalf("%d steps", len(p.Steps))
	}
	// Of columns 0, 1, 2 the last two, turned round twice and once more: 2, 1.
	if d := cmp.Diff([]int32{2, 1}, p.Inputs); d != "" {
		t.Error(d)
	}
}

// attributesOf returns the attributes of a node.
func attributesOf(node message) (out []message) {
	_ = each(node, func(f field) error {
		if f.num == nodeAttribute {
			out = append(out, f.bytes)
		}
		return nil
	})
	return out
}

func TestAnEnsembleThatOthersReadGivesTheSame(t *testing.T) {
	alone := load(t, through(2, stump(map[string]any{"base_values": []float32{10}})))
	tree := made("TreeEnsembleRegressor", []string{"x"}, []string{"s"}, attributesOf(stump(map[string]any{"base_values": []float32{10}}))...)
	twice := through(2, tree, made("Add", []string{"s", "s"}, []string{"y"}))
	one := through(2, tree, made("Mul", []string{"s", "one"}, []string{"y"}))
	one.constants = []message{constantOf("one", float32s, nil, 1)}
	doubled, same := load(t, twice), load(t, one)
	if len(doubled.Results) != 1 || doubled.Forest != nil || same.Forest == nil {
		t.Errorf("results %v; a product with 1 is a forest: %v", doubled.Results, same.Forest != nil)
	}
	for _, x := range []float64{-1, 1, 1.5, math.NaN()} {
		want := values(t, alone, x, 0)[0]
		if got := values(t, doubled, x, 0)[0]; got != 2*want {
			t.Errorf("%v: twice %v is %v", x, want, got)
		}
		if got := values(t, same, x, 0)[0]; got != want {
			t.Errorf("%v: %v by 1 is %v", x, want, got)
		}
	}
}

func TestWhatIsTheSameInEveryRowIsComputedOnce(t *testing.T) {
	g := through(2,
		made("Shape", []string{"x"}, []string{"s"}),
		made("ConstantOfShape", []string{"s"}, []string{"ones"}, attr("value", constantOf("", float32s, []int64{1}, 1))),
		made("ReduceSum", []string{"ones"}, []string{"two"}, attr("keepdims", 0)),
		made("Exp", []string{"zero"}, []string{"e"}),
		made("Add", []string{"two", "e"}, []string{"three"}),
		made("Mul", []string{"x", "three"}, []string{"y"}),
	)
	g.constants = []message{constantOf("zero", float32s, nil, 0)}
	p := load(t, g)
	if len(p.Steps) != 2 { // a constant, a product
		t.Errorf("%d steps", len(p.Steps))
	}
	if d := cmp.Diff([]float64{3, -6}, values(t, p, 1, -2)); d != "" {
		t.Error(d)
	}
}

func TestStringsAreCodesOfTheirColumn(t *testing.T) {
	label := func(keys []string, values []int) []message {
		return []message{attr("keys_strings", keys), attr("values_int64s", values), attr("default_int64", -7)}
	}
	g := graph{
		nodes: []message{
			made("LabelEncoder", []string{"a"}, []string{"la"}, label([]string{"x", "y", "x"}, []int{5, 6, 9})...),
			made("OneHotEncoder", []string{"a"}, []string{"oa"}, attr("cats_strings", []string{"z", "y"})),
			made("OneHotEncoder", []string{"b"}, []string{"ob"}, attr("cats_strings", []string{"y"}), attr("zeros", 0)),
			made("Equal", []string{"b", "y"}, []string{"eb"}),
			made("Cast", []string{"la"}, []string{"fa"}, attr("to", 1)),
			made("Cast", []string{"eb"}, []string{"fb"}, attr("to", 1)),
			made("Reshape", []string{"oa", "flat"}, []string{"ra"}),
			made("Reshape", []string{"ob", "flat"}, []string{"rb"}),
			made("Concat", []string{"fa", "ra", "rb", "fb", "n"}, []string{"out"}, attr("axis", 1)),
		},
		inputs:    []message{portOf("a", texts, 0, 1), portOf("b", texts, 0, 1), portOf("n", float32s, 0, 1)},
		outputs:   []message{portOf("out", float32s, 0, 5)},
		constants: []message{constantOf("flat", int64s, []int64{2}, 1, -1), message(nil).text(tensorName, "y").integer(tensorType, int64(texts)).text(tensorString, "y")},
	}
	p := load(t, g)
	a, b := p.Columns[0], p.Columns[1]
	if d := cmp.Diff([]string{"x", "y", "z"}, a.Dictionary()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"y"}, b.Dictionary()); d != "" {
		t.Error(d)
	}
	for _, c := range []struct {
		a, b string
		want []float64
	}{
		{"x", "y", []float64{5, 0, 0, 1, 1, 3}},
		{"y", "x", []float64{6, 0, 1, 0, 0, 3}},
		{"z", "", []float64{-7, 1, 0, 0, 0, 3}},
		{"?", "?", []float64{-7, 0, 0, 0, 0, 3}},
	} {
		if d := cmp.Diff(c.want, values(t, p, a.Code(c.a), b.Code(c.b), 3)); d != "" {
			t.Errorf("%q and %q: %s", c.a, c.b, d)
		}
	}
	if len(p.Notes) != 1 {
		t.Errorf("notes %q", p.Notes)
	}
}

func TestStringsBecomeOtherStrings(t *testing.T) {
	g := graph{
		nodes: []message{
			made("LabelEncoder", []string{"a"}, []string{"b"}, attr("keys_strings", []string{"x", "y", "x"}), attr("values_strings", []string{"u", "v", "w"})),
			made("LabelEncoder", []string{"a"}, []string{"none"}, attr("keys_strings", []string{""}), attr("values_int64s", []int{1}), attr("default_int64", 0)),
			made("Cast", []string{"none"}, []string{"where"}, attr("to", 9)),
			made("LabelEncoder", []string{"zero"}, []string{"fill"}, attr("keys_int64s", []int{0}), attr("values_strings", []string{"y"})),
			made("Where", []string{"where", "fill", "a"}, []string{"c"}),
			made("OneHotEncoder", []string{"b"}, []string{"ob"}, attr("cats_strings", []string{"u", "v", "_Unused"})),
			made("OneHotEncoder", []string{"c"}, []string{"oc"}, attr("cats_strings", []string{"x", "y"})),
			made("Reshape", []string{"ob", "flat"}, []string{"rb"}),
			made("Reshape", []string{"oc", "flat"}, []string{"rc"}),
			made("Concat", []string{"rb", "rc"}, []string{"out"}, attr("axis", 1)),
		},
		inputs:    []message{portOf("a", texts, 0, 1)},
		outputs:   []message{portOf("out", float32s, 0, 5)},
		constants: []message{constantOf("flat", int64s, []int64{2}, 1, -1), constantOf("zero", int64s, []int64{1}, 0)},
	}
	p := load(t, g)
	for text, want := range map[string][]float64{
		"x":  {1, 0, 0, 1, 0},
		"y":  {0, 1, 0, 0, 1},
		"":   {0, 0, 1, 0, 1},
		"zz": {0, 0, 1, 0, 0},
	} {
		if d := cmp.Diff(want, values(t, p, p.Columns[0].Code(text))); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
}

func TestFloatsBesideIntegersAreRoundedFirst(t *testing.T) {
	g := graph{
		nodes: []message{
			made("Cast", []string{"f"}, []string{"d"}, attr("to", 11)),
			made("Cast", []string{"i"}, []string{"e"}, attr("to", 11)),
			made("Concat", []string{"d", "e"}, []string{"y"}, attr("axis", 1)),
		},
		inputs:  []message{portOf("f", float32s, 0, 1), portOf("i", int64s, 0, 1)},
		outputs: []message{portOf("y", float64s, 0, 2)},
	}
	p := load(t, g)
	if d := cmp.Diff([]float64{float64(float32(0.1)), 1<<53 - 1}, values(t, p, 0.1, 1<<53-1)); d != "" {
		t.Error(d)
	}
	if p.Columns[1].Type != pipeline.Int || p.Width() != forest.Float64 || p.OutputWidth() != forest.Float64 {
		t.Errorf("column of type %v, rows of width %v", p.Columns[1].Type, p.Width())
	}
}

func TestOptionalThings(t *testing.T) {
	g := through(0, stump(map[string]any{"nodes_featureids": []int{4, 0, 0}}))
	g.producer = "skl2onnx"
	p := load(t, g)
	if len(p.Columns) != 5 || p.Trainer != "skl2onnx " {
		t.Errorf("%d columns, trainer %q", len(p.Columns), p.Trainer)
	}
	m := &model{producer: "CatBoost", producerVersion: "Git info:\n    Branch: tags/v1.2.10\n    Author: x\n"}
	if got := m.trainer(); got != "CatBoost 1.2.10" {
		t.Errorf("trainer %q", got)
	}
}

func TestListsAreReadHoweverTheyAreWritten(t *testing.T) {
	numbers := []int64{0, 1, 127, 128, 300, 1 << 20, -1, math.MaxInt64, math.MinInt64, 5, 6, 7}
	plain, packed := message(nil).text(attributeName, "a"), message(nil)
	var body []byte
	for i, n := range numbers {
		plain = plain.integer(attributeInts, n)
		body = protowire.AppendVarint(body, uint64(n))
		if i == 4 {
			packed = packed.bytes(attributeInts, body).bytes(attributeInts, nil).integer(attributeType, 7)
			body = nil
		}
	}
	packed = packed.bytes(attributeInts, body)
	for name, m := range map[string]message{"one by one": plain, "packed": packed} {
		a, err := readAttribute(m)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(numbers, integerList(&a)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	floats, raw := []float64{1, -2.5, 0.25, 8}, []byte{}
	single := message(nil)
	for _, x := range floats {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(x)))
		single = single.float(attributeFloats, float32(x))
	}
	for name, m := range map[string]message{"one by one": single, "packed": message(nil).bytes(attributeFloats, raw)} {
		a, err := readAttribute(m)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(floats, floatList(&a)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	head := message(nil).integer(tensorType, int64(float32s)).integer(tensorDims, 4)
	for name, m := range map[string]message{"raw": head.bytes(tensorRaw, raw), "packed": head.bytes(tensorFloat, raw)} {
		v, err := readTensor(m)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(floats, v.numbers()); d != "" {
			t.Errorf("a tensor, %s: %s", name, d)
		}
	}
}
