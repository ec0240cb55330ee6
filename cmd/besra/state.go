package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/rows"
	"github.com/besra-ml/besra/internal/strictjson"
)

func stateVerb() *verb {
	return &verb{
		name: "state", args: "inspect|export|forget|hash FIELD VALUE [PATH…]", short: "shows, exports and erases what is remembered of an entity",
		long: `
What besra remembers of an entity, such as card c_17, lies in --state-dir under a keyed hash. The service must
not be running there. PATH names its models, as for serve.

  besra state inspect card c_17 --state-dir state     the histories that c_17 is in, and how long they are
  besra state export card c_17 --state-dir state      everything, as JSON lines: histories, and events that the journal has
  besra state forget card c_17 --state-dir state      erases them, from the journal, too
  besra state hash card c_17 --state-dir state        the hash, as lists of a policy spell it

Each tenant has histories of its own: say --tenant for one, and repeat the command for each that may have sent
events of the entity.`,
		run: runState,
	}
}

func runState(ctx context.Context, e *environ, v *verb, args []string) error {
	fs := v.flags()
	settings := addSettings(fs, app.Defaults())
	var tenant string
	fs.StringVar(&tenant, "tenant", "", "whose events: the `tenant` of the keys and tokens that sent them (default: those without one)")
	rest, err := v.parse(e, fs, args)
	if err != nil {
		return err
	}
	subs := []string{"inspect", "export", "forget", "hash"}
	switch {
	case len(rest) == 0:
		return usagef("say what to do: inspect, export, forget or hash")
	case !slices.Contains(subs, rest[0]):
		return usagef("%q is none of inspect, export, forget and hash%s", rest[0], didYouMean(rest[0], subs))
	case len(rest) < 3:
		return usagef("say of which entity: a field and a value, such as card c_17")
	}
	c, _, err := settings.load(e, app.Defaults())
	if err != nil {
		return err
	}
	field, value := rest[1], rest[2]
	if rest[0] == "hash" {
		h, err := app.EntityHash(c, field, value)
		if err == nil {
			_, err = fmt.Fprintln(e.stdout, entity.Text(h))
		}
		return err
	}
	log, err := logger(e.stderr, "warn")
	if err != nil {
		return err
	}
	r, err := app.OpenRemembered(ctx, c, backends(), rest[3:], log)
	if err != nil {
		return err
	}
	subjects, err := r.Subjects(tenant, field, value)
	for _, s := range subjects {
		switch rest[0] {
		case "inspect":
			err = errors.Join(err, inspectSubject(e.stdout, r.History(), s))
		case "export":
			err = errors.Join(err, exportSubject(e.stdout, r.History(), s))
		case "forget":
			err = errors.Join(err, forgetSubject(ctx, e.stdout, r.History(), s))
		}
	}
	return errors.Join(err, r.Close())
}

// held returns the histories of a subject in a fixed order.
func held(h *history.History, s history.Subject) ([]history.Held, error) {
	all, err := h.Held(s)
	slices.SortFunc(all, func(a, b history.Held) int {
		return cmp.Or(cmp.Compare(a.Group.String(), b.Group.String()), bytes.Compare(a.Key[:], b.Key[:]))
	})
	return all, err
}

func inspectSubject(w io.Writer, h *history.History, s history.Subject) error {
	all, err := held(h, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "model %s, %s %s\n", s.Model, s.Field, entity.Text(entity.Hash(s.Hash)))
	for _, one := range all {
		fmt.Fprintf(w, "  %s\n    %d entries, %d bytes", one.Group, len(one.Entries), one.Bytes)
		if n := len(one.Entries); n > 0 {
			fmt.Fprintf(w, ", %s to %s", timeText(one.Entries[0].Time), timeText(one.Entries[n-1].Time))
		}
		fmt.Fprintln(w)
	}
	events := 0
	for _, err := range h.Past(s) {
		if err != nil {
			return err
		}
		events++
	}
	_, err = fmt.Fprintf(w, "  %d histories; %d events in the journal\n", len(all), events)
	return err
}

func timeText(ms int64) string { return string(rfc3339.Append(nil, ms)) }

// exportSubject writes a JSON line for each entry of each history, and for each event.
func exportSubject(w io.Writer, h *history.History, s history.Subject) error {
	all, err := held(h, s)
	if err != nil {
		return err
	}
	for _, one := range all {
		for _, entry := range one.Entries {
			b := append([]byte(nil), `{"model":`...)
			b = strictjson.AppendString(b, s.Model)
			b = append(b, `,"history":`...)
			b = strictjson.AppendString(b, one.Group.String())
			b = fmt.Appendf(b, `,"time":%q,"events":%d`, timeText(entry.Time), entry.Weight)
			if entry.Mark > 0 {
				b = fmt.Appendf(b, `,"fraud_known":%q`, timeText(entry.Mark))
			}
			if _, err := w.Write(append(b, "}\n"...)); err != nil {
				return err
			}
		}
	}
	for past, err := range h.Past(s) {
		if err != nil {
			return err
		}
		if _, err := w.Write(append(appendPast(nil, s, &past), '\n')); err != nil {
			return err
		}
	}
	return nil
}

func appendPast(b []byte, s history.Subject, p *history.Past) []byte {
	b = append(b, `{"model":`...)
	b = strictjson.AppendString(b, s.Model)
	b = fmt.Appendf(b, `,"came":%q,"event":{`, p.At.UTC().Format(time.RFC3339))
	for i := range s.Plan.Fields {
		f := &s.Plan.Fields[i]
		if i != s.Plan.TimeField && !p.Event.Has(s.Plan, i) {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(strictjson.AppendString(b, f.Name), ':')
		switch f.Type {
		case feature.Time:
			b = fmt.Appendf(b, "%q", timeText(p.Event.Time))
		case feature.Entity:
			b = fmt.Appendf(b, "%q", entity.Text(entity.Hash(p.Event.Hashes[i])))
		case feature.Text:
			b = strictjson.AppendString(b, p.Event.Texts[i])
		case feature.Number, feature.Bool:
			b = rows.AppendNumber(b, p.Event.Numbers[i], 64)
		}
	}
	b = append(b, '}')
	_, n := binary.Uvarint(p.Answer)
	if n <= 0 { // it had no id
		b = append(b, `,"score":`...)
		b = strictjson.AppendNumber(b, p.Score, 64)
		return append(b, '}')
	}
	b = fmt.Appendf(b, `,"version":%d,`, p.Version)
	b = append(b, p.Answer[n:]...)
	return append(b, '}')
}

func forgetSubject(ctx context.Context, w io.Writer, h *history.History, s history.Subject) error {
	done, err := h.Forget(ctx, s)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "model %s, %s %s: erased %d histories, %d outcomes, %d records of the journal\n",
		s.Model, s.Field, entity.Text(entity.Hash(s.Hash)), done.Histories, done.Outcomes, done.Records)
	return err
}
