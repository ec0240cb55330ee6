package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/besra-ml/besra"
)

// The outputs that are asked for: the margin, and the value after the link.
const (
	margin = "margin"
	value  = "value"
)

// A contestant has a model and its rows, and predicts them n at a call, going through the rows in turn.
type contestant interface {
	bits(output string, n int) ([]uint64, error)                         // of every row's prediction
	time(output string, n, calls int) (elapsed time.Duration, err error) // of so many calls
	close() error
}

// ours is besra as a library.
type ours struct {
	model    *besra.Model
	narrow   []float32 // the rows; one of the two is there
	wide     []float64
	rows     int
	features int
	double   bool // results are float64
	at       int  // the next row
	dst      []float64
}

func openOurs(l *library, m model, cache string) (contestant, error) {
	opened, err := besra.Open(l.path(cache, m, l.model))
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(l.path(cache, m, l.rows()))
	if err != nil {
		return nil, err
	}
	o := &ours{model: opened, features: m.Features, double: l.double}
	if l.wide {
		o.wide = doubles(raw)
	} else {
		o.narrow = floats(raw)
	}
	o.rows = (len(o.wide) + len(o.narrow)) / m.Features
	o.dst = make([]float64, o.rows*max(opened.Values(), opened.Outputs()))
	return o, nil
}

func floats(raw []byte) []float32 {
	f := make([]float32, len(raw)/4)
	for i := range f {
		f[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return f
}

func doubles(raw []byte) []float64 {
	f := make([]float64, len(raw)/8)
	for i := range f {
		f[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return f
}

func bitsOf(f []float32) []uint64 {
	b := make([]uint64, len(f))
	for i, v := range f {
		b[i] = uint64(math.Float32bits(v))
	}
	return b
}

// predict predicts n rows from row at on.
func (o *ours) predict(output string, dst []float64, at, n int) error {
	from, to := at*o.features, (at+n)*o.features
	switch {
	case o.wide != nil && output == margin:
		return o.model.Margin64(dst, o.wide[from:to])
	case o.wide != nil:
		return o.model.Predict64(dst, o.wide[from:to])
	case output == margin:
		return o.model.Margin(dst, o.narrow[from:to])
	default:
		return o.model.Predict(dst, o.narrow[from:to])
	}
}

func (o *ours) bits(output string, n int) ([]uint64, error) {
	results := o.model.Values()
	if output == margin {
		results = o.model.Outputs()
	}
	for i := 0; i+n <= o.rows; i += n {
		if err := o.predict(output, o.dst[i*results:], i, n); err != nil {
			return nil, err
		}
	}
	bits := make([]uint64, o.rows*results)
	for i, v := range o.dst[:len(bits)] {
		bits[i] = math.Float64bits(v)
		if !o.double {
			bits[i] = uint64(math.Float32bits(float32(v)))
		}
	}
	return bits, nil
}

func (o *ours) time(output string, n, calls int) (time.Duration, error) {
	begin := time.Now()
	for range calls {
		if o.at+n > o.rows {
			o.at = 0
		}
		if err := o.predict(output, o.dst, o.at, n); err != nil {
			return 0, err
		}
		o.at += n
	}
	return time.Since(begin), nil
}

func (o *ours) close() error { return nil }

// theirs is a program that obeys the commands that capi.c and contest.h explain.
type theirs struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	digits int // of a result, in hexadecimal
	width  int // results of a row, of which the last is compared
}

func openTheirs(l *library, m model, cache string, r rival) (contestant, error) {
	command := append(r.command(cache, m), l.path(cache, m, l.model), strconv.Itoa(m.Features), l.path(cache, m, l.rows()))
	t := &theirs{cmd: exec.Command(command[0], command[1:]...), digits: 8, width: max(1, m.width)}
	if l.double {
		t.digits = 16
	}
	t.cmd.Env = l.environment(cache, m)
	t.cmd.Stderr = os.Stderr
	in, inErr := t.cmd.StdinPipe()
	out, outErr := t.cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, t.cmd.Start()); err != nil {
		return nil, err
	}
	t.in, t.out = in, bufio.NewReader(out)
	return t, nil
}

func (t *theirs) ask(command string, args ...any) (string, error) {
	if _, err := fmt.Fprintln(t.in, append([]any{command}, args...)...); err != nil {
		return "", fmt.Errorf("%s: %w", t.cmd.Args[0], err)
	}
	line, err := t.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s: no answer to %q: %w", t.cmd.Args[0], command, err)
	}
	return strings.TrimSpace(line), nil
}

func (t *theirs) bits(output string, n int) ([]uint64, error) {
	line, err := t.ask("bits", output, n)
	if err != nil {
		return nil, err
	}
	bits := make([]uint64, len(line)/t.digits/t.width)
	for i := range bits {
		end := (i + 1) * t.width * t.digits
		if bits[i], err = strconv.ParseUint(line[end-t.digits:end], 16, 64); err != nil {
			return nil, fmt.Errorf("%s: bits are not in hexadecimal", t.cmd.Args[0])
		}
	}
	return bits, nil
}

func (t *theirs) time(output string, n, calls int) (time.Duration, error) {
	line, err := t.ask("time", output, n, calls)
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt(line, 10, 64)
	return time.Duration(ns), err
}

func (t *theirs) close() error { return errors.Join(t.in.Close(), t.cmd.Wait()) }
