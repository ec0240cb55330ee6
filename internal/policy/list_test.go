package policy_test

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/besra-ml/besra/internal/policy"
)

func TestAListHasWhatItsFileNames(t *testing.T) {
	l := &policy.List{File: "blocked.txt"}
	text := "\ufeff# stolen\r\n\r\n00000000000000000000000000000000\r\n" +
		"  ffffffffffffffffffffffffffffffff\t# seen twice\n0123456789abcdef0123456789abcdef\n\n" +
		"ffffffffffffffffffffffffffffffff"
	if err := l.Read(strings.NewReader(text), int64(len(text))); err != nil {
		t.Fatal(err)
	}
	if l.Len() != 3 {
		t.Errorf("holds %d hashes, want 3", l.Len())
	}
	for digits, want := range map[string]bool{
		"00000000000000000000000000000000": true,
		"ffffffffffffffffffffffffffffffff": true,
		"0123456789abcdef0123456789abcdef": true,
		"0123456789abcdef0123456789abcdee": false,
		"0123456789abcdee0123456789abcdef": false,
		"80000000000000000000000000000000": false,
	} {
		if l.Has(fromHex(t, digits)) != want {
			t.Errorf("has %s is %v", digits, !want)
		}
	}
}

func TestAnEmptyListHasNothing(t *testing.T) {
	unread, empty := &policy.List{}, &policy.List{}
	if err := empty.Read(strings.NewReader("# nobody yet\n"), -1); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*policy.List{unread, empty} {
		if l.Has([16]byte{}) || l.Len() != 0 {
			t.Errorf("%v has something", l)
		}
	}
}

func TestAListHasExactlyItsHashes(t *testing.T) {
	for name, make := range map[string]func(r *rand.Rand) [16]byte{
		"uniform":      uniform,
		"alike":        func(r *rand.Rand) (h [16]byte) { h[15], h[14] = byte(r.Uint32()), byte(r.Uint32()); return h },
		"alike behind": func(r *rand.Rand) (h [16]byte) { h[0], h[7] = byte(r.Uint32()), byte(r.Uint32()); return h },
	} {
		for _, n := range []int{1, 7, 8, 9, 100, 5000} {
			t.Run(name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, uint64(n)))
				in := map[[16]byte]bool{}
				var text strings.Builder
				for range n {
					h := make(r)
					in[h] = true
					text.WriteString(hex.EncodeToString(h[:]) + "\n")
				}
				l := &policy.List{}
				if err := l.Read(strings.NewReader(text.String()), int64(text.Len())); err != nil {
					t.Fatal(err)
				}
				if l.Len() != len(in) {
					t.Errorf("holds %d of %d", l.Len(), len(in))
				}
				for h := range in {
					if !l.Has(h) {
						t.Fatalf("%x is lost", h)
					}
				}
				for range 5000 {
					if h := make(r); l.Has(h) != in[h] {
						t.Fatalf("has %x is %v", h, !in[h])
					}
				}
			})
		}
	}
}

func TestWrongListsAreRefused(t *testing.T) {
	const good = "0123456789abcdef0123456789abcdef\n"
	for name, c := range map[string]struct{ text, want string }{
		"a card's number":     {good + "4111111111111111\n", `blocked.txt:2: want a keyed hash, 32 lower-case hexadecimal digits as besra state hash prints, not 16 bytes that begin with "4111"`},
		"upper case":          {"\n" + strings.ToUpper(good), "blocked.txt:2: want a keyed hash"},
		"31 digits":           {good[1:], "blocked.txt:1: want"},
		"33 digits":           {"0" + good, "blocked.txt:1: want"},
		"two hashes a line":   {good[:32] + " " + good, "blocked.txt:1: want"},
		"a hash with a g":     {strings.Replace(good, "f", "g", 1), "blocked.txt:1: want"},
		"half of the last":    {good + good[:16], "blocked.txt:2: want"},
		"a mark in the midst": {good + "\ufeff" + good, "blocked.txt:2: want"},
		"a line without end":  {good + "#" + strings.Repeat(" ", 5000), "blocked.txt:2: a line of more than 4095 bytes"},
		"too many lines":      {strings.Repeat("\n", 10_000_001), "blocked.txt: more than 10000000 lines"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			l := &policy.List{File: "blocked.txt"}
			err := l.Read(strings.NewReader(c.text), -1)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "11111") {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if l.Len() != 0 {
				t.Errorf("kept %d hashes", l.Len())
			}
		})
	}
}

func TestAReadErrorIsNoEndOfTheList(t *testing.T) {
	l := &policy.List{File: "blocked.txt"}
	broken := errors.New("broken disk")
	err := l.Read(io.MultiReader(strings.NewReader("0123456789abcdef0123456789abcdef\n"), &failing{broken}), 1<<40)
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "blocked.txt: ") {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestLoadReadsTheListsInTheirOrder(t *testing.T) {
	p, err := policy.Parse("policy.yaml", []byte("besra: 1\nversion: v\nlists:\n"+
		"- {entity: card, file: b.txt, decision: decline}\n- {entity: card, file: a.txt, decision: approve}\n"))
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{
		"a.txt": {Data: []byte(strings.Repeat("a", 32))},
		"b.txt": {Data: []byte(strings.Repeat("b", 32) + "\n" + strings.Repeat("c", 32))},
	}
	open := func(name string) (io.ReadCloser, error) { return files.Open(name) }
	if err := p.Load(open); err != nil {
		t.Fatal(err)
	}
	if got := p.String(); got != "policy v, decline any of 2 of card in b.txt, approve any of 1 of card in a.txt" {
		t.Error(got)
	}
	a := fromHex(t, strings.Repeat("a", 32))
	if p.Lists[0].Has(a) || !p.Lists[1].Has(a) {
		t.Error("the lists are mixed up")
	}
	delete(files, "a.txt")
	if err := p.Load(open); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent list: %v", err)
	}
	files["a.txt"] = &fstest.MapFile{Data: []byte("x")}
	if err := p.Load(open); err == nil || !strings.HasPrefix(err.Error(), "a.txt:1: ") {
		t.Errorf("a wrong list: %v", err)
	}
}

func TestListsLieBesideTheirPolicy(t *testing.T) {
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "c.txt")
	path := filepath.Join(dir, "policy.yaml")
	write(t, path, "models: {fraud: {version: 1, lists: [{entity: card, file: lists/a.txt, decision: decline}, {entity: card, file: "+elsewhere+", decision: review}]}}\n")
	write(t, filepath.Join(dir, "lists", "a.txt"), strings.Repeat("a", 32))
	write(t, elsewhere, strings.Repeat("c", 32))
	set, err := policy.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, digit := range []string{"a", "c"} {
		if !set["fraud"].Lists[i].Has(fromHex(t, strings.Repeat(digit, 32))) {
			t.Errorf("%v was not read", set["fraud"].Lists[i])
		}
	}
	write(t, elsewhere, "c")
	if _, err := policy.ReadFile(path); err == nil || !strings.HasPrefix(err.Error(), path+": "+elsewhere+":1: want") {
		t.Errorf("a wrong list: %v", err)
	}
	if err := os.Remove(elsewhere); err != nil {
		t.Fatal(err)
	}
	if _, err := policy.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent list: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("# a\n0123456789abcdef0123456789abcdef\r\nffffffffffffffffffffffffffffffff # b"), int64(70))
	f.Add([]byte("\xef\xbb\xbf\n\n0123"), int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		l := &policy.List{File: "x"}
		if err := l.Read(strings.NewReader(string(data)), min(size, 1<<20)); err != nil {
			if !strings.HasPrefix(err.Error(), "x:") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q", err)
			}
			return
		}
		n := 0
		var seen [][16]byte
		for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.Trim(line, " \t\r\n"); line == "" {
				continue
			}
			h := fromHex(t, line)
			if !l.Has(h) {
				t.Fatalf("%s is lost", line)
			}
			if !slices.Contains(seen, h) {
				seen = append(seen, h)
				n++
			}
		}
		if l.Len() != n {
			t.Fatalf("holds %d hashes, want %d", l.Len(), n)
		}
	})
}

func BenchmarkHas(b *testing.B) {
	for name, n := range map[string]int{"1k": 1000, "1M": 1_000_000, "10M": 10_000_000} {
		r := rand.New(rand.NewPCG(1, 2))
		rd := &endless{r: r, left: n}
		l := &policy.List{}
		if err := l.Read(rd, int64(n)*33); err != nil {
			b.Fatal(err)
		}
		asked := make([][16]byte, 1<<16)
		for i := range asked {
			asked[i] = uniform(r)
			if i%2 == 0 && len(rd.some) > 0 {
				asked[i] = rd.some[i%len(rd.some)]
			}
		}
		b.Run(name, func(b *testing.B) {
			i, hits := 0, 0
			for b.Loop() {
				if l.Has(asked[i&(1<<16-1)]) {
					hits++
				}
				i++
			}
			b.ReportMetric(float64(hits)/float64(i), "hits/op")
		})
	}
}

// endless is the file of a list of random hashes, some of which it remembers.
type endless struct {
	r    *rand.Rand
	left int
	some [][16]byte
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for ; e.left > 0 && len(p)-n >= 33; e.left-- {
		h := uniform(e.r)
		if e.left%16 == 0 && len(e.some) < 1<<16 || e.left < 1000 {
			e.some = append(e.some, h)
		}
		hex.Encode(p[n:], h[:])
		p[n+32] = '\n'
		n += 33
	}
	return n, nil
}

func uniform(r *rand.Rand) (h [16]byte) {
	for i := range h {
		h[i] = byte(r.Uint32())
	}
	return h
}

func fromHex(t *testing.T, digits string) (h [16]byte) {
	t.Helper()
	if n, err := hex.Decode(h[:], []byte(digits)); err != nil || n != 16 {
		t.Fatalf("%q is no hash", digits)
	}
	return h
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
