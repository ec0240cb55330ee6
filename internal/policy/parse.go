package policy

import (
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/besra-ml/besra/internal/strictyaml"
)

// A Set holds the policies of several models, by model name.
type Set map[string]*Policy

// What a policy may be at most.
const (
	maxVersion = 128  // bytes: it travels in every answer
	maxLists   = 64   // of one policy
	maxEntity  = 64   // bytes
	maxFile    = 1024 // bytes of a list's path
)

// Parse reads the policy.yaml of a bundle. file is what errors call it. Its lists lie within the bundle; they
// are named and not read yet: see Policy.Load.
func Parse(file string, data []byte) (*Policy, error) {
	root, err := strictyaml.Parse(file, data)
	if err != nil {
		return nil, err
	}
	layout := 0
	p, err := read(root, map[string]strictyaml.Reader{"besra": layoutInto(&layout)}, isInside)
	if err != nil {
		return nil, err
	}
	if layout == 0 {
		return nil, root.Errorf("besra: is missing; this layout is besra: 1")
	}
	return p, nil
}

// ParseSet reads a file of policies for several models, which is given apart from their bundles. Their lists
// are named and not read yet: see Set.Load. ReadFile does both.
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
				p, err := read(v, map[string]strictyaml.Reader{}, isApart)
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

// read reads one model's policy; more are members that its place adds, and path tells what is wrong with a
// list's path there.
func read(n strictyaml.Node, more map[string]strictyaml.Reader, path func(string) string) (*Policy, error) {
	p := &Policy{Review: math.NaN(), Decline: math.NaN()}
	more["version"] = versionInto(&p.Version)
	more["cutoffs"] = cutoffsInto(p)
	more["lists"] = listsInto(&p.Lists, path)
	more["fallback"] = decisionInto(&p.Fallback)
	if err := n.Members(more); err != nil {
		return nil, err
	}
	switch {
	case p.Version == "":
		return nil, n.Errorf("version: is missing")
	case math.IsNaN(p.Review) && math.IsNaN(p.Decline) && len(p.Lists) == 0:
		return nil, n.Errorf("cutoffs: is missing; want review, decline or both, unless there are lists")
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

func decisionInto(p *Decision) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		text, err := n.Text()
		if err != nil {
			return err
		}
		for d := Approve; d <= Decline; d++ {
			if text == d.String() {
				*p = d
				return nil
			}
		}
		return n.Errorf("want approve, review or decline, not %.40q", text)
	}
}

func listsInto(p *[]*List, path func(string) string) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		return n.List(func(i int, v strictyaml.Node) error {
			if i == maxLists {
				return v.Errorf("more than %d lists", maxLists)
			}
			l, err := readList(v, path)
			if err != nil {
				return err
			}
			for _, other := range *p {
				if other.File == l.File {
					return v.Errorf("file: %.80q is a list already", l.File)
				}
			}
			*p = append(*p, l)
			return nil
		})
	}
}

func readList(n strictyaml.Node, path func(string) string) (*List, error) {
	l := &List{}
	err := n.Members(map[string]strictyaml.Reader{
		"entity":   textInto(&l.Entity, maxEntity),
		"file":     textInto(&l.File, maxFile),
		"decision": decisionInto(&l.Decision),
	})
	if err != nil {
		return nil, err
	}
	switch {
	case l.Entity == "":
		return nil, n.Errorf("entity: is missing; want the name of an event's field, such as card")
	case l.File == "":
		return nil, n.Errorf("file: is missing; want a file of keyed hashes, one a line")
	case l.Decision == None:
		return nil, n.Errorf("decision: is missing; want approve, review or decline")
	}
	if wrong := path(l.File); wrong != "" {
		return nil, n.Errorf("file: %.80q %s", l.File, wrong)
	}
	return l, nil
}

func textInto(p *string, limit int) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		text, err := n.Text()
		if err != nil {
			return err
		}
		if text == "" || len(text) > limit || !printable(text) {
			return n.Errorf("want 1 to %d bytes without control characters", limit)
		}
		*p = text
		return nil
	}
}

// isInside says what is wrong with the path of a bundle's list.
func isInside(file string) string {
	if !fs.ValidPath(file) || file == "." || strings.ContainsAny(file, `\:`) {
		return "is no path within the bundle"
	}
	return ""
}

// isApart says what is wrong with the path of a list that is given apart from bundles.
func isApart(file string) string {
	if !filepath.IsAbs(file) && (!filepath.IsLocal(file) || filepath.Clean(file) == ".") {
		return "leads out of the policy's folder; want a file below it, or an absolute path"
	}
	return ""
}

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

// models returns the names of the models, sorted.
func (s Set) models() []string { return slices.Sorted(maps.Keys(s)) }
