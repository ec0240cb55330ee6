package xgboost

// A source reads one document from front to back; JSON and UBJSON each have one, and what a model means
// is read once, over either.
//
// Every call takes the next value whole and wants it to be of the kind that the method names. Numbers go
// straight into slices: no tree of the document is ever built.
type source interface {
	// Object calls member with every key, in the order of the file; member must take the value. The key
	// is valid during the call. A key that comes twice is an error.
	Object(member func(key []byte) error) error
	// Array calls element before every element; element must take it.
	Array(element func() error) error
	Text() (string, error)
	Integer() (int64, error)
	// floats, ints and longs append an array of numbers to dst. Truth values count as 0 and 1.
	Floats(dst []float32) ([]float32, error)
	Ints(dst []int32) ([]int32, error)
	Longs(dst []int64) ([]int64, error)
	// Count passes over an array and returns its length.
	Count() (int, error)
	// Skip passes over any value.
	Skip() error
	// End wants nothing to follow.
	End() error
	// At returns the place of the next value; Seek returns to one in the same array or object.
	At() int
	Seek(to int)
}
