package bundle

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/drift"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/packed"
	"github.com/besra-ml/besra/internal/rows"
	"github.com/besra-ml/besra/internal/strictyaml"
	"github.com/besra-ml/besra/pipeline"
)

// readReference reads how scores and features were distributed when the bundle was made, if it says.
func (b *Bundle) readReference(c *contents) error {
	data, err := c.optional(referenceFile)
	if data == nil || err != nil {
		return err
	}
	r, err := drift.Parse(referenceFile, data, b.Columns(), b.Output)
	if err != nil {
		return err
	}
	bits, _ := b.Model.Bits()
	r.Narrow = bits == 32
	if m := b.Missing; m != nil {
		missing := *m
		if r.Narrow {
			missing = float64(float32(missing))
		}
		r.Missing = &missing
	}
	if b.Events != nil {
		for i := range r.Features {
			r.Features[i].Calendar = isCalendar(b.Events, r.Features[i].Name)
		}
	}
	b.Reference = r
	return nil
}

func (b *Bundle) skipReference(c *contents) error {
	if _, listed := c.files[referenceFile]; listed || !c.has(referenceFile) {
		return nil // rest looks after it
	}
	return c.use(referenceFile, func(io.Reader, int64) error { return nil })
}

func isCalendar(d *feature.Definition, column string) bool {
	for _, c := range d.Columns {
		if c.Name == column {
			return c.Form == feature.Calendar
		}
	}
	return false
}

// reference returns the text of reference.yaml, of the recipe's rows or else of the golden ones, which the model
// predicts. It is nil where golden rows of so many columns would make too long a file.
func (r *Recipe) reference(bare *Bundle) ([]byte, error) {
	file, name := r.Reference, r.Reference
	golden := file == ""
	if golden {
		file, name = filepath.Join(r.Golden, filepath.Base(rowsFile)), rowsFile
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// A file of training rows may have its labels beside them.
	columns, names := named(bare.Columns())
	all, err := readRows(packed.NewReader(f), columns, rows.Options{File: name, IgnoreExtra: !golden})
	if err != nil {
		return nil, err
	}
	made, err := makeReference(bare, r.Output, all, names)
	if err != nil {
		return nil, err
	}
	made.Golden = golden
	text := made.Text()
	switch {
	case len(text) <= strictyaml.MaxSize:
		return text, nil
	case golden:
		return nil, nil
	}
	return nil, fmt.Errorf("%s: the reference of %d columns is larger than %d bytes", name, len(bare.Features), strictyaml.MaxSize)
}

// maxNames bounds how many names of a hashed column are remembered: those that are frequent come early.
const maxNames = 1 << 16

// named returns the columns, of which hashed ones remember the names that they have met.
func named(columns []besra.Column) ([]besra.Column, drift.Names) {
	names := drift.Names{}
	for i, c := range columns {
		if !c.Hashed() {
			continue
		}
		of := map[float64]string{}
		names[i] = of
		columns[i] = pipeline.HashedColumn(c.Name, func(name string) float64 {
			code := c.Code(name)
			if _, known := of[code]; !known && len(of) < maxNames {
				of[code] = strings.Clone(name)
			}
			return code
		})
	}
	return columns, names
}

// makeReference makes the reference of rows, which it changes to what the model sees of them.
func makeReference(b *Bundle, output string, all []float64, names drift.Names) (*drift.Reference, error) {
	out, err := score(b.Model, output)
	if err != nil {
		return nil, err
	}
	narrow, _ := b.Model.Bits()
	for i, x := range all {
		if b.Features[i%len(b.Features)].Type == besra.String {
			continue // a code
		}
		if narrow == 32 {
			x = float64(float32(x))
		}
		if m := b.Missing; m != nil && (x == *m || narrow == 32 && float32(x) == float32(*m)) {
			x = math.NaN()
		}
		all[i] = x
	}
	scores, err := scores(b.Model, out, all, len(b.Features))
	if err != nil {
		return nil, err
	}
	r := drift.MakeNamed(b.Columns(), all, scores, names)
	r.Output = out
	return r, nil
}

// scores returns the score of each row; nil when none of the model's values is.
func scores(m *besra.Model, output int, all []float64, width int) ([]float64, error) {
	if output < 0 {
		return nil, nil
	}
	n, values := len(all)/width, m.Values()
	of := make([]float64, n)
	block := make([]float64, proofBlock*values)
	for row := 0; row < n; row += proofBlock {
		end := min(row+proofBlock, n)
		if err := m.Predict64(block[:(end-row)*values], all[row*width:end*width]); err != nil {
			return nil, err
		}
		for i := range end - row {
			of[row+i] = block[i*values+output]
		}
	}
	return of, nil
}
