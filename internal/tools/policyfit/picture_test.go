package policyfit_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/tools/policyfit"
)

// draw returns the picture of a proposal, and checks that it is XML whose every number is finite.
func draw(t *testing.T, payments []policyfit.Payment, c policyfit.Costs) string {
	t.Helper()
	p := policyfit.New(payments)
	var b strings.Builder
	if err := policyfit.Picture(&b, p, c, p.Fit(c)); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			for _, a := range e.Attr {
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Fatalf("<%s %s=%q>", e.Name.Local, a.Name.Local, a.Value)
				}
			}
			checkHeights(t, e)
		}
	}
	return b.String()
}

// checkHeights checks that curves stay within their panel.
func checkHeights(t *testing.T, e xml.StartElement) {
	t.Helper()
	for _, a := range e.Attr {
		if e.Name.Local != "path" || a.Name.Local != "d" {
			continue
		}
		for _, point := range strings.FieldsFunc(a.Value, func(r rune) bool { return r == 'M' || r == 'L' }) {
			_, y, _ := strings.Cut(point, " ")
			if y, err := strconv.ParseFloat(y, 64); err != nil || y < 95.9 || y > 357.1 {
				t.Fatalf("a line goes to %q", point)
			}
		}
	}
}

func TestThePictureSaysWhatIsProposed(t *testing.T) {
	pay := policyfit.NewPayment
	payments := []policyfit.Payment{pay(0.05, 50, false), pay(0.13, 60, false), pay(0.25, 70, true), pay(0.3, 20, false), pay(0.92, 80, true)}
	got := draw(t, payments, policyfit.Costs{Review: 1, Catches: 1, DeclineShare: 1})
	for _, want := range []string{"Review from 0.2<", "Decline from 0.6<", "5 payments, 2 of them fraud. As proposed 2; approving everything 150.", "log-odds"} {
		if !strings.Contains(got, want) {
			t.Errorf("has no %q", want)
		}
	}
}

func TestWhateverThePaymentsThePictureIsWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		draw(t, random(r, 1+r.IntN(40)), policyfit.Costs{Review: float64(r.IntN(12)), Catches: 1, Decline: float64(r.IntN(30))})
	}
	pay := policyfit.NewPayment
	for name, payments := range map[string][]policyfit.Payment{
		"nothing at stake":  {pay(0.5, 0, true), pay(0.5, 0, false)},
		"no fraud":          {pay(0.5, 10, false)},
		"certain scores":    {pay(0, 10, false), pay(1, 10, true)},
		"tiny scores":       {pay(1e-300, 10, false), pay(2e-300, 10, true)},
		"scores near 1":     {pay(1-1e-16, 10, false), pay(1, 10, true)},
		"huge scores":       {pay(-1e300, 10, false), pay(1e300, 10, true)},
		"one margin":        {pay(-3, 10, true)},
		"margins far away":  {pay(1e300, 10, false), pay(math.Nextafter(1e300, 0), 10, true)},
		"all that there is": {pay(0.5, policyfit.MaxMoney, true), pay(0.6, policyfit.MaxMoney, false)},
		"next to no money":  {pay(0.5, 5e-324, true), pay(0.6, 5e-324, false)},
	} {
		t.Run(name, func(t *testing.T) {
			draw(t, payments, policyfit.Costs{Review: 2, Catches: 0.9, DeclineShare: 0.1})
			draw(t, payments, policyfit.Costs{Catches: 1})
		})
	}
}

func TestMoneyIsWrittenWithCommas(t *testing.T) {
	for _, c := range []struct {
		x        float64
		decimals int
		want     string
	}{
		{0, 2, "0.00"},
		{-0.001, 2, "0.00"},
		{999.994, 2, "999.99"},
		{999.996, 2, "1,000.00"},
		{-1234567.5, 1, "-1,234,567.5"},
		{123456, 0, "123,456"},
		{12, 0, "12"},
	} {
		if got := policyfit.Money(c.x, c.decimals); got != c.want {
			t.Errorf("Money(%v, %d) = %q, want %q", c.x, c.decimals, got, c.want)
		}
	}
}
