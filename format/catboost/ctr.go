package catboost

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/pipeline"
)

// A ctrKind says what is counted of a combination; the numbers are those of .cbm files.
type ctrKind uint8

const (
	borders ctrKind = iota
	buckets
	binarizedTargetMeanValue
	floatTargetMeanValue
	counter
	featureFreq
	ctrKindCount
)

// ctrKindNames are the names in JSON.
func ctrKindNames() [ctrKindCount]string {
	return [...]string{"Borders", "Buckets", "BinarizedTargetMeanValue", "FloatTargetMeanValue", "Counter", "FeatureFreq"}
}

func (k ctrKind) rate() pipeline.RateKind {
	switch k {
	case borders:
		return pipeline.RateAbove
	case buckets:
		return pipeline.RateWithin
	case binarizedTargetMeanValue, floatTargetMeanValue:
		return pipeline.RateMean
	default:
		return pipeline.RateFrequency
	}
}

// A ctrBase is what a table counts: a combination of categories, float splits and one-hot splits.
type ctrBase struct {
	kind       ctrKind
	classifier int32 // which of the targets' divisions into classes, where there are several
	categories []int32
	floats     []floatSplit
	oneHots    []oneHotSplit
}

type floatSplit struct {
	index  int32
	border float32
}

type oneHotSplit struct{ index, value int32 }

// key tells bases apart.
func (b *ctrBase) key() string {
	le := binary.LittleEndian
	out := append(make([]byte, 0, 13+4*len(b.categories)+8*len(b.floats)+8*len(b.oneHots)), byte(b.kind))
	out = le.AppendUint32(out, uint32(b.classifier))
	out = le.AppendUint32(out, uint32(len(b.categories)))
	for _, c := range b.categories {
		out = le.AppendUint32(out, uint32(c))
	}
	out = le.AppendUint32(out, uint32(len(b.floats)))
	for _, s := range b.floats {
		out = le.AppendUint32(out, uint32(s.index))
		out = le.AppendUint32(out, math.Float32bits(s.border))
	}
	for _, s := range b.oneHots {
		out = le.AppendUint32(out, uint32(s.index))
		out = le.AppendUint32(out, uint32(s.value))
	}
	return string(out)
}

// A ctrFeature is a number made of a table, and the borders that trees compare it with.
type ctrFeature struct {
	ctrBase
	key     string
	rate    pipeline.Rate
	borders []float32
}

// A ctrTable is what was counted; a combination that no row was in has the hash noHash, if any.
type ctrTable = pipeline.Counts

const noHash = math.MaxUint64

// maxWork bounds the counts that all CTRs of a row may add up: far more than CatBoost ever has, and milliseconds.
const maxWork = 1 << 24

// ctrStep makes the CTRs of one table.
func (m *model) ctrStep(features []ctrFeature, at slots) (*pipeline.CTR, error) {
	base := &features[0].ctrBase
	step := &pipeline.CTR{Counts: m.tables[features[0].key]}
	if step.Counts == nil {
		return nil, errors.New("there is no table for it")
	}
	for _, c := range base.categories {
		slot, ok := at.categories[c]
		if !ok {
			return nil, fmt.Errorf("there is no categorical feature %d in use", c)
		}
		step.Categories = append(step.Categories, slot)
	}
	for _, s := range base.floats {
		slot, ok := at.floats[s.index]
		if !ok || s.border != s.border {
			return nil, fmt.Errorf("float feature %d above %v: there is no such split", s.index, s.border)
		}
		step.Conditions = append(step.Conditions, pipeline.Condition{
			Slot: slot, Value: float64(s.border), NaNAbove: at.nanAbove[s.index] && !math.IsInf(float64(s.border), 1),
		})
	}
	for _, s := range base.oneHots {
		slot, ok := at.categories[s.index]
		if !ok {
			return nil, fmt.Errorf("there is no categorical feature %d in use", s.index)
		}
		step.Conditions = append(step.Conditions, pipeline.Condition{Slot: slot, Value: float64(uint32(s.value)), Equal: true})
	}
	for i := range features {
		if err := ascending(features[i].borders); err != nil {
			return nil, err
		}
		rate := features[i].rate
		if rate.Kind == pipeline.RateAbove && step.Counts.Classes == 2 {
			rate.Class = 0 // whatever the file says: the second class is the good one
		}
		step.Rates = append(step.Rates, rate)
	}
	return step, nil
}
