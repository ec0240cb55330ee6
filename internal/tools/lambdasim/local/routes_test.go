//go:build unix

package local_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/tools/lambdasim/local"
)

func TestThePathsAreThoseOfTheStack(t *testing.T) {
	template, err := os.ReadFile("../../../../deploy/aws/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^ *RouteKey: (.*)$`).FindAllSubmatch(template, -1) {
		want = append(want, string(m[1]))
	}
	got := local.Routes()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("- the stack's, + ours\n%s", diff)
	}
}
