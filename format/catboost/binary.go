package catboost

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/pipeline"
)

// A .cbm file is its magic, the size and bytes of the core, a FlatBuffers document, and then what the core names as
// parts. The numbers of fields are those of CatBoost's schemas (catboost/libs/model/flatbuffers).

// ctrPart is the name of the part that holds tables of CTRs.
const ctrPart = "static_provider_v1"

// cursor reads the parts that follow one another.
type cursor struct {
	data []byte
	at   int
}

func (c *cursor) take(n uint64, what string) ([]byte, error) {
	if n > uint64(len(c.data)-c.at) {
		return nil, fmt.Errorf("at byte %d: %s of %d bytes, %d are left", c.at, what, n, len(c.data)-c.at)
	}
	b := c.data[c.at : c.at+int(n)]
	c.at += int(n)
	return b, nil
}

// size reads a size: four bytes, or eight behind four that are all ones.
func (c *cursor) size() (uint64, error) {
	b, err := c.take(4, "a size")
	if err != nil {
		return 0, err
	}
	if n := binary.LittleEndian.Uint32(b); n != math.MaxUint32 {
		return uint64(n), nil
	}
	if b, err = c.take(8, "a size"); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// document takes a FlatBuffers document and its size.
func (c *cursor) document(what string) (*flatbuffer, error) {
	n, err := c.size()
	if err != nil {
		return nil, in(what, err)
	}
	at := c.at
	b, err := c.take(n, what)
	if err != nil {
		return nil, err
	}
	return newFlatbuffer(b, at), nil
}

func (m *model) readBinary(data []byte) error {
	c := &cursor{data, len(magic)}
	doc, err := c.document("the core")
	if err != nil {
		return err
	}
	core := doc.root()
	if version := core.text(0); doc.err == nil && version != "FlabuffersModel_v1" {
		return fmt.Errorf("format %.40q, want FlabuffersModel_v1", version)
	}
	trees := core.child(1)
	switch {
	case doc.err != nil:
		return in("the core", doc.err)
	case !trees.there():
		return errors.New("no trees")
	}
	if err := m.readCore(trees); err != nil {
		return err
	}
	if err := m.readInfo(core); err != nil {
		return err
	}
	parts := core.raws(3)
	if doc.err != nil {
		return in("parts", doc.err)
	}
	for _, part := range parts {
		if part != ctrPart {
			return fmt.Errorf("part %.40q: %w", part, errKind)
		}
		if m.tables != nil {
			return fmt.Errorf("part %q comes twice", part)
		}
		if err := m.readTables(c); err != nil {
			return in("ctr tables", err)
		}
	}
	if c.at != len(data) {
		return fmt.Errorf("at byte %d: %d bytes follow the model", c.at, len(data)-c.at)
	}
	return nil
}

// readCore reads features and trees.
func (m *model) readCore(t fbTable) error {
	if err := refuseOthers(t); err != nil {
		return err
	}
	m.outputs = int(t.int32(0, 0))
	m.scale = t.float64(14, 1)
	m.bias = t.doubles(16)
	if b := t.float64(15, 0); len(m.bias) == 0 && b != 0 {
		m.bias = []float64{b}
	}
	if err := m.readFeatures(t); err != nil {
		return err
	}
	m.trees = trees{sizes: t.ints(2), splits: t.ints(1), leaves: t.doubles(8)}
	m.trees.starts = t.ints(3)
	steps, ids := t.vector(10, 4), t.ints(11)
	if t.err != nil {
		return in("trees", t.err)
	}
	m.trees.symmetric = len(steps) == 0
	m.trees.children = make([][2]int32, len(steps)/4)
	for i := range m.trees.children {
		m.trees.children[i] = [2]int32{
			int32(binary.LittleEndian.Uint16(steps[4*i:])), int32(binary.LittleEndian.Uint16(steps[4*i+2:])),
		}
	}
	m.trees.ids = make([]uint32, len(ids))
	for i, id := range ids {
		m.trees.ids[i] = uint32(id)
	}
	return nil
}

// refuseOthers refuses features of other kinds than numbers and categories, by their names.
func refuseOthers(t fbTable) error {
	for _, other := range []struct {
		field int
		kind  string
	}{{12, "text"}, {18, "embedding"}} {
		err := t.children(other.field, 16, func(_ int, f fbTable) error {
			return fmt.Errorf("%s feature %d, %.40q: %w", other.kind, f.int32(1, -1), f.raw(2), errKind)
		})
		if err != nil {
			return err
		}
	}
	if n := len(t.vector(13, 4)) / 4; n > 0 {
		return fmt.Errorf("%d features that are estimated of others: %w", n, errKind)
	}
	return nil
}

// errKind refuses features of text, of embeddings, and what is computed of them.
var errKind = errors.New("only numbers and categories are supported")

func (m *model) readFeatures(t fbTable) error {
	err := t.children(5, 24, func(_ int, f fbTable) error {
		treatment := f.uint8(5, 0)
		if treatment > 2 {
			return fmt.Errorf("unknown treatment %d of NaN", treatment)
		}
		feature := feature{f.int32(1, -1), f.int32(2, -1), f.text(4)}
		if err := feature.check(); err != nil {
			return err
		}
		m.floats = append(m.floats, floatFeature{feature, f.floats(3), f.uint8(0, 0) != 0 && treatment == 2})
		return nil
	})
	if err != nil {
		return in(fmt.Sprintf("float feature %d", len(m.floats)), err)
	}
	err = t.children(4, 16, func(_ int, f fbTable) error {
		feature := feature{f.int32(0, -1), f.int32(1, -1), f.text(2)}
		if err := feature.check(); err != nil {
			return err
		}
		m.categories = append(m.categories, categoricalFeature{feature, f.uint8(3, 1) == 0})
		return nil
	})
	if err != nil {
		return in(fmt.Sprintf("categorical feature %d", len(m.categories)), err)
	}
	err = t.children(6, 24, func(_ int, f fbTable) error {
		m.oneHots = append(m.oneHots, oneHot{category: f.int32(0, -1), values: f.ints(1)})
		return nil
	})
	if err != nil {
		return in(fmt.Sprintf("one-hot feature %d", len(m.oneHots)), err)
	}
	err = t.children(7, 32, func(_ int, f fbTable) error {
		ctr := f.child(0)
		c := ctrFeature{borders: f.floats(1)}
		if err := c.ctrBase.read(ctr.child(0)); err != nil {
			return err
		}
		c.key = c.ctrBase.key()
		c.rate.Kind, c.rate.Class = c.kind.rate(), ctr.int32(1, 0)
		c.rate.Prior, c.rate.Weight = ctr.float32(2, 0), ctr.float32(3, 1)
		c.rate.Shift, c.rate.Scale = ctr.float32(4, 0), ctr.float32(5, 1)
		m.ctrs = append(m.ctrs, c)
		return nil
	})
	return in(fmt.Sprintf("ctr %d", len(m.ctrs)), err)
}

func (b *ctrBase) read(t fbTable) error {
	b.kind = ctrKind(t.uint8(1, 0))
	if b.kind >= ctrKindCount {
		return fmt.Errorf("unknown kind %d of ctr", b.kind)
	}
	b.classifier = t.int32(2, 0)
	combination := t.child(0)
	b.categories = combination.ints(0)
	for v := combination.vector(1, 8); len(v) > 0; v = v[8:] {
		b.floats = append(b.floats, floatSplit{
			int32(binary.LittleEndian.Uint32(v)), math.Float32frombits(binary.LittleEndian.Uint32(v[4:])),
		})
	}
	for v := combination.vector(2, 8); len(v) > 0; v = v[8:] {
		b.oneHots = append(b.oneHots, oneHotSplit{
			int32(binary.LittleEndian.Uint32(v)), int32(binary.LittleEndian.Uint32(v[4:])),
		})
	}
	return t.err
}

// readInfo reads the model's own words about itself.
func (m *model) readInfo(core fbTable) error {
	words := map[string]string{}
	err := core.children(2, 20, func(_ int, pair fbTable) error {
		words[pair.raw(0)] = pair.raw(1) // users may add what they like
		return nil
	})
	if err != nil {
		return in("info", err)
	}
	return in("info", m.info.read(words))
}

// readTables reads the tables of CTRs: their number, then each as a document of its own.
func (m *model) readTables(c *cursor) error {
	n, err := c.size()
	if err != nil {
		return err
	}
	m.tables = map[string]*ctrTable{}
	for i := range n {
		doc, err := c.document("a table")
		if err != nil {
			return in(fmt.Sprintf("table %d", i), err)
		}
		var base ctrBase
		table, err := readTable(doc.root(), &base)
		if err != nil {
			return in(fmt.Sprintf("table %d", i), err)
		}
		key := base.key()
		if _, twice := m.tables[key]; twice {
			return fmt.Errorf("table %d: another one counts the same", i)
		}
		m.tables[key] = table
	}
	return nil
}

// bucketSize is that of an entry of a table's index: eight bytes of hash and four of the row.
const bucketSize = 12

func readTable(t fbTable, base *ctrBase) (*ctrTable, error) {
	if err := base.read(t.child(0)); err != nil {
		return nil, err
	}
	index, blob := t.vector(1, 1), t.vector(2, 1)
	table := &ctrTable{Classes: 1, Denominator: t.int32(3, 0)}
	classes := t.int32(4, 0)
	if t.err != nil {
		return nil, t.err
	}
	size, mean := 4, false // of a row in the blob
	switch base.kind.rate() {
	case pipeline.RateAbove, pipeline.RateWithin:
		if classes < 2 || int(classes) > len(blob)/4 {
			return nil, fmt.Errorf("%d classes in counts of %d bytes", classes, len(blob))
		}
		table.Classes = int(classes)
		size = 4 * table.Classes
	case pipeline.RateMean:
		size, mean = 8, true
	default:
	}
	if len(index)%bucketSize != 0 || len(blob)%size != 0 {
		return nil, fmt.Errorf("an index of %d bytes and counts of %d, in rows of %d", len(index), len(blob), size)
	}
	for b := blob; len(b) > 0; b = b[4:] {
		if mean {
			table.Sums = append(table.Sums, math.Float32frombits(binary.LittleEndian.Uint32(b)))
			b = b[4:]
		}
		table.Numbers = append(table.Numbers, int32(binary.LittleEndian.Uint32(b)))
	}
	rows := uint32(len(blob) / size)
	table.Rows = pipeline.NewHashes(min(len(index)/bucketSize, len(blob)/size))
	for ; len(index) > 0; index = index[bucketSize:] {
		h, row := binary.LittleEndian.Uint64(index), binary.LittleEndian.Uint32(index[8:])
		if h == noHash {
			continue
		}
		if row >= rows {
			return nil, fmt.Errorf("hash %d is in row %d of %d", h, row, rows)
		}
		table.Rows.Put(h, int32(row))
	}
	return table, nil
}
