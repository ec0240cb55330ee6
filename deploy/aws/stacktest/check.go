package stacktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Facts are what a template must agree with and stacktest does not know.
type Facts struct {
	// Settings take a value of each setting of besra, by name, and return an error for one that it does not take.
	Settings map[string]func(value string) error
	// Metrics are the sets of dimensions of each metric that besra writes, by name: "service", "service,model".
	Metrics map[string][]string
	// Open says that it was asked for a door that asks nobody who they are.
	Open bool
}

// Check returns what is wrong with a template: sentences that begin with the resource.
func (t *Template) Check(f Facts) []string {
	c := &checker{Template: t, facts: f}
	c.whole()
	c.function()
	c.variables()
	c.version()
	c.permissions()
	c.httpAPI()
	c.restAPI()
	c.functionURL()
	c.throttles()
	c.capacity()
	c.network()
	c.cache()
	c.buckets()
	c.policies()
	c.release()
	c.alarms()
	c.dashboards()
	return c.found
}

// A checker collects what is wrong.
type checker struct {
	*Template
	facts Facts
	found []string
}

func (c *checker) wrong(r Resource, format string, args ...any) {
	c.found = append(c.found, r.ID+": "+fmt.Sprintf(format, args...))
}

// want checks a property's text.
func (c *checker) want(r Resource, want string, path ...string) {
	if got := Text(r.At(path...)); got != want {
		c.wrong(r, "%s is %q, and not %q", strings.Join(path, "."), got, want)
	}
}

// one returns the only resource of a type.
func (c *checker) one(kind string) (Resource, bool) {
	all := c.of(kind)
	if len(all) != 1 {
		c.found = append(c.found, fmt.Sprintf("%d of %s, and not one", len(all), kind))
		return Resource{}, false
	}
	return all[0], true
}

// whole checks what concerns no resource alone: sections, and that nothing depends on itself.
func (c *checker) whole() {
	for name := range c.root {
		if !slices.Contains([]string{"AWSTemplateFormatVersion", "Description", "Parameters", "Conditions", "Resources", "Outputs"}, name) {
			c.found = append(c.found, name+": the template is plain, without transforms")
		}
	}
	needs := map[string][]string{}
	for _, r := range c.Resources {
		needs[r.ID] = r.dependsOn()
		for _, m := range reference.FindAllStringSubmatch(spell(r.body), -1) {
			id, _, _ := strings.Cut(m[1], ".")
			needs[r.ID] = append(needs[r.ID], id)
		}
	}
	const open, done = 1, 2
	state := map[string]int{}
	var visit func(id string) bool
	visit = func(id string) bool {
		switch state[id] {
		case open:
			return false
		case done:
			return true
		}
		state[id] = open
		for _, next := range needs[id] {
			if needs[next] != nil && !visit(next) {
				return false
			}
		}
		state[id] = done
		return true
	}
	for _, r := range c.Resources {
		if !visit(r.ID) {
			c.wrong(r, "it depends on itself")
			return
		}
	}
}

// spell spells all of a value, with its references.
func spell(v any) string {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			for name := range v {
				if name == "Ref" || name == "Fn::GetAtt" || name == "Fn::Sub" {
					return Text(v)
				}
			}
		}
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(name + " " + spell(v[name]) + " ")
		}
		return b.String()
	case []any:
		var b strings.Builder
		for _, item := range v {
			b.WriteString(spell(item) + " ")
		}
		return b.String()
	}
	return Text(v)
}
