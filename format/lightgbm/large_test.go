package lightgbm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/pipeline"

	"github.com/besra-ml/besra/internal/formattest"
)

// head returns the header of a model without tree_sizes.
func head(classes, features int) string {
	var names strings.Builder
	for i := range features {
		fmt.Fprintf(&names, "%x ", i)
	}
	return fmt.Sprintf("tree\nnum_class=%d\nlabel_index=0\nmax_feature_idx=%d\nfeature_names=%s\nfeature_infos=%s\n\n",
		classes, features-1, names.String(), strings.Repeat("none ", features))
}

// leaf is a tree of a single leaf, as short as can be.
func leaf(i int) string { return fmt.Sprintf("Tree=%d\nnum_leaves=1\nnum_cat=0\nleaf_value=1\n\n", i) }

const tailEnd = "end of trees\n"

// TestSizesThatAFileMayAskFor reads files that are small for what they ask for: all are sound, or nearly.
func TestSizesThatAFileMayAskFor(t *testing.T) {
	many := func(n int, one func(int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(one(i))
		}
		return b.String()
	}
	chain := func(leaves int) string {
		n := leaves - 1
		return "Tree=0\nnum_leaves=" + fmt.Sprint(leaves) + "\nnum_cat=0\nsplit_feature=" + strings.Repeat("0 ", n) + "\nthreshold=" + strings.Repeat("1 ", n) +
			"\nleft_child=" + many(n, func(i int) string { return fmt.Sprint(-i-1, " ") }) +
			"\nright_child=" + many(n-1, func(i int) string { return fmt.Sprint(i+1, " ") }) + fmt.Sprint(-leaves) +
			"\nleaf_value=" + strings.Repeat("1 ", leaves) + "\n\n"
	}
	sets := func(n int, word string) string {
		return "Tree=0\nnum_leaves=2\nnum_cat=1\nsplit_feature=0\nthreshold=0\ndecision_type=1\nleft_child=-1\nright_child=-2\nleaf_value=1 2\n" +
			"cat_boundaries=0 " + fmt.Sprint(n) + "\ncat_threshold=" + strings.Repeat(word+" ", n-1) + "1\n\n"
	}
	for name, model := range map[string]string{
		"100,000 columns":            head(1, 100_000) + leaf(0) + tailEnd,
		"30,000 trees":               head(1, 1) + many(30_000, leaf) + tailEnd,
		"65,536 outputs, no trees":   head(65_536, 1) + tailEnd,
		"a tree 50,000 splits deep":  head(1, 1) + chain(50_001) + tailEnd,
		"3,200,000 categories":       head(1, 1) + sets(100_000, "4294967295") + tailEnd,
		"a category far out":         head(1, 1) + sets(100_000, "0") + tailEnd,
		"100,000 names of codes":     string(frame("0:1", "0", `[["`+many(100_000, func(i int) string { return fmt.Sprintf(`%x","`, i) })+`"]]`)),
		"50,000 dictionaries":        string(frame("0:1", "0", "["+strings.Repeat("[],", 50_000)+"[]]")),
		"100,000 keys in the header": strings.Replace(head(1, 1), "tree\n", "tree\n"+many(100_000, func(i int) string { return fmt.Sprintf("k%d=\n", i) }), 1) + leaf(0) + tailEnd,
		"100,000 keys in a tree":     head(1, 1) + strings.Replace(leaf(0), "num_cat", many(100_000, func(i int) string { return fmt.Sprintf("k%d=\n", i) })+"num_cat", 1) + tailEnd,
	} {
		t.Run(name, func(t *testing.T) {
			data := []byte(model)
			var p *pipeline.Pipeline
			start := time.Now()
			used := formattest.Allocated(func() {
				spec, err := Read(data)
				if err == nil {
					p, err = pipeline.Compile(spec)
				}
				if err != nil {
					t.Error(err)
				}
			})
			took := time.Since(start)
			if t.Logf("%d bytes, %d allocated, %v", len(data), used, took); used > memoryBound(len(data)) {
				t.Errorf("%d bytes were allocated for a file of %d", used, len(data))
			}
			if took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
			if p != nil {
				formattest.Predict(t, p)
			}
		})
	}
}
