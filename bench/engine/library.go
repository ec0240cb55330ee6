package main

import (
	"os"
	"path/filepath"

	"github.com/besra-ml/besra/bench/internal/report"
)

// A model is a model file with its rows, as a train.py wrote them.
type model struct {
	Name     string `json:"name"`
	What     string `json:"what"`
	Features int    `json:"features"`
	Exact    int    `json:"exact"` // rows whose bits all contestants agree in

	target *report.Target // of one row a call, times faster than the library
	quick  bool           // it has to open in 15 ms, and in four times its size
	large  bool           // left out of a short run
	output string         // of a graph; and how many results a row has there, if more than one
	width  int
}

// A library trained models, and has ways to predict with them.
type library struct {
	name     string
	folder   string // of the cache
	model    string // the extension of its models
	wide     bool   // rows are float64
	double   bool   // results are
	margins  bool   // its models have them
	trained  bool   // margins of the training run are beside the models
	rivals   []rival
	models   []model
	together int // rows a call, beside one
}

// A rival is a program that obeys the commands that capi.c and contest.h explain.
type rival struct {
	name, says string
	command    func(cache string, m model) []string
	rounded    bool // it writes its leaves with fewer digits than they have, so that bits are not compared
}

func (l *library) path(cache string, m model, ext string) string {
	return filepath.Join(cache, l.folder, m.Name+"."+ext)
}

func (l *library) rows() string {
	if l.wide {
		return "rows64"
	}
	return "rows"
}

// program is a rival that prepare.sh has compiled.
func program(name, says string) rival {
	return rival{name: name, says: says, command: func(cache string, _ model) []string { return []string{filepath.Join(cache, name)} }}
}

func atLeast(times float64) *report.Target { return &report.Target{Value: times} }

func libraries() []library {
	return []library{
		{
			name: "XGBoost 3.2.0", folder: "models", model: "ubj", margins: true, trained: true, together: 1000,
			rivals: []rival{
				program("capi", "C API"),
				{name: "python", says: "Python", command: func(cache string, _ model) []string {
					return []string{filepath.Join(cache, "venv/bin/python"), "xgboost/inplace.py"}
				}},
			},
			models: []model{
				{Name: "A", What: "100 trees, depth 6", Features: 30, target: atLeast(10)},
				{Name: "B", What: "500 trees, depth 6", Features: 30, quick: true, target: atLeast(8)},
				{Name: "C", What: "1000 trees, depth 8", Features: 30, target: atLeast(6)},
				{Name: "X", What: "94 random trees, depth 6: 12 thousand nodes", Features: 64, large: true},
				{Name: "Y", What: "1000 random trees, depth 8: 0.5 million nodes", Features: 128, large: true},
				{Name: "Z", What: "2000 random trees, depth 10: 4 million nodes", Features: 1000, large: true},
			},
		},
		{
			name: "LightGBM 4.7.0", folder: "others", model: "txt", wide: true, double: true, margins: true, together: 1000,
			rivals: []rival{program("lightgbm", "C API")},
			models: []model{
				{Name: "L", What: "500 trees of 63 leaves", Features: 30, quick: true, target: atLeast(3)},
				{Name: "M", What: "100 trees of 31 leaves", Features: 30},
			},
		},
		{
			name: "CatBoost 1.2.10", folder: "others", model: "cbm", double: true, margins: true,
			rivals: []rival{
				{name: "catboost", says: "evaluator", command: func(cache string, _ model) []string {
					return []string{filepath.Join(cache, "libraries/bin/python"), "libraries/catboost_calc.py"}
				}},
				{name: "exported", says: "exported C++", rounded: true, command: func(cache string, m model) []string {
					return []string{filepath.Join(cache, "exported-"+m.Name)}
				}},
			},
			models: []model{{Name: "K", What: "500 symmetric trees, depth 6", Features: 30, quick: true, target: atLeast(1)}},
		},
		{
			name: "ONNX Runtime 1.32.0", folder: "others", model: "onnx", together: 1000,
			rivals: []rival{program("onnxruntime", "C API")},
			models: []model{
				{Name: "F", What: "RandomForestClassifier, 100 trees of 3,400 nodes", Features: 30, target: atLeast(4), output: "probabilities", width: 2},
				{Name: "H", What: "HistGradientBoostingClassifier, 500 trees, depth 6", Features: 30, quick: true, output: "probabilities", width: 2},
				{Name: "R", What: "RandomForestRegressor, 100 trees of 12,000 nodes", Features: 30, target: atLeast(4), output: "variable", large: true},
			},
		},
	}
}

// environment is what a rival is told beside its arguments.
func (l *library) environment(cache string, m model) []string {
	width := "1"
	if m.width > 1 {
		width = string(rune('0' + m.width))
	}
	return append(os.Environ(), "OMP_NUM_THREADS=1", "CONTEST_CALC="+filepath.Join(cache, "calcflat.so"),
		"CONTEST_INPUT=x", "CONTEST_OUTPUT="+m.output, "CONTEST_WIDTH="+width)
}
