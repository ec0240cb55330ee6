package lightgbm

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// sound is a model with everything in it: splits by number and by category, linear leaves, a single leaf. Its tree_sizes
// are left to sized.
const sound = `tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=binary sigmoid:0.5
feature_names=amount country hour
monotone_constraints=0 0 0
feature_infos=[0:9] 0:1:2 none
tree_sizes=

Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
split_gain=3 1
threshold=1.5 0
decision_type=10 1
left_child=1 -1
right_child=-2 -3
leaf_value=0.25 -0.5 0.125
leaf_weight=1 1 1
leaf_count=10 10 10
internal_value=0 0
internal_weight=0 0
internal_count=30 20
cat_boundaries=0 1
cat_threshold=5
is_linear=0
shrinkage=1


Tree=1
num_leaves=2
num_cat=0
split_feature=2
split_gain=1
threshold=0.5
decision_type=4
left_child=-1
right_child=-2
leaf_value=0.5 0.75
leaf_weight=1 1
leaf_count=10 10
internal_value=0
internal_weight=0
internal_count=20
is_linear=1
leaf_const=0.5 1
num_features=2 0
leaf_features=0 2  
leaf_coeff=0.5 -0.25  
shrinkage=0.1


Tree=2
num_leaves=1
num_cat=0
split_feature=
split_gain=
threshold=
decision_type=
left_child=
right_child=
leaf_value=-1
leaf_weight=
leaf_count=
internal_value=
internal_weight=
internal_count=
is_linear=0
shrinkage=1


end of trees

feature_importances:
amount=1
country=1

parameters:
[boosting: gbdt]
[categorical_feature: 1]

end of parameters

pandas_categorical:[["AT", "DE", "FR"]]
`

// sized writes the sizes of a model's trees into its header.
func sized(model string) []byte {
	parts := strings.SplitAfter(model, "\n\n\n")
	parts[0] = parts[0][max(0, strings.Index(parts[0], "Tree=")):]
	var sizes []string
	for _, p := range parts {
		if strings.HasPrefix(p, "Tree=") {
			sizes = append(sizes, fmt.Sprint(len(p)))
		}
	}
	return []byte(strings.Replace(model, "tree_sizes=\n", "tree_sizes="+strings.Join(sizes, " ")+"\n", 1))
}

// changed returns the sound model with some text in place of another.
func changed(t *testing.T, oldNew ...string) []byte {
	t.Helper()
	model := sound
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(model, oldNew[i]) {
			t.Fatalf("the model has no %q", oldNew[i])
		}
		model = strings.Replace(model, oldNew[i], oldNew[i+1], 1)
	}
	return sized(model)
}

func mustRead(t *testing.T, data []byte) pipeline.Spec {
	t.Helper()
	spec, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func mustCompile(t *testing.T, data []byte) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.Compile(mustRead(t, data))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// models returns the models of the parity cases that match the pattern.
func models(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../testdata/lightgbm/" + pattern + "/model.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		if all[filepath.Base(filepath.Dir(f))], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestDetect(t *testing.T) {
	for _, head := range []string{"tree\nversion=v4\n", "tree\r\nversion=v3\r\n", `{"name": "tree",` + "\n" + `"version": "v4",`} {
		if !Detect([]byte(head)) {
			t.Errorf("%q is not taken for a model of LightGBM", head)
		}
	}
	for _, head := range []string{"", "tree", "treeversion", "trees\n", "\ntree\n", `{"name":"tree"}`, `{"learner":{}}`, "CBM1"} {
		if Detect([]byte(head)) {
			t.Errorf("%q is taken for a model of LightGBM", head)
		}
	}
}

func TestAModelIsReadAsItStands(t *testing.T) {
	spec := mustRead(t, sized(sound))
	set := forest.Set{Bits: []uint64{5}, Cast: forest.TruncateInt32}
	want := &forest.Forest{
		Features: 3,
		Outputs:  1,
		Trees: []forest.Tree{
			{Weight: 1, Nodes: []forest.Node{
				{Value: 1.5, Feature: 0, Left: 1, Right: 3, Op: forest.LessEqual, DefaultLeft: true},
				{Feature: 1, Left: 2, Right: 4, Op: forest.In},
				{Value: 0.25, Feature: forest.Leaf, Ref: -1, ID: 0},
				{Value: -0.5, Feature: forest.Leaf, Ref: -1, ID: 1},
				{Value: 0.125, Feature: forest.Leaf, Ref: -1, ID: 2},
			}},
			{Weight: 1, Nodes: []forest.Node{
				{Value: 0.5, Feature: 2, Left: 1, Right: 2, Op: forest.LessEqual, Missing: forest.ZeroAndNaN},
				{Value: 0.5, Feature: forest.Leaf, Ref: 0, ID: 0},
				{Value: 0.75, Feature: forest.Leaf, Ref: 1, ID: 1},
			}},
			{Weight: 1, Nodes: []forest.Node{{Value: -1, Feature: forest.Leaf, Ref: -1}}},
		},
		Sets: []forest.Set{set},
		Lines: []forest.Line{
			{Constant: 0.5, Coefficients: []float64{0.5, -0.25}, Features: []int32{0, 2}},
			{Constant: 1, Coefficients: []float64{}, Features: []int32{}},
		},
	}
	if diff := cmp.Diff(want, spec.Forest); diff != "" {
		t.Error(diff)
	}
	want1 := pipeline.Link{Kind: pipeline.Logistic, Scale: 0.5}
	if spec.Objective != "binary" || spec.Link != want1 || spec.Best != -1 || spec.Format != "lightgbm" {
		t.Errorf("%q %+v, best %d, %q", spec.Objective, spec.Link, spec.Best, spec.Format)
	}
	for i, name := range []string{"amount", "country", "hour"} {
		if c := spec.Columns[i]; c.Name != name || (c.Type == pipeline.String) != (i == 1) {
			t.Errorf("column %d is %q, %v", i, c.Name, c.Type)
		}
	}
}

func TestSetsDropEmptyWords(t *testing.T) {
	spec := mustRead(t, changed(t, "cat_boundaries=0 1", "cat_boundaries=0 7", "cat_threshold=5", "cat_threshold=0 0 0 3 1 0 0"))
	want := []forest.Set{{First: 1, Bits: []uint64{3 << 32, 1}, Cast: forest.TruncateInt32}}
	if diff := cmp.Diff(want, spec.Forest.Sets); diff != "" {
		t.Error(diff)
	}
}

// same reads a model in another spelling and wants the same of it.
func same(t *testing.T, a, b []byte) {
	t.Helper()
	x, y := mustRead(t, a), mustRead(t, b)
	if diff := cmp.Diff(x, y, cmp.AllowUnexported(pipeline.Column{}), cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".hash" || p.Last().String() == ".sentinel"
	}, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
}

func TestSpellingsOfAModel(t *testing.T) {
	for name, model := range models(t, "*-4.7.0") {
		text := string(model)
		t.Run(name+", with carriage returns", func(t *testing.T) {
			same(t, model, []byte(strings.ReplaceAll(text, "\n", "\r\n")))
		})
		t.Run(name+", without tree_sizes", func(t *testing.T) {
			i := strings.Index(text, "tree_sizes=")
			end := i + strings.IndexByte(text[i:], '\n') + 1
			same(t, model, []byte(text[:i]+text[end:]))
		})
		t.Run(name+", without the last end of line", func(t *testing.T) {
			same(t, model, bytes.TrimRight(model, "\n"))
		})
	}
}

func TestWhatTheFormatAllows(t *testing.T) {
	for name, change := range map[string][]string{
		"keys that nobody knows":       {"shrinkage=1\n", "shrinkage=1\ntomorrow=1 2 3\n", "label_index=0\n", "label_index=0\nyesterday=x\nword\n"},
		"no num_tree_per_iteration":    {"num_tree_per_iteration=1\n", ""},
		"no version":                   {"version=v4\n", ""},
		"no constraints":               {"monotone_constraints=0 0 0\n", ""},
		"lists that nobody reads":      {"leaf_weight=1 1 1\n", "", "split_gain=3 1\n", "split_gain=\n"},
		"spaces":                       {"leaf_value=0.25 -0.5 0.125", "leaf_value= 0.25  -0.5 0.125 ", "split_feature=0 1", "split_feature=  0   1 "},
		"no is_linear":                 {"is_linear=0\nshrinkage=1\n\n\nTree=1", "shrinkage=1\n\n\nTree=1"},
		"no importances":               {"feature_importances:\namount=1\ncountry=1\n", ""},
		"importances of old":           {"feature_importances:", "feature importances:"},
		"an infinite threshold":        {"threshold=1.5 0", "threshold=inf 0"},
		"a set without a category":     {"cat_boundaries=0 1\ncat_threshold=5", "cat_boundaries=0 0\ncat_threshold="},
		"a parser":                     {"\npandas", "\nparser:\n{\n}\nend of parser\n\npandas"},
		"null for dictionaries":        {`[["AT", "DE", "FR"]]`, "null"},
		"no dictionaries":              {`[["AT", "DE", "FR"]]`, "[]"},
		"features of linear leaves":    {"num_features=2 0", "num_features=0 0", "leaf_features=0 2  ", "leaf_features=  ", "leaf_coeff=0.5 -0.25  ", "leaf_coeff=  "},
		"names with an equals sign":    {"feature_names=amount", "feature_names=a=b"},
		"numbers of many digits":       {"leaf_value=0.25", "leaf_value=0.250000000000000000000000000000000001"},
		"numbers in other clothes":     {"leaf_value=0.25 -0.5", "leaf_value=+.25 -5.e-1"},
		"a single leaf that is a line": {"leaf_value=-1\nleaf_weight=\nleaf_count=\ninternal_value=\ninternal_weight=\ninternal_count=\nis_linear=0", "leaf_value=-1\nis_linear=1\nleaf_const=2\nnum_features=1\nleaf_features=0\nleaf_coeff=3"},
	} {
		t.Run(name, func(t *testing.T) { mustCompile(t, changed(t, change...)) })
	}
}

func TestThresholdsAroundZero(t *testing.T) {
	limit, inf := forest.ZeroLimit, math.Inf(1)
	below := math.Nextafter(-limit, -inf)
	for _, c := range []struct{ t, want float64 }{
		{0, limit},
		{math.Copysign(0, -1), limit},
		{1e-300, limit},
		{limit, limit},
		{-1e-300, below},
		{-limit, below},
		{below, below},
		{math.Nextafter(limit, inf), math.Nextafter(limit, inf)},
		{-1, -1},
		{inf, inf},
		{-inf, -inf},
	} {
		if got := aroundZero(c.t); got != c.want {
			t.Errorf("%v becomes %v, want %v", c.t, got, c.want)
		}
		for _, x := range []float64{-1, below, -limit, -1e-300, 0, 1e-300, limit, math.Nextafter(limit, inf), 1, inf, -inf} {
			seen := x
			if math.Abs(x) <= limit {
				seen = 0
			}
			if (x <= c.want) != (seen <= c.t) {
				t.Errorf("%v <= %v, read as zero if it is small, is %v", x, c.t, !(x <= c.want))
			}
		}
	}
}

// The numbers are those that LightGBM's own function makes of them.
func TestParametersOfObjectivesAreReadStepByStep(t *testing.T) {
	for _, c := range []struct {
		text string
		want uint64
	}{
		{"1", math.Float64bits(1)},
		{"0.7", math.Float64bits(0.7)},
		{"+2.5", math.Float64bits(2.5)},
		{".5", math.Float64bits(0.5)},
		{"1e2", math.Float64bits(100)},
		{"1.23457e-05", 0x3ee9e40c167f4180},
		{"0.0123457", 0x3f8948b3cdf845f7},
		{"2.71828e+20", 0x442d78be1b9649c4},
		{"123456789.123456789", 0x419d6f34547e6b75},
		// Not the nearest doubles:
		{"1.06838", 0x3ff11815a07b352a},
		{"1.23863", 0x3ff3d16db0dd82fe},
		{"10.2801", 0x40248f694467381e},
		{"1.01653e-05", 0x3ee55174319837f6},
		{"1.03848e-09", 0x3e11d7488906a9e1},
		{"9.87654e-15", 0x3d063d700bb3a743},
		{"1e-320", 0x000730d67819e8d1},
		{"1.79769e+308", 0x7feffffc57ca82b3},
		{"1e400", 0x7fe1ccf385ebc8a3},
	} {
		got, ok := loose([]byte(c.text))
		if !ok || math.Float64bits(got) != c.want {
			t.Errorf("%s is %v (%x), %v", c.text, got, math.Float64bits(got), ok)
		}
	}
	for _, text := range []string{"1.2.3", "1e", "x", "1x", "--1", "1e1.5"} {
		if got, ok := loose([]byte(text)); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestObjectives(t *testing.T) {
	for line, want := range map[string]pipeline.Link{
		"regression":                {},
		"regression sqrt":           {Kind: pipeline.SignedSquare},
		"regression_l1 sqrt":        {Kind: pipeline.SignedSquare},
		"huber sqrt":                {},
		"quantile":                  {},
		"poisson":                   {Kind: pipeline.Exp},
		"tweedie":                   {Kind: pipeline.Exp},
		"binary sigmoid:2":          {Kind: pipeline.Logistic, Scale: 2},
		"cross_entropy":             {Kind: pipeline.Logistic},
		"cross_entropy_lambda":      {Kind: pipeline.Softplus},
		"xentlambda":                {Kind: pipeline.Softplus},
		"lambdarank":                {},
		"custom":                    {},
		"multiclass num_class:1":    {Kind: pipeline.Softmax},
		"ova num_class:1 sigmoid:1": {Kind: pipeline.Logistic, Scale: 1},
	} {
		if got := mustRead(t, changed(t, "binary sigmoid:0.5", line)).Link; got != want {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
	}
	spec := mustRead(t, changed(t, "objective=binary sigmoid:0.5\n", "average_output\n"))
	if want := (pipeline.Link{Average: true}); spec.Link != want || spec.Objective != "" {
		t.Errorf("a forest without objective: %q, %+v", spec.Objective, spec.Link)
	}
}
