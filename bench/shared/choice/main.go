//go:build linux

// Command choice holds two ways to share histories against each other, at a real server.
//
// log: what besra does. One trip: a script appends to two histories, a card's and a terminal's, what an event changes,
// and returns what they held. Whoever reads them carries the changes out; now and then a second trip, which nobody
// waits for, puts a state in the place of the log's beginning.
//
// replace: compare and set. One trip gets both states, another has a script put both new ones in their place, if they
// are still the versions that were read; else it returns what is there, and the second trip is made again.
//
// The callers of the closed and the open loop are in two processes, as two besras would be.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/besra-ml/besra/bench/internal/report"
)

type options struct {
	store  string // program
	rounds int
	sizes  []int // of states, bytes
	time   time.Duration
	rate   float64
	hot    int // terminals, when there are few
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		if err := work(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "choice: worker:", err)
			os.Exit(1)
		}
		return
	}
	o := options{}
	flag.StringVar(&o.store, "store", "redis-server", "`program` of the store: a redis-server or valkey-server")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds, each of all contestants in turn")
	flag.DurationVar(&o.time, "time", 2*time.Second, "`time` of each measurement")
	flag.Float64Var(&o.rate, "rate", 1000, "events a second of the open loop")
	flag.IntVar(&o.hot, "hot", 4, "terminals, when they are few")
	sizes := flag.String("sizes", "100,1000,10000", "sizes of states, bytes")
	asJSON := flag.Bool("json", false, "write JSON instead of a table")
	flag.Parse()
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < leastState {
			fmt.Fprintf(os.Stderr, "choice: %q is no size of a state\n", size)
			os.Exit(1)
		}
		o.sizes = append(o.sizes, n)
	}
	r, err := run(o)
	report.Exit("choice", r, err, *asJSON, false)
}
