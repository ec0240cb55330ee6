package pipeline

// A Step changes a row before the trees see it: scale, impute, one-hot. Only ONNX graphs have steps; a
// model that has one which besra does not know is refused by name.
type Step struct {
	Name string // the operator, as the file calls it
}
