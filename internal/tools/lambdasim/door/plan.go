package door

import (
	"crypto/subtle"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

// A Key is an API key.
type Key struct{ ID, Value string }

// A Plan is a usage plan of a REST API: who has one of its keys may ask so often (api-gateway-api-usage-plans.html).
type Plan struct {
	Keys  []Key
	Rate  Rate // of each key; zero: no limit
	Quota int  // requests of each key in a day; 0: no limit

	mu    sync.Mutex
	usage map[string]*usage
}

type usage struct {
	bucket *scaling.Bucket
	day    int64
	used   int
}

// admit finds the request's key, in X-Api-Key, and counts it.
func (p *Plan) admit(v *visit, c *caller) error {
	given := []byte(v.r.Header.Get("X-Api-Key"))
	for i := range p.Keys {
		if subtle.ConstantTimeCompare(given, []byte(p.Keys[i].Value)) == 1 {
			c.key = &p.Keys[i]
		}
	}
	if c.key == nil {
		return &refusal{cause: noKey}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.usage == nil {
		p.usage = map[string]*usage{}
	}
	u := p.usage[c.key.ID]
	if u == nil {
		u = &usage{bucket: &scaling.Bucket{Rate: p.Rate.PerSecond, Depth: p.Rate.Burst}}
		p.usage[c.key.ID] = u
	}
	if p.Rate != (Rate{}) && !u.bucket.Take(v.at.Sub(v.began)) {
		return &refusal{cause: throttled}
	}
	if day := v.at.Unix() / int64(24*time.Hour/time.Second); day != u.day {
		u.day, u.used = day, 0
	}
	if p.Quota > 0 && u.used >= p.Quota {
		return &refusal{cause: overQuota}
	}
	u.used++
	return nil
}
