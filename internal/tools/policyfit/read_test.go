package policyfit_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/tools/policyfit"
)

var usual = policyfit.Columns{Score: "score", Label: "label", Loss: "amount"}

// A row is a payment with exported fields.
type row struct {
	Score, Amount float64
	Fraud         bool
}

func rowsOf(f *policyfit.File) (all []row) {
	for _, p := range f.Payments {
		all = append(all, row{p.Score, p.Amount(), p.Fraud()})
	}
	return all
}

func TestReadTakesWhatIsLabelledAndScored(t *testing.T) {
	const text = "\ufeffevent_id,score,amount,label\r\na,0.5,10,fraud\r\nb,-1.5,0,1\r\nc,1e-3,2.5,genuine\r\nd,-0,3,0\r\n" +
		"e,0.5,10,\r\nf,,10,fraud\r\n\"g,\",0.25,1e3,1\r\n"
	f, err := policyfit.Read(t.Context(), "x.csv", strings.NewReader(text), usual)
	if err != nil {
		t.Fatal(err)
	}
	want := []row{{0.5, 10, true}, {-1.5, 0, true}, {1e-3, 2.5, false}, {0, 3, false}, {0.25, 1e3, true}}
	if diff := cmp.Diff(want, rowsOf(f)); diff != "" {
		t.Error(diff)
	}
	if math.Signbit(f.Payments[3].Score) {
		t.Error("a score of -0 stays apart from 0")
	}
	if f.Unlabeled != 1 || f.Unscored != 1 {
		t.Errorf("left out %d and %d", f.Unlabeled, f.Unscored)
	}
}

func TestALossMayBeANumber(t *testing.T) {
	read := func(header string) []row {
		f, err := policyfit.Read(t.Context(), "x.csv", strings.NewReader(header+"\n0.5,1,7\n"),
			policyfit.Columns{Score: "score", Label: "label", Loss: "100"})
		if err != nil {
			t.Fatal(err)
		}
		return rowsOf(f)
	}
	if diff := cmp.Diff([]row{{0.5, 100, true}}, read("score,label,amount")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]row{{0.5, 7, true}}, read("score,label,100")); diff != "" {
		t.Error("a column of that name goes before: ", diff)
	}
}

func TestWrongFilesAreRefused(t *testing.T) {
	const head = "score,label,amount\n"
	for name, c := range map[string]struct{ text, loss, want string }{
		"an empty file":               {"", "amount", "x.csv: is empty"},
		"no scores":                   {"value,label,amount\n", "amount", `x.csv:1: no column "score"; --score names it, among: value, label, amount`},
		"no labels":                   {"score,fraud,amount\n", "amount", `x.csv:1: no column "label"; --label names it`},
		"no losses":                   {head, "loss", `x.csv:1: no column "loss"; --loss names it`},
		"a column twice":              {"score,label,amount,score\n", "amount", `x.csv:1: column "score" stands twice`},
		"a negative loss for all":     {head, "-1", "x.csv:1: loss: -1 is negative"},
		"an unknown label":            {head + "0.5,0,1\n0.5,yes,1\n", "amount", `x.csv:3: label: want fraud or genuine, 1 or 0, not "yes"`},
		"a score that is no number":   {head + "high,1,1\n", "amount", `x.csv:2: score: want a number, not "high"`},
		"a score that is NaN":         {head + "nan,1,1\n", "amount", `score: want a number, not "nan"`},
		"an infinite score":           {head + "-inf,1,1\n", "amount", `score: want a number`},
		"a score beyond reason":       {head + "-1e301,1,1\n", "amount", `x.csv:2: score: -1e+301 is beyond 1e+300`},
		"a score beyond float64":      {head + "1e999,1,1\n", "amount", `score: want a number`},
		"a payment without its loss":  {head + "0.5,1,\n", "amount", `x.csv:2: loss: want a number, not ""`},
		"a negative loss":             {head + "0.5,1,-3\n", "amount", "x.csv:2: loss: -3 is negative"},
		"a loss beyond reason":        {head + "0.5,1,1e16\n", "amount", "x.csv:2: loss: 1e+16 is more than 1e+15"},
		"a line of too few cells":     {head + "0.5,1\n", "amount", "x.csv:2: wrong number of fields"},
		"a quote that does not close": {head + "0.5,1,\"2\n", "amount", "x.csv:2: "},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			_, err := policyfit.Read(t.Context(), "x.csv", strings.NewReader(c.text), policyfit.Columns{Score: "score", Label: "label", Loss: c.loss})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestReadEndsWhenNobodyWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	text := "score,label,amount\n" + strings.Repeat("0.5,1,1\n", 1<<16)
	if _, err := policyfit.Read(ctx, "x.csv", strings.NewReader(text), usual); err == nil || err.Error() != "interrupted" {
		t.Errorf("got %v", err)
	}
}

func TestAReadErrorIsNoEndOfTheFile(t *testing.T) {
	broken := errors.New("broken disk")
	if _, err := policyfit.Read(t.Context(), "x.csv", failing{broken}, usual); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzRead(f *testing.F) {
	f.Add("score,label,amount\n0.5,fraud,10\n\"0.1\",0,1\n")
	f.Add("\ufeffscore,label,amount,x\r\n,,,\r\n1,1,1,1\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := policyfit.Read(t.Context(), "x.csv", strings.NewReader(text), usual)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "x.csv:") {
				t.Fatalf("error %q", err)
			}
			return
		}
		for _, p := range rowsOf(got) {
			if math.IsNaN(p.Score) || math.IsInf(p.Score, 0) || !(p.Amount >= 0 && p.Amount <= policyfit.MaxMoney) {
				t.Fatalf("took %+v", p)
			}
		}
	})
}
