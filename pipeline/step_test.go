package pipeline

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/forest"
)

// twice appends copies of twice a slot.
type twice struct {
	slot   int32
	copies int
}

func (s twice) Name() string          { return "twice" }
func (s twice) Width() int            { return s.copies }
func (s twice) Check(slots int) error { return CheckSlots([]int32{s.slot}, slots) }

func (s twice) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		for j := range s.copies {
			row[at+j] = 2 * row[s.slot]
		}
	}
}

// staging is boosted, whose trees look at twice column b instead of column a.
func staging() Spec {
	s := boosted()
	s.Rows = forest.Float32
	s.Steps = []Step{twice{slot: 1, copies: 2}}
	s.Inputs = []int32{3, 0}
	return s
}

func TestStepsComputeWhatTheTreesRead(t *testing.T) {
	p, plain := compiled(t, staging()), compiled(t, boosted())
	const n = 3*blockRows + 5
	rows, seen := make([]float64, 2*n), make([]float64, 2*n)
	for i := range n {
		rows[2*i], rows[2*i+1] = float64(i), float64(i)/n
		seen[2*i], seen[2*i+1] = 2*float64(float32(rows[2*i+1])), rows[2*i]
	}
	for name, ask := range map[string]func(p *Pipeline, dst, rows []float64) error{
		"margins": func(p *Pipeline, dst, rows []float64) error { return Margin(p, dst, rows, 0, 2) },
		"values":  func(p *Pipeline, dst, rows []float64) error { return Predict(p, dst, rows, 0, 2) },
		"leaves": func(p *Pipeline, dst, rows []float64) error {
			ids := make([]int32, 4*n)
			err := Leaves(p, ids, rows, 0, 2)
			for i, id := range ids[:len(dst)] {
				dst[i] = float64(id)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := make([]float64, 2*n), make([]float64, 2*n)
			if err := errors.Join(ask(p, got, rows), ask(plain, want, seen)); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNumbersAreRoundedBeforeStepsAndCodesAreNot(t *testing.T) {
	const code = 1<<32 - 1
	p := compiled(t, Spec{
		Columns:   []Column{{Name: "a"}, HashedColumn("b", func(string) float64 { return code })},
		Steps:     []Step{twice{slot: 0, copies: 1}, twice{slot: 1, copies: 1}},
		Results:   []int32{3, 2},
		Rows:      forest.Float32,
		ValueOnly: true, Float64Rows: true,
	})
	got := make([]float64, 2)
	if err := Predict(p, got, []float64{0.1, p.Columns[1].Code("x")}, 0, 0); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float64{2 * code, 2 * float64(float32(0.1))}, got); d != "" {
		t.Error(d)
	}
	if err := Predict(p, got, []float32{0.1, 1}, 0, 0); !errors.Is(err, ErrWidth) {
		t.Errorf("rows of float32: %v", err)
	}
	if err := Margin(p, got, []float64{0.1, 1}, 0, 0); !errors.Is(err, ErrNoMargin) {
		t.Errorf("margins: %v", err)
	}
	if p.Outputs() != 2 || p.Values() != 2 || p.Width() != forest.Float32 || p.OutputWidth() != forest.Float64 {
		t.Errorf("%d outputs of width %v", p.Outputs(), p.OutputWidth())
	}
	if p.Columns[1].Absent() != code || !p.Columns[1].Hashed() || !math.IsNaN(p.Columns[0].Absent()) {
		t.Error("absent values")
	}
}

func TestASentinelIsMissingBeforeStepsToo(t *testing.T) {
	s := staging()
	s.SetSentinel(-999.1)
	p := compiled(t, s)
	got, want := make([]float64, 2), make([]float64, 2)
	if err := errors.Join(Margin(p, got, []float64{0, -999.1}, 0, 2), Margin(p, want, []float64{0, math.NaN()}, 0, 2)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
