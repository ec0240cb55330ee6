package lightgbm

import (
	"regexp"
	"strings"
	"testing"
)

// read reads and compiles a model.
func read(data []byte) error {
	_, err := format.Compile(data)
	return err
}

func TestModelsThatDoNotAddUp(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string
		want     string
	}{
		{"another first line", "tree\n", "forest\n", `a model begins with a line that says tree, not "forest"`},
		{"no classes", "num_class=1\n", "", "the header has no num_class"},
		{"no names", "feature_names=amount country hour\n", "", "the header has no feature_names"},
		{"classes of none", "num_class=1", "num_class=0", `line 3: num_class: "0" is not an integer from 1`},
		{"several classes", "num_class=1\nnum_tree_per_iteration=1", "num_class=2\nnum_tree_per_iteration=2", "line 7: objective: binary for 1 classes, but num_class is 2"},
		{"rounds of two trees", "num_tree_per_iteration=1", "num_tree_per_iteration=2", "line 4: num_tree_per_iteration: 2, but num_class is 1"},
		{"too few names", "amount country hour", "amount country", "line 8: feature_names: 2 of them for 3 features"},
		{"names that are alike", "amount country hour", "amount amount hour", `columns 0 and 1 are both named "amount"`},
		{"too many infos", "1:2 none", "1:2 none none", "line 10: feature_infos: 4 of them"},
		{"a key twice", "label_index=0\n", "label_index=0\nnum_class=1\n", "line 6: num_class stands in line 3 already"},
		{"an unknown objective", "binary sigmoid:0.5", "guessing", `line 7: objective: unknown objective "guessing"`},
		{"no sigmoid", "binary sigmoid:0.5", "binary", "line 7: objective: binary without sigmoid"},
		{"a sigmoid of zero", "sigmoid:0.5", "sigmoid:0", `sigmoid is "0", no positive number`},
		{"a class objective without classes", "binary sigmoid:0.5", "multiclass", `its num_class is ""`},
		{"classes that differ", "binary sigmoid:0.5", "multiclass num_class:3", "multiclass for 3 classes, but num_class is 1"},
		{"an average with a value", "label_index=0\n", "label_index=0\naverage_output=1\n", "line 6: average_output: it has a value"},
		{"another tree", "Tree=1\n", "Tree=7\n", `want tree 1, found "Tree=7"`},
		{"no leaves", "num_leaves=3\n", "", "tree 0: line 13: there is no num_leaves"},
		{"too many leaves", "num_leaves=3", "num_leaves=1000000000", "tree 0: line 14: num_leaves: \"1000000000\" is not an integer from 1"},
		{"a leaf more", "num_leaves=3", "num_leaves=4", "tree 0: line 22: leaf_value: there are 3 values, not 4"},
		{"a leaf less", "num_leaves=3", "num_leaves=2", "tree 0: line 22: leaf_value: there are more than 2 values"},
		{"a feature too many", "split_feature=0 1", "split_feature=0 3", "tree 0: line 16: split_feature: value 1 is 3, which is not from 0 to 2"},
		{"a feature that is none", "split_feature=0 1", "split_feature=0 x", `tree 0: line 16: split_feature: value 1 is "x", which is no integer`},
		{"a feature of many digits", "split_feature=0 1", "split_feature=0 00000000000000000000000001", "split_feature: value 1 is 00000000000000000000000001, which is not from 0 to 2"},
		{"a feature of a minus", "split_feature=0 1", "split_feature=- 1", `split_feature: value 0 is "-", which is no integer`},
		{"too few children", "left_child=1 -1", "left_child=1", "tree 0: line 20: left_child: there are 1 values, not 2"},
		{"a split that is none", "left_child=1 -1", "left_child=2 -1", "tree 0: line 20: left_child: value 0 is 2, which is not from -3 to 1"},
		{"a leaf that is none", "left_child=1 -1", "left_child=1 -4", "left_child: value 1 is -4, which is not from -3 to 1"},
		{"the root as a child", "left_child=1 -1", "left_child=1 0", "left_child: value 1 is 0, which has a parent already or is the root"},
		{"a circle", "left_child=1 -1", "left_child=-1 1", "line 21: right_child: no way leads from the root to 2 of 5 splits and leaves"},
		{"a leaf with two parents", "right_child=-2 -3", "right_child=-2 -1", "line 21: right_child: value 1 is -1, which has a parent already"},
		{"a threshold that is NaN", "threshold=1.5 0", "threshold=nan 0", "tree 0: line 18: threshold: value 0 is NaN"},
		{"a threshold that is a word", "threshold=1.5 0", "threshold=1.5.2 0", `threshold: value 0 is "1.5.2", which is no number`},
		{"a leaf that is NaN", "leaf_value=0.25", "leaf_value=NaN", "leaf_value: value 0 is NaN"},
		{"a leaf that is NaN as C writes it", "leaf_value=0.25", "leaf_value=-nan", "leaf_value: value 0 is NaN"},
		{"an infinite leaf", "leaf_value=0.25", "leaf_value=1e999", "leaf_value: value 0 is +Inf"},
		{"a rule that is none", "decision_type=10 1", "decision_type=12 1", "line 19: decision_type: value 0 is 12, which is not from 0 to 11"},
		{"weights of fewer leaves", "leaf_weight=1 1 1", "leaf_weight=1 1", "tree 0: line 23: leaf_weight: there are 2 values, not 3"},
		{"a set that is none", "threshold=1.5 0", "threshold=1.5 1", "line 18: threshold: value 1 is 1, which is none of the tree's 1 category sets"},
		{"half a set", "threshold=1.5 0", "threshold=1.5 0.5", "which is none of the tree's 1 category sets"},
		{"a category without sets", "num_cat=1", "num_cat=0", "which is none of the tree's 0 category sets"},
		{"more sets than splits", "num_cat=1\nsplit_feature=0 1", "num_cat=3\nsplit_feature=0 1", "tree 0: line 15: num_cat: 3 category sets for 2 splits"},
		{"sets that begin later", "cat_boundaries=0 1", "cat_boundaries=1 1", "line 28: cat_boundaries: value 0 is 1, which is not from 0 to 0"},
		{"sets beyond their words", "cat_boundaries=0 1", "cat_boundaries=0 2", "cat_boundaries: value 1 is 2, which is not from 0 to 1"},
		{"sets that shrink", "num_cat=1\nsplit_feature=0 1", "num_cat=2\nsplit_feature=0 1", "cat_boundaries: there are 2 values, not 3"},
		{"words of nobody", "cat_threshold=5", "cat_threshold=5 6", "line 28: cat_boundaries: the last is 1, but cat_threshold has 2 words"},
		{"a word of 33 bits", "cat_threshold=5", "cat_threshold=4294967296", "cat_threshold: value 0 is 4294967296, which is not from 0 to 4294967295"},
		{"a tree that is half linear", "is_linear=1", "is_linear=2", `tree 1: line 49: is_linear: "2" is not an integer from 0 to 1`},
		{"a linear tree without constants", "leaf_const=0.5 1\n", "", "tree 1: line 34: there is no leaf_const"},
		{"features of nobody", "num_features=2 0", "num_features=1 0", "tree 1: line 51: num_features: they add up to 1, but leaf_coeff has 2 numbers"},
		{"features that are missing", "num_features=2 0", "num_features=2 1", "num_features: value 1 is 1, but leaf_coeff has no more than 0 numbers for it"},
		{"a coefficient of no feature", "leaf_features=0 2", "leaf_features=0 3", "leaf_features: value 1 is 3, which is not from 0 to 2"},
		{"an infinite coefficient", "leaf_coeff=0.5", "leaf_coeff=inf", "leaf_coeff: value 0 is +Inf"},
		{"a key of a tree twice", "shrinkage=1\n", "shrinkage=1\nnum_cat=1\n", "tree 0: line 32: num_cat stands in line 15 already"},
		{"a line without a key", "shrinkage=1\n", "shrinkage=1\n!\n", `tree 0: line 32: "!" is no key and value`},
		{"a tree that goes on behind an empty line", "shrinkage=1\n", "shrinkage=1\n\nnum_cat=1\n", `tree 0: line 33: "num_cat=1" behind an empty line`},
		{"no end of trees", "end of trees\n\n", "", `line 86: the file ends early: no "end of trees"`},
		{"parameters without end", "end of parameters\n", "", `line 87: the file ends early: no "end of parameters" for line 82`},
		{"something else", "\npandas", "\nmore\n\npandas", `line 88: "more" is no part of a model`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := read(changed(t, c.old, c.new)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: want %q", err, c.want)
			}
		})
	}
}

func TestSizesThatLie(t *testing.T) {
	whole := string(sized(sound))
	sizes := regexp.MustCompile("tree_sizes=(.*)").FindStringSubmatch(whole)[1]
	one := strings.Fields(sizes)
	for _, c := range []struct{ sizes, want string }{
		{strings.Join(one[:2], " "), "line 11: tree_sizes: there are 2 sizes for 3 trees"},
		{sizes + " 1", "line 11: tree_sizes: there are 4 sizes for 3 trees"},
		{one[1] + " " + one[0] + " " + one[2], "line 11: tree_sizes: tree 0 has " + one[0] + " bytes, not " + one[1]},
		{"1099511627776 " + one[1] + " " + one[2], "tree_sizes: value 0 is 1099511627776, which is not from 0"},
		{"-1 " + one[1] + " " + one[2], "tree_sizes: value 0 is -1, which is not from 0"},
		{"x " + one[1] + " " + one[2], `tree_sizes: value 0 is "x", which is no integer`},
		{"", "tree_sizes: there are 0 sizes for 3 trees"},
	} {
		err := read([]byte(strings.Replace(whole, sizes, c.sizes, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v: want %q", c.sizes, err, c.want)
		}
	}
}

func TestFilesThatAreCut(t *testing.T) {
	whole := sized(sound)
	end := strings.Index(string(whole), "pandas_categorical")
	for n := range end {
		if cut := string(whole[:n]); strings.HasSuffix(cut, "end of trees") || strings.Contains(cut, "end of trees\n") {
			// What may be missing from here on, nobody can tell: but for sections without their end.
			continue
		}
		if read(whole[:n]) == nil {
			t.Fatalf("a file cut after %d bytes of %d is accepted", n, len(whole))
		}
	}
	for n := end + 1; n < len(whole)-1; n++ {
		if read(whole[:n]) == nil {
			t.Errorf("a file cut after %d bytes of %d is accepted", n, len(whole))
		}
	}
}
