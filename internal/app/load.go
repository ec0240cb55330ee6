package app

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/besra-ml/besra/internal/nearest"
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

// Load gathers the settings. Its errors name the source, the setting and what is wrong with it.
func Load(s Sources) (Config, Origins, error) {
	c := s.Defaults
	from := Origins{}
	settings := c.Settings()
	if err := loadFile(s.File, settings, from); err != nil {
		return Config{}, nil, err
	}
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

// maxFile bounds a settings file, in bytes.
const maxFile = 1 << 20

func loadFile(path string, settings []Setting, from Origins) error {
	data, err := os.ReadFile(cmp.Or(path, defaultFile))
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	path = cmp.Or(path, defaultFile)
	if err != nil {
		return err
	}
	if len(data) > maxFile {
		return fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return fmt.Errorf("%s: %s", path, oneLine(err))
	}
	l := fileLoader{path: path, from: from, known: map[string]Setting{}}
	for _, set := range settings {
		l.known[set.Name] = set
		l.names = append(l.names, set.Name)
	}
	for _, doc := range file.Docs {
		if err := l.node("", doc.Body); err != nil {
			return err
		}
	}
	return nil
}

// A fileLoader walks a settings file; nested names are joined by dots.
type fileLoader struct {
	path  string
	known map[string]Setting
	names []string
	from  Origins
}

func (l *fileLoader) node(name string, n ast.Node) error {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.MappingNode:
		for _, v := range n.Values {
			if err := l.member(name, v); err != nil {
				return err
			}
		}
		return nil
	case *ast.MappingValueNode:
		return l.member(name, n)
	case ast.ScalarNode:
		return l.scalar(name, n)
	}
	return fmt.Errorf("%s:%d: %s: want a plain value", l.path, n.GetToken().Position.Line, cmp.Or(name, "settings"))
}

func (l *fileLoader) member(name string, v *ast.MappingValueNode) error {
	key := v.Key.GetToken().Value
	if name != "" {
		key = name + "." + key
	}
	if err := l.check(key, v); err != nil {
		return err
	}
	return l.node(key, v.Value)
}

// check refuses a name that is neither a setting nor the beginning of one.
func (l *fileLoader) check(key string, v *ast.MappingValueNode) error {
	line := v.Key.GetToken().Position.Line
	if _, ok := l.known[key]; ok {
		return nil
	}
	for _, n := range l.names {
		if strings.HasPrefix(n, key+".") {
			return nil
		}
	}
	hint := ""
	if n := nearest.Name(key, l.names); n != "" {
		hint = fmt.Sprintf(", did you mean %q?", n)
	}
	return fmt.Errorf("%s:%d: no such setting %q%s", l.path, line, key, hint)
}

func (l *fileLoader) scalar(name string, n ast.ScalarNode) error {
	tok := n.GetToken()
	set, ok := l.known[name]
	if !ok {
		return fmt.Errorf("%s:%d: %s has settings below it, not a value", l.path, tok.Position.Line, cmp.Or(name, "the file"))
	}
	if _, twice := l.from[name]; twice {
		return fmt.Errorf("%s:%d: %s is set twice", l.path, tok.Position.Line, name)
	}
	if err := set.Value.Set(fmt.Sprint(n.GetValue())); err != nil {
		return fmt.Errorf("%s:%d: %s %q: %w", l.path, tok.Position.Line, name, tok.Value, err)
	}
	l.from[name] = fmt.Sprintf("%s:%d", l.path, tok.Position.Line)
	return nil
}

// oneLine keeps the first line of a parser's message, which goes on to draw the file.
func oneLine(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}
