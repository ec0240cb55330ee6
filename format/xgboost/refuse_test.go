package xgboost

import (
	"math"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/formattest"
)

// read reads and compiles a model.
func read(data []byte) error {
	_, err := format.Compile(data)
	return err
}

func TestModelsThatDoNotAddUp(t *testing.T) {
	tree := func(i int, member string, value any) func(object) {
		return func(d object) { treeOf(d, i)[member] = value }
	}
	param := func(name, value string) func(object) { return func(d object) { paramsOf(d)[name] = value } }
	model := func(name string, value any) func(object) { return func(d object) { modelOf(d)[name] = value } }
	learner := func(name string, value any) func(object) { return func(d object) { learnerOf(d)[name] = value } }
	nan := float32(math.NaN())
	categorical := func(categories, nodes []int32, begins, sizes []int64) func(object) {
		return func(d object) {
			x := treeOf(d, 1)
			x["split_type"] = []uint8{1, 0, 0}
			x["categories"], x["categories_nodes"], x["categories_segments"], x["categories_sizes"] = categories, nodes, begins, sizes
		}
	}
	for _, c := range []struct {
		name   string
		change func(object)
		want   string
	}{
		{"no learner", func(d object) { delete(d, "learner") }, "no learner"},
		{"a snapshot", func(d object) { d["Model"] = object{} }, "save_model"},
		{"a learner that is a list", func(d object) { d["learner"] = list{} }, "want an object"},
		{"no parameters", func(d object) { delete(learnerOf(d), "learner_model_param") }, "learner: no learner_model_param"},
		{"no objective", func(d object) { delete(learnerOf(d), "objective") }, "learner: no objective"},
		{"no booster", func(d object) { delete(learnerOf(d), "gradient_booster") }, "learner: no gradient_booster"},
		{"a booster without a model", learner("gradient_booster", object{"name": "gbtree"}), "no model"},
		{"an unknown booster", func(d object) { at(d, "learner", "gradient_booster").(object)["name"] = "gbforest" }, `unknown booster "gbforest"`},
		{"an unknown objective", learner("objective", object{"name": "reg:expectileerror"}), `unknown objective "reg:expectileerror"`},
		{"an objective without a name", learner("objective", object{}), `unknown objective ""`},
		{"a class objective without classes", learner("objective", object{"name": "multi:softprob"}), "without num_class"},
		{"classes and targets", func(d object) { paramsOf(d)["num_class"], paramsOf(d)["num_target"] = "3", "2" }, "both 3 classes and 2 targets"},
		{"a parameter that is a number", func(d object) { paramsOf(d)["num_feature"] = 2 }, "num_feature: at byte"},
		{"a parameter that is no number", param("num_feature", "two"), `num_feature: "two" is not an integer`},
		{"no features", param("num_feature", "0"), "num_feature is 0"},
		{"too many features", param("num_feature", "16000000"), "num_feature is 16000000 in a file of"},
		{"features beyond all limits", param("num_feature", "4294967296"), "is not an integer from 0"},
		{"too few features", param("num_feature", "1"), "tree 0: node 0: feature 1 of 1"},
		{"negative classes", param("num_class", "-1"), `num_class: "-1"`},
		{"an unknown type", learner("feature_types", list{"float", "blob"}), `feature_types: column 1: unknown type "blob"`},
		{"names in skipped places that are not UTF-8", learner("attributes", object{"a": "\xff"}), "not valid UTF-8"},
		{"no classes", func(d object) { delete(paramsOf(d), "num_class") }, "learner_model_param: no num_class"},
		{"rounds of no trees", func(d object) { at(modelOf(d), "gbtree_model_param").(object)["num_parallel_tree"] = "0" }, "num_parallel_tree: 0 trees"},
		{"half a leaf", tree(0, "left_children", []int32{-1, -1, -1}), "tree 0: node 0: no left child, but 2 to the right"},
		{"a category beyond float32", categorical([]int32{noCategory}, []int32{0}, []int64{0}, []int64{1}), "tree 1: categories: value 0 is 16777216"},
		{"no base score", func(d object) { delete(paramsOf(d), "base_score") }, "no base_score"},
		{"an empty base score", param("base_score", ""), "base_score"},
		{"a base score in words", param("base_score", "half"), `base_score: "half" is not a finite number`},
		{"an open list of base scores", param("base_score", "[5E-1"), "base_score"},
		{"a base score that is NaN", param("base_score", "NaN"), "base_score"},
		{"a base score in hexadecimal", param("base_score", "0x1p-1"), "base_score"},
		{"an empty list of base scores", param("base_score", "[]"), "base_score"},
		{"an infinite base score", param("base_score", "[1e999]"), "base_score"},
		{"base scores for other outputs", param("base_score", "[1E-1,2E-1]"), "base_score: 2 values for 1 outputs"},
		{"a base score that is no probability", param("base_score", "1.5"), "base_score: 1.5 is not a probability"},
		{"a negative mean", func(d object) {
			learnerOf(d)["objective"], paramsOf(d)["base_score"] = object{"name": "count:poisson"}, "-1E0"
		}, "base_score: the logarithm of a negative number"},
		{"names for other features", learner("feature_names", list{"a"}), "1 feature_names for 2 features"},
		{"types for other features", learner("feature_types", list{"q", "q", "q"}), "3 feature_types for 2 features"},
		{"a name that is not a string", learner("feature_names", list{"a", 1}), "feature_names: 1: at byte"},
		{"names that are not UTF-8", learner("feature_names", list{"a\xff", "b"}), "a string is not valid UTF-8"},
		{"names that come twice", learner("feature_names", list{"a", "a"}), `both named "a"`},
		{"an empty name", learner("feature_names", list{"a", ""}), "column 1 has no name"},

		{"another number of trees", func(d object) { at(modelOf(d), "gbtree_model_param").(object)["num_trees"] = "3" }, "2 trees, but num_trees is 3"},
		{"groups for other trees", model("tree_info", []int32{0}), "tree_info: 1 values for 2 trees"},
		{"a group out of range", model("tree_info", []int32{0, 1}), "tree 1: output 1 of 1"},
		{"a negative group", model("tree_info", []int32{0, -1}), "tree 1: output -1 of 1"},
		{"groups that are fractions", model("tree_info", []float32{0, 0.5}), "tree_info: at byte"},
		{"no rounds", model("iteration_indptr", []int32{}), "iteration_indptr is empty"},
		{"rounds that end early", model("iteration_indptr", []int32{0, 1}), "iteration_indptr: from tree 0 to 1, want 0 to 2"},
		{"rounds that turn back", model("iteration_indptr", []int32{0, 2, 1, 2}), "iteration_indptr: round 2 begins at tree 1"},
		{"rounds beyond the trees", model("iteration_indptr", []int32{0, 9, 2}), "iteration_indptr: round 1 begins at tree 9"},
		{"old rounds that do not divide", func(d object) {
			delete(modelOf(d), "iteration_indptr")
			at(modelOf(d), "gbtree_model_param").(object)["num_parallel_tree"] = "4"
		}, "2 trees do not make rounds of 4"},
		{"trees with the same id", tree(1, "id", 0), "tree 1: another tree has the id 0"},
		{"a tree without an id", func(d object) { delete(treeOf(d, 1), "id") }, "tree 1: id -1"},
		{"an id out of range", tree(1, "id", 7), "tree 1: id 7 of 2 trees"},
		{"a tree that is not an object", func(d object) { modelOf(d)["trees"].(list)[1] = 5 }, "tree 1: at byte"},
		{"a null tree", func(d object) { modelOf(d)["trees"].(list)[0] = nil }, "tree 0: at byte"},

		{"a tree without nodes", func(d object) { at(treeOf(d, 1), "tree_param").(object)["num_nodes"] = "0" }, "tree 1: no nodes"},
		{"a tree without parameters", func(d object) { delete(treeOf(d, 1), "tree_param") }, "tree 1: no num_nodes"},
		{"a lie about the nodes", func(d object) { at(treeOf(d, 1), "tree_param").(object)["num_nodes"] = "1000000" }, ": 3 values for 1000000 nodes"},
		{"an array that is short", tree(1, "split_conditions", []float32{1, 2}), "tree 1: split_conditions: 2 values for 3 nodes"},
		{"an array that is missing", func(d object) { delete(treeOf(d, 1), "default_left") }, "tree 1: default_left: 0 values for 3 nodes"},
		{"statistics that are short", tree(0, "sum_hessian", []float32{1}), "tree 0: sum_hessian: 1 values for 3 nodes"},
		{"children that are fractions", tree(0, "left_children", []float32{1.5, -1, -1}), "tree 0: left_children: at byte"},
		{"children that are text", tree(0, "left_children", list{"1", "-1", "-1"}), "tree 0: left_children: at byte"},
		{"children beyond 32 bits", tree(0, "left_children", []int64{1 << 32, -1, -1}), "tree 0: left_children: at byte"},
		{"a child out of range", func(d object) {
			treeOf(d, 0)["left_children"], treeOf(d, 0)["right_children"] = []int32{2, -1, -1}, []int32{3, -1, -1}
		}, "tree 0: node 0: children 2 and 3 of 3 nodes"},
		{"a negative child", func(d object) {
			treeOf(d, 0)["left_children"], treeOf(d, 0)["right_children"] = []int32{-2, -1, -1}, []int32{-1, -1, -1}
		}, "tree 0: node 0: children -2 and -1"},
		{"children that are not neighbours", tree(0, "right_children", []int32{1, -1, -1}), "tree 0: node 0: children 1 and 1 are not neighbours"},
		{"a cycle", func(d object) {
			treeOf(d, 0)["left_children"], treeOf(d, 0)["right_children"] = []int32{0, -1, -1}, []int32{1, -1, -1}
		}, "tree 0: node 0 is reached twice"},
		{"a negative feature", tree(0, "split_indices", []int32{-1, 0, 0}), "tree 0: node 0: feature -1"},
		{"a feature out of range", tree(0, "split_indices", []int32{2, 0, 0}), "tree 0: node 0: feature 2 of 2"},
		{"a threshold that is NaN", tree(0, "split_conditions", []float32{nan, 1, 1}), "tree 0: node 0: threshold is NaN"},
		{"a leaf that is NaN", tree(1, "split_conditions", []float32{1, 1, nan}), "tree 1: node 2: leaf is NaN"},
		{"an infinite leaf", tree(1, "split_conditions", []float32{1, float32(math.Inf(1)), 1}), "tree 1: node 1: leaf is +Inf"},

		{"an unknown kind of split", tree(1, "split_type", []uint8{2, 0, 0}), "tree 1: node 0: split_type 2"},
		{"kinds of splits that are short", tree(1, "split_type", []uint8{0}), "tree 1: split_type: 1 values for 3 nodes"},
		{"a categorical split without categories", tree(1, "split_type", []uint8{1, 0, 0}), "tree 1: node 0: a categorical split without categories"},
		{"categories of a numerical split", tree(1, "categories_nodes", []int32{0}), "tree 1: categories_nodes has 1 values"},
		{"segments beyond the list", categorical([]int32{1, 2}, []int32{0}, []int64{1}, []int64{2}), "tree 1: node 0: categories from 1, 2 of them, in a list of 2"},
		{"segments that overflow", categorical([]int32{1, 2}, []int32{0}, []int64{math.MaxInt64}, []int64{math.MaxInt64}), "tree 1: node 0: categories from"},
		{"a negative segment", categorical([]int32{1, 2}, []int32{0}, []int64{-1}, []int64{2}), "tree 1: node 0: categories from -1"},
		{"an empty segment", categorical([]int32{1, 2}, []int32{0}, []int64{0}, []int64{0}), "tree 1: node 0: categories from 0, 0 of them"},
		{"a negative category", categorical([]int32{1, -2}, []int32{0}, []int64{0}, []int64{2}), "tree 1: categories: value 1 is -2"},
		{"segments for other nodes", categorical([]int32{1}, []int32{0}, []int64{0, 1}, []int64{1}), "tree 1: categories_nodes has 1 values, categories_segments 2"},
		{"a categorical node out of range", categorical([]int32{1}, []int32{3}, []int64{0}, []int64{1}), "tree 1: categories_nodes: node 3 is not categorical"},
		{"a categorical node that comes twice", categorical([]int32{1}, []int32{0, 0}, []int64{0, 0}, []int64{1, 1}), "tree 1: categories_nodes: node 0 after node 0"},

		{"dart without weights", func(d object) {
			learnerOf(d)["gradient_booster"] = object{"name": "dart", "gbtree": learnerOf(d)["gradient_booster"]}
		}, "weight_drop: 0 values for 2 trees"},
		{"a dart weight that is NaN", func(d object) {
			learnerOf(d)["gradient_booster"] = object{"name": "dart", "gbtree": learnerOf(d)["gradient_booster"], "weight_drop": []float32{1, nan}}
		}, "tree 1: weight is NaN"},
		{
			"linear weights that are short", learner("gradient_booster", object{"name": "gblinear", "model": object{"weights": []float32{1, 2}}}),
			"weights: 2 values, want 3 for 2 features and 1 outputs",
		},
		{
			"a linear weight that is NaN", learner("gradient_booster", object{"name": "gblinear", "model": object{"weights": []float32{1, nan, 0}}}),
			"weight 1 is NaN",
		},
		{"no linear weights for a huge model", func(d object) {
			learnerOf(d)["gradient_booster"] = object{"name": "gblinear", "model": object{"weights": []float32{}}}
			paramsOf(d)["num_feature"], paramsOf(d)["num_target"] = "60000", "60000"
		}, "weights: 0 values"},
		{"dictionaries for other columns", model("cats", object{"enc": list{object{"offsets": []int32{0, 1}, "values": []int8{65}}}}), "cats: dictionaries for 1 columns of 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := stump()
			treeOf(doc, 0)["split_indices"] = []int32{1, 0, 0}
			if err := read(toJSON(doc)); err != nil {
				t.Fatal("before the change:", err)
			}
			c.change(doc)
			wantError(t, read(toJSON(doc)), c.want)
			wantError(t, read(toUBJ(doc)), c.want)
		})
	}
}

// Wherever a file is cut, it is refused.
func TestCutFiles(t *testing.T) {
	for name, data := range map[string][]byte{"JSON": toJSON(stump()), "UBJSON": toUBJ(stump())} {
		for n := range data {
			if err := read(data[:n]); err == nil {
				t.Fatalf("%s: %d of %d bytes are enough", name, n, len(data))
			}
		}
		wantError(t, read(append(data, 'x')), "1 bytes follow the model")
	}
}

// A category takes a few bytes in a file and could take 2 MB as a set.
func TestCategorySetsAreBounded(t *testing.T) {
	doc := synthetic(400, 1, 2)
	for i := range 400 {
		x := treeOf(doc, i)
		x["split_type"] = []uint8{1, 0, 0}
		x["categories"], x["categories_nodes"] = []int32{0, noCategory - 1}, []int32{0}
		x["categories_segments"], x["categories_sizes"] = []int64{0}, []int64{2}
	}
	data := toUBJ(doc)
	var err error
	used := formattest.Allocated(func() { _, err = Read(data) })
	wantError(t, err, "the category sets up to here take")
	if used > 10<<20+80*uint64(len(data)) {
		t.Errorf("%d bytes were allocated for a file of %d", used, len(data))
	}
}

// TestALoneLargeCategoryIsSmall has stumps on many columns, each on one category near the greatest.
func TestALoneLargeCategoryIsSmall(t *testing.T) {
	doc := synthetic(16, 1, 16)
	for i := range 16 {
		x := treeOf(doc, i)
		x["split_indices"] = []int32{int32(i), 0, 0}
		x["split_type"] = []uint8{1, 0, 0}
		x["categories"], x["categories_nodes"] = []int32{noCategory/2 - int32(i)}, []int32{0}
		x["categories_segments"], x["categories_sizes"] = []int64{0}, []int64{1}
	}
	data := toUBJ(doc)
	used := formattest.Allocated(func() {
		if err := read(data); err != nil {
			t.Error(err)
		}
	})
	if used > 1<<20+10*uint64(len(data)) {
		t.Errorf("%d bytes were allocated for a file of %d", used, len(data))
	}
}

func TestMemoryIsBoundedByTheFile(t *testing.T) {
	huge := strings.Repeat("0,", 500_000) + "0"
	tree := strings.Replace(string(toJSON(stump())), `"tree_info":[0,0]`, `"tree_info":[`+huge+`]`, 1)
	names := strings.Replace(string(toJSON(stump())), `"feature_names":[]`, `"feature_names":[`+strings.ReplaceAll(huge, "0", `""`)+`]`, 1)
	for name, data := range map[string][]byte{
		"a trained model in JSON":   toJSON(synthetic(50, 6, 30)),
		"a trained model in UBJSON": toUBJ(synthetic(50, 6, 30)),
		"half a million groups":     []byte(tree),
		"half a million names":      []byte(names),
		"half a million keys":       []byte(`{` + strings.Repeat(`"a`, 3) + strings.Repeat(`":0,"b`, 500_000) + `":0}`),
	} {
		t.Run(name, func(t *testing.T) {
			used := formattest.Allocated(func() { _, _ = Read(data) })
			if used > memoryBound(len(data)) {
				t.Errorf("%d bytes were allocated for a file of %d", used, len(data))
			}
		})
	}
}
