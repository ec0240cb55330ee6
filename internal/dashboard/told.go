package dashboard

import (
	"strconv"
	"time"

	"github.com/besra-ml/besra/internal/strictjson"
	"github.com/besra-ml/besra/internal/telemetry"
)

// appendTold appends what is remembered of single requests:
//
//	{"slow":[{"at":…,"id":"…","route":"/v1/score","status":200,"model":"fraud","version":3,"events":1,"took":0.0123,
//	          "stages":[["admit",0.0001,0.0002,1],…]},…],                  stage, since when, for how long, how often; seconds
//	 "problems":[{"route":"…","code":"wrong-type","count":3,"last":…,"request":"…"},…],
//	 "clients":[{"key":"…","requests":…,"denied":…,"failed":…},…]}
func appendTold(b []byte, r *telemetry.Recent) []byte {
	if r == nil {
		return append(b, `{"slow":[],"problems":[],"clients":[]}`...)
	}
	b = append(b, `{"slow":[`...)
	for _, s := range r.Slowest() {
		b = appendSlow(appendComma(b), &s)
	}
	b = append(b, `],"problems":[`...)
	for _, p := range r.Problems() {
		b = appendComma(b)
		b = append(b, `{"route":`...)
		b = strictjson.AppendString(b, p.Route)
		b = appendText(b, "code", p.Code)
		b = appendInt(b, "count", int64(p.Count))
		b = appendInt(b, "last", p.Last.UnixMilli())
		b = appendText(b, "request", p.Request)
		b = append(b, '}')
	}
	b = append(b, `],"clients":[`...)
	for _, c := range r.Clients() {
		b = appendComma(b)
		b = append(b, `{"key":`...)
		b = strictjson.AppendString(b, c.Key)
		b = appendInt(b, "requests", int64(c.Requests))
		b = appendInt(b, "denied", int64(c.Denied))
		b = appendInt(b, "failed", int64(c.Failed))
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

func appendSlow(b []byte, s *telemetry.Slow) []byte {
	b = append(b, `{"at":`...)
	b = strconv.AppendInt(b, s.At.UnixMilli(), 10)
	b = appendText(b, "id", s.ID)
	b = appendText(b, "route", s.Route)
	b = appendInt(b, "status", int64(s.Status))
	b = appendText(b, "problem", s.Problem)
	b = appendText(b, "key", s.Key)
	b = appendText(b, "tenant", s.Tenant)
	b = appendText(b, "model", s.Model)
	b = appendInt(b, "version", int64(s.Version))
	b = appendInt(b, "events", int64(s.Events))
	b = appendInt(b, "replayed", int64(s.Replayed))
	b = appendInt(b, "degraded", int64(s.Degraded))
	b = appendText(b, "decision", s.Decision)
	b = append(b, `,"took":`...)
	b = appendSeconds(b, s.Took)
	b = append(b, `,"stages":[`...)
	for stage := range telemetry.StageCount {
		lap := &s.Times.Laps[stage]
		if lap.Times == 0 {
			continue
		}
		b = append(appendComma(b), '[')
		b = strictjson.AppendString(b, stage.String())
		b = appendSeconds(append(b, ','), lap.From)
		b = appendSeconds(append(b, ','), lap.Busy)
		b = strconv.AppendUint(append(b, ','), uint64(lap.Times), 10)
		b = append(b, ']')
	}
	return append(b, "]}"...)
}

// appendText appends a member, unless it says nothing.
func appendText(b []byte, name, v string) []byte {
	if v == "" {
		return b
	}
	b = append(b, ',')
	b = strictjson.AppendString(b, name)
	return strictjson.AppendString(append(b, ':'), v)
}

func appendInt(b []byte, name string, v int64) []byte {
	b = append(b, ',')
	b = strictjson.AppendString(b, name)
	return strconv.AppendInt(append(b, ':'), v, 10)
}

func appendSeconds(b []byte, d time.Duration) []byte {
	return strictjson.AppendNumber(b, d.Seconds(), 64)
}
