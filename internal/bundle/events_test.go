package bundle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/bundle"
)

func TestABundleCarriesItsEventsAndLists(t *testing.T) {
	const demo = "../../models/fraud/1"
	dir := t.TempDir()
	for name, text := range map[string]string{
		"policy.yaml":       "besra: 1\nversion: v\ncutoffs: {review: 0.5}\nlists: [{entity: card, file: lists/blocked.txt, decision: decline}]\n",
		"lists/blocked.txt": strings.Repeat("0a", 16) + "  # c_17\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, out := range []string{"fraud-2.zip", "fraud/2"} {
		t.Run(out, func(t *testing.T) {
			out := filepath.Join(dir, out)
			_, _, err := bundle.Write(out, bundle.Recipe{
				Manifest: bundle.Manifest{Name: "fraud", Version: 2}, Model: demo + "/model.ubj", Golden: demo + "/golden",
				Events: demo + "/features.yaml", Policy: filepath.Join(dir, "policy.yaml"),
			})
			if err != nil {
				t.Fatal(err)
			}
			b, err := bundle.Load(out)
			if err != nil {
				t.Fatal(err)
			}
			if b.Events == nil || len(b.Events.Columns) != 15 {
				t.Errorf("events %+v", b.Events)
			}
			if lists := b.Policy.Lists; len(lists) != 1 || !lists[0].Has([16]byte([]byte(strings.Repeat("\x0a", 16)))) {
				t.Errorf("lists %v", lists)
			}
		})
	}
}
