package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/strictyaml"
)

func configVerb() *verb {
	return &verb{
		name: "config", short: "prints the effective settings, and where each comes from",
		long: `
It takes the flags of serve, and prints what serve would use, as a settings file.

  besra config
  BESRA_LIMITS_BODY=2MiB besra config --listen 127.0.0.1:9000
  besra config > besra.yaml`,
		run: runConfig,
	}
}

func runConfig(_ context.Context, e *environ, v *verb, args []string) error {
	fs := v.flags()
	settings := addSettings(fs, app.Defaults())
	rest, err := v.parse(e, fs, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usagef("unexpected argument %q", rest[0])
	}
	c, from, err := settings.load(e, app.Defaults())
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(e.stdout, settingsFile(c, from))
	return err
}

// settingsFile writes settings as YAML: "limits.body" becomes a body below limits.
func settingsFile(c app.Config, from app.Origins) string {
	var b strings.Builder
	var sections []string // that are open
	for _, s := range c.Settings() {
		path := strings.Split(s.Name, ".")
		parents, name := path[:len(path)-1], path[len(path)-1]
		for i, parent := range parents {
			if i >= len(sections) || sections[i] != parent {
				fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", i), parent)
				sections = append(sections[:i:i], parent)
			}
		}
		sections = sections[:len(parents)]
		value := s.Value.String()
		if s.Plain() {
			value = plain(value)
		}
		line := strings.TrimRight(strings.Repeat("  ", len(parents))+name+": "+value, " ")
		if o := from[s.Name]; o != "" {
			line = fmt.Sprintf("%-40s # %s", line, o)
		}
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// plain leaves words, numbers, times and sizes unquoted: settings are read in their own spelling, whatever
// else YAML would take them for.
func plain(v string) string {
	const words = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/"
	if v != "" && !strings.EqualFold(v, "null") && strings.Trim(v, words) == "" {
		return v
	}
	return strictyaml.Quote(v)
}
