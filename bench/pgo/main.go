// Command pgo profiles besra under load, for the compiler: what it writes belongs in cmd/besra/default.pgo.
// The server runs in this process and the load generator in another, so that the profile is the server's.
//
//	pgo BESRA MODEL ROWS OUT
//
// ROWS has float32 rows of 30 columns, row-major.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/telemetry"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pgo:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("want BESRA MODEL ROWS OUT, got %d arguments", len(args))
	}
	besra, model, rows, out := args[0], args[1], args[2], args[3]
	temp, err := os.MkdirTemp("", "pgo")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	bodies := filepath.Join(temp, "bodies.jsonl")
	if err := writeBodies(bodies, rows); err != nil {
		return err
	}
	backends := app.Backends{Exporter: func(*telemetry.Metrics) http.Handler { return http.NotFoundHandler() }}
	a, err := app.New(app.Defaults(), backends, []string{model}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, l) }()
	profile, err := os.Create(out)
	if err != nil {
		stop()
		return err
	}
	if err := pprof.StartCPUProfile(profile); err != nil {
		stop()
		return err
	}
	load := exec.Command(besra, "load", "--rate", "20000", "--duration", "25s", "--connections", "64",
		"--bodies", bodies, "http://"+l.Addr().String()+"/v1/score")
	load.Stdout, load.Stderr = os.Stderr, os.Stderr
	err = load.Run()
	pprof.StopCPUProfile()
	stop()
	if serr := <-served; err == nil {
		err = serr
	}
	if cerr := profile.Close(); err == nil {
		err = cerr
	}
	return err
}

// writeBodies writes a request's body for each row, a line each.
func writeBodies(path, rows string) error {
	const columns = 30
	raw, err := os.ReadFile(rows)
	if err != nil {
		return err
	}
	var b []byte
	for len(raw) >= 4*columns {
		b = append(b, `{"features":{`...) // without ids: the same id again would get its first answer
		for i := range columns {
			if i > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, `"col_%02d":`, i)
			v := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
			if math.IsNaN(v) {
				b = append(b, "null"...)
			} else {
				b = strconv.AppendFloat(b, v, 'g', -1, 32)
			}
		}
		b = append(b, "}}\n"...)
		raw = raw[4*columns:]
	}
	return os.WriteFile(path, b, 0o600)
}
