package catboost

import (
	"encoding/csv"
	"os"
	"strconv"
	"testing"
)

// TestHashesAreCatBoosts compares with the hashes that CatBoost itself has given to texts of all lengths.
func TestHashesAreCatBoosts(t *testing.T) {
	f, err := os.Open("testdata/hashes.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) < 200 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for _, line := range lines[1:] {
		want, err := strconv.ParseUint(line[0], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		if got := hash(line[1]); got != uint32(want) {
			t.Errorf("%q, of %d bytes: %d, want %d", line[1], len(line[1]), got, want)
		}
	}
}
