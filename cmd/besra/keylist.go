package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

func (j *keysJob) list(_ context.Context, e *environ, _ string) error {
	all, err := j.file.List()
	if err != nil {
		return err
	}
	show := printKeys
	if j.json {
		show = printKeysJSON
	}
	if err := show(e.stdout, all, time.Now()); err != nil {
		return err
	}
	if j.unnamed {
		fmt.Fprintf(e.stderr, "besra keys: these stand in %s, as no auth.keys is set\n", j.file.Path)
	}
	return nil
}

// printKeys writes a table, a key a line.
func printKeys(w io.Writer, all []auth.Entry, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tNAME\tTENANT\tSCOPES\tMODELS\tLIMITS\tCREATED\tEXPIRES\tSTATE")
	for i := range all {
		k := &all[i]
		fmt.Fprintln(t, strings.Join([]string{
			k.ID, k.Name, orDash(k.Tenant), strings.Join(k.Scopes.Names(), ","), orDash(strings.Join(k.Models, ",")),
			orDash(keyLimits(k)), dateOf(k.Created), dateOf(k.Expires), keyState(k, now),
		}, "\t"))
	}
	return t.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func dateOf(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.DateOnly)
}

func keyLimits(k *auth.Entry) string {
	var all []string
	if k.Limits.Rate > 0 {
		all = append(all, strconv.FormatFloat(k.Limits.Rate, 'g', -1, 64)+"/s")
	}
	if k.Limits.Burst > 0 {
		all = append(all, fmt.Sprintf("burst %d", k.Limits.Burst))
	}
	if k.Limits.Concurrent > 0 {
		all = append(all, fmt.Sprintf("%d at once", k.Limits.Concurrent))
	}
	if quota := k.Limits.Quota.String(); quota != "" {
		all = append(all, quota)
	}
	if k.Priority == identity.Batch {
		all = append(all, "batch")
	}
	return strings.Join(all, ", ")
}

// keyState says what has become of a key, and what is odd about it.
func keyState(k *auth.Entry, now time.Time) string {
	state := k.State(now)
	switch {
	case state == auth.IsRevoked:
		return fmt.Sprintf("%s %s", state, dateOf(k.Revoked))
	case k.Certificate != "":
		return fmt.Sprintf("%s, certificate %s", state, k.Certificate)
	case state == auth.Active && k.Live(now) > 1:
		return fmt.Sprintf("%s, two secrets", state)
	}
	return string(state)
}

func printKeysJSON(w io.Writer, all []auth.Entry, now time.Time) error {
	text, err := json.MarshalIndent(auth.ListOf(all, now), "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
