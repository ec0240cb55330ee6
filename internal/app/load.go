package app

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/besra-ml/besra/internal/strictyaml"
)

// Sources says where settings come from, weakest first: the defaults, File, the environment, Flags.
type Sources struct {
	File     string              // a settings file; "": besra.yaml in the working directory, if it is there
	Getenv   func(string) string // the environment
	Flags    map[string]string   // flags that were given, by setting
	Defaults Config
}

// Origins says, by setting, where its value comes from, for those that are not defaults.
type Origins map[string]string

// EntityKeyVariable is the variable of the environment that has the key of entities' hashes where it is in no file.
const EntityKeyVariable = "BESRA_STATE_ENTITY_KEY"

// Load gathers the settings. Its errors name the source, the setting and what is wrong with it.
func Load(s Sources) (Config, Origins, error) {
	c := s.Defaults
	from := Origins{}
	settings := c.Settings()
	if err := loadFile(s.File, settings, from); err != nil {
		return Config{}, nil, err
	}
	c.State.EntityKey = s.Getenv(EntityKeyVariable)
	for _, set := range settings {
		if v := s.Getenv(set.Env()); v != "" {
			if err := set.Value.Set(v); err != nil {
				return Config{}, nil, fmt.Errorf("environment: %s=%q: %w", set.Env(), v, err)
			}
			from[set.Name] = set.Env()
		}
	}
	for _, set := range settings {
		if v, ok := s.Flags[set.Name]; ok {
			if err := set.Value.Set(v); err != nil {
				return Config{}, nil, fmt.Errorf("--%s %q: %w", set.Flag(), v, err)
			}
			from[set.Name] = "--" + set.Flag()
		}
	}
	return c, from, nil
}

// Flag returns the setting's name as a flag, without dashes.
func (s Setting) Flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.Name) }

// Env returns the setting's name as an environment variable.
func (s Setting) Env() string {
	return "BESRA_" + strings.ToUpper(strings.ReplaceAll(s.Name, ".", "_"))
}

// defaultFile is read when no other is named and it is there.
const defaultFile = "besra.yaml"

func loadFile(path string, settings []Setting, from Origins) error {
	data, err := strictyaml.ReadFile(cmp.Or(path, defaultFile))
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	root, err := strictyaml.Parse(cmp.Or(path, defaultFile), data)
	if err != nil {
		return err
	}
	return section("", settings, cmp.Or(path, defaultFile), from)(root)
}

// section reads the settings whose names begin with prefix; an empty one says nothing.
func section(prefix string, settings []Setting, path string, from Origins) strictyaml.Reader {
	known := map[string]strictyaml.Reader{}
	for _, s := range settings {
		rest, ok := strings.CutPrefix(s.Name, prefix)
		if !ok {
			continue
		}
		if name, _, nested := strings.Cut(rest, "."); nested {
			known[name] = section(prefix+name+".", settings, path, from)
			continue
		}
		known[rest] = func(n strictyaml.Node) error {
			if v, ok := s.Value.(nodeValue); ok {
				from[s.Name] = fmt.Sprintf("%s:%d", path, n.Line())
				return v.setNode(n)
			}
			text, err := n.Text()
			if err != nil {
				return err
			}
			if err := s.Value.Set(text); err != nil {
				return n.Errorf("%w, not %q", err, text)
			}
			from[s.Name] = fmt.Sprintf("%s:%d", path, n.Line())
			return nil
		}
	}
	return func(n strictyaml.Node) error {
		if n.IsNull() {
			return nil
		}
		return n.Members(known)
	}
}
