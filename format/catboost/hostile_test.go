package catboost

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/forest"

	"github.com/besra-ml/besra/internal/formattest"
)

// TestSmallFilesStaySmall reads files that say a little very often.
func TestSmallFilesStaySmall(t *testing.T) {
	const (
		features = `{"features_info":{"float_features":[{"feature_index":0,"flat_feature_index":0,"borders":[0.5]}]%s},%s}`
		tree     = `"oblivious_trees":[{"leaf_values":[1]}]`
	)
	many := func(n int, text string) string { return strings.TrimSuffix(strings.Repeat(text+",", n), ",") }
	for name, c := range map[string]struct{ file, want string }{
		"features of nothing": {
			`{"features_info":{"float_features":[` + many(300_000, "{}") + `]},` + tree + `}`,
			"float_features: 0: a feature that is number -1 of its type and -1 of all",
		},
		"categories of nothing": {
			fmt.Sprintf(features, `,"categorical_features":[`+many(300_000, "{}")+`]`, tree),
			"categorical_features: 0: a feature that is number -1 of its type",
		},
		"ctrs of nothing": {fmt.Sprintf(features, `,"ctrs":[`+many(300_000, "{}")+`]`, tree), "ctrs: 0: no elements"},
		"values that are alike": {
			fmt.Sprintf(features, `,"categorical_features":[{"feature_index":0,"flat_feature_index":1,"values":[`+many(300_000, "1")+`]}]`, tree),
			"one-hot feature 0: value 1, 1, is no number or comes twice",
		},
		"names of classes": {
			fmt.Sprintf(features, "", tree+`,"model_info":{"class_params":{"class_names":[`+many(300_000, "1")+`]}}`),
			"class_names: more than 65536 classes",
		},
		"children to the right that wait": {
			fmt.Sprintf(features, "", `"trees":[`+strings.Repeat(`{"right":`, 40)+
				`{"x":[`+many(100_000, "{}")+`],"value":1}`+
				strings.Repeat(`,"split":{"split_index":0},"left":{"value":1}}`, 40)+`]`),
			"right comes before left, again and again",
		},
	} {
		t.Run(name, func(t *testing.T) { refusedAtOnce(t, []byte(c.file), c.want) })
	}
}

// refusedAtOnce wants a file to be refused, within the bounds of damaged ones.
func refusedAtOnce(t *testing.T, data []byte, want string) {
	t.Helper()
	start := time.Now()
	var err error
	used := formattest.Allocated(func() { err = read(data) })
	wantError(t, err, want)
	if bound := memoryBound(len(data)); used > bound {
		t.Errorf("%d bytes were allocated for a file of %d", used, len(data))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestOneTableIsNotMany reads a document whose offsets all lead to one table.
func TestOneTableIsNotMany(t *testing.T) {
	const n = 1000
	le := binary.LittleEndian
	doc := le.AppendUint32(nil, 10)                   // the root
	doc = append(doc, 6, 0, 8, 0, 4, 0)               // its fields: one, four bytes in
	doc = le.AppendUint32(le.AppendUint32(doc, 6), 4) // itself; the vector follows
	doc = le.AppendUint32(doc, n)                     // as many offsets
	for i := range n {                                // to what follows them
		doc = le.AppendUint32(doc, uint32(4*(n-i)+4))
	}
	doc = append(doc, 4, 0, 4, 0) // a table without fields
	doc = le.AppendUint32(doc, 4)
	for least, want := range map[int]int{4: n, 16: 0} {
		f := newFlatbuffer(doc, 8)
		met := 0
		err := f.root().children(0, least, func(int, fbTable) error {
			met++
			return nil
		})
		if met != want {
			t.Errorf("tables of %d bytes: %d, want %d: %v", least, met, want, err)
		}
		if want == 0 {
			wantError(t, err, "1000 tables in a document of 4030 bytes: offsets lead to the same places again and again")
		}
	}
}

// TestLeavesHaveOneParent wants no tree to use the leaves of another: a few numbers would make a row take ages.
func TestLeavesHaveOneParent(t *testing.T) {
	own := trees{
		sizes: []int32{1, 1}, splits: []int32{0, 0}, leaves: []float64{1, 2, 3, 4}, children: make([][2]int32, 2), ids: []uint32{0, 2},
	}
	if err := own.plant(&forest.Forest{Outputs: 2}, nil); err != nil {
		t.Error(err)
	}
	shared := own
	shared.leaves = own.leaves[:2]
	shared.ids = []uint32{0, 0}
	wantError(t, shared.plant(&forest.Forest{Outputs: 2}, nil), "tree 1: trees share leaves: 1 have their own values")
}

// TestCTRsOfARowHaveBounds reads a model whose CTRs would add up counts for minutes.
func TestCTRsOfARowHaveBounds(t *testing.T) {
	const ctr = `{"elements":[{"combination_element":"cat_feature_value","cat_feature_index":0}],"ctr_type":"Borders","borders":[%d]}`
	var ctrs []string
	for i := range 1000 {
		ctrs = append(ctrs, fmt.Sprintf(ctr, i))
	}
	counts := strings.Repeat(",1", 40_000)
	file := `{"features_info":{"categorical_features":[{"feature_index":0,"flat_feature_index":0}],"ctrs":[` + strings.Join(ctrs, ",") +
		`]},"oblivious_trees":[{"leaf_values":[1]}],"ctr_data":{"{\"identifier\":[{\"cat_feature_index\":0,` +
		`\"combination_element\":\"cat_feature_value\"}],\"type\":\"Borders\"}":{"hash_map":["1"` + counts + `],"hash_stride":40001}}}`
	refusedAtOnce(t, []byte(file), "ctr 0: those up to here add up more than 16777216 counts of a row")
}
