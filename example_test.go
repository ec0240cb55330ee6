package besra_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"math"
	"os"

	"github.com/besra-ml/besra"
)

const (
	earlyStopped = "testdata/xgboost/early-stopping-3.2.0/model.json"
	withStrings  = "testdata/xgboost/strings-3.2.0/model.json"
)

func open(path string) *besra.Model {
	m, err := besra.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	return m
}

func Example() {
	m, err := besra.Open(earlyStopped)
	if err != nil {
		log.Fatal(err)
	}
	row := make([]float32, len(m.Columns())) // a value for each column; NaN is missing
	row[1] = float32(math.NaN())

	p := make([]float64, m.Values())
	if err := m.Predict(p, row); err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Format(), m.Trainer(), p[0])
	// Output: xgboost 3.2.0 -1.5504299402236938
}

func ExampleOpen() {
	_, err := besra.Open("testdata/damaged/xgboost/empty.ubj")
	fmt.Println(errors.Is(err, besra.ErrFormat))
	// Output: true
}

func ExampleRead() {
	file, err := os.ReadFile(earlyStopped)
	if err != nil {
		log.Fatal(err)
	}
	missing := -999.0 // what the trainer was told to take for missing; files do not say
	m, err := besra.Read(bytes.NewReader(file), besra.Options{Missing: &missing})
	if err != nil {
		log.Fatal(err)
	}
	with, without := make([]float64, 1), make([]float64, 1)
	rows := make([]float64, 2*len(m.Columns()))
	n := len(m.Columns())
	for i := range n {
		rows[i], rows[n+i] = -999, math.NaN()
	}
	if err := m.Predict64(with, rows[:n]); err != nil {
		log.Fatal(err)
	}
	if err := m.Predict64(without, rows[n:]); err != nil {
		log.Fatal(err)
	}
	fmt.Println(with[0] == without[0])
	// Output: true
}

func ExampleModel_Columns() {
	for _, c := range open(withStrings).Columns() {
		fmt.Println(c.Name, c.Type, c.Dictionary())
	}
	// Output:
	// x0 float []
	// x1 float []
	// country string [FR DE US GB JP BR]
	// channel string [web app branch, by hand the "new" one]
}

func ExampleColumn_Code() {
	m := open(withStrings)
	country := m.Columns()[2]
	fmt.Println(country.Name, country.Code("FR"), country.Code("Atlantis"))
	// Output: country 0 NaN
}

func ExampleModel_Predict() {
	m := open(earlyStopped)
	const n = 3 // rows at once
	rows := make([]float32, n*len(m.Columns()))
	p := make([]float64, n*m.Values())
	if err := m.Predict(p, rows); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p[0] == p[1], p[1] == p[2])
	// Output: true true
}

func ExampleModel_Margin() {
	m := open(withStrings)
	row := make([]float32, len(m.Columns()))
	margin, p := make([]float64, m.Outputs()), make([]float64, m.Values())
	if err := m.Margin(margin, row); err != nil {
		log.Fatal(err)
	}
	if err := m.Apply(p, margin); err != nil { // the link: here 1 / (1 + e^-margin)
		log.Fatal(err)
	}
	fmt.Println(m.Link(), p[0] > 0 && p[0] < 1)
	// Output: logistic true
}

func ExampleModel_Leaf() {
	m := open(earlyStopped)
	leaves := make([]int32, m.Trees())
	if err := m.Leaf(leaves, make([]float32, len(m.Columns()))); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(leaves) == m.Trees())
	// Output: true
}

func ExampleModel_Range() {
	m := open(earlyStopped)
	best, ok := m.BestIteration()
	if !ok {
		log.Fatal("no early stopping")
	}
	stopped, err := m.Range(0, best+1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Iterations(), stopped.Iterations())
	// Output: 6 3
}
