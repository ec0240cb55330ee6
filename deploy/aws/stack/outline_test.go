package stack

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func outlineOf(t *testing.T, text string) outline {
	t.Helper()
	o, err := parseOutline(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPiecesAreLaidOverOneAnother(t *testing.T) {
	o := outlineOf(t, `
Resources:
  # What it may do.
  Role:
    Policies:
      - PolicyName: log
        Statement: [a]
    Kind: one

Outputs:
  Url:
    Value: x
`)
	o.lay(outlineOf(t, `
Resources:
  Role:
    Policies:
      # Why it may.
      - PolicyName: cache
        Statement:
          - b
    Kind: two

  Board:
    Body: !Sub |
      {"a": [
        1]}
    Name: n
`))
	want := `
Resources:
  # What it may do.
  Role:
    Policies:
      - PolicyName: log
        Statement: [a]
      # Why it may.
      - PolicyName: cache
        Statement:
          - b
    Kind: two

  Board:
    Body: !Sub |
      {"a": [
        1]}
    Name: n

Outputs:
  Url:
    Value: x
`
	if diff := cmp.Diff(want, o.String()); diff != "" {
		t.Error(diff)
	}
	if e := o.at("Resources", "Board", "Name"); e == nil || e.head != "Name: n" {
		t.Errorf("%+v", e)
	}
	if e := o.at("Resources", "Nothing", "Name"); e != nil {
		t.Errorf("%+v", e)
	}
}

func TestPiecesThatAreIndentedWrong(t *testing.T) {
	for _, text := range []string{"a:\n   b: 1", "a:\n    b: 1", "  a: 1"} {
		if _, err := parseOutline(text); err == nil || !strings.Contains(err.Error(), "its indentation fits nowhere") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Every piece is read and written as it stands: none is laid in a way that its author did not see.
func TestPiecesStayAsTheyAre(t *testing.T) {
	files, err := parts.ReadDir("parts")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := parts.ReadFile("parts/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		lines := func(text string) string {
			return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), "\n")
		}
		if diff := cmp.Diff(lines(string(text)), lines(outlineOf(t, string(text)).String())); diff != "" {
			t.Errorf("%s: %s", f.Name(), diff)
		}
	}
	if len(files) < 30 {
		t.Errorf("%d pieces", len(files))
	}
}
