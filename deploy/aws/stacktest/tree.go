// Package stacktest holds CloudFormation templates of besra to what AWS wants of them and its linter does not see: values
// out of range, permissions that are too wide or too few, metrics that nobody emits, settings that besra does not have.
package stacktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A Template is one that was read. Values are map[string]any, []any, string, float64, bool and nil; functions have their
// long form, so !Ref X is {"Ref": "X"}, and !GetAtt X.Y is {"Fn::GetAtt": "X.Y"}.
type Template struct {
	root      map[string]any
	Resources []Resource // in the template's order
}

// A Resource is one of a template.
type Resource struct {
	ID, Type   string
	Properties map[string]any
	body       map[string]any
}

// Read reads a template.
func Read(data []byte) (*Template, error) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, err
	}
	if len(file.Docs) != 1 {
		return nil, fmt.Errorf("%d documents", len(file.Docs))
	}
	root, err := value(file.Docs[0].Body)
	if err != nil {
		return nil, err
	}
	t := &Template{}
	var ok bool
	if t.root, ok = root.(map[string]any); !ok {
		return nil, errors.New("is no map")
	}
	for _, id := range order(file.Docs[0].Body, "Resources") {
		body, _ := at(t.root, "Resources", id).(map[string]any)
		kind, _ := body["Type"].(string)
		properties, _ := body["Properties"].(map[string]any)
		t.Resources = append(t.Resources, Resource{id, kind, properties, body})
	}
	if len(t.Resources) == 0 {
		return nil, errors.New("has no resources")
	}
	return t, nil
}

// order returns the keys of a section as they stand.
func order(root ast.Node, section string) (keys []string) {
	top, ok := root.(*ast.MappingNode)
	if !ok {
		return nil
	}
	for _, m := range top.Values {
		if in, ok := m.Value.(*ast.MappingNode); ok && m.Key.String() == section {
			for _, r := range in.Values {
				keys = append(keys, r.Key.String())
			}
		}
	}
	return keys
}

func value(n ast.Node) (any, error) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return object(n.Values)
	case *ast.MappingValueNode:
		return object([]*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := []any{}
		for _, item := range n.Values {
			v, err := value(item)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case *ast.TagNode:
		v, err := value(n.Value)
		name := strings.TrimPrefix(n.Start.Value, "!")
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		return map[string]any{name: v}, err
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.BoolNode:
		return n.Value, nil
	case *ast.IntegerNode, *ast.FloatNode:
		return strconv.ParseFloat(n.GetToken().Value, 64)
	case *ast.NullNode, nil:
		return nil, nil
	}
	return nil, fmt.Errorf("line %d: %T", n.GetToken().Position.Line, n)
}

func object(members []*ast.MappingValueNode) (any, error) {
	o := map[string]any{}
	for _, m := range members {
		key, err := value(m.Key)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprint(key)
		if _, twice := o[name]; twice {
			return nil, fmt.Errorf("line %d: %s stands twice", m.Key.GetToken().Position.Line, name)
		}
		if o[name], err = value(m.Value); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// at returns what is at the end of a path of members, and nil where it ends before.
func at(v any, path ...string) any {
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// list returns v as a list: itself, or the one that it is.
func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// At returns a property of r.
func (r Resource) At(path ...string) any { return at(r.Properties, path...) }

// Text spells a value: a reference as ${X}, an attribute as ${X.Y}, a list in brackets. It is the same for all ways in
// which a template can say the same.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, Text(item))
		}
		return "[" + strings.Join(all, " ") + "]"
	case map[string]any:
		if len(v) == 1 {
			for name, arg := range v {
				switch name {
				case "Ref", "Fn::GetAtt":
					return "${" + strings.Trim(strings.ReplaceAll(Text(arg), " ", "."), "[]") + "}"
				case "Fn::Sub":
					return Text(arg)
				}
			}
		}
		text, _ := json.Marshal(v) // with sorted members
		return string(text)
	}
	return fmt.Sprint(v)
}

var reference = regexp.MustCompile(`\$\{([A-Za-z0-9:.]+)\}`)

// number returns the number that v is, or that is the default of the parameter that it refers to.
func (t *Template) number(v any) (float64, bool) {
	if n, ok := v.(float64); ok {
		return n, true
	}
	name := strings.Trim(Text(v), "${}")
	if at(t.root, "Parameters", name) == nil {
		return 0, false
	}
	n, ok := at(t.root, "Parameters", name, "Default").(float64)
	return n, ok
}

// of returns the resources of a type.
func (t *Template) of(kind string) (all []Resource) {
	for _, r := range t.Resources {
		if r.Type == kind {
			all = append(all, r)
		}
	}
	return all
}

// resource returns the resource that a value refers to.
func (t *Template) resource(v any) (Resource, bool) {
	m := reference.FindStringSubmatch(Text(v))
	if m == nil {
		return Resource{}, false
	}
	id, _, _ := strings.Cut(m[1], ".")
	at := slices.IndexFunc(t.Resources, func(r Resource) bool { return r.ID == id })
	if at < 0 {
		return Resource{}, false
	}
	return t.Resources[at], true
}

// refersTo reports whether v is a reference to a resource of a type.
func (t *Template) refersTo(v any, kind string) bool {
	r, ok := t.resource(v)
	return ok && r.Type == kind
}

// dependsOn returns what a resource says that it depends on.
func (r Resource) dependsOn() (ids []string) {
	for _, id := range list(r.body["DependsOn"]) {
		ids = append(ids, Text(id))
	}
	return ids
}

// Only returns the name of the only resource of a type; "" if there is none, or several.
func (t *Template) Only(kind string) string {
	if all := t.of(kind); len(all) == 1 {
		return all[0].ID
	}
	return ""
}
