package catboost

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/besra-ml/besra/internal/jsonscan"
	"github.com/besra-ml/besra/pipeline"
)

func (d document) ctr(int) error {
	c := ctrFeature{rate: pipeline.Rate{Weight: 1, Scale: 1}}
	err := d.Object(func(key []byte) (err error) {
		switch string(key) {
		case "elements":
			err = d.combination(&c.ctrBase)
		case "ctr_type":
			err = d.kind(&c.ctrBase)
		case "borders":
			c.borders, err = d.floats()
		case "target_border_idx":
			c.rate.Class, err = d.int32()
		case "prior_numerator":
			c.rate.Prior, err = d.float32()
		case "prior_denomerator":
			c.rate.Weight, err = d.float32()
		case "shift":
			c.rate.Shift, err = d.float32()
		case "scale":
			c.rate.Scale, err = d.float32()
		default:
			err = d.Skip()
		}
		return in(string(key), err)
	})
	c.key, c.rate.Kind = c.ctrBase.key(), c.kind.rate()
	d.m.ctrs = append(d.m.ctrs, c)
	if err == nil && len(c.categories)+len(c.floats)+len(c.oneHots) == 0 {
		err = errors.New("no elements")
	}
	return err
}

// combination takes what a CTR combines.
func (d document) combination(b *ctrBase) error {
	return d.list(func(int) error {
		var element string
		category, float, value, border := int32(-1), int32(-1), int32(0), float32(0)
		err := d.Object(func(key []byte) (err error) {
			switch string(key) {
			case "combination_element":
				element, err = d.Text()
			case "cat_feature_index":
				category, err = d.int32()
			case "float_feature_index":
				float, err = d.int32()
			case "value":
				value, err = d.int32()
			case "border":
				border, err = d.float32()
			default:
				err = d.Skip()
			}
			return in(string(key), err)
		})
		switch {
		case err != nil:
		case element == "cat_feature_value":
			b.categories = append(b.categories, category)
		case element == "float_feature":
			b.floats = append(b.floats, floatSplit{float, border})
		case element == "cat_feature_exact_value":
			b.oneHots = append(b.oneHots, oneHotSplit{category, value})
		default:
			err = fmt.Errorf("unknown element %.40q", element)
		}
		return err
	})
}

func (d document) kind(b *ctrBase) error {
	text, err := d.Text()
	if err != nil {
		return err
	}
	for k, name := range ctrKindNames() {
		if name == text {
			b.kind = ctrKind(k)
			return nil
		}
	}
	return fmt.Errorf("unknown kind %.40q", text)
}

// tables takes the tables of CTRs, whose keys are documents themselves.
func (d document) tables() error {
	if d.Peek() == 'n' {
		return d.Skip()
	}
	d.m.tables = map[string]*ctrTable{}
	i := -1
	return d.Object(func(key []byte) error {
		i++
		var base ctrBase
		inner := document{jsonscan.New(append([]byte(nil), key...)), d.m, d.again}
		err := inner.Object(func(key []byte) error {
			switch string(key) {
			case "identifier":
				return inner.combination(&base)
			case "type":
				return inner.kind(&base)
			}
			return inner.Skip()
		})
		if err == nil {
			err = inner.End()
		}
		if err != nil {
			return in(fmt.Sprintf("key %d", i), err)
		}
		if d.m.tables[base.key()] != nil {
			return fmt.Errorf("table %d: another one counts the same", i)
		}
		table, err := d.table(base.kind)
		d.m.tables[base.key()] = table
		return in(fmt.Sprintf("table %d", i), err)
	})
}

func (d document) table(kind ctrKind) (*ctrTable, error) {
	t := &ctrTable{Classes: 1}
	stride, begin := int64(0), -1
	err := d.Object(func(key []byte) (err error) {
		switch string(key) {
		case "hash_map": // what it holds depends on hash_stride, which follows
			begin = d.At()
			return d.Skip()
		case "hash_stride":
			stride, err = d.Integer()
		case "counter_denominator":
			t.Denominator, err = d.int32()
		default:
			err = d.Skip()
		}
		return in(string(key), err)
	})
	if err == nil && begin < 0 {
		err = errors.New("no hash_map")
	}
	if err != nil {
		return t, err
	}
	mean := kind.rate() == pipeline.RateMean
	switch least, most := kind.strides(); {
	case stride < least || stride > most:
		return t, fmt.Errorf("hash_stride is %d", stride)
	case !mean:
		t.Classes = int(stride) - 1
	}
	end := d.At()
	d.Seek(begin)
	defer d.Seek(end)
	return t, in("hash_map", d.rows(t, int(stride), mean))
}

// rows takes the rows of a table: the hash as text, then its numbers.
func (d document) rows(t *ctrTable, stride int, mean bool) error {
	var hashes []uint64
	n := 0 // elements of the row so far
	err := d.list(func(int) error {
		at := n
		if n++; n == stride {
			n = 0
		}
		switch {
		case at == 0:
			text, err := d.Text()
			if err != nil {
				return err
			}
			h, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return fmt.Errorf("%.40q is not a hash", text)
			}
			hashes = append(hashes, h)
		case mean && at == 1:
			x, err := d.float32()
			t.Sums = append(t.Sums, x)
			return err
		default:
			x, err := d.int32()
			t.Numbers = append(t.Numbers, x)
			return err
		}
		return nil
	})
	if err == nil && n != 0 {
		err = fmt.Errorf("its elements do not divide into rows of %d", stride)
	}
	t.Rows = pipeline.NewHashes(len(hashes))
	for i, h := range hashes {
		if h != noHash {
			t.Rows.Put(h, int32(i))
		}
	}
	return err
}

// strides bounds the elements of a row.
func (k ctrKind) strides() (least, most int64) {
	switch k.rate() {
	case pipeline.RateMean:
		return 3, 3
	case pipeline.RateFrequency:
		return 2, 2
	default:
		return 3, math.MaxInt32
	}
}
