package policy

import (
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/internal/strictyaml"
)

// A Set holds the policies of several models, by model name.
type Set map[string]*Policy

// maxVersion bounds a policy's version, in bytes: it travels in every answer.
const maxVersion = 128

// Parse reads the policy.yaml of a bundle. file is what errors call it.
func Parse(file string, data []byte) (*Policy, error) {
	root, err := strictyaml.Parse(file, data)
	if err != nil {
		return nil, err
	}
	layout := 0
	p, err := read(root, map[string]strictyaml.Reader{"besra": layoutInto(&layout)})
	if err != nil {
		return nil, err
	}
	if layout == 0 {
		return nil, root.Errorf("besra: is missing; this layout is besra: 1")
	}
	return p, nil
}

// ParseSet reads a file of policies for several models, which is given apart from their bundles.
func ParseSet(file string, data []byte) (Set, error) {
	root, err := strictyaml.Parse(file, data)
	if err != nil {
		return nil, err
	}
	layout, set := 0, Set(nil)
	err = root.Members(map[string]strictyaml.Reader{
		"besra": layoutInto(&layout),
		"models": func(n strictyaml.Node) error {
			set = Set{}
			return n.Each(func(model string, v strictyaml.Node) error {
				if !isName(model) {
					return v.Errorf("want a model's name: 1 to 64 of a-z, 0-9 and -")
				}
				p, err := read(v, map[string]strictyaml.Reader{})
				set[model] = p
				return err
			})
		},
	})
	switch {
	case err != nil:
		return nil, err
	case set == nil:
		return nil, root.Errorf("models: is missing; want models: {fraud: {version: …, cutoffs: …}}")
	}
	return set, nil
}

// read reads one model's policy; more are members that its place adds.
func read(n strictyaml.Node, more map[string]strictyaml.Reader) (*Policy, error) {
	p := &Policy{Review: math.NaN(), Decline: math.NaN()}
	more["version"] = versionInto(&p.Version)
	more["cutoffs"] = cutoffsInto(p)
	more["lists"] = later
	more["fallback"] = later
	if err := n.Members(more); err != nil {
		return nil, err
	}
	switch {
	case p.Version == "":
		return nil, n.Errorf("version: is missing")
	case math.IsNaN(p.Review) && math.IsNaN(p.Decline):
		return nil, n.Errorf("cutoffs: is missing; want review, decline or both")
	}
	return p, nil
}

func versionInto(p *string) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		text, err := n.Text()
		if err != nil {
			return err
		}
		if text == "" || len(text) > maxVersion || !printable(text) {
			return n.Errorf("want 1 to %d bytes without control characters, such as \"2026-11-01\"", maxVersion)
		}
		*p = text
		return nil
	}
}

func cutoffsInto(p *Policy) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		err := n.Members(map[string]strictyaml.Reader{
			"review":  strictyaml.Float(&p.Review),
			"decline": strictyaml.Float(&p.Decline),
		})
		if err == nil && p.Review > p.Decline {
			return n.Errorf("review %v is above decline %v", p.Review, p.Decline)
		}
		return err
	}
}

// errLater refuses what the layout has and this version does not.
var errLater = errors.New("is not supported by this version of besra; remove it, or it would be silently ignored")

func later(n strictyaml.Node) error { return n.Errorf("%w", errLater) }

func layoutInto(p *int) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		v, err := n.Int()
		if err != nil {
			return err
		}
		if v != 1 {
			return n.Errorf("layout %d is not known; this version of besra reads 1", v)
		}
		*p = v
		return nil
	}
}

func printable(text string) bool {
	for _, r := range text {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return false
		}
	}
	return true
}

func isName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

// String shows the cutoffs.
func (p *Policy) String() string {
	text := "policy " + p.Version
	if !math.IsNaN(p.Review) {
		text += fmt.Sprintf(", review from %v", p.Review)
	}
	if !math.IsNaN(p.Decline) {
		text += fmt.Sprintf(", decline from %v", p.Decline)
	}
	return text
}
