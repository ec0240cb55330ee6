package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
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
	bits(output string, n int) ([]uint32, error)                         // of every row's prediction
	time(output string, n, calls int) (elapsed time.Duration, err error) // of so many calls
	close() error
}

// ours is besra as a library.
type ours struct {
	model    *besra.Model
	rows     []float32
	features int
	at       int // the next row
	dst      []float64
}

func openOurs(m model, dir string) (contestant, error) {
	opened, err := besra.Open(m.path(dir, "ubj"))
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(m.path(dir, "rows"))
	if err != nil {
		return nil, err
	}
	o := &ours{model: opened, features: m.Features, rows: floats(raw)}
	o.dst = make([]float64, len(o.rows)/o.features)
	return o, nil
}

func floats(raw []byte) []float32 {
	f := make([]float32, len(raw)/4)
	for i := range f {
		f[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return f
}

func bitsOf(f []float32) []uint32 {
	b := make([]uint32, len(f))
	for i, v := range f {
		b[i] = math.Float32bits(v)
	}
	return b
}

func (o *ours) predict(output string) func(dst []float64, rows []float32) error {
	if output == margin {
		return o.model.Margin
	}
	return o.model.Predict
}

func (o *ours) bits(output string, n int) ([]uint32, error) {
	predict := o.predict(output)
	step := n * o.features
	for i := 0; i+step <= len(o.rows); i += step {
		if err := predict(o.dst[i/o.features:], o.rows[i:i+step]); err != nil {
			return nil, err
		}
	}
	bits := make([]uint32, len(o.dst))
	for i, v := range o.dst {
		bits[i] = math.Float32bits(float32(v))
	}
	return bits, nil
}

func (o *ours) time(output string, n, calls int) (time.Duration, error) {
	predict := o.predict(output)
	step := n * o.features
	begin := time.Now()
	for range calls {
		if o.at+step > len(o.rows) {
			o.at = 0
		}
		if err := predict(o.dst, o.rows[o.at:o.at+step]); err != nil {
			return 0, err
		}
		o.at += step
	}
	return time.Since(begin), nil
}

func (o *ours) close() error { return nil }

// theirs is a program that obeys the commands that capi.c explains.
type theirs struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func openTheirs(m model, dir string, command ...string) (contestant, error) {
	command = append(command, m.path(dir, "ubj"), strconv.Itoa(m.Features), m.path(dir, "rows"))
	t := &theirs{cmd: exec.Command(command[0], command[1:]...)}
	t.cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
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

func (t *theirs) bits(output string, n int) ([]uint32, error) {
	line, err := t.ask("bits", output, n)
	if err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(line)
	if err != nil || len(raw)%4 != 0 {
		return nil, fmt.Errorf("%s: bits are not in hexadecimal", t.cmd.Args[0])
	}
	bits := make([]uint32, len(raw)/4)
	for i := range bits {
		bits[i] = binary.BigEndian.Uint32(raw[4*i:])
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
