package window

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// disturb makes a history from the first half of data, writes the second over its bytes, and uses the result if
// it is sound: no method may panic, each leaves a sound state, and answers are those of the entries alone.
func disturb(t *testing.T, data []byte) (sound bool) {
	s := &source{data[:len(data)/2]}
	changes := data[len(data)/2:]
	spec := s.spec()
	l, err := Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	var state []byte
	var events []Entry
	last := int64(1_700_000_000_123)
	dst, again := make([]float64, len(spec.Asks)), make([]float64, len(spec.Asks))
	for len(s.data) > 0 {
		e := Entry{Time: s.time(&spec, last), Values: s.values(&spec)}
		last = e.Time
		events = append(events, e)
		if s.below(2) == 0 {
			l.Read(state, e, dst)
		}
		state, _ = l.Insert(state, e, nil)
		if s.below(4) == 0 {
			state, _ = l.Mark(state, e.Time, 0, e.Time+1, nil)
		}
	}
	for ; len(changes) > 2 && len(state) > 0; changes = changes[3:] {
		i := int(changes[0]) | int(changes[1])<<8
		state[i%len(state)] ^= changes[2]
	}
	if l.Check(state) != nil {
		return false
	}
	for _, e := range events {
		fresh := slices.Clone(state)
		if len(fresh) > 0 {
			copy(fresh[headerSize:], l.blank[headerSize:])
			v := l.view(fresh)
			for i := range l.records {
				put24(fresh, l.records[i].from, v.first)
				put24(fresh, l.records[i].to, v.first)
			}
		}
		l.Read(state, e, dst)
		l.Read(fresh, e, again)
		for i := range dst {
			if math.Float64bits(dst[i]) != math.Float64bits(again[i]) {
				t.Fatalf("%+v: ask %d: %v, but by its entries %v", spec, i, dst[i], again[i])
			}
		}
		l.Remove(state, e)
		mustBeSound(t, l, state)
		state, _ = l.Insert(state, e, nil)
		mustBeSound(t, l, state)
		state, _ = l.Mark(state, e.Time, 0, e.Time+5000, nil)
		mustBeSound(t, l, state)
		state, _ = l.Mark(state, e.Time, e.Time+5000, 0, nil)
		mustBeSound(t, l, state)
	}
	l.AppendCanonical(nil, state)
	return true
}

func mustBeSound(t *testing.T, l *Layout, state []byte) {
	t.Helper()
	if err := l.Check(state); err != nil {
		t.Fatalf("a sound state became another: %v", err)
	}
}

func TestASoundStateStaysSoundWhereverItCameFrom(t *testing.T) {
	sound, unsound := 0, 0
	for seed := range uint64(6000) {
		r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 7})
		data := make([]byte, 60+seed%5*40)
		_, _ = r.Read(data)
		// Few changes, of few bits.
		changes := data[len(data)/2:]
		for i := range changes {
			if i%3 == 2 && i > 2+int(seed%3)*3 {
				changes[i] = 0
			} else if i%3 == 2 {
				changes[i] = 1 << (changes[i] % 8)
			} else if i%3 == 1 && seed%2 == 0 {
				changes[i] = 0
			}
		}
		if disturb(t, data) {
			sound++
		} else {
			unsound++
		}
	}
	if sound < 100 || unsound < 100 {
		t.Errorf("%d sound, %d not", sound, unsound)
	}
}

func TestCheckRefusesWhatIsShort(t *testing.T) {
	card, terminal := handbook(t)
	for _, l := range []*Layout{card, terminal} {
		state, _ := l.Insert(nil, Entry{Time: 5, Values: []int64{1}}, nil)
		for n := 1; n < len(state); n++ {
			if l.Check(state[:n]) == nil {
				t.Errorf("the first %d of %d bytes are sound", n, len(state))
			}
		}
		if err := l.Check(nil); err != nil {
			t.Error(err)
		}
	}
	state, _ := card.Insert(nil, Entry{Time: 5, Values: []int64{1}}, nil)
	if terminal.Check(state) == nil {
		t.Error("a card is a sound terminal")
	}
}

func FuzzCheck(f *testing.F) {
	for seed := range uint8(8) {
		data := make([]byte, 200)
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
		clear(data[100:])
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { disturb(t, data[:min(len(data), 1000)]) })
}

// Bytes that no history ever was.
func FuzzCheckBytes(f *testing.F) {
	card, terminal := handbook(f)
	state, _ := card.Insert(nil, Entry{Time: 5, Values: []int64{1}}, nil)
	f.Add(false, state)
	state, _ = terminal.Insert(nil, Entry{Time: 5, Values: []int64{1}}, nil)
	f.Add(true, state)
	f.Fuzz(func(t *testing.T, which bool, state []byte) {
		l := card
		if which {
			l = terminal
		}
		if l.Check(state) != nil {
			return
		}
		e, dst := Entry{Time: Newest(state), Values: []int64{7}}, make([]float64, 6)
		for range 3 {
			l.Read(state, e, dst)
			state, _ = l.Insert(state, e, nil)
			mustBeSound(t, l, state)
			l.Read(state, e, dst)
			l.Mark(state, e.Time, 0, e.Time, nil)
			l.Remove(state, e)
			mustBeSound(t, l, state)
			e.Time += 20 * day
		}
		l.AppendCanonical(nil, state)
	})
}
