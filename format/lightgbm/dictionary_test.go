package lightgbm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/pipeline"
)

// frame returns a model of a single leaf, trained on a frame: columns a, b, … with these infos.
func frame(infos, categorical, dictionaries string) []byte {
	n := len(strings.Fields(infos))
	return []byte(fmt.Sprintf("tree\nversion=v4\nnum_class=1\nlabel_index=0\nmax_feature_idx=%d\nfeature_names=%s\nfeature_infos=%s\n\n"+
		"Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=1\n\nend of trees\n\nparameters:\n[categorical_feature: %s]\nend of parameters\n\npandas_categorical:%s\n",
		n-1, strings.Join(strings.Split("abcdefgh"[:n], ""), " "), infos, categorical, dictionaries))
}

func TestDictionariesFindTheirColumns(t *testing.T) {
	for _, c := range []struct {
		name                             string
		infos, categorical, dictionaries string
		want                             string // the columns that take names, and their categories
	}{
		{"as many as categories", "[0:1] 0:1:2 [-1:3] 1:0", "1,3", `[["x","y","z"],["p","q"]]`, "b=x,y,z d=p,q"},
		{"without the parameter", "[0:1] 0:1:2 [-1:3] 1:0", "", `[["x","y","z"],["p","q"]]`, "b=x,y,z d=p,q"},
		{"a category without a use", "none [0:1] 0:1", "0,2", `[["x"],["p","q"]]`, "a=x c=p,q"},
		{"an ordered one", "[0.5:1] 0:1:2 [0:3]", "1", `[["x","y","z"],["S","M","L","XL"]]`, "b=x,y,z c=S,M,L,XL"},
		{"an ordered one that could be elsewhere", "[0:1] 0:1:2 [0:3]", "1", `[["S","M","L"],["x","y","z"]]`, "a=S,M,L b=x,y,z"},
		{"an ordered one that could be anywhere", "[0:1] 0:1:2 [0:3]", "1", `[["x","y","z","w"],["S","M","L","XL"]]`, "?"},
		{"categories given as numbers beside", "0:1:900 2:0:1", "0,1", `[["x","y","z"]]`, "b=x,y,z"},
		{"categories given as numbers that could be them", "0:1 2:0:1", "0,1", `[["x","y","z"]]`, "?"},
		{"as many, though not all were seen", "[0:1] 0:1:2 [0:40] 0:1", "1,3", `[["x","y","z","w"],["p","q"]]`, "b=x,y,z,w d=p,q"},
		{"as many, but another column had all", "[0:3] 0:1 [0:40]", "1", `[["x","y","z","w"]]`, "?"},
		{"more than columns", "0:1", "0", `[["x","y"],["x","y"]]`, "?"},
		{"too few names", "0:1:7", "0", `[["x","y"]]`, "?"},
		{"numbers", "0:1:2", "0", `[[10,-20,35]]`, "a=10,-20,35"},
		{"numbers from 0", "0:1:2 0:1", "0,1", `[[0,1,2],["x","y"]]`, "b=x,y"},
		{"numbers from 0, ordered", "[0:2] 0:1", "1", `[[0,1,2],["x","y"]]`, "a=0,1,2 b=x,y"},
		{"fractions", "0:1:2", "0", `[[0.5,1.0,1e-07]]`, "a=0.5,1.0,1e-07"},
		{"truths", "0:1", "0", `[[false,true]]`, "a=False,True"},
		{"escapes", "0:1:2:3", "0", `[["\u00fc","\ud83d\ude42","\"","\\"]]`, `a=ü,🙂,",\`},
		{"missing codes", "-1:2:0:1", "0", `[["x","y","z"]]`, "a=x,y,z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := mustRead(t, frame(c.infos, c.categorical, c.dictionaries))
			var got []string
			for _, col := range spec.Columns {
				if col.Type == pipeline.String {
					got = append(got, col.Name+"="+strings.Join(col.Dictionary(), ","))
				}
			}
			want, note := c.want, "counts as missing"
			if want == "?" {
				want, note = "", "does not say of which"
			}
			if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
			if len(spec.Notes) != 1 || !strings.Contains(spec.Notes[0], note) {
				t.Errorf("notes %q: want %q", spec.Notes, note)
			}
		})
	}
}

func TestDictionariesThatDoNotAddUp(t *testing.T) {
	for dictionaries, want := range map[string]string{
		`[["x"`:         "line 20: pandas_categorical: offset",
		`[["x","y"]] 1`: "pandas_categorical: offset",
		`{}`:            "expected an array",
		`[1]`:           "expected an array",
		`[[null]]`:      "a string, a number or a truth value",
		`[[[]]]`:        "a string, a number or a truth value",
		`[["x","x"]]`:   `category "x" has the codes 0 and 1`,
		`[["1",1]]`:     `category "1" has the codes 0 and 1`,
		``:              "pandas_categorical",
	} {
		_, err := Read(frame("0:1", "0", dictionaries))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v: want %q", dictionaries, err, want)
		}
	}
}
