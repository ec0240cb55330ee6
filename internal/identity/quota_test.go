package identity

import (
	"testing"
	"time"
)

func TestAQuotaIsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]Quota{
		"1/day": {1, Day}, "100000/day": {100_000, Day}, "2000000/month": {2_000_000, Month}, "1000000000000/month": {MaxQuota, Month},
	} {
		got, err := ParseQuota(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is read as %v and written as %s; %v", text, got, got, err)
		}
	}
	for _, text := range []string{
		"", "100", "100/", "/day", "0/day", "-1/day", "+1/day", "1.5/day", "1e3/day", "100/Day", "100/week", "100/days", "100 /day",
		"100/ day", " 100/day", "100/day/day", "1000000000001/day", "18446744073709551617/day", "1_000/day", "٣/day",
	} {
		if got, err := ParseQuota(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	if got := (Quota{}).String(); got != "" {
		t.Errorf("no quota is %q", got)
	}
}

func TestPeriodsAreOfTheCalendarInUTC(t *testing.T) {
	east := time.FixedZone("", 5*3600)
	for _, c := range []struct {
		per               Period
		at                time.Time
		began, ends, name string
	}{
		{Day, time.Date(2026, 11, 26, 17, 0, 0, 0, time.UTC), "2026-11-26", "2026-11-27", "2026-11-26"},
		{Day, time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), "2026-11-26", "2026-11-27", "2026-11-26"},
		{Day, time.Date(2026, 11, 26, 3, 0, 0, 0, east), "2026-11-25", "2026-11-26", "2026-11-25"},
		{Day, time.Date(2026, 12, 31, 23, 59, 59, 999, time.UTC), "2026-12-31", "2027-01-01", "2026-12-31"},
		{Month, time.Date(2026, 12, 31, 23, 59, 59, 999, time.UTC), "2026-12-01", "2027-01-01", "2026-12"},
		{Month, time.Date(2028, 2, 29, 1, 0, 0, 0, time.UTC), "2028-02-01", "2028-03-01", "2028-02"},
	} {
		began, ends := c.per.Bounds(c.at)
		if began.Format(time.DateOnly) != c.began || ends.Format(time.DateOnly) != c.ends || c.per.Name(c.at) != c.name {
			t.Errorf("%v of %v: from %v to %v, %s", c.per, c.at, began, ends, c.per.Name(c.at))
		}
		if next, _ := c.per.Bounds(ends); !next.Equal(ends) || began.After(c.at) || !c.at.Before(ends) {
			t.Errorf("%v of %v: the next begins at %v", c.per, c.at, next)
		}
	}
}
