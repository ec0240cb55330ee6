// Command pgo profiles besra under load, for the compiler: what it writes belongs in cmd/besra/default.pgo.
// The server runs in this process and the load generator in another, so that the profile is the server's.
//
//	pgo BESRA BUNDLE OUT
//
// BUNDLE is the demo's. Two requests of three are raw payments, each with an id of its own; the third is a row.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"time"

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
	if len(args) != 3 {
		return fmt.Errorf("want BESRA BUNDLE OUT, got %d arguments", len(args))
	}
	besra, model, out := args[0], args[1], args[2]
	temp, err := os.MkdirTemp("", "pgo")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	bodies := filepath.Join(temp, "bodies.jsonl")
	if err := writeBodies(bodies); err != nil {
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
	load := exec.Command(besra, "load", "--rate", strconv.Itoa(rate), "--duration", fmt.Sprintf("%ds", seconds), "--connections", "64",
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

const (
	rate    = 15_000
	seconds = 20
	warmUp  = 5 // of load, before it counts
)

// writeBodies writes the bodies of all requests, a line each.
func writeBodies(path string) error {
	random := rand.New(rand.NewPCG(1, 1))
	var b []byte
	for n := range rate * (seconds + warmUp) {
		if n%3 == 2 {
			b = fmt.Appendf(b, `{"row":[%d.%02d,%d,%d`, random.IntN(300), random.IntN(100), n%2, n%7/5)
			for range 12 {
				b = fmt.Appendf(b, ",%v", float32(random.IntN(1000))/10)
			}
			b = append(b, "]}\n"...)
			continue
		}
		at := time.UnixMilli(1_700_000_000_000 + int64(n)*9000).UTC().Format(time.RFC3339)
		b = fmt.Appendf(b, `{"event_id":"evt_%d","event":{"time":%q,"card":"c_%d","terminal":"t_%d","amount":%d.%02d}}`+"\n",
			n, at, random.IntN(5000), random.IntN(10000), random.IntN(300), random.IntN(100))
	}
	return os.WriteFile(path, b, 0o600)
}
