// Command empty serves the least that an HTTP service in Go can do: its handler reads the body and answers
// with fixed bytes. Everything around the handler is as in besra serve.
//
//	empty ADDRESS BYTES-OF-ANSWER
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/besra-ml/besra/internal/app"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "empty:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want an address and the length of the answer, got %d arguments", len(args))
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 2 || n > 1<<20 {
		return fmt.Errorf("%q is no length of an answer", args[1])
	}
	t := app.Defaults().Timeouts
	s := &http.Server{
		Addr:              args[0],
		Handler:           handler([]byte(`"` + strings.Repeat("x", n-2) + `"`)),
		ReadHeaderTimeout: t.Header,
		ReadTimeout:       t.Body,
		WriteTimeout:      t.Answer,
		IdleTimeout:       t.Idle,
		MaxHeaderBytes:    16 << 10,
	}
	return s.ListenAndServe()
}

func handler(answer []byte) http.Handler {
	const most = 1 << 20
	kind, length := []string{"application/json"}, []string{strconv.Itoa(len(answer))}
	buffers := sync.Pool{New: func() any { return new([]byte) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 || r.ContentLength > most {
			http.Error(w, "no body of this length", http.StatusBadRequest)
			return
		}
		b := buffers.Get().(*[]byte)
		defer buffers.Put(b)
		if int64(cap(*b)) < r.ContentLength {
			*b = make([]byte, r.ContentLength)
		}
		if _, err := io.ReadFull(r.Body, (*b)[:r.ContentLength]); err != nil {
			http.Error(w, "the body did not arrive whole", http.StatusBadRequest)
			return
		}
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = kind, length
		_, _ = w.Write(answer) // whoever asked may have gone
	})
}
