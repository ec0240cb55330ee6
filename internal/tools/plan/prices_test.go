package plan

import (
	"strings"
	"testing"
)

func TestPrices(t *testing.T) {
	t.Run("each built-in figure is used, dated and has its source", func(t *testing.T) {
		p := prices(t)
		if p.Date == "" || p.Region != "us-east-1" || len(p.prices) != len(priceNames()) || len(p.figures) != len(figureNames()) {
			t.Errorf("%s, %s, %d prices, %d figures", p.Date, p.Region, len(p.prices), len(p.figures))
		}
	})
	for name, change := range map[string][2]string{
		"prices.alb: is missing":                     {"\n  alb: ", "\n  abl: "},
		"prices.gold: is not used":                   {"\nfigures:", "  gold: {per: oz, price: 1, source: x}\nfigures:"},
		"unknown member":                             {"unverified: true", "unverifed: true"},
		"want a price":                               {"price: 16.43", "price: -1"},
		"tiers that begin above":                     {"{from: 1000, price: 2.38}", "{from: 333, price: 2.38}"},
		"want per and source":                        {`source: "aws.amazon.com/xray/pricing"`, `source: ""`},
		"figures.lambda-burst: want a value above 0": {"value: 1000, source: \"environments", "value: 0, source: \"environments"},
		"date: want the day":                         {"date: 2026", "date: in 2026"},
		"besra: want 1":                              {"besra: 1", "besra: 2"},
		"figures.lcu-gb: is missing":                 {"\n  lcu-gb: ", "\n  lcu-bg: "},
	} {
		t.Run("a file is refused: "+name, func(t *testing.T) {
			text := strings.Replace(string(builtin), change[0], change[1], 1)
			if text == string(builtin) {
				t.Fatal("nothing was changed")
			}
			if _, err := ParsePrices("p.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), name) || !strings.HasPrefix(err.Error(), "p.yaml:") {
				t.Errorf("%v", err)
			}
		})
	}
}

func FuzzParsePrices(f *testing.F) {
	f.Add(builtin)
	f.Fuzz(func(_ *testing.T, data []byte) {
		if p, err := ParsePrices("p", data); err == nil {
			p.cost("logs", 1e6)
		}
	})
}

func TestReadProfile(t *testing.T) {
	t.Run("a row holds until the next, and the last as long as the one before", func(t *testing.T) {
		p, err := ReadProfile(strings.NewReader("seconds,rps\n0,10\n60,1000\n120,10\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.requests(), hours*3600*(10+1000+10)/3; got < want*0.999999 || got > want*1.000001 {
			t.Errorf("a month has %v requests, want %v", got, want)
		}
		if p.before != 10 || len(p.worst) != 1 || p.worst[0] != (segment{60, 1000}) || p.peak() != 1000 {
			t.Errorf("the worst moment is %v, after %v", p.worst, p.before)
		}
	})
	t.Run("a smooth day is worst where it is busiest", func(t *testing.T) {
		p, err := Day(5, 800)
		if err != nil {
			t.Fatal(err)
		}
		if p.before != p.peak() || p.peak() < 799 || p.peak() > 800 {
			t.Errorf("before %v, peak %v", p.before, p.peak())
		}
	})
	for text, want := range map[string]string{
		"":                                 "the file is empty",
		"seconds,rate\n0,1\n":              "want the columns seconds,rps",
		"seconds,rps\n0,1\n":               "two rows",
		"seconds,rps\n0,1\n0,2\n":          "line 3: 0 seconds are not after 0",
		"seconds,rps\n0,1\nx,2\n":          `line 3: seconds: want a number, not "x"`,
		"seconds,rps\n0,1\n1,much\n":       `line 3: rps: want a number, not "much"`,
		"seconds,rps\n0,-1\n1,1\n":         "line 2: rps: -1 requests a second",
		"seconds,rps\n0,1\n1,NaN\n":        "NaN requests a second",
		"seconds,rps\n0,1\n9999999999,1\n": "longer than a month",
		"seconds,rps\n0,1\n1\n":            `rps: want a number, not ""`,
		"seconds,rps\n0,1\n1,2,3\n":        `rps: want a number, not "2,3"`,
		"seconds,rps\n-Inf,1\n1,2\n":       "want a number",
	} {
		t.Run("a file is refused: "+want, func(t *testing.T) {
			if _, err := ReadProfile(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("rates and hours have bounds", func(t *testing.T) {
		_, a := Constant(-1)
		_, b := Step(1, 1e9, 1)
		_, c := Step(1, 2, 0)
		_, d := Day(1, 1e9)
		if a == nil || b == nil || c == nil || d == nil {
			t.Error(a, b, c, d)
		}
	})
}

func FuzzReadProfile(f *testing.F) {
	f.Add("seconds,rps\n0,10\n60,1000\n120,10\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ReadProfile(strings.NewReader(text))
		if err == nil && (!(p.requests() >= 0) || p.lookAt().seconds() <= 0) {
			t.Errorf("%v requests, %v", p.requests(), p.worst)
		}
	})
}
