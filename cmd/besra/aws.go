package main

import (
	"context"
	"fmt"
	"strings"
)

func awsVerb() *verb {
	v := &verb{
		name: "aws", args: "package|template|plan|local", short: "puts a model on AWS: API Gateway, Lambda, ElastiCache, CloudWatch",
		run: runAWS,
	}
	var b strings.Builder
	for _, sub := range awsVerbs() {
		fmt.Fprintf(&b, "  %-13s %s\n", sub.name, sub.short)
	}
	b.WriteString("\nbesra aws package --help shows the flags and examples of package.")
	v.long = b.String()
	return v
}

// awsVerbs lists what besra aws does, in the order of use. The name of each has both words.
func awsVerbs() []*verb {
	return []*verb{
		awsPlanVerb(),
	}
}

func runAWS(ctx context.Context, e *environ, v *verb, args []string) error {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "help" {
		var names []string
		for _, sub := range awsVerbs() {
			_, name, _ := strings.Cut(sub.name, " ")
			if name == args[0] {
				return sub.run(ctx, e, sub, args[1:])
			}
			names = append(names, name)
		}
		return usagef("no such thing to do: %q%s", args[0], didYouMean(args[0], names))
	}
	if _, err := v.parse(e, v.flags(), args); err != nil {
		return err
	}
	return usagef("say what to do: package, template, plan or local")
}
