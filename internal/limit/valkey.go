package limit

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"
)

// A Call runs one of the scripts at a Valkey or Redis, with one key, and returns its reply.
type Call func(ctx context.Context, script, key string, args ...string) ([]int64, error)

// ValkeyBank returns the Bank at a Valkey or Redis. process tells this one from all others. Its keys begin with r:, q:
// and p:, for rates, quotas and processes.
func ValkeyBank(call Call, process string) Bank { return &valkeyBank{call, process, time.Now} }

type valkeyBank struct {
	call    Call
	process string
	now     func() time.Time
}

const (
	peerFor   = 15 * time.Second // after which a process that is not heard of is gone
	keepAfter = time.Hour        // a quota's period: clocks differ
)

func (b *valkeyBank) Lease(ctx context.Context, d Demand) (Grant, error) {
	rate := int64(max(math.Round(d.Rate*1e6), 1))
	return grantOf(b.call(ctx, LeaseScript, "r:"+d.ID, strconv.FormatInt(rate, 10), strconv.Itoa(d.Burst), strconv.Itoa(d.Owed), strconv.Itoa(d.Want)))
}

func (b *valkeyBank) Spend(ctx context.Context, d QuotaDemand) (Grant, error) {
	keep := max(d.Ends.Sub(b.now()), 0) + keepAfter
	return grantOf(b.call(ctx, QuotaScript, "q:"+d.Period+":"+d.ID, strconv.Itoa(d.Most), strconv.Itoa(d.Owed), strconv.Itoa(d.Want),
		strconv.FormatInt(keep.Milliseconds(), 10)))
}

func grantOf(reply []int64, err error) (Grant, error) {
	if err != nil {
		return Grant{}, err
	}
	if len(reply) != 3 {
		return Grant{}, fmt.Errorf("limit: want a reply of 3 numbers, got %d", len(reply))
	}
	retry := time.Duration(min(reply[2], math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
	return Grant{Granted: int(reply[0]), Remaining: int(reply[1]), Retry: retry}, nil
}

func (b *valkeyBank) Peers(ctx context.Context) (int, error) {
	reply, err := b.call(ctx, PeersScript, "p:", b.process, strconv.FormatInt(peerFor.Milliseconds(), 10))
	if err != nil {
		return 0, err
	}
	if len(reply) != 1 {
		return 0, fmt.Errorf("limit: want a reply of 1 number, got %d", len(reply))
	}
	return int(reply[0]), nil
}
