package app

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/internal/strictyaml"
)

// A nodeValue is a setting that is more than one word: a map or a list. As a flag and in the environment it is
// YAML on one line.
type nodeValue interface {
	flag.Value
	setNode(strictyaml.Node) error
}

// yamlValue is a nodeValue of any type.
type yamlValue[T any] struct {
	p      *T
	read   func(strictyaml.Node) (T, error)
	format func(T) string
}

func yaml[T any](p *T, read func(strictyaml.Node) (T, error), format func(T) string) yamlValue[T] {
	return yamlValue[T]{p, read, format}
}

func (v yamlValue[T]) setNode(n strictyaml.Node) (err error) {
	*v.p, err = v.read(n)
	return err
}

func (v yamlValue[T]) Set(s string) error {
	n, err := strictyaml.Parse("", []byte(s))
	if err == nil {
		err = v.setNode(n)
	}
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), ":1: "))
	}
	return nil
}

func (v yamlValue[T]) String() string {
	if v.p == nil {
		return ""
	}
	return v.format(*v.p)
}

// counts is a map from names to whole numbers from 1.
func counts(p *map[string]int) nodeValue { return yaml(p, readCounts, formatCounts) }

func readCounts(n strictyaml.Node) (map[string]int, error) {
	if n.IsNull() {
		return nil, nil
	}
	all := map[string]int{}
	err := n.Each(func(name string, n strictyaml.Node) error {
		i, err := n.Int()
		if err == nil && i < 1 {
			err = n.Errorf("want a whole number from 1")
		}
		all[name] = i
		return err
	})
	return all, err
}

func formatCounts(all map[string]int) string {
	if len(all) == 0 {
		return ""
	}
	var members []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		members = append(members, strictyaml.Quote(name)+": "+strconv.Itoa(all[name]))
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// texts is a list of words.
func texts(p *[]string) nodeValue { return yaml(p, readTexts, formatTexts) }

func readTexts(n strictyaml.Node) (all []string, err error) {
	if n.IsNull() {
		return nil, nil
	}
	err = n.List(func(_ int, n strictyaml.Node) error {
		s, err := n.Text()
		all = append(all, s)
		return err
	})
	return all, err
}

func formatTexts(all []string) string {
	if len(all) == 0 {
		return ""
	}
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = strictyaml.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

type shareValue struct{ p *float64 }

func share(p *float64) shareValue { return shareValue{p} }

func (v shareValue) Set(s string) error {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x >= 0 && x <= 1) {
		return errors.New("want a share from 0 to 1")
	}
	*v.p = x
	return nil
}

func (v shareValue) String() string {
	if v.p == nil {
		return ""
	}
	return strconv.FormatFloat(*v.p, 'g', -1, 64)
}

// portion is a share that leaves some over.
func portion(p *float64) portionValue { return portionValue{shareValue{p}} }

type portionValue struct{ shareValue }

func (v portionValue) Set(s string) error {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x > 0 && x < 1) {
		return errors.New("want a share between 0 and 1, such as 0.999")
	}
	*v.p = x
	return nil
}

type concurrencyValue struct{ p *string }

func concurrency(p *string) concurrencyValue { return concurrencyValue{p} }

func (v concurrencyValue) Set(s string) error {
	if s != "adaptive" && s != "off" {
		if n, err := strconv.Atoi(s); err != nil || n < 1 {
			return fmt.Errorf("want adaptive, off, or a whole number from 1")
		}
	}
	*v.p = s
	return nil
}

func (v concurrencyValue) String() string { return text(v.p).String() }
