// Command besra puts a fraud model into production: it serves, scores, inspects and proves models.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// A verb is one word of the command line.
type verb struct {
	name  string
	args  string  // what follows the flags, as help shows it
	short string  // one line
	long  string  // what help says below it: what it does and examples
	subs  []*verb // verbs below it; the name of each has all its words
	run   func(ctx context.Context, e *environ, v *verb, args []string) error
}

// find returns the verb that a command line begins with, and what follows it; nil: there is none.
func find(all []*verb, args []string) (v *verb, rest []string) {
	for _, v := range all {
		if v.word() != args[0] {
			continue
		}
		if rest = args[1:]; len(rest) > 0 {
			if sub, below := find(v.subs, rest); sub != nil {
				return sub, below
			}
		}
		return v, rest
	}
	return nil, nil
}

// word is the last of a verb's name.
func (v *verb) word() string { return v.name[strings.LastIndexByte(v.name, ' ')+1:] }

// environ is what a verb may touch of the process it runs in.
type environ struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
}

// verbs lists the verbs in the order in which help shows them.
func verbs() []*verb {
	return []*verb{
		demoVerb(),
		serveVerb(),
		predictVerb(),
		featuresVerb(),
		inspectVerb(),
		verifyVerb(),
		bundleVerb(),
		policyVerb(),
		keysVerb(),
		simulateVerb(),
		loadVerb(),
		stateVerb(),
		modelsVerb(),
		awsVerb(),
		configVerb(),
		versionVerb(),
	}
}

// The exit codes.
const (
	exitDone      = 0
	exitFailed    = 1 // refused or failed; one line on stderr says what, where and why
	exitUsage     = 2 // wrong usage
	exitDifferent = 3 // compared and found different
)

// errDifferent is returned, wrapped, by verbs that compare.
var errDifferent = errors.New("different")

// A usageError is a command line that makes no sense.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	e := &environ{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	code := run(ctx, e, os.Args[1:])
	stop()
	os.Exit(code)
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, e *environ, args []string) int {
	if len(args) == 0 || isHelp(args[0]) {
		return help(e, args)
	}
	if v, rest := find(verbs(), args); v != nil {
		return report(e, v, v.run(ctx, e, v, rest))
	}
	fmt.Fprintf(e.stderr, "besra: no such verb %q%s; besra help lists them\n", args[0], didYouMean(args[0], verbNames()))
	return exitUsage
}

// report tells how a verb ended.
func report(e *environ, v *verb, err error) int {
	var usage *usageError
	switch {
	case err == nil, errors.Is(err, errHelp):
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintf(e.stderr, "besra %s: %v (besra %s --help shows how)\n", v.name, err, v.name)
		return exitUsage
	case errors.Is(err, errDifferent):
		fmt.Fprintf(e.stderr, "besra %s: %v\n", v.name, err)
		return exitDifferent
	case errors.Is(err, syscall.EPIPE):
		return exitFailed // whoever read our output has gone; nobody is left to be told
	}
	fmt.Fprintf(e.stderr, "besra %s: %v\n", v.name, err)
	return exitFailed
}

func verbNames() []string {
	var names []string
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	return names
}
