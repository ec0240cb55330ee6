package strictyaml

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/besra-ml/besra/internal/nearest"
)

// A Reader takes a value of a document.
type Reader = func(Node) error

// Errorf returns an error that names the file, the line and the member that n is.
func (n Node) Errorf(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if n.path == "" {
		return fmt.Errorf("%s:%d: %w", n.file, n.line, err)
	}
	return fmt.Errorf("%s:%d: %s: %w", n.file, n.line, n.path, err)
}

// Line returns the line on which n stands, from 1.
func (n Node) Line() int { return n.line }

// IsMap reports whether n is a map.
func (n Node) IsMap() bool {
	switch n.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// IsList reports whether n is a list.
func (n Node) IsList() bool {
	_, ok := n.node.(*ast.SequenceNode)
	return ok
}

// IsNull reports whether n has no value.
func (n Node) IsNull() bool {
	switch n.node.(type) {
	case nil, *ast.NullNode:
		return true
	}
	return false
}

// Members reads a map of known members, each once and each optional.
func (n Node) Members(known map[string]Reader) error {
	return n.Each(func(name string, v Node) error {
		read, ok := known[name]
		if !ok {
			return n.unknown(name, v, known)
		}
		return read(v)
	})
}

func (n Node) unknown(name string, v Node, known map[string]Reader) error {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	hint := ""
	if k := nearest.Name(name, names); k != "" {
		hint = fmt.Sprintf(", did you mean %q?", k)
	}
	at := n
	at.line = v.line
	return at.Errorf("unknown member %q%s", name, hint)
}

// Each calls read for the members of a map, in their order.
func (n Node) Each(read func(name string, v Node) error) error {
	var members []*ast.MappingValueNode
	switch m := n.node.(type) {
	case *ast.MappingNode:
		members = m.Values
	case *ast.MappingValueNode:
		members = []*ast.MappingValueNode{m}
	default:
		return n.Errorf("want a map, not %s", n.what())
	}
	seen := make(map[string]bool, len(members))
	for _, m := range members {
		key, err := n.child(m.Key, "", m.Key.GetToken()).Text()
		if err != nil {
			return err
		}
		path := key
		if n.path != "" {
			path = n.path + "." + key
		}
		v := n.child(m.Value, path, m.Key.GetToken())
		if seen[key] {
			return v.Errorf("stands twice")
		}
		seen[key] = true
		if err := read(key, v); err != nil {
			return err
		}
	}
	return nil
}

// List calls read for the values of a list, in their order.
func (n Node) List(read func(i int, v Node) error) error {
	list, ok := n.node.(*ast.SequenceNode)
	if !ok {
		return n.Errorf("want a list, not %s", n.what())
	}
	for i, v := range list.Values {
		at := v.GetToken()
		if m, ok := v.(*ast.MappingValueNode); ok {
			at = m.Key.GetToken()
		}
		if err := read(i, n.child(v, fmt.Sprintf("%s[%d]", n.path, i), at)); err != nil {
			return err
		}
	}
	return nil
}

func (n Node) child(v ast.Node, path string, at *token.Token) Node {
	line := n.line
	if at != nil {
		line = at.Position.Line
	}
	return Node{file: n.file, path: path, line: line, node: v}
}

// scalar returns a scalar's text; quoted says that it was written as text.
func (n Node) scalar() (text string, quoted, ok bool) {
	switch v := n.node.(type) {
	case *ast.StringNode:
		return v.Value, v.Token.Type == token.SingleQuoteType || v.Token.Type == token.DoubleQuoteType, true
	case *ast.LiteralNode:
		return v.Value.Value, true, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return v.GetToken().Value, false, true
	}
	return "", false, false
}

// what describes n for an error.
func (n Node) what() string {
	text, _, ok := n.scalar()
	switch {
	case n.IsMap():
		return "a map"
	case n.IsList():
		return "a list"
	case ok && len(text) > 40:
		return fmt.Sprintf("%q…", strings.ToValidUTF8(text[:40], ""))
	case ok:
		return fmt.Sprintf("%q", text)
	}
	return "nothing"
}

// Text returns a scalar in its own spelling.
func (n Node) Text() (string, error) {
	text, _, ok := n.scalar()
	if !ok {
		return "", n.Errorf("want text, not %s", n.what())
	}
	return text, nil
}

// Int returns a whole number, written in decimal and without quotes.
func (n Node) Int() (int, error) {
	text, quoted, ok := n.scalar()
	if i, err := strconv.Atoi(text); ok && !quoted && err == nil {
		return i, nil
	}
	return 0, n.Errorf("want a whole number, not %s", n.what())
}

// Float returns a finite number, written in decimal and without quotes: the nearest float64.
func (n Node) Float() (float64, error) {
	text, quoted, ok := n.scalar()
	if !ok || quoted || strings.Trim(text, "+-.0123456789eE") != "" {
		return 0, n.Errorf("want a number, not %s", n.what())
	}
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, n.Errorf("%s is beyond the range of float64", n.what())
	case err != nil, math.IsInf(x, 0):
		return 0, n.Errorf("want a number, not %s", n.what())
	}
	return x, nil
}

// Bool returns true or false, written so and without quotes.
func (n Node) Bool() (bool, error) {
	text, quoted, _ := n.scalar()
	switch {
	case quoted:
	case text == "true":
		return true, nil
	case text == "false":
		return false, nil
	}
	return false, n.Errorf("want true or false, not %s", n.what())
}

// Text reads text into p.
func Text(p *string) Reader { return into(p, Node.Text) }

// Int reads a whole number into p.
func Int(p *int) Reader { return into(p, Node.Int) }

// Float reads a finite number into p.
func Float(p *float64) Reader { return into(p, Node.Float) }

// Bool reads true or false into p.
func Bool(p *bool) Reader { return into(p, Node.Bool) }

func into[T any](p *T, get func(Node) (T, error)) Reader {
	return func(n Node) (err error) {
		*p, err = get(n)
		return err
	}
}
