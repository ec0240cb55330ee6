package catboost

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"

	"github.com/besra-ml/besra/internal/formattest"
)

func spec(t *testing.T, data []byte) pipeline.Spec {
	t.Helper()
	s, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDetect(t *testing.T) {
	for _, head := range []string{
		"CBM1", "CBM1\x00", `{"features_info": {`, "{\n  \"ctr_data\":\n", "\t{ \"oblivious_trees\":[", `{"model_info":{}}`, `{"scale_and_bias":`, `{"trees":`,
	} {
		if !Detect([]byte(head)) {
			t.Errorf("%q is not detected", head)
		}
	}
	for _, head := range []string{"", "CBM", "CBM2", "{}", `{"learner":{}}`, `{"version":[3,2,0],"trees":1}`, "tree\nversion=v4", `["trees"]`, `{"tree":1}`} {
		if Detect([]byte(head)) {
			t.Errorf("%q is detected", head)
		}
	}
}

// TestBothFormatsSayTheSame reads models that were saved as .cbm and as JSON.
func TestBothFormatsSayTheSame(t *testing.T) {
	for _, name := range []string{
		"binary", "rmse", "nan-max", "onehot", "ctr", "ctr-mean", "ctr-counter", "ctr-buckets", "ctr-class", "combined-numbers", "loss-multiclass",
		"loss-rmsewithuncertainty", "loss-logloss-names",
	} {
		t.Run(name, func(t *testing.T) {
			binary := spec(t, modelOf(t, name+"-1.2.10"))
			document := spec(t, modelOf(t, name+"-json-1.2.10"))
			for i, s := range []*pipeline.Spec{&binary, &document} {
				if s.Trainer != "1.2.10" || s.Format != "catboost" {
					t.Errorf("%d: format %q, trainer %q", i, s.Format, s.Trainer)
				}
			}
			b, d := shape(&binary), shape(&document)
			// The two were trained apart, from rows of their own: what they have in common is what they are.
			if diff := cmp.Diff(b, d); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// shape is what models of one kind have in common.
func shape(s *pipeline.Spec) map[string]any {
	types := []string{}
	for _, c := range s.Columns {
		types = append(types, c.Type.String())
	}
	return map[string]any{
		"types": types, "outputs": s.Forest.Outputs, "trees": len(s.Forest.Trees), "link": s.Link, "objective": s.Objective,
		"steps": len(s.Steps) > 0, "wide": s.Float64Rows, "rows": s.Rows, "labels": s.Labels, "notes": s.Notes,
	}
}

// TestMembersMayComeInAnyOrder turns the members of documents around, which changes nothing.
func TestMembersMayComeInAnyOrder(t *testing.T) {
	for _, name := range []string{"binary-json-1.2.10", "lossguide-json-1.2.10", "ctr-class-lossguide-json-1.2.10", "combined-onehot-json-1.2.10"} {
		t.Run(name, func(t *testing.T) {
			data := modelOf(t, name)
			d := json.NewDecoder(bytes.NewReader(data))
			d.UseNumber()
			var doc any
			if err := d.Decode(&doc); err != nil {
				t.Fatal(err)
			}
			var turned bytes.Buffer
			backwards(&turned, doc)
			want, got := compiled(t, data), compiled(t, turned.Bytes())
			rows := grid(len(want.Columns))
			for _, answers := range []func(p *pipeline.Pipeline) any{
				func(p *pipeline.Pipeline) any { return margins(t, p, rows) },
				func(p *pipeline.Pipeline) any {
					ids := make([]int32, len(rows)/len(p.Columns)*p.Trees())
					if err := pipeline.Leaves(p, ids, rows, 0, p.Rounds()); err != nil {
						t.Fatal(err)
					}
					return ids
				},
			} {
				if diff := cmp.Diff(answers(want), answers(got)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// backwards writes a document with the keys of objects in descending order.
func backwards(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case map[string]any:
		keys := []string{}
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		slices.Reverse(keys)
		for i, k := range keys {
			b.WriteString([]string{",", "{"}[bool01(i == 0)])
			backwards(b, k)
			b.WriteByte(':')
			backwards(b, v[k])
		}
		b.WriteString([]string{"}", "{}"}[bool01(len(v) == 0)])
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			backwards(b, e)
		}
		b.WriteByte(']')
	default:
		text, _ := json.Marshal(v)
		b.Write(text)
	}
}

func bool01(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compiled(t *testing.T, data []byte) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.Compile(spec(t, data))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// grid is rows of numbers and codes.
func grid(columns int) []float64 {
	var rows []float64
	for i := range 200 {
		for j := range columns {
			switch (i + j) % 5 {
			case 0:
				rows = append(rows, float64(hash([]string{"", "VN", "DE", "3", "日本"}[i*j%5])))
			case 1:
				rows = append(rows, math.NaN())
			default:
				rows = append(rows, float64((i*7+j*13)%41)/8-2)
			}
		}
	}
	return rows
}

func margins(t *testing.T, p *pipeline.Pipeline, rows []float64) []float64 {
	t.Helper()
	out := make([]float64, len(rows)/len(p.Columns)*p.Outputs())
	if err := pipeline.Margin(p, out, rows, 0, p.Rounds()); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatIsMissingIsTheEmptyString(t *testing.T) {
	p := compiled(t, modelOf(t, "ctr-1.2.10"))
	empty, missing := grid(len(p.Columns)), grid(len(p.Columns))
	for i, c := range p.Columns {
		for at := i; at < len(empty); at += len(p.Columns) {
			if c.Type == pipeline.String {
				empty[at], missing[at] = c.Code(""), math.NaN()
			}
		}
	}
	if diff := cmp.Diff(margins(t, p, empty), margins(t, p, missing)); diff != "" {
		t.Error(diff)
	}
}

func TestLabels(t *testing.T) {
	for name, want := range map[string][]string{
		"binary":                       {"1"},
		"loss-logloss-names":           {"genuine"}, // CatBoost sorts names: fraud is the first
		"loss-logloss-names-json":      {"genuine"},
		"loss-logloss-turned":          {"fraud"},
		"loss-logloss-signs":           {"1"},
		"loss-logloss-fractions":       {"1.5"},
		"loss-logloss-truths":          {"True"},
		"loss-crossentropy":            nil,
		"loss-multiclass":              {"0", "1", "2", "3"},
		"loss-multiclass-names":        {"a", "b", "ü"},
		"loss-multiclass-integers":     {"-2", "7", "300"},
		"loss-multiclass-fractions":    {"0.25", "1.5", "3"},
		"loss-multiclass-turned":       {"c", "a", "b"},
		"loss-multiclass-absent":       {"0", "1", "2", "3", "4", "5"},
		"loss-multiclass-absent-names": {"a", "b", "c", "d"},
		"loss-multiclassonevsall":      {"0", "1", "2", "3"},
		"loss-multirmse":               nil,
		"rmse":                         nil,
	} {
		if got := spec(t, modelOf(t, name+"-1.2.10")).Labels; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestSymmetricTreesAreGivenByTheirLevels(t *testing.T) {
	for _, name := range []string{"depth-ten-1.2.10", "binary-json-1.2.10"} {
		for i, tree := range spec(t, modelOf(t, name)).Forest.Trees {
			if tree.Nodes != nil || len(tree.Leaves) != 1<<len(tree.Levels) {
				t.Fatalf("%s, tree %d: %d nodes, %d levels and %d leaves", name, i, len(tree.Nodes), len(tree.Levels), len(tree.Leaves))
			}
		}
	}
}

// TestVectorLeavesHangOnNodes holds the layout that kernels may count on.
func TestVectorLeavesHangOnNodes(t *testing.T) {
	s := spec(t, modelOf(t, "loss-multiclass-1.2.10"))
	next := 0
	for i := range s.Forest.Trees {
		nodes := s.Forest.Trees[i].Nodes
		inner := len(nodes) / 2
		for j, n := range nodes {
			switch {
			case j >= inner:
				if n.Feature != forest.Leaf || int(n.ID) != j-inner || int(n.Ref) != next {
					t.Fatalf("tree %d: node %d is not leaf %d", i, j, j-inner)
				}
				next++
			case int(n.Left) != 2*j+1 || int(n.Right) != 2*j+2:
				t.Fatalf("tree %d: node %d has the children %d and %d", i, j, n.Left, n.Right)
			case j > 0 && (j&(j+1)) != 0: // not the first of its level
				first := nodes[j-1]
				if n.Feature != first.Feature || n.Value != first.Value || n.DefaultLeft != first.DefaultLeft {
					t.Fatalf("tree %d: node %d asks something else than its neighbour", i, j)
				}
			}
		}
	}
}

func TestDocumentsThatLostTheirTargetsSaySo(t *testing.T) {
	data := modelOf(t, "ctr-rmse-borders-json-1.2.10")
	if notes := spec(t, data).Notes; len(notes) != 0 {
		t.Errorf("a model of one target says %q", notes)
	}
	descriptions := `[{"ctr_type":"Borders","target_binarization":{"border_count":1}},{"target_binarization":{"border_count":2},"ctr_type":"Borders"}]`
	for name, change := range map[string][2]string{
		"targets divided in two ways": {`"simple_ctrs"`, `"other_ctrs":` + descriptions + `,"simple_ctrs"`},
		"several targets":             {`"RMSE"`, `"MultiRMSE"`},
	} {
		data := bytes.ReplaceAll(data, []byte(change[0]), []byte(change[1]))
		if notes := spec(t, data).Notes; len(notes) != 1 || !strings.Contains(notes[0], ".cbm") {
			t.Errorf("%s: %q", name, notes)
		}
	}
}

func TestAModelWithoutAWordOfItselfHasMargins(t *testing.T) {
	data := modelOf(t, "binary-json-1.2.10")
	data = bytes.Replace(data, []byte(`"model_info"`), []byte(`"other_info"`), 1)
	s := spec(t, data)
	if s.Link.Kind != pipeline.Identity || s.Objective != "" || s.Labels != nil || len(s.Notes) != 1 {
		t.Errorf("link %v, objective %q, labels %q, notes %q", s.Link, s.Objective, s.Labels, s.Notes)
	}
}

func TestReadingTakesNoMoreThanAMultipleOfTheFile(t *testing.T) {
	for _, name := range []string{"borders-many-1.2.10", "wide-1.2.10", "combined-1.2.10", "combined-numbers-json-1.2.10", "depth-ten-1.2.10"} {
		data := modelOf(t, name)
		if used := formattest.Allocated(func() { _, _ = Read(data) }); used > 1<<20+3*uint64(len(data)) {
			t.Errorf("%s: %d bytes were allocated for a file of %d", name, used, len(data))
		}
	}
}
