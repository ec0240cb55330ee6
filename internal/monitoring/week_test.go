//go:build unix

package monitoring

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/besratest"
)

// A week is the rows of a week of simulated payments, which come after enough others that the longest windows are full.
type week struct{ rows [][]string }

// newWeek makes one as users do.
func newWeek(t *testing.T) week {
	t.Helper()
	payments := filepath.Join(t.TempDir(), "payments.csv")
	run := func(args ...string) []byte {
		var stderr bytes.Buffer
		cmd := exec.Command(besratest.Program(t), args...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("besra %s: %v: %s", args[0], err, stderr.String())
		}
		return out
	}
	run("simulate", "--days", "44", "-o", payments)
	lines := strings.Split(strings.TrimSpace(string(run("features", "../../models/fraud/1", payments, "--ignore-extra", "-o", "-"))), "\n")
	if names := strings.Split(lines[0], ","); names[0] != "amount" {
		t.Fatalf("the columns are %q", names)
	}
	var w week
	for _, line := range lines[len(lines)*37/44:] {
		w.rows = append(w.rows, strings.Split(line, ","))
	}
	return w
}

// batch is a request of so many of the week's rows, drawn at random, their amounts so many times as large.
func (w week) batch(count, times int) string {
	var items []string
	for range count {
		var row []string
		for i, cell := range w.rows[rand.IntN(len(w.rows))] {
			switch {
			case cell == "":
				cell = "null"
			case i == 0:
				amount, _ := strconv.ParseFloat(cell, 64) // it was written by besra
				cell = fmt.Sprint(amount * float64(times))
			}
			row = append(row, cell)
		}
		items = append(items, `{"row":[`+strings.Join(row, ",")+`]}`)
	}
	return `{"events":[` + strings.Join(items, ",") + `]}`
}
