package rows_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/rows"
)

// sums returns a stream that writes the sum of each row of two columns.
func sums(workers, numbers int) *rows.Stream {
	return &rows.Stream{
		Options: rows.Options{File: "rows.csv"}, Columns: []besra.Column{{Name: "a"}, {Name: "b"}},
		Header: []byte("sum\n"), Workers: workers, Numbers: numbers,
		Scorer: func() rows.Scorer {
			return func(dst []byte, block []float64) ([]byte, error) {
				for ; len(block) > 0; block = block[2:] {
					if block[0] == -666 {
						return dst, errors.New("the scorer fails")
					}
					dst = append(rows.AppendNumber(dst, block[0]+block[1], 64), '\n')
				}
				return dst, nil
			}
		},
	}
}

// numbered returns a file of n rows: i, 2i.
func numbered(n int) string {
	var b strings.Builder
	b.WriteString("b,a\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,%d\n", 2*i, i)
	}
	return b.String()
}

func TestStreamKeepsTheOrderOfTheRows(t *testing.T) {
	defer goleak.VerifyNone(t)
	const n = 100_000
	want := new(bytes.Buffer)
	want.WriteString("sum\n")
	for i := range n {
		want.Write(append(rows.AppendNumber(nil, float64(3*i), 64), '\n'))
	}
	for _, workers := range []int{0, 1, 7} {
		for _, numbers := range []int{1, 100_000} {
			var got bytes.Buffer
			s := sums(workers, numbers)
			if err := s.Run(t.Context(), &got, strings.NewReader(numbered(n))); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want.Bytes()) || s.Rows.Load() != n {
				t.Errorf("%d workers, %d numbers: other results, %d rows", workers, numbers, s.Rows.Load())
			}
		}
	}
}

func TestStreamAnswersAHeaderWithAHeader(t *testing.T) {
	defer goleak.VerifyNone(t)
	var got bytes.Buffer
	if err := sums(2, 1).Run(t.Context(), &got, strings.NewReader("a,b\n")); err != nil || got.String() != "sum\n" {
		t.Errorf("%q, %v", got.String(), err)
	}
}

func TestStreamEndsAtAnError(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, c := range map[string]struct{ text, want, out string }{
		"of the header": {"a,c\n", `rows.csv: unknown column "c"`, ""},
		"of a row":      {"a,b\n1,2\n3,x\n5,6\n", `rows.csv:3: b: "x" is no number`, "sum\n3\n"},
		"of the scorer": {"a,b\n1,2\n-666,1\n", "the scorer fails", "sum\n3\n"},
		"of a late row": {numbered(50_000) + "1\n" + numbered(10), "rows.csv:50002: has 1 cells, the header 2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			err := sums(3, 1).Run(t.Context(), &got, strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if c.out != "" && got.String() != c.out {
				t.Errorf("wrote %q, want %q", got.String(), c.out)
			}
		})
	}
}

// failAfter is a writer that fails when n bytes were written.
type failAfter int

var errClosed = errors.New("closed pipe")

func (f *failAfter) Write(p []byte) (int, error) {
	if *f -= failAfter(len(p)); *f < 0 {
		return 0, errClosed
	}
	return len(p), nil
}

func TestStreamEndsWhenNobodyReads(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, n := range []failAfter{0, 10, 100_000} {
		if err := sums(2, 1).Run(t.Context(), &n, strings.NewReader(numbered(200_000))); !errors.Is(err, errClosed) {
			t.Error(err)
		}
	}
}

func TestStreamEndsWhenItIsCancelled(t *testing.T) {
	for name, begin := range map[string]string{"before the header": "", "within the rows": "a,b\n1,2\n"} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			ctx, cancel := context.WithCancel(t.Context())
			r, w := io.Pipe()
			defer w.Close() // the read that was left behind ends
			go func() {
				_, _ = io.WriteString(w, begin)
				cancel()
			}()
			done := make(chan error)
			go func() { done <- sums(2, 1).Run(ctx, io.Discard, r) }()
			select {
			case err := <-done:
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("goes on")
			}
		})
	}
}

func TestStreamPassesSlowRowsOn(t *testing.T) {
	defer goleak.VerifyNone(t)
	in, feed := io.Pipe()
	out, results := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- sums(2, 1).Run(t.Context(), results, in) }()
	buf := make([]byte, 100)
	for _, step := range []struct{ in, want string }{{"a,b\n", "sum\n"}, {"1,2\n", "3\n"}, {"3,4\n5,", "7\n"}, {"6\n", "11\n"}} {
		if _, err := io.WriteString(feed, step.in); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, buf[:len(step.want)]); err != nil || string(buf[:len(step.want)]) != step.want {
			t.Fatalf("after %q: %q, %v", step.in, buf[:len(step.want)], err)
		}
	}
	feed.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// forever repeats a line, n times.
type forever struct {
	line string
	n    int
}

func (f *forever) Read(p []byte) (int, error) {
	filled := 0
	for f.n > 0 && len(p)-filled >= len(f.line) {
		filled += copy(p[filled:], f.line)
		f.n--
	}
	if filled == 0 {
		return 0, io.EOF
	}
	return filled, nil
}

func TestStreamTakesConstantMemory(t *testing.T) {
	r := io.MultiReader(strings.NewReader("a,b\n"), &forever{"1.25,2.5\n", 3_000_000}) // 27 MB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := sums(2, 1).Run(t.Context(), io.Discard, r); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 12<<20 {
		t.Errorf("allocated %d bytes in all", used)
	}
}
