package xgboost

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// at walks into a document of the tests: keys and indices.
func at(doc any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			doc = doc.(object)[step]
		case int:
			doc = doc.(list)[step]
		}
	}
	return doc
}

func learnerOf(doc object) object { return at(doc, "learner").(object) }
func paramsOf(doc object) object  { return at(doc, "learner", "learner_model_param").(object) }
func modelOf(doc object) object   { return at(doc, "learner", "gradient_booster", "model").(object) }

func treeOf(doc object, i int) object {
	return at(doc, "learner", "gradient_booster", "model", "trees", i).(object)
}

// stump returns a model of two trees of one split each.
func stump() object { return synthetic(2, 1, 2) }

func TestDetect(t *testing.T) {
	binary := binaryModel("binary:logistic")
	for name, head := range map[string][]byte{
		"JSON":                      toJSON(stump()),
		"JSON with white space":     append([]byte(" \n\t{ \n "), toJSON(stump())[1:]...),
		"UBJSON":                    toUBJ(stump()),
		"JSON with a version first": []byte(`{"version":[1,3,0],"learner":{`),
		"binary with a magic":       append([]byte("binf"), binary...),
		"binary without":            binary,
	} {
		if !Detect(head[:min(len(head), 4096)]) {
			t.Errorf("%s is not detected", name)
		}
	}
	for _, head := range []string{
		"", "{", "tree\nversion=v4\n", `{"oblivious_trees":[]}`, `{"name":"tree","version":"v4"}`, "CBM1", "\x08\x07\x12", "[]",
		strings.Repeat("\x00", 200), strings.Repeat("{", 4096), "{L",
	} {
		if Detect([]byte(head)) {
			t.Errorf("%.20q is taken for a model of XGBoost", head)
		}
	}
}

// binaryModel returns the head of a file in the deprecated binary format.
func binaryModel(objective string) []byte {
	var b bytes.Buffer
	b.Write(make([]byte, 136))
	_ = binary.Write(&b, binary.LittleEndian, uint64(len(objective)))
	b.WriteString(objective)
	b.Write(make([]byte, 64))
	return b.Bytes()
}

func TestBinaryFormatIsRefusedWithAdvice(t *testing.T) {
	for _, data := range [][]byte{[]byte("binf"), binaryModel("rank:pairwise"), append([]byte("binf"), binaryModel("reg:gamma")...)} {
		_, err := Read(data)
		wantError(t, err, "b.save_model('m.ubj')")
	}
}

func TestBothEncodingsSayTheSame(t *testing.T) {
	categories := stump()
	tree := treeOf(categories, 0)
	tree["split_type"] = []uint8{1, 0, 0}
	tree["categories"], tree["categories_nodes"] = []int32{0, 64, 130}, []int32{0}
	tree["categories_segments"], tree["categories_sizes"] = []int64{0}, []int64{3}
	learnerOf(categories)["feature_names"] = list{"größe", "b \"c\""}
	learnerOf(categories)["feature_types"] = list{"c", "int"}
	learnerOf(categories)["attributes"] = object{"best_iteration": "1", "best_score": "0.5"}

	linear := wrap("reg:squarederror", object{"name": "gblinear", "model": object{"weights": []float32{1, 2, 3}, "boosted_rounds": 4}}, 2)
	dart := stump()
	learnerOf(dart)["gradient_booster"] = object{
		"name": "dart", "gbtree": learnerOf(dart)["gradient_booster"], "weight_drop": []float32{0.25, 1},
	}
	for name, doc := range map[string]object{
		"trees": synthetic(3, 4, 5), "categories": categories, "linear": linear, "dart": dart,
		"unknown members": with(stump(), func(d object) { d["z"], treeOf(d, 0)["new"] = list{object{"a": nil}}, []float32{1} }),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Read(toJSON(doc))
			if err != nil {
				t.Fatal(err)
			}
			b, err := Read(toUBJ(doc))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(a, b) {
				t.Errorf("JSON: %+v\nUBJSON: %+v", a, b)
			}
			if _, err := pipeline.Compile(a); err != nil {
				t.Error(err)
			}
		})
	}
}

func with(doc object, change func(object)) object {
	change(doc)
	return doc
}

func TestMembersMayComeInAnyOrder(t *testing.T) {
	doc := synthetic(2, 2, 3)
	want, err := Read(toJSON(doc))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(reversed(doc))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// reversed writes a document with all keys in descending order.
func reversed(v any) []byte {
	var b bytes.Buffer
	switch v := v.(type) {
	case object:
		keys := slices.Sorted(maps.Keys(v))
		slices.Reverse(keys)
		b.WriteString("{")
		for i, k := range keys {
			if i > 0 {
				b.WriteString(" ,\n")
			}
			fmt.Fprintf(&b, "%q : %s", k, reversed(v[k]))
		}
		b.WriteString("}")
	case list:
		b.WriteString("[")
		for i, e := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			b.Write(reversed(e))
		}
		b.WriteString("]")
	default:
		asJSON(&b, v)
	}
	return b.Bytes()
}

func TestCategoriesInTheSetGoRight(t *testing.T) {
	doc := stump()
	tree := treeOf(doc, 1)
	tree["split_type"] = []uint8{1, 0, 0}
	tree["split_conditions"] = []float32{float32(math.NaN()), 10, 20}
	tree["split_indices"] = []int32{1, 0, 0}
	tree["default_left"] = []uint8{1, 0, 0}
	tree["categories"], tree["categories_nodes"] = []int32{2, 65, 7}, []int32{0}
	tree["categories_segments"], tree["categories_sizes"] = []int64{0}, []int64{3}
	spec, err := Read(toUBJ(doc))
	if err != nil {
		t.Fatal(err)
	}
	if got := spec.Columns[1].Type; got != pipeline.Category {
		t.Errorf("the column is of type %v", got)
	}
	root := spec.Forest.Trees[1].Nodes[0]
	want := forest.Node{Feature: 1, Left: 2, Right: 1, Op: forest.In, Ref: 0}
	if root != want {
		t.Errorf("the root is %+v, want %+v", root, want)
	}
	set := spec.Forest.Sets[0]
	for x, in := range map[float64]bool{2: true, 2.9: true, 65: true, 7: true, 1: false, 0: false, -2: false, 66: false, 1 << 24: false, 1e30: false} {
		if set.Has(x) != in {
			t.Errorf("%v in the set: %v", x, !in)
		}
	}
}

func TestBaseScore(t *testing.T) {
	logit := func(p float64) float64 { return math.Log(p / (1 - p)) }
	for _, c := range []struct {
		score, objective string
		outputs          int
		want             []float64
	}{
		{"5E-1", "binary:logistic", 1, []float64{0}},
		{"[5E-1]", "binary:logistic", 1, []float64{0}},
		{" [ 2.5E-1 ] ", "reg:logistic", 1, []float64{logit(0.25)}},
		{"(7.5E-1)", "binary:logistic", 1, []float64{logit(0.75)}},
		{"0", "binary:logistic", 1, []float64{logit(1e-6)}},
		{"1E0", "binary:logistic", 1, []float64{13.745160102844238}}, // float32 is coarse near 1
		{"2.5E-1", "binary:logitraw", 1, []float64{0.25}},
		{"2", "count:poisson", 1, []float64{math.Ln2}},
		{"0E0", "reg:tweedie", 1, []float64{math.Inf(-1)}},
		{"3", "multi:softprob", 3, []float64{3, 3, 3}},
		{"[1,-2,3E0]", "multi:softmax", 3, []float64{1, -2, 3}},
		{"-7.5E0", "rank:ndcg", 1, []float64{-7.5}},
	} {
		t.Run(c.score+" of "+c.objective, func(t *testing.T) {
			doc := stump()
			paramsOf(doc)["base_score"] = c.score
			at(doc, "learner", "objective").(object)["name"] = c.objective
			if c.outputs > 1 {
				paramsOf(doc)["num_class"] = fmt.Sprint(c.outputs)
			}
			spec, err := Read(toJSON(doc))
			if err != nil {
				t.Fatal(err)
			}
			if len(spec.Forest.Base) != len(c.want) {
				t.Fatalf("got %v, want %v", spec.Forest.Base, c.want)
			}
			for i, want := range c.want {
				got := spec.Forest.Base[i]
				if got != want && !(math.Abs(got-want) <= 3e-5*math.Abs(want)) {
					t.Errorf("output %d begins at %v, want %v", i, got, want)
				}
			}
		})
	}
}

// XGBoost takes a model that has not been fitted to begin at the base score itself, without a link, unless
// the score was given by the user.
func TestUnfittedModelsBeginAtTheBaseScore(t *testing.T) {
	for given, want := range map[string]float64{"1": 0.5, "0": 0} {
		doc := synthetic(0, 1, 2)
		paramsOf(doc)["boost_from_average"] = given
		spec, err := Read(toJSON(doc))
		if err != nil {
			t.Fatal(err)
		}
		if got := spec.Forest.Base[0]; got != want {
			t.Errorf("boost_from_average %s: the margin begins at %v, want %v", given, got, want)
		}
	}
}

func TestOldLinearModelsBeginAtTheBaseScore(t *testing.T) {
	model := object{"weights": []float32{1, 2, 3}}
	doc := wrap("binary:logistic", object{"name": "gblinear", "model": model}, 2)
	delete(paramsOf(doc), "boost_from_average")
	for _, counted := range []bool{false, true} {
		want, notes := 0.5, 1
		if counted {
			model["boosted_rounds"] = 3
			want, notes = 0, 0
		}
		spec, err := Read(toJSON(doc))
		if err != nil {
			t.Fatal(err)
		}
		if spec.Linear.Base[0] != want || len(spec.Notes) != notes {
			t.Errorf("rounds counted is %v: begins at %v, notes %q", counted, spec.Linear.Base[0], spec.Notes)
		}
	}
}

func TestBestIteration(t *testing.T) {
	for text, want := range map[string]int{"1": 1, "0": 0, "2": -1, "-3": -1, "many": -1} {
		doc := stump()
		learnerOf(doc)["attributes"] = object{"best_iteration": text}
		spec, err := Read(toJSON(doc))
		if err != nil {
			t.Fatal(err)
		}
		if spec.Best != want {
			t.Errorf("%q of 2 rounds: best is %d, want %d", text, spec.Best, want)
		}
	}
}

func TestFilesBefore2DeriveTheirRounds(t *testing.T) {
	doc := synthetic(12, 1, 2)
	model := modelOf(doc)
	delete(model, "iteration_indptr")
	model["tree_info"] = []int32{0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2}
	model["gbtree_model_param"].(object)["num_parallel_tree"] = "2"
	paramsOf(doc)["num_class"] = "3"
	at(doc, "learner", "objective").(object)["name"] = "multi:softprob"
	spec, err := Read(toJSON(doc))
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 6, 12}; !slices.Equal(spec.Forest.Rounds, want) {
		t.Errorf("rounds begin at %v, want %v", spec.Forest.Rounds, want)
	}
}

func TestTreesAreOrderedByTheirIDs(t *testing.T) {
	doc := synthetic(2, 1, 2)
	straight, err := Read(toJSON(doc))
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(modelOf(doc)["trees"].(list))
	turned, err := Read(toJSON(doc))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(straight.Forest.Trees, turned.Forest.Trees) {
		t.Error("the order in the file counts, not the ids")
	}
}

// enc returns dictionaries for two columns.
func enc(first, second object) object {
	return object{"enc": list{first, second}, "feature_segments": []int32{0, 0, 0}, "sorted_idx": []int32{}}
}

func signed(s string) []int8 {
	out := make([]int8, len(s))
	for i := range len(s) {
		out[i] = int8(s[i])
	}
	return out
}

func TestDictionaries(t *testing.T) {
	none := object{"offsets": []int32{}, "values": []int8{}}
	read := func(d object, version list) (pipeline.Spec, error) {
		doc := stump()
		doc["version"] = version
		learnerOf(doc)["feature_types"] = list{"float", "c"}
		modelOf(doc)["cats"] = enc(none, d)
		spec, err := Read(toUBJ(doc))
		if text, err2 := Read(toJSON(doc)); !reflect.DeepEqual(spec, text) || (err == nil) != (err2 == nil) {
			t.Errorf("JSON reads %v, %v; UBJSON %v, %v", text, err2, spec, err)
		}
		return spec, err
	}
	now := list{3, 2, 0}
	t.Run("names become codes", func(t *testing.T) {
		spec, err := read(object{"offsets": []int32{0, 1, 3, 3}, "values": signed("abc")}, now)
		if err != nil {
			t.Fatal(err)
		}
		c := spec.Columns[1]
		if c.Type != pipeline.String || !slices.Equal(c.Dictionary(), []string{"a", "bc", ""}) || c.Code("bc") != 1 || !math.IsNaN(c.Code("b")) {
			t.Errorf("%+v", c)
		}
		if spec.Columns[0].Type != pipeline.Float || len(spec.Notes) == 0 {
			t.Errorf("%+v, notes %v", spec.Columns[0], spec.Notes)
		}
	})
	t.Run("integers are names in decimal", func(t *testing.T) {
		spec, err := read(object{"type": 15, "values": []int64{5411, -7}}, now)
		if err != nil {
			t.Fatal(err)
		}
		if c := spec.Columns[1]; c.Type != pipeline.String || c.Code("5411") != 0 || c.Code("-7") != 1 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("integers that are their own codes stay codes", func(t *testing.T) {
		spec, err := read(object{"type": 15, "values": []int64{0, 1, 2}}, now)
		if err != nil {
			t.Fatal(err)
		}
		if c := spec.Columns[1]; c.Type != pipeline.Category {
			t.Errorf("%+v", c)
		}
	})
	t.Run("names beyond ASCII are trusted from 3.4 on", func(t *testing.T) {
		spec, err := read(object{"offsets": []int32{0, 2, 3}, "values": signed("éa")}, list{3, 4, 0})
		if err != nil {
			t.Fatal(err)
		}
		if c := spec.Columns[1]; c.Code("é") != 0 {
			t.Errorf("%+v", c)
		}
	})
	for _, c := range []struct {
		name string
		d    object
		want string
	}{
		{"names that are cut", object{"offsets": []int32{0, 1, 2}, "values": signed("é")}, "beyond ASCII"},
		{"names that may be cut", object{"offsets": []int32{0, 2, 3}, "values": signed("éa")}, "beyond ASCII"},
		{"names that come twice", object{"offsets": []int32{0, 1, 2}, "values": signed("aa")}, `"a" has the codes 0 and 1`},
		{"offsets that turn back", object{"offsets": []int32{0, 3, 1, 3}, "values": signed("abc")}, "category 1 from byte 3 to 1"},
		{"offsets beyond the bytes", object{"offsets": []int32{0, 9, 3}, "values": signed("abc")}, "category 0 from byte 0 to 9"},
		{"negative offsets", object{"offsets": []int32{0, -1, 3}, "values": signed("abc")}, "category 0 from byte 0 to -1"},
		{"bytes left over", object{"offsets": []int32{0, 1}, "values": signed("abc")}, "from 0 to 1 in 3 bytes"},
		{"values that are no bytes", object{"offsets": []int32{0, 1}, "values": []int32{300}}, "300 is no byte"},
		{"integers that come twice", object{"type": 15, "values": []int64{5, 5}}, `"5" has the codes 0 and 1`},
	} {
		t.Run("refuses "+c.name, func(t *testing.T) {
			_, err := read(c.d, now)
			wantError(t, err, c.want)
			wantError(t, err, "cats: column 1: ")
		})
	}
}

func TestVectorLeaves(t *testing.T) {
	vectors := func(old bool) object {
		doc := stump()
		paramsOf(doc)["num_target"] = "2"
		at(doc, "learner", "objective").(object)["name"] = "reg:squarederror"
		for i := range 2 {
			tree := treeOf(doc, i)
			tree["tree_param"].(object)["size_leaf_vector"] = "2"
			tree["base_weights"] = []float32{1, 2, 3, 4, 5, 6}
			if !old {
				tree["right_children"] = []int32{2, 1, 0}
				tree["leaf_weights"] = []float32{5, 6, 3, 4}
			}
		}
		return doc
	}
	for _, old := range []bool{true, false} {
		t.Run(fmt.Sprintf("in base_weights is %v", old), func(t *testing.T) {
			spec, err := Read(toJSON(vectors(old)))
			if err != nil {
				t.Fatal(err)
			}
			f := spec.Forest
			for i, want := range [][]float64{nil, {3, 4}, {5, 6}} {
				if want == nil {
					continue
				}
				n := f.Trees[1].Nodes[i]
				if got := f.Vectors[2*n.Ref : 2*n.Ref+2]; !slices.Equal(got, want) || n.ID != int32(i) {
					t.Errorf("leaf %d: %v, id %d", i, got, n.ID)
				}
			}
			if _, err := pipeline.Compile(spec); err != nil {
				t.Error(err)
			}
		})
	}
	for name, c := range map[string]struct {
		change func(object)
		want   string
	}{
		"of another width": {func(d object) { paramsOf(d)["num_target"] = "3" }, "tree 0: vector leaves of 2 for 3 outputs"},
		"that are not there": {
			func(d object) { treeOf(d, 1)["right_children"] = []int32{2, 1, 2} }, "tree 1: node 2: leaf 2 of 2",
		},
		"with negative places": {
			func(d object) { treeOf(d, 1)["right_children"] = []int32{2, -1, 0} }, "tree 1: node 1: leaf -1 of 2",
		},
		"cut": {func(d object) { treeOf(d, 0)["leaf_weights"] = []float32{1, 2, 3} }, "tree 0: 3 leaf weights do not make vectors of 2"},
		"beside scalars": {
			func(d object) {
				treeOf(d, 1)["tree_param"].(object)["size_leaf_vector"] = "1"
				treeOf(d, 1)["base_weights"] = []float32{1, 2, 3}
				treeOf(d, 1)["right_children"] = []int32{2, -1, -1}
			}, "tree 1: scalar leaves beside",
		},
	} {
		t.Run("refuses leaves "+name, func(t *testing.T) {
			_, err := Read(toUBJ(with(vectors(false), c.change)))
			wantError(t, err, c.want)
		})
	}
}
