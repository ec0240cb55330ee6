package valkey

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	mrand "math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/internal/store"
)

// The value of an event's key is a claim, with the token of whoever holds it, and then the answer:
//
//	claim:  'P', digest, token
//	answer: 'A', digest, CRC-32C of all else, answer
const (
	claimed    = 'P'
	answered   = 'A'
	tokenSize  = 8
	digestSize = len(store.Digest{})
	claimSize  = 1 + digestSize + tokenSize
	answerHead = 1 + digestSize + checkSize
)

const (
	claimLeast = time.Second      // until a claim whose holder is gone expires, at least
	claimMost  = 15 * time.Second // and at most
	claimSpare = 500 * time.Millisecond
	pollFirst  = time.Millisecond
	pollLast   = 10 * time.Millisecond
)

// claims are those that this process has won, and those whose end it waits for.
type claims struct {
	mu      sync.Mutex
	won     map[store.Key]string // the value that the winner has put there
	awaited map[store.Key]*await
}

// An await is one poll for all who wait for a key in this process.
type await struct {
	done   chan struct{}
	answer string // the value that was found; "": none
}

func (c *claims) init() { c.won, c.awaited = map[store.Key]string{}, map[store.Key]*await{} }

// Claim asks for the right to answer the event under key.
func (s *Store) Claim(ctx context.Context, key store.Key, d store.Digest, wait bool, dst []byte) (store.Claimed, []byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return store.Pending, dst, err
		}
		got, value, err := s.claim(ctx, key, d)
		switch {
		case err != nil:
			return store.Pending, dst, err
		case got == store.Answered:
			return got, append(dst, value[answerHead:]...), nil
		case got != store.Pending || !wait:
			return got, dst, nil
		}
		if value, err = s.await(ctx, key, d, value); err != nil {
			return store.Pending, dst, err
		}
		if got, ok := s.readAnswer(value, d); ok {
			if got == store.Answered {
				dst = append(dst, value[answerHead:]...)
			}
			return got, dst, nil
		}
	}
}

// claim makes one try, and returns the value that is there.
func (s *Store) claim(ctx context.Context, key store.Key, d store.Digest) (store.Claimed, string, error) {
	name, own, ttl := s.name(ofAnswer, key), newClaim(d), claimTime(ctx, s.now())
	there, err := s.setNew(ctx, name, own, ttl)
	if err != nil {
		s.unclaim(name, own)
		return store.Pending, "", down(err)
	}
	return s.judge(ctx, key, d, name, own, there, ttl)
}

// judge says what a claim has met. What is not ours is put away for it.
func (s *Store) judge(ctx context.Context, key store.Key, d store.Digest, name, own, there string, ttl time.Duration) (store.Claimed, string, error) {
	if there != "" {
		if got, ok := s.readAnswer(there, d); ok {
			return got, there, nil
		}
		if len(there) == claimSize && there[0] == claimed {
			if there[1:1+digestSize] != own[1:1+digestSize] {
				return store.Reused, there, nil
			}
			return store.Pending, there, nil
		}
		s.metrics.Uses[useReplay].Foreign.Inc()
		first, err := s.seize(ctx, name, there, own, ttl)
		if err != nil {
			s.unclaim(name, own)
			return store.Pending, "", down(err)
		}
		if first != "" {
			return s.judge(ctx, key, d, name, own, first, ttl)
		}
	}
	s.claims.mu.Lock()
	s.claims.won[key] = own
	s.claims.mu.Unlock()
	return store.Won, own, nil
}

// newClaim returns the value of a claim, with a token of its own.
func newClaim(d store.Digest) string {
	own := make([]byte, 0, claimSize)
	own = append(append(own, claimed), d[:]...)
	own = binary.LittleEndian.AppendUint64(own, mrand.Uint64())
	return valkey.BinaryString(own)
}

// unclaim takes back a claim of which nobody knows whether it was won.
func (s *Store) unclaim(name, own string) {
	s.amends.add(amend{use: useReplay, persistent: true, script: replace, key: name, args: []string{own, "", "0"}})
}

// claimTime is how long a claim is good: a little longer than its winner may take.
func claimTime(ctx context.Context, now time.Time) time.Duration {
	until, ok := ctx.Deadline()
	if !ok {
		return claimMost
	}
	return min(max(until.Sub(now)+claimSpare, claimLeast), claimMost)
}

// setNew sets a key that is not there; else it returns what is.
func (s *Store) setNew(ctx context.Context, name, value string, ttl time.Duration) (there string, err error) {
	there, err = calls(ctx, s.link, useReplay, func(ctx context.Context, c valkey.Client) (string, error) {
		return c.Do(ctx, c.B().Set().Key(name).Value(value).Nx().Get().PxMilliseconds(ttl.Milliseconds()).Build()).ToString()
	})
	if valkey.IsValkeyNil(err) {
		return "", nil
	}
	if wrongType(err) || err == nil && there == "" {
		return foreign, nil
	}
	return there, err
}

// foreign stands for what is no string, or has no bytes.
const foreign = "?"

// seize puts a claim in the place of what is not ours. If something else is there by now, it returns that.
func (s *Store) seize(ctx context.Context, name, there, value string, ttl time.Duration) (first string, err error) {
	first, err = s.link.run(ctx, useReplay, seize, []string{name}, []string{there, value, milliseconds(ttl)}).ToString()
	if valkey.IsValkeyNil(err) {
		return "", nil
	}
	return first, err
}

// readAnswer reads a value as an answer. false: it is none.
func (s *Store) readAnswer(value string, d store.Digest) (store.Claimed, bool) {
	if len(value) < answerHead || value[0] != answered || check(value) != readCheck(value) {
		return 0, false
	}
	if value[1:1+digestSize] != string(d[:]) {
		return store.Reused, true
	}
	return store.Answered, true
}

func check(value string) uint32 {
	sum := crc32.Checksum([]byte(value[:1+digestSize]), castagnoli)
	return crc32.Update(sum, castagnoli, []byte(value[answerHead:]))
}

func readCheck(value string) uint32 {
	return binary.LittleEndian.Uint32([]byte(value[1+digestSize : answerHead]))
}

// await waits until the value of a key is another than the claim that is there. Of all who wait in this process one
// asks the store, and the others wait for it. "" is returned when it is worth claiming again.
func (s *Store) await(ctx context.Context, key store.Key, d store.Digest, there string) (string, error) {
	c := &s.claims
	c.mu.Lock()
	a, follows := c.awaited[key]
	if !follows {
		a = &await{done: make(chan struct{})}
		c.awaited[key] = a
	}
	c.mu.Unlock()
	if follows {
		select {
		case <-a.done:
			return a.answer, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	defer func() {
		c.mu.Lock()
		delete(c.awaited, key)
		c.mu.Unlock()
		close(a.done)
	}()
	for pause := pollFirst; ; pause = min(pause*3/2, pollLast) {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(pause/2 + mrand.N(pause)):
		}
		value, err := s.get(ctx, s.name(ofAnswer, key))
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case err != nil:
			return "", down(err)
		case value != there:
			if value != "" && value[0] == answered {
				a.answer = value
			}
			return a.answer, nil
		}
	}
}

func (s *Store) get(ctx context.Context, name string) (value string, err error) {
	value, err = calls(ctx, s.link, useReplay, func(ctx context.Context, c valkey.Client) (string, error) {
		return c.Do(ctx, c.B().Get().Key(name).Build()).ToString()
	})
	if valkey.IsValkeyNil(err) {
		return "", nil
	}
	return value, err
}

// Complete ends a won claim with its answer.
func (s *Store) Complete(ctx context.Context, key store.Key, d store.Digest, answer []byte) error {
	value := make([]byte, 0, answerHead+len(answer))
	value = append(append(value, answered), d[:]...)
	value = append(value[:answerHead], answer...)
	text := valkey.BinaryString(value)
	binary.LittleEndian.PutUint32(value[1+digestSize:], check(text))
	return s.end(ctx, key, d, text, s.ttl)
}

// Abandon ends a won claim without an answer.
func (s *Store) Abandon(ctx context.Context, key store.Key, d store.Digest) error {
	return s.end(ctx, key, d, "", 0)
}

func (s *Store) end(ctx context.Context, key store.Key, d store.Digest, value string, ttl time.Duration) error {
	c := &s.claims
	c.mu.Lock()
	own, ok := c.won[key]
	if ok && own[1:1+digestSize] != string(d[:]) {
		ok = false
	}
	if ok {
		delete(c.won, key)
	}
	c.mu.Unlock()
	if !ok {
		return store.ErrNoClaim
	}
	name, args := s.name(ofAnswer, key), []string{own, value, strconv.FormatInt(ttl.Milliseconds(), 10)}
	r := s.link.run(ctx, useReplay, replace, []string{name}, args)
	err := r.Error()
	if valkey.IsValkeyNil(err) || wrongType(err) {
		return store.ErrNoClaim
	}
	if err != nil {
		s.amends.add(amend{use: useReplay, persistent: true, script: replace, key: name, args: args})
		return down(err)
	}
	if n, err := r.AsInt64(); err != nil || n != 1 {
		return store.ErrNoClaim
	}
	return nil
}

var errReply = errors.New("a reply that makes no sense")

// wrongType reports whether a key holds another type than ours.
func wrongType(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE")
}
