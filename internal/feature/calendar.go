package feature

import "time"

// A calendar is a column of the event's local time.
type calendar uint8

const (
	night   calendar = iota // 1 when the hour is 0 to 6
	weekend                 // 1 on Saturday and Sunday
	hours                   // 0 to 23
	weekday                 // 0 on Monday
)

var calendars = [...]string{night: "night", weekend: "weekend", hours: "hour", weekday: "weekday"}

// of returns the column at local seconds since 1970.
func (c calendar) of(local int64) float64 {
	days, seconds := local/86_400, local%86_400
	if seconds < 0 {
		days, seconds = days-1, seconds+86_400
	}
	hour := seconds / 3600
	monday := (days + 3 + 7) % 7 // the first day of 1970 was a Thursday, and a zone may see the day before
	switch c {
	case night:
		return one(hour <= 6)
	case weekend:
		return one(monday >= 5)
	case hours:
		return float64(hour)
	default:
		return float64(monday)
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// A zoneCache is the offset of one zone, and from when to when it holds.
type zoneCache struct {
	zone     *time.Location
	from, to int64 // seconds since 1970
	offset   int64
}

// local returns the seconds since 1970 that clocks in zone show at ms.
func (z *zoneCache) local(zone *time.Location, ms int64) int64 {
	seconds := ms / 1000
	if zone == time.UTC {
		return seconds
	}
	if z.zone != zone || seconds < z.from || seconds >= z.to {
		z.look(zone, seconds)
	}
	return seconds + z.offset
}

func (z *zoneCache) look(zone *time.Location, seconds int64) {
	t := time.Unix(seconds, 0).In(zone)
	_, offset := t.Zone()
	from, to := t.ZoneBounds()
	*z = zoneCache{zone: zone, offset: int64(offset)}
	// A zone without an earlier or later change has no bound there. Bounds that leave the time itself out, as on
	// the last day of some leap years, only mean that the next one is looked up again.
	if z.from = from.Unix(); from.IsZero() {
		z.from = -1 << 62
	}
	if z.to = to.Unix(); to.IsZero() {
		z.to = 1 << 62
	}
}
