package pipeline

import (
	"math"
	"testing"
)

func TestACodeByItsNameInBytes(t *testing.T) {
	dictionary, err := StringColumn("a", []string{"DE", ""})
	if err != nil {
		t.Fatal(err)
	}
	sum := func(name string) float64 {
		x := 1 << 32
		for i := range len(name) {
			x = x*31 + int(name[i])
		}
		return float64(x)
	}
	hashed := HashedColumn("b", sum)
	for _, c := range []Column{dictionary, hashed} {
		for _, name := range []string{"DE", "", "never seen", "\xff"} {
			got, want := c.CodeOf([]byte(name)), c.Code(name)
			if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("%s: %q is %v by its bytes, %v by its text", c.Name, name, got, want)
			}
		}
		name := []byte("a name that does not fit a small buffer, whatever the compiler may do about it")
		if n := testing.AllocsPerRun(100, func() { c.CodeOf(name) }); n != 0 {
			t.Errorf("%s: %v allocations", c.Name, n)
		}
	}
	if dictionary.NeverMissing().Absent() != 1 || !math.IsNaN(Column{Name: "c"}.Absent()) {
		t.Error("what is not there is not the empty name")
	}
	if !math.IsNaN(dictionary.Absent()) || hashed.Absent() != hashed.Code("") || hashed.CodeOf(nil) != hashed.Absent() {
		t.Error("what is absent is neither missing nor the empty name")
	}
}
