package main

import (
	"context"
	"fmt"
	"strings"
)

func awsVerb() *verb {
	v := &verb{
		name: "aws", args: "package|template|plan|local", short: "puts a model on AWS: API Gateway, Lambda, ElastiCache, CloudWatch",
		subs: awsVerbs(), run: runAWS,
	}
	var b strings.Builder
	for _, sub := range v.subs {
		fmt.Fprintf(&b, "  %-13s %s\n", sub.name, sub.short)
	}
	b.WriteString("\nbesra aws package --help shows the flags and examples of package.")
	v.long = b.String()
	return v
}

// awsVerbs lists what besra aws does, in the order of use. The name of each has both words.
func awsVerbs() []*verb {
	return []*verb{
		awsPackageVerb(),
		awsTemplateVerb(),
		awsPlanVerb(),
		awsLocalVerb(),
	}
}

// runAWS is for those who have not said what to do, or nothing that there is.
func runAWS(_ context.Context, e *environ, v *verb, args []string) error {
	rest, err := v.parse(e, v.flags(), args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usagef("say what to do: package, template, plan or local")
	}
	var words []string
	for _, sub := range v.subs {
		words = append(words, sub.word())
	}
	return usagef("no such thing to do: %q%s", rest[0], didYouMean(rest[0], words))
}
