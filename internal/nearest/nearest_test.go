package nearest

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	known := []string{"listen", "limits.body", "models.dir", "policy"}
	for name, want := range map[string]string{
		"listn": "listen", "model.dir": "models.dir", "polcy": "policy", "limits.bdoy": "limits.body",
		"zzz": "", "": "", strings.Repeat("x", 1000): "",
	} {
		if got := Name(name, known); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
}
