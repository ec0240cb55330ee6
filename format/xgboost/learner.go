package xgboost

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/internal/jsonscan"
	"github.com/besra-ml/besra/pipeline"
)

// A reader takes what it needs from a document, in whatever order it comes. What depends on several
// parts waits for spec.
type reader struct {
	source
	size int // of the file

	version   []int32
	objective string
	booster   string
	params    params
	names     []string
	types     []string
	best      int
	trees     trees
	weights   []float32 // gblinear
	rounds    int64     // gblinear
	drop      []float32 // dart
	hasModel  bool
}

// params is the file's learner_model_param.
type params struct {
	base             []float32
	features         int
	classes          int
	targets          int
	boostFromAverage bool
}

// outputs returns the number of margins of a row.
func (p *params) outputs() int { return max(p.classes, p.targets, 1) }

// in puts a place before an error.
func in(place string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", printable(place), err)
}

// printable returns a member's name as an error may show it: a file can have any.
func printable(name string) string {
	const most = 60
	if len(name) > most || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%.60q", name)
	}
	return name
}

func (r *reader) document() error {
	found := false
	err := r.Object(func(key []byte) (err error) {
		switch string(key) {
		case "learner":
			found = true
			return r.learner()
		case "version":
			r.version, err = r.Ints(nil)
			return in("version", err)
		case "Model":
			return errors.New("a snapshot of a training process, not a model: save it with save_model")
		}
		return r.Skip()
	})
	if err != nil {
		return err
	}
	if !found {
		return errors.New("no learner: this is not a model of XGBoost")
	}
	return r.End()
}

func (r *reader) learner() error {
	var parts []string
	err := r.Object(func(key []byte) (err error) {
		parts = append(parts, string(key))
		switch string(key) {
		case "learner_model_param":
			return in("learner_model_param", r.parameters())
		case "objective":
			return in("objective", r.Object(func(key []byte) (err error) {
				if string(key) == "name" {
					r.objective, err = r.Text()
					return err
				}
				return r.Skip()
			}))
		case "gradient_booster":
			return r.gradientBooster()
		case "attributes":
			return in("attributes", r.attributes())
		case "feature_names":
			r.names, err = r.texts()
			return in("feature_names", err)
		case "feature_types":
			r.types, err = r.texts()
			return in("feature_types", err)
		}
		return r.Skip()
	})
	if err != nil {
		return err
	}
	return in("learner", need(parts, "learner_model_param", "objective", "gradient_booster"))
}

func (r *reader) parameters() error {
	var parts []string
	err := r.Object(func(key []byte) (err error) {
		switch string(key) {
		case "base_score":
			var s string
			if s, err = r.Text(); err == nil {
				r.params.base, err = parseBase(s)
			}
		case "num_feature":
			r.params.features, err = r.decimal(forest.MaxFeatures)
		case "num_class":
			r.params.classes, err = r.decimal(forest.MaxOutputs)
		case "num_target":
			r.params.targets, err = r.decimal(forest.MaxOutputs)
		case "boost_from_average":
			var n int
			n, err = r.decimal(math.MaxInt32)
			r.params.boostFromAverage = n != 0
		default:
			return r.Skip()
		}
		parts = append(parts, string(key))
		return in(string(key), err)
	})
	if err != nil {
		return err
	}
	return need(parts, "base_score", "num_feature", "num_class")
}

// need wants each part to have been there.
func need(got []string, parts ...string) error {
	for _, p := range parts {
		if !slices.Contains(got, p) {
			return fmt.Errorf("no %s", p)
		}
	}
	return nil
}

// decimal takes a string that holds an integer from 0 to limit.
func (r *reader) decimal(limit int) (int, error) {
	s, err := r.Text()
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > limit {
		return 0, fmt.Errorf("%q is not an integer from 0 to %d", s, limit)
	}
	return n, nil
}

// parseBase reads a base score: "5E-1", or "[5E-1,2E-1]" from 3.1 on, where users may write parentheses.
func parseBase(s string) ([]float32, error) {
	list := strings.TrimSpace(s)
	for _, pair := range []string{"[]", "()"} {
		if len(list) >= 2 && list[0] == pair[0] && list[len(list)-1] == pair[1] {
			list = list[1 : len(list)-1]
			break
		}
	}
	text := jsonscan.New([]byte("[" + list + "]"))
	base, err := text.Floats(nil)
	if err == nil {
		err = text.End()
	}
	if err != nil || len(base) == 0 || slices.ContainsFunc(base, notFinite) {
		return nil, fmt.Errorf("%.40q is not a finite number, nor a list of them", s)
	}
	return base, nil
}

func notFinite(x float32) bool { return x-x != 0 }

func (r *reader) attributes() error {
	return r.Object(func(key []byte) error {
		if string(key) != "best_iteration" {
			return r.Skip()
		}
		s, err := r.Text()
		if err != nil {
			return in("best_iteration", err)
		}
		if n, err := strconv.Atoi(s); err == nil && n >= 0 {
			r.best = n
		}
		return nil
	})
}

// texts takes an array of strings.
func (r *reader) texts() (list []string, err error) {
	err = r.Array(func() error {
		s, err := r.Text()
		if err != nil {
			return in(strconv.Itoa(len(list)), err)
		}
		list = append(list, s)
		return nil
	})
	return list, err
}

// gradientBooster takes the booster. Dart has one of trees inside and adds the weights of its trees.
func (r *reader) gradientBooster() error {
	err := r.Object(func(key []byte) (err error) {
		switch string(key) {
		case "name":
			r.booster, err = r.Text()
			return in("gradient_booster", err)
		case "model":
			return r.model()
		case "gbtree":
			return r.Object(func(key []byte) error {
				if string(key) == "model" {
					return r.model()
				}
				return r.Skip()
			})
		case "weight_drop":
			r.drop, err = r.Floats(nil)
			return in("weight_drop", err)
		}
		return r.Skip()
	})
	if err != nil {
		return err
	}
	if !r.hasModel {
		return errors.New("the gradient_booster has no model")
	}
	return nil
}

// model takes the trees of gbtree and dart, or the weights of gblinear.
func (r *reader) model() error {
	if r.hasModel {
		return errors.New("two models")
	}
	r.hasModel = true
	return r.Object(func(key []byte) (err error) {
		switch string(key) {
		case "gbtree_model_param":
			err = r.treeParameters()
		case "trees":
			return r.readTrees()
		case "tree_info":
			r.trees.groups, err = r.Ints(nil)
		case "iteration_indptr":
			r.trees.rounds, err = r.Ints([]int32{})
		case "cats":
			err = r.dictionaries()
		case "weights":
			r.weights, err = r.Floats(nil)
		case "boosted_rounds":
			r.rounds, err = r.Integer()
		default:
			err = r.Skip()
		}
		return in(string(key), err)
	})
}

// spec puts together what the file said.
func (r *reader) spec() (pipeline.Spec, error) {
	spec := pipeline.Spec{Format: "xgboost", Objective: r.objective, Best: r.best}
	if len(r.version) >= 3 {
		spec.Trainer = fmt.Sprintf("%d.%d.%d", r.version[0], r.version[1], r.version[2])
	}
	if r.newerThan(3, 2) {
		spec.Notes = append(spec.Notes, "written by XGBoost "+spec.Trainer+", read by the rules of 3.2")
	}
	p := &r.params
	if p.classes > 1 && p.targets > 1 {
		return spec, fmt.Errorf("both %d classes and %d targets", p.classes, p.targets)
	}
	link, toMargin, err := objective(r.objective)
	if err != nil {
		return spec, err
	}
	if multi := link == pipeline.Class || link == pipeline.Softmax32; multi && p.classes < 1 {
		return spec, fmt.Errorf("objective %s without num_class", r.objective)
	}
	spec.Link = pipeline.Link{Kind: link}

	if err := r.checkFeatures(); err != nil {
		return spec, err
	}
	base, err := r.baseMargins(&spec, toMargin)
	if err != nil {
		return spec, in("base_score", err)
	}
	switch r.booster {
	case "gbtree", "dart":
		spec.Forest, err = r.forest(base)
	case "gblinear":
		spec.Linear, err = r.linear(base)
	default:
		err = fmt.Errorf("unknown booster %.40q", r.booster)
	}
	if err != nil {
		return spec, err
	}
	if f := spec.Forest; f != nil && spec.Best >= f.NumRounds() {
		spec.Best = -1 // its trees were cut off after training
	}
	if f := spec.Forest; f != nil && len(f.Vectors) > 0 && !r.newerThan(3, 1) {
		spec.Notes = append(spec.Notes, "vector leaves of XGBoost before 3.2, which 3.2 itself cannot load: read as their trainer does")
	}
	err = r.columns(&spec)
	return spec, err
}

func (r *reader) newerThan(major, minor int32) bool {
	return len(r.version) >= 2 &&
		(r.version[0] > major || r.version[0] == major && r.version[1] > minor)
}

// baseMargins returns the margin that every output begins with.
//
// A model without any round that has not been given its base score takes it for a margin: XGBoost
// considers it not fitted, and so it does old linear models, which do not count their rounds.
func (r *reader) baseMargins(spec *pipeline.Spec, toMargin func(float32) (float32, error)) ([]float64, error) {
	n := r.params.outputs()
	base := r.params.base
	if len(base) != 1 && len(base) != n {
		return nil, fmt.Errorf("%d values for %d outputs", len(base), n)
	}
	linked := !r.params.boostFromAverage || len(r.trees.list) > 0 || r.rounds != 0
	margins := make([]float64, n)
	for i := range margins {
		b := base[0]
		if len(base) > 1 {
			b = base[i]
		}
		m, err := toMargin(b)
		switch {
		case linked && err != nil:
			return nil, err
		case linked:
			b = m
		case b != m && len(r.weights) > 0 && i == 0:
			spec.Notes = append(spec.Notes, "an old linear model that does not count its rounds: newer versions of XGBoost, "+
				"and besra with them, add the base score to its margins as it stands, so that values differ from those of its trainer")
		}
		margins[i] = float64(b)
	}
	return margins, nil
}
