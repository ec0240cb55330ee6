package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

func keysVerb() *verb {
	return &verb{
		name: "keys", args: "create|list|rotate ID|NAME|revoke ID|NAME", short: "makes, changes, revokes and lists API keys",
		long: `
Keys stand in a file, --auth-keys, that a running server looks at every models.poll. It holds no secrets: a key is
shown when it is made, and never again. create makes the file where there is none.

  besra keys create --name shop-eu --scope score                           prints the key
  besra keys create --name shop-eu --scope score,explain --tenant eu --model fraud --rate 500 --burst 1000 --expires 90d
  besra keys create --name nightly --scope score --priority batch --concurrent 8 --quota 100000/day
  besra keys create --name mesh-eu --scope score --certificate spiffe://shop/eu     a TLS client certificate has no key
  besra keys list
  besra keys list --json | jq .keys[].state
  besra keys rotate shop-eu                        prints the new key; the old one is good for another 24h
  besra keys rotate k7f3q9x2 --overlap 7d
  besra keys revoke shop-eu

Scopes are score, explain, labels, models, metrics and admin.`,
		run: runKeys,
	}
}

// A keysJob is what a command line asks of keys.
type keysJob struct {
	entry             auth.Entry
	scopes, models    words
	burst, concurrent int
	quota, priority   string
	expires, overlap  string
	json              bool
	file              auth.File
	unnamed           bool // nobody has said which file
	settings          *settingFlags
}

// words is a flag that may be given several times, or with commas.
type words []string

func (w *words) String() string { return strings.Join(*w, ",") }
func (w *words) Set(s string) error {
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word == "" {
			return fmt.Errorf("want a word, or several with commas between them")
		}
		*w = append(*w, word)
	}
	return nil
}

func (j *keysJob) add(fs *flag.FlagSet) {
	fs.StringVar(&j.entry.Name, "name", "", "create: what you call the client: a `name`")
	fs.StringVar(&j.entry.Tenant, "tenant", "", "create: whose histories it has: a `word` (default: the only tenant there is)")
	fs.Var(&j.scopes, "scope", "create: what it may do: `words` such as score,labels")
	fs.Var(&j.models, "model", "create: the models that it may ask: `names` (default: all)")
	fs.Float64Var(&j.entry.Limits.Rate, "rate", 0, "create: most requests a second, a `number` (default: no limit)")
	fs.IntVar(&j.burst, "burst", 0, "create: most requests at once after a pause, a `number`; with --rate")
	fs.IntVar(&j.concurrent, "concurrent", 0, "create: most requests in flight, a `number` (default: no limit)")
	fs.StringVar(&j.quota, "quota", "", "create: most requests in a day or month of UTC, a `quota` such as 100000/day (default: no limit)")
	fs.StringVar(&j.priority, "priority", "interactive", "create: who yields first, interactive or batch: a `word`")
	fs.StringVar(&j.expires, "expires", "", "create: the `time` after which it is no longer good, such as 90d (default: never)")
	fs.StringVar(&j.entry.Certificate, "certificate", "", "create: no key, but the `name` in a TLS client certificate: its subject, common name, or a DNS name, URI or e-mail address")
	fs.StringVar(&j.overlap, "overlap", "24h", "rotate: the `time` for which the key before is good yet")
	fs.BoolVar(&j.json, "json", false, "list: print JSON")
	j.settings = addSettingsNamed(fs, app.Defaults(), "auth.keys")
}

// addSettingsNamed adds the flags of these settings alone.
func addSettingsNamed(fs *flag.FlagSet, defaults app.Config, names ...string) *settingFlags {
	s := &settingFlags{given: map[string]string{}}
	fs.StringVar(&s.file, "config", "", "settings `file` (default besra.yaml, if it is there)")
	for _, set := range defaults.Settings() {
		if slices.Contains(names, set.Name) {
			fs.Var(&settingFlag{set, s.given}, set.Flag(), set.Usage)
		}
	}
	return s
}

func runKeys(ctx context.Context, e *environ, v *verb, args []string) error {
	j := keysJob{}
	fs := v.flags()
	j.add(fs)
	rest, err := v.parse(e, fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) == 0:
		return usagef("say what to do: create, list, rotate or revoke")
	}
	run, which, err := j.todo(fs, rest)
	if err != nil {
		return err
	}
	c, _, err := j.settings.load(e, app.Defaults())
	if err != nil {
		return err
	}
	j.file.Path, j.unnamed = cmp.Or(c.Auth.Keys, "keys.yaml"), c.Auth.Keys == ""
	return run(ctx, e, which)
}

// todo returns what the arguments ask for, and of which key.
func (j *keysJob) todo(fs *flag.FlagSet, rest []string) (run func(context.Context, *environ, string) error, which string, err error) {
	subs := []string{"create", "list", "rotate", "revoke"}
	sub, of := rest[0], 0
	switch sub {
	case "create":
		run = j.create
	case "list":
		run = j.list
	case "rotate":
		run, of = j.rotate, 1
	case "revoke":
		run, of = j.revoke, 1
	default:
		return nil, "", usagef("no such thing to do: %q%s", sub, didYouMean(sub, subs))
	}
	switch {
	case len(rest) < 1+of:
		return nil, "", usagef("%s which key? name it by its id, or by its name", sub)
	case len(rest) > 1+of:
		return nil, "", usagef("unexpected argument %q", rest[1+of])
	case of == 1:
		which = rest[1]
	}
	fs.Visit(func(f *flag.Flag) {
		// A flag's help says first what it is for.
		if only, _, ok := strings.Cut(f.Usage, ": "); ok && err == nil && slices.Contains(subs, only) && only != sub {
			err = usagef("--%s is for %s", f.Name, only)
		}
	})
	if err == nil && sub == "create" {
		err = j.parse(fs)
	}
	return run, which, err
}

// parse reads the flags of create.
func (j *keysJob) parse(fs *flag.FlagSet) error {
	e := &j.entry
	if e.Name == "" {
		return usagef("say what you call the client: --name shop-eu")
	}
	if len(j.scopes) == 0 {
		return usagef("say what it may do: --scope score; there are %s", strings.Join(identity.ScopeNames(), ", "))
	}
	for _, word := range j.scopes {
		s, err := identity.ParseScope(word)
		if err != nil {
			return usagef("--scope %q: no such scope%s; there are %s", word, didYouMean(word, identity.ScopeNames()), strings.Join(identity.ScopeNames(), ", "))
		}
		e.Scopes |= s
	}
	if len(j.models) > 0 {
		e.Models = j.models
	}
	var err error
	fs.Visit(func(f *flag.Flag) {
		if (f.Name == "rate" || f.Name == "burst" || f.Name == "concurrent") && strings.Trim(f.Value.String(), "0.") == "" {
			err = usagef("--%s %s: leave it out for no limit", f.Name, f.Value)
		}
	})
	if err != nil {
		return err
	}
	e.Limits.Burst, e.Limits.Concurrent = j.burst, j.concurrent
	if j.quota != "" {
		if e.Limits.Quota, err = identity.ParseQuota(j.quota); err != nil {
			return usagef("--quota %q: %v", j.quota, err)
		}
	}
	switch j.priority {
	case "interactive":
	case "batch":
		e.Priority = identity.Batch
	default:
		return usagef("--priority %q: want interactive or batch", j.priority)
	}
	if j.expires != "" {
		d, err := app.ParseDuration(j.expires)
		if err != nil || d <= 0 {
			return usagef("--expires %q: want a time such as 90d", j.expires)
		}
		e.Expires = time.Now().Add(d).UTC().Truncate(time.Second)
	}
	if err := e.Check(); err != nil {
		return usagef("--%v", err)
	}
	return nil
}

func (j *keysJob) create(ctx context.Context, e *environ, _ string) error {
	key, made, err := j.file.Create(ctx, j.entry)
	if err != nil {
		return err
	}
	if key == "" {
		_, err = fmt.Fprintln(e.stdout, made.ID)
		fmt.Fprintf(e.stderr, "besra keys: %s (%s) stands in %s, for who has a certificate of %q\n", made.ID, made.Name, j.file.Path, made.Certificate)
		return err
	}
	_, err = fmt.Fprintln(e.stdout, key)
	fmt.Fprintf(e.stderr, "besra keys: %s (%s) stands in %s; the key is shown this once, as only its hash is kept\n", made.ID, made.Name, j.file.Path)
	return err
}

func (j *keysJob) rotate(ctx context.Context, e *environ, which string) error {
	overlap, err := app.ParseDuration(j.overlap)
	if err != nil || overlap < 0 || overlap > auth.MaxOverlap {
		return usagef("--overlap %q: want a time such as 24h, up to 365d", j.overlap)
	}
	key, made, err := j.file.Rotate(ctx, which, overlap)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.stdout, key)
	before := ""
	if len(made.Secrets) > 1 {
		before = ", and the one before is good until " + keyTime(made.Secrets[0].Expires)
	}
	fmt.Fprintf(e.stderr, "besra keys: %s (%s) in %s has another secret; the key is shown this once%s\n", made.ID, made.Name, j.file.Path, before)
	return err
}

func (j *keysJob) revoke(ctx context.Context, e *environ, which string) error {
	revoked, err := j.file.Revoke(ctx, which)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%s (%s) in %s: revoked %s\n", revoked.ID, revoked.Name, j.file.Path, keyTime(revoked.Revoked))
	return err
}

func keyTime(t time.Time) string { return t.Format(time.RFC3339) }
