package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/packed"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/strictyaml"
	"github.com/besra-ml/besra/internal/tools/policyfit"
)

func policyVerb() *verb {
	return &verb{
		name: "policy", args: "fit LABELLED.csv|-", short: "proposes the cutoffs that cost least",
		long: `
fit reads payments whose outcome is known: CSV with a score, a label (fraud or genuine, 1 or 0) and what is
at stake. It finds the cutoffs for review and decline that would have cost least, and shows what they do:

  an approved fraud costs its loss, a review costs --cost-review,
  a fraud that the review misses costs its loss as well (--review-catches),
  a genuine payment that is declined costs --cost-decline.

Payments without a label yet, or without a score, are left out. Up to 20 million are taken; each needs about
60 bytes of memory.

  besra policy fit labelled.csv --cost-review 2
  besra policy fit labelled.csv --cost-review 2 --loss amount --cost-decline 5% --picture costs.svg -o policy.yaml
  besra policy fit labelled.csv --cost-review 1.5 --loss 100 --score value --label is_fraud --model fraud`,
		run: runPolicy,
	}
}

// A fitJob is what a command line asks of policy fit.
type fitJob struct {
	file                  string
	columns               policyfit.Columns
	costs                 policyfit.Costs
	version, model        string
	output, picture       string
	review, catches, good string // as they were said
}

func (j *fitJob) add(fs *flag.FlagSet) {
	fs.StringVar(&j.columns.Score, "score", "score", "`column` of the scores")
	fs.StringVar(&j.columns.Label, "label", "label", "`column` of the labels")
	fs.StringVar(&j.columns.Loss, "loss", "amount", "`column` of what is lost to an approved fraud, or a number for all")
	fs.StringVar(&j.review, "cost-review", "", "what the review of a payment costs: an `amount`")
	fs.StringVar(&j.catches, "review-catches", "1", "`share` of the reviewed frauds that the review finds")
	fs.StringVar(&j.good, "cost-decline", "10%", "what declining a genuine payment costs: an `amount`, or a share of the payment's such as 5%")
	fs.StringVar(&j.version, "version", "", "the policy's `version` (default: today's date)")
	fs.StringVar(&j.model, "model", "", "write a policy to give apart, for the model of this `name` (default: one for a bundle)")
	fs.StringVar(&j.output, "o", "", "write the policy to this `file` (default: stdout, below the table)")
	fs.StringVar(&j.picture, "picture", "", "write a drawing of the costs, SVG, to this `file`")
}

func runPolicy(ctx context.Context, e *environ, v *verb, args []string) error {
	var j fitJob
	fs := v.flags()
	j.add(fs)
	rest, err := v.parse(e, fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) == 0:
		return usagef("say what to do: fit")
	case rest[0] != "fit":
		return usagef("no such thing to do: %q%s", rest[0], didYouMean(rest[0], []string{"fit"}))
	case len(rest) == 1:
		return usagef("name a file of labelled payments")
	case len(rest) > 2:
		return usagef("unexpected argument %q", rest[2])
	}
	j.file = rest[1]
	if err := j.parse(); err != nil {
		return err
	}
	return j.run(ctx, e)
}

// parse reads the flags that are numbers.
func (j *fitJob) parse() error {
	var ok bool
	if j.review == "" {
		return usagef("say what the review of a payment costs: --cost-review 2")
	}
	if j.costs.Review, ok = parseUpTo(j.review, policyfit.MaxMoney); !ok {
		return usagef("--cost-review %q: want an amount from 0", j.review)
	}
	if j.costs.Catches, ok = parseUpTo(j.catches, 1); !ok {
		return usagef("--review-catches %q: want a share from 0 to 1", j.catches)
	}
	if share, percent := strings.CutSuffix(j.good, "%"); percent {
		j.costs.DeclineShare, ok = parseUpTo(strings.TrimSpace(share), policyfit.MaxMoney)
		j.costs.DeclineShare /= 100
	} else {
		j.costs.Decline, ok = parseUpTo(j.good, policyfit.MaxMoney)
	}
	if !ok {
		return usagef("--cost-decline %q: want an amount from 0, or a share such as 5%%", j.good)
	}
	if j.version == "" {
		j.version = time.Now().Format(time.DateOnly)
	}
	if _, err := j.yaml(policyfit.Tally{}, 0, 1); err != nil {
		return usagef("--version or --model: %v", err)
	}
	return nil
}

// parseUpTo reads a number from 0 to most.
func parseUpTo(text string, most float64) (float64, bool) {
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil && x >= 0 && x <= most
}

func (j *fitJob) run(ctx context.Context, e *environ) error {
	in, name, _, err := openRows(e, j.file)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := policyfit.Read(ctx, name, packed.NewReader(in), j.columns)
	if err != nil {
		return err
	}
	if len(f.Payments) == 0 {
		return fmt.Errorf("%s: no payment has a score and a label", name)
	}
	payments := policyfit.New(f.Payments)
	proposal := payments.Fit(j.costs)
	review, decline := proposal.Review, proposal.Decline
	if math.IsNaN(review) && math.IsNaN(decline) {
		decline = payments.Above() // a policy without cutoffs is none
	}
	text, err := j.yaml(payments.All, review, decline)
	if err != nil {
		return err
	}
	if j.picture != "" {
		err := writeFile(j.picture, func(w io.Writer) error { return policyfit.Picture(w, payments, j.costs, proposal) })
		if err != nil {
			return err
		}
	}
	table := fitTable{costs: j.costs, all: payments.All, Proposal: proposal}.String()
	if j.output == "" || j.output == "-" {
		table += "\n" + text
	} else if err := writeFile(j.output, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
		return err
	}
	j.warn(e, name, f, payments.All)
	_, err = io.WriteString(e.stdout, table)
	return err
}

// fewFrauds is below which cutoffs say more about chance than about fraud.
const fewFrauds = 100

// warn says on stderr what is odd about the payments.
func (j *fitJob) warn(e *environ, name string, f *policyfit.File, all policyfit.Tally) {
	if f.Unlabeled > 0 {
		fmt.Fprintf(e.stderr, "%s: left out, as they have no label: %s\n", name, count(f.Unlabeled))
	}
	if f.Unscored > 0 {
		fmt.Fprintf(e.stderr, "%s: left out, as they have no score: %s\n", name, count(f.Unscored))
	}
	if all.Frauds < fewFrauds {
		fmt.Fprintf(e.stderr, "%s: few frauds, %d: one more or less would move the cutoffs; want %d at least\n", name, all.Frauds, fewFrauds)
	}
}

// yaml returns the policy's file, and makes sure that it reads back as these cutoffs.
func (j *fitJob) yaml(all policyfit.Tally, review, decline float64) (string, error) {
	var cutoffs []string
	if !math.IsNaN(review) {
		cutoffs = append(cutoffs, "review: "+strconv.FormatFloat(review, 'g', -1, 64))
	}
	if !math.IsNaN(decline) {
		cutoffs = append(cutoffs, "decline: "+strconv.FormatFloat(decline, 'g', -1, 64))
	}
	indent, file := "", "besra: 1\n"
	if j.model != "" {
		indent, file = "    ", "besra: 1\nmodels:\n  "+j.model+":\n"
	}
	head := fmt.Sprintf("# Fitted to %s payments, %s of them fraud. A review costs %s and finds %s %% of the frauds;\n"+
		"# declining a genuine payment costs %s.\n", count(all.Payments), count(all.Frauds),
		policyfit.Short(j.costs.Review), policyfit.Short(100*j.costs.Catches), j.goodText())
	file = head + file +
		indent + "version: " + strictyaml.Quote(j.version) + "\n" +
		indent + "cutoffs: {" + strings.Join(cutoffs, ", ") + "}\n" +
		indent + "fallback: review # when there is no score\n"
	p, err := j.read(file)
	if err != nil {
		return "", err
	}
	if same(p.Review, review) && same(p.Decline, decline) && p.Version == j.version {
		return file, nil
	}
	return "", fmt.Errorf("%v reads back as %v", cutoffs, p)
}

func (j *fitJob) read(file string) (*policy.Policy, error) {
	if j.model == "" {
		return policy.Parse("policy.yaml", []byte(file))
	}
	set, err := policy.ParseSet("policy.yaml", []byte(file))
	if err != nil {
		return nil, err
	}
	if p := set[j.model]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%q is no model's name", j.model)
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func (j *fitJob) goodText() string {
	if j.costs.DeclineShare > 0 {
		return policyfit.Short(100*j.costs.DeclineShare) + " % of its amount"
	}
	return policyfit.Short(j.costs.Decline)
}

func count(n int) string { return policyfit.Money(float64(n), 0) }
