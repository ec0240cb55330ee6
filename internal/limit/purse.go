package limit

import (
	"math"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

// A purse is what this process has of one identity's account at the bank: tokens that it holds, what it owes, and what
// the bank said last. Everything in it is guarded by its shard's lock; nothing here waits.
//
// Takes are served from what is held. When that runs low, more is leased, as much as the identity will ask for in
// ahead. Until it comes, takes are on credit: as long as the bank is thought to have as much, and up to a bound. What
// is owed is paid with the next lease, and if the bank has not as much, its account falls below zero and has to be
// gained back first: so credit is a matter of when, never of how much in all.
//
// Times are nanoseconds on the clock of Shared.
type purse struct {
	id    string
	shard *purseShard

	rate    float64 // gained a second; 0: it is of a quota
	most    int     // of the bucket, or in the period
	credit  int     // most that may be owed
	quota   identity.Quota
	began   int64 // its period; Unix seconds
	ends    int64
	latest  int64   // take
	pace    float64 // requests in the last ahead, the older the less
	coming  int     // how many are expected in the next
	lacking int     // somebody lacked so many

	held     int     // leased, and not taken yet
	leased   int64   // when
	owed     int     // taken, and not paid yet; below 0: to be given back
	due      int     // taken without the bank, and not paid yet
	paying   [2]int  // of owed and due, what a lease on its way pays
	level    float64 // what the bank had
	told     int64   // when it said so
	next     int64   // when it is worth asking again
	asked    int64   // when a lease on its way was asked for; 0: none is
	stale    bool    // it is about a period that is over
	paused   int64   // until when the bank is left alone, since it has failed
	isLocal  bool    // the bank cannot be had
	own      float64 // this process's share meanwhile
	ownAt    int64
	ownTaken int
}

const (
	ahead      = 50 * time.Millisecond // of the identity's demand is leased
	holdFor    = time.Second           // what is not taken within it is given back
	lateAfter  = 50 * time.Millisecond // the bank is not waited for any longer
	pauseFor   = 250 * time.Millisecond
	leastGap   = time.Millisecond // between two leases when the bank is empty
	mostGap    = 10 * time.Millisecond
	askAgain   = 10 * time.Second // at the latest: limits may have been raised, or tokens given back
	fairPart   = 2                // of a process's even share may be leased
	rateCredit = 64               // so many may come while the bank answers
	// A quota is large, and to be told that it is used up when it is not is worse than a few more.
	quotaCredit = 1024
	littleMore  = 1e-6 // for what floats lose
)

// A climate is what all purses have in common.
type climate struct {
	out   bool // the bank cannot be had
	peers int  // processes, from 1
}

// agree makes the purse one of that rate.
func (p *purse) agree(rate float64, burst int) {
	if p.rate == rate && p.most == burst {
		return
	}
	if p.most == 0 { // a new one is full
		p.level = float64(burst)
	}
	p.rate, p.most, p.credit, p.next = rate, burst, rateCredit, 0
	p.level, p.own = min(p.level, float64(burst)), min(p.own, float64(burst))
}

// agreeQuota makes the purse one of that quota, in the period that now is in. When that is another one all begins anew.
func (p *purse) agreeQuota(q identity.Quota, now time.Time) {
	unix := now.Unix()
	if p.quota == q && unix < p.ends {
		return
	}
	if p.quota.Per != q.Per || unix >= p.ends {
		began, ends := q.Per.Bounds(now)
		asked := p.asked
		*p = purse{id: p.id, shard: p.shard, began: began.Unix(), ends: ends.Unix(), latest: p.latest, pace: p.pace, told: p.latest}
		p.level = float64(q.Requests)
		if asked != 0 { // its answer will be about a period that is over
			p.asked, p.stale = asked, true
		}
		p.most = q.Requests
	}
	p.quota, p.credit = q, quotaCredit
	if p.most != q.Requests { // what was used stays used
		p.level += float64(q.Requests - p.most)
		p.most, p.next = q.Requests, 0
	}
}

// observe takes note that n are asked for.
func (p *purse) observe(n int, at int64) {
	if passed := float64(at - p.latest); passed > 0 {
		p.pace *= math.Exp(-passed / float64(ahead))
	}
	p.latest = at
	p.coming = int(p.pace)
	p.pace += float64(n)
}

// take takes n, if they can be had.
func (p *purse) take(n int, at int64, c climate) bool {
	at = max(at, p.latest) // goroutines are not served in the order of their clocks
	p.observe(n, at)
	if p.away(at, c) {
		return p.takeOwn(n, at, c)
	}
	p.settle(at, c)
	switch lack := n - p.held; {
	case lack <= 0:
		p.held -= n
	case p.trusted(lack, at, c):
		p.held, p.owed = 0, p.owed+lack
	default:
		p.lacking = max(p.lacking, n)
		return false
	}
	if p.held > 0 && at-p.leased > int64(holdFor) {
		p.owed -= p.held
		p.held = 0
	}
	return true
}

// giveBack undoes a take.
func (p *purse) giveBack(n int) { p.held += n }

// estimate is what the bank has, as far as is known, less what it is still to be told of.
func (p *purse) estimate(at int64) float64 {
	return min(p.level+p.rate*seconds(at-p.told), float64(p.most)) - float64(p.owed) - float64(p.due) + littleMore
}

func seconds(ns int64) float64 { return float64(max(ns, 0)) / float64(time.Second) }

// trusted reports whether n can be had on credit. Where everybody who has a process of its own asks for its part there
// is enough for all. Who owes nothing gets what it asks for.
func (p *purse) trusted(n int, at int64, c climate) bool {
	has := p.estimate(at)
	if has < float64(n) || at < p.next {
		return false
	}
	part := math.Ceil((has - littleMore + float64(p.owed)) / float64(c.peers))
	return p.owed <= 0 || p.owed+n <= min(p.credit, int(part))
}

// away reports whether the bank cannot be had just now.
func (p *purse) away(at int64, c climate) bool {
	return c.out || at < p.paused || p.asked != 0 && !p.stale && at-p.asked > int64(lateAfter)
}

// takeOwn takes n from this process's share of the rate and burst, or of what was left of the quota.
func (p *purse) takeOwn(n int, at int64, c climate) bool {
	if !p.isLocal {
		p.isLocal, p.ownAt, p.ownTaken = true, at, 0
		p.own = p.share(c) * min(max(p.estimate(at)/float64(p.most), 0), 1)
	}
	share := p.gainOwn(at, c)
	lack := min(float64(n-p.held), math.Floor(share))
	if lack > p.own+littleMore {
		return false
	}
	if lack > 0 {
		p.own -= lack
		p.ownTaken += int(lack)
		p.held = 0
	} else {
		p.held -= n
	}
	return true
}

// gainOwn adds what this process's share has gained, and returns how much it can be.
func (p *purse) gainOwn(at int64, c climate) (share float64) {
	share = p.share(c)
	p.own = min(p.own+p.rate/float64(c.peers)*seconds(at-p.ownAt), share)
	p.ownAt = max(at, p.ownAt)
	return share
}

// share is the part of the bucket, or of the quota, that is this process's: one at least.
func (p *purse) share(c climate) float64 { return max(float64(p.most)/float64(c.peers), 1) }

// settle ends the time without the bank. It is to be told what was taken meanwhile, but for what it would have
// forgotten, had it been asked: that a bucket lacks more than all of it.
func (p *purse) settle(at int64, c climate) {
	if !p.isLocal {
		return
	}
	p.isLocal = false
	share := p.gainOwn(at, c)
	owed := min(p.ownTaken, int(math.Ceil(max(share-p.own, 0))))
	p.due += owed
	p.level, p.told, p.next = min(p.own/share*float64(p.most)+float64(p.owed+p.due), float64(p.most)), at, 0
}

// wants reports whether the bank should be asked.
func (p *purse) wants(at int64, c climate) bool {
	at = max(at, p.latest)
	if p.asked != 0 || p.away(at, c) {
		return false
	}
	if p.owed != 0 || p.due != 0 {
		return true
	}
	return at >= p.next && (p.lacking > 0 || p.held < (p.target(at, c)+1)/2)
}

// target is how many are held at best: what will be asked for soon, but not more than a part of what there is for each
// process, so that the others have some. Where requests are rare that is none: each pays for itself.
func (p *purse) target(at int64, c climate) int {
	has := float64(p.most)
	if p.rate == 0 {
		has = max(p.estimate(at), 0)
	}
	return min(p.coming, int(math.Ceil(has/float64(fairPart*c.peers))))
}

// demand returns what a lease that begins now pays and wants.
func (p *purse) demand(at int64, c climate) (owed, want int) {
	p.paying, p.stale = [2]int{p.owed, p.due}, false
	if at >= p.next {
		want = max(p.target(at, c)-p.held, p.lacking, 0)
	}
	return p.owed + p.due, want
}

// answered takes note of what the bank said to a lease of want.
func (p *purse) answered(g Grant, want int, at int64, c climate) {
	paying, stale := p.paying, p.stale
	p.asked, p.paying, p.stale = 0, [2]int{}, false
	if stale {
		return
	}
	p.settle(at, c)
	p.owed -= paying[0]
	p.due -= paying[1]
	p.level, p.told, p.lacking, p.next = float64(g.Remaining), at, 0, 0
	if g.Granted > 0 {
		p.held, p.leased = p.held+g.Granted, at
	}
	if n := min(p.held, p.owed); n > 0 {
		p.held, p.owed = p.held-n, p.owed-n
	}
	if g.Granted < want || g.Remaining <= 0 {
		p.next = at + int64(min(max(g.Retry, p.gap()), askAgain))
		if p.rate == 0 {
			p.next = at + int64(askAgain)
		}
	}
}

// failed takes note that a lease has failed.
func (p *purse) failed(at int64) {
	if !p.stale {
		p.paused = at + int64(pauseFor)
	}
	p.asked, p.paying, p.stale = 0, [2]int{}, false
}

// gap is how long tokens are let to gather at a bank that is empty: not for so long that its bucket would be full.
func (p *purse) gap() time.Duration {
	if p.rate == 0 {
		return askAgain
	}
	half := time.Duration(min(float64(p.most)/p.rate/2, 1) * float64(time.Second))
	return min(max(half, leastGap), mostGap)
}

// remaining is how many can still be had.
func (p *purse) remaining(at int64) int {
	at = max(at, p.latest)
	has := p.own + littleMore
	if !p.isLocal {
		has = p.estimate(at)
	}
	return max(int(math.Floor(has))+p.held, 0)
}

// retry is after what time n can be had that could not be had now.
func (p *purse) retry(n int, now time.Time, at int64, c climate) time.Duration {
	at = max(at, p.latest)
	has, gains, soonest := p.estimate(at), p.rate, time.Duration(max(p.next-at, 0))
	if p.isLocal {
		gains, soonest = gains/float64(c.peers), 0
		n = min(n, int(p.share(c)))
	}
	switch {
	case p.rate == 0 && has < float64(n):
		return time.Unix(p.ends, 0).Sub(now)
	case p.rate == 0:
		return max(soonest, retryLater)
	case p.isLocal:
		has = p.own
	}
	lack := max(float64(n-p.held)-has, 0)
	return max(time.Duration(min(lack/gains*float64(time.Second), math.MaxInt64/2)), soonest, leastGap)
}

// lack is what part of its account is used: who has used nothing can be forgotten.
func (p *purse) lack(at int64) float64 {
	if p.asked != 0 {
		return 2 // its lease must find it
	}
	has := p.estimate(at)
	if p.isLocal {
		has = p.own
	}
	return 1 - min(has, float64(p.most))/float64(p.most)
}
