package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/besra-ml/besra/internal/nearest"
)

// errHelp is returned by a verb that was asked for its help and has shown it.
var errHelp = errors.New("help was shown")

func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
}

// help shows the verbs, or one verb's help: besra help serve.
func help(e *environ, args []string) int {
	if len(args) > 1 {
		if v, _ := find(verbs(), args[1:]); v != nil {
			return report(e, v, v.run(context.Background(), e, v, []string{"--help"}))
		}
		fmt.Fprintf(e.stderr, "besra: no such verb %q%s\n", args[1], didYouMean(args[1], verbNames()))
		return exitUsage
	}
	fmt.Fprint(e.stdout, "besra puts a fraud model into production.\n\nUsage: besra VERB [flags] ARGS\n\n")
	for _, v := range verbs() {
		fmt.Fprintf(e.stdout, "  %-9s %s\n", v.name, v.short)
	}
	fmt.Fprint(e.stdout, "\nbesra VERB --help shows a verb's flags and examples. Try: besra demo\n")
	return exitDone
}

// flags returns an empty flag set for v.
func (v *verb) flags() *flag.FlagSet {
	fs := flag.NewFlagSet(v.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// parse reads a verb's command line: flags stand before or after the arguments, which it returns. After
// "--" everything is an argument.
func (v *verb) parse(e *environ, fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		err := fs.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			v.usage(e.stdout, fs)
			return nil, errHelp
		case err != nil:
			return nil, &usageError{flagError(fs, err)}
		}
		parsed := args[:len(args)-fs.NArg()]
		args = fs.Args()
		if len(parsed) > 0 && parsed[len(parsed)-1] == "--" {
			return append(rest, args...), nil
		}
		if len(args) == 0 {
			return rest, nil
		}
		rest = append(rest, args[0])
		args = args[1:]
	}
}

// flagError spells a flag package error with two dashes and, for an unknown flag, the nearest known one.
func flagError(fs *flag.FlagSet, err error) error {
	msg := err.Error()
	if name, ok := strings.CutPrefix(msg, "flag provided but not defined: -"); ok {
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		return fmt.Errorf("no such flag --%s%s", strings.TrimPrefix(name, "-"), didYouMean(name, names))
	}
	msg = strings.Replace(msg, " for flag -", " for flag --", 1)
	msg = strings.Replace(msg, "flag needs an argument: -", "flag needs an argument: --", 1)
	return errors.New(msg)
}

// usage writes a verb's help.
func (v *verb) usage(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprintf(w, "besra %s: %s\n\nUsage: %s\n", v.name, v.short, strings.TrimSpace("besra "+v.name+" [flags] "+v.args))
	if v.long != "" {
		fmt.Fprintf(w, "\n%s\n", strings.Trim(v.long, "\n"))
	}
	first := true
	fs.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprint(w, "\nFlags:\n")
			first = false
		}
		kind, text := flag.UnquoteUsage(f)
		line := "  --" + f.Name
		if len(f.Name) == 1 {
			line = "  -" + f.Name
		}
		if kind != "" {
			line += " " + strings.ToUpper(kind)
		}
		switch f.DefValue {
		case "", "false", "0", "-1": // what stands for not given
		default:
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "%-34s %s\n", line, text)
	})
}

// didYouMean returns ", did you mean …?" or nothing.
func didYouMean(name string, known []string) string {
	if n := nearest.Name(name, known); n != "" {
		return fmt.Sprintf(", did you mean %q?", n)
	}
	return ""
}
