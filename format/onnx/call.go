package onnx

import (
	"errors"
	"fmt"
)

// A call is a node with what it reads.
type call struct {
	*builder
	node       *node
	attributes []attribute
	in         []*value // nil for an input that is left out
}

// run computes a node.
func (b *builder) run(n *node) error {
	c := &call{builder: b, node: n}
	operator := c.operator()
	if operator == nil {
		if n.domain != "" {
			return fmt.Errorf("operator %.40s of domain %.40s is not supported", n.op, n.domain)
		}
		return fmt.Errorf("operator %.40s is not supported", n.op)
	}
	if _, ok := b.opsets[n.domain]; !ok && n.domain != "ai.onnx" {
		return fmt.Errorf("domain %q is in no opset_import", n.domain)
	}
	if err := c.readAttributes(); err != nil {
		return err
	}
	for i, name := range n.inputs {
		var v *value
		if name != "" {
			var err error
			if v, err = b.lookup(name); err != nil {
				return err
			}
			if v.scores != nil && !keepsScores(n.op) {
				if err := b.place(v); err != nil {
					return err
				}
			}
		} else if i == 0 {
			return errors.New("input 0 is left out")
		}
		c.in = append(c.in, v)
	}
	out, err := operator()
	if err != nil {
		return err
	}
	for i, v := range out {
		switch {
		case i >= len(n.outputs) || n.outputs[i] == "":
		case v == nil:
			b.classes[n.outputs[i]] = true
		default:
			b.value[n.outputs[i]] = v
		}
	}
	return nil
}

func (c *call) readAttributes() error {
	for _, message := range c.node.attributes {
		a, err := readAttribute(message)
		switch {
		case err != nil:
			return fmt.Errorf("attribute %.40q: %w", a.name, err)
		case a.graph:
			return fmt.Errorf("attribute %.40q: a graph within the graph is not read", a.name)
		case a.ref:
			return fmt.Errorf("attribute %.40q: a reference to a function's attribute", a.name)
		case c.attribute(a.name) != nil:
			return fmt.Errorf("attribute %.40q is there twice", a.name)
		}
		c.attributes = append(c.attributes, a)
	}
	return nil
}

// attribute returns an attribute by name; nil when the node does not have it.
func (c *call) attribute(name string) *attribute {
	for i := range c.attributes {
		if c.attributes[i].name == name {
			return &c.attributes[i]
		}
	}
	return nil
}

func (c *call) integer(name string, otherwise int64) int64 {
	if a := c.attribute(name); a.has(attributeInt) {
		return a.integer
	}
	return otherwise
}

func (c *call) text(name, otherwise string) string {
	if a := c.attribute(name); a.has(attributeString) {
		return string(a.text)
	}
	return otherwise
}

func (c *call) floats(name string) []float64    { return floatList(c.attribute(name)) }
func (c *call) integers(name string) []int64    { return integerList(c.attribute(name)) }
func (c *call) textsOf(name string) []string    { return textList(c.attribute(name)) }
func (c *call) version(domain string) int64     { return c.opsets[domain] }
func one(v *value, err error) ([]*value, error) { return []*value{v}, err }

// need wants at least n inputs.
func (c *call) need(n int) error {
	if len(c.in) < n {
		return fmt.Errorf("%d inputs: want %d", len(c.in), n)
	}
	for i, v := range c.in[:n] {
		if v == nil {
			return fmt.Errorf("input %d is left out", i)
		}
	}
	return nil
}

// input returns an input that may be left out, as nil.
func (c *call) input(i int) *value {
	if i < len(c.in) {
		return c.in[i]
	}
	return nil
}

// numeric wants an input of numbers.
func (c *call) numeric(i int) (*value, error) {
	if err := c.need(i + 1); err != nil {
		return nil, err
	}
	if c.in[i].kind == texts {
		return nil, fmt.Errorf("input %d is a tensor of strings", i)
	}
	return c.in[i], nil
}

// row returns the cells of input 0 as the features of one row: dims [1,k] or [k].
func (c *call) row() (*value, error) {
	v, err := c.numeric(0)
	if err != nil {
		return nil, err
	}
	if len(v.dims) != 1 && (len(v.dims) != 2 || v.dims[0] != 1) {
		return nil, fmt.Errorf("input of shape %v: want one row", v.dims)
	}
	if len(v.cells) == 0 {
		return nil, errors.New("input without elements")
	}
	return v, nil
}

// operator returns what computes the node; nil when that is not supported.
func (c *call) operator() func() ([]*value, error) {
	if c.node.domain == "ai.onnx.ml" {
		switch c.node.op {
		case "ArrayFeatureExtractor":
			return c.arrayFeatureExtractor
		case "Binarizer":
			return c.binarizer
		case "FeatureVectorizer":
			return c.featureVectorizer
		case "Imputer":
			return c.imputer
		case "LabelEncoder":
			return c.labelEncoder
		case "LinearClassifier":
			return c.linearClassifier
		case "LinearRegressor":
			return c.linearRegressor
		case "Normalizer":
			return c.normalizer
		case "OneHotEncoder":
			return c.oneHotEncoder
		case "Scaler":
			return c.scaler
		case "TreeEnsemble":
			return c.treeEnsemble
		case "TreeEnsembleClassifier":
			return c.treeClassifier
		case "TreeEnsembleRegressor":
			return c.treeRegressor
		case "ZipMap":
			return c.zipMap
		}
		return nil
	}
	if c.node.domain != "" && c.node.domain != "ai.onnx" {
		return nil
	}
	if f := c.arithmetic(); f != nil {
		return f
	}
	if f := c.reductions(); f != nil {
		return f
	}
	switch c.node.op {
	case "Cast":
		return c.cast
	case "Clip":
		return c.clip
	case "Concat":
		return c.concat
	case "Constant":
		return c.constantNode
	case "ConstantOfShape":
		return c.constantOfShape
	case "CumSum":
		return c.cumSum
	case "Flatten":
		return c.flatten
	case "Gather":
		return c.gather
	case "GatherElements":
		return c.gatherElements
	case "Gemm":
		return c.gemm
	case "Identity":
		return c.identity
	case "MatMul":
		return c.matMul
	case "Reshape":
		return c.reshape
	case "Shape":
		return c.shape
	case "Slice":
		return c.slice
	case "Softmax":
		return c.softmax
	case "Split":
		return c.split
	case "Squeeze":
		return c.squeeze
	case "TopK":
		return c.topK
	case "Transpose":
		return c.transpose
	case "Unsqueeze":
		return c.unsqueeze
	case "Where":
		return c.where
	}
	return nil
}

// keepsScores reports whether an operator takes an ensemble's scores as they are, before they have slots.
func keepsScores(op string) bool {
	switch op {
	case "Identity", "ZipMap", "Cast", "Reshape", "Mul", "Flatten":
		return true
	}
	return false
}
