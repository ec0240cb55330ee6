package xgboost

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// checkFeatures holds num_feature against the file, for every column takes memory.
func (r *reader) checkFeatures() error {
	n := r.params.features
	switch {
	case n < 1:
		return errors.New("num_feature is 0: the model has seen no data")
	case n > max(1<<16, r.size):
		return fmt.Errorf("num_feature is %d in a file of %d bytes", n, r.size)
	case len(r.names) != 0 && len(r.names) != n:
		return fmt.Errorf("%d feature_names for %d features", len(r.names), n)
	case len(r.types) != 0 && len(r.types) != n:
		return fmt.Errorf("%d feature_types for %d features", len(r.types), n)
	}
	return nil
}

// columns names and types the columns.
func (r *reader) columns(spec *pipeline.Spec) error {
	spec.Columns = make([]pipeline.Column, r.params.features)
	for i := range spec.Columns {
		c := &spec.Columns[i]
		if c.Name = "f" + strconv.Itoa(i); len(r.names) > 0 {
			c.Name = r.names[i]
		}
		if len(r.types) > 0 {
			var err error
			if c.Type, err = columnType(r.types[i]); err != nil {
				return fmt.Errorf("feature_types: column %d: %w", i, err)
			}
		}
	}
	if spec.Forest != nil {
		markCategories(spec.Columns, spec.Forest)
	}
	return r.applyDictionaries(spec)
}

// columnType returns the type that XGBoost's own word stands for.
func columnType(word string) (pipeline.Type, error) {
	switch word {
	case "float", "q":
		return pipeline.Float, nil
	case "int":
		return pipeline.Int, nil
	case "i":
		return pipeline.Bool, nil
	case "c", "categorical":
		return pipeline.Category, nil
	}
	return 0, fmt.Errorf("unknown type %.40q", word)
}

// markCategories types the columns that categorical splits read, for files without feature_types.
func markCategories(columns []pipeline.Column, f *forest.Forest) {
	for i := range f.Trees {
		for j := range f.Trees[i].Nodes {
			n := &f.Trees[i].Nodes[j]
			if n.Op == forest.In && n.Feature >= 0 && int(n.Feature) < len(columns) {
				columns[n.Feature].Type = pipeline.Category
			}
		}
	}
}
