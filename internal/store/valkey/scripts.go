package valkey

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"time"

	"github.com/valkey-io/valkey-go"
)

// announce is a function of scripts. ARGV has of each key for how long it is kept untouched, ms, and a record; no bytes: it
// is only read. What is no string was put there by somebody else.
const announce = `
local function announce(i)
  local key, keep, record, v = KEYS[i], ARGV[2 * i - 1], ARGV[2 * i]
  if record == '' then
    v = redis.pcall('GET', key)
  else
    v = redis.pcall('GETEX', key, 'PX', keep)
  end
  if type(v) == 'table' then
    redis.call('DEL', key)
    v = '?'
  end
  if record == '' then
    return v
  elseif not v or v == '?' then
    redis.call('SET', key, record, 'PX', keep)
  else
    redis.call('APPEND', key, record)
  end
  return v
end
`

// The scripts. Each touches only the keys that it is given, and works on Redis 7.0 as well.
var (
	// advance announces what is said of each key, and returns what each held before.
	advance = script(announce + `
local out = {}
for i = 1, #KEYS do
  out[i] = announce(i)
end
return out`)

	// begin is a claim of the first key, which ARGV begins with, and for how long it is good, ms. If there is nothing
	// there the rest is advance. It returns what was there, and then what advance does.
	begin = script(announce + `
local there = redis.pcall('SET', KEYS[1], ARGV[1], 'NX', 'GET', 'PX', ARGV[2])
if type(there) == 'table' then
  there = '?'
end
local out = {there}
if not there then
  for i = 2, #KEYS do
    out[i] = announce(i)
  end
end
return out`)

	// fold puts a base in the place of the first bytes of a log, unless that has another base by now. ARGV: how the
	// log begins, how many bytes the base stands for, the base, how long the key is kept untouched, ms.
	fold = script(`
local cut = tonumber(ARGV[2])
if redis.call('STRLEN', KEYS[1]) < cut or redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3] .. redis.call('GETRANGE', KEYS[1], cut, -1), 'PX', ARGV[4])
return 1`)

	// seize puts a claim in the place of what is not ours, and of what is no string, and returns nothing; if there is
	// something else by now, it returns that. ARGV: what is not ours; the claim; for how long it is good, ms.
	seize = script(`
local v = redis.pcall('GET', KEYS[1])
if type(v) == 'string' and v ~= '' and v ~= ARGV[1] then
  return v
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return false`)

	// put puts a value. ARGV: the value; how long it is kept, ms.
	put = script(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

	// replace puts a value in the place of another, if that is still there, and returns what is there else. ARGV: the
	// other; the value, no bytes to delete; how long it is kept, ms.
	replace = script(`
local v = redis.call('GET', KEYS[1])
if v ~= ARGV[1] then
  return v
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1`)
)

// A lua is a script that the server may know by its digest.
type lua struct{ text, sha string }

func script(text string) *lua {
	sum := sha1.Sum([]byte(text)) // that is how the protocol names scripts
	return &lua{text, hex.EncodeToString(sum[:])}
}

// An execution is a script's keys and arguments.
type execution struct{ keys, args []string }

// execute runs s on all of what, at once. A server that does not know the script is given it.
func (s *lua) execute(ctx context.Context, c valkey.Client, what ...execution) []valkey.ValkeyResult {
	known := func(e execution) valkey.Completed {
		return c.B().Evalsha().Sha1(s.sha).Numkeys(int64(len(e.keys))).Key(e.keys...).Arg(e.args...).Build()
	}
	var results []valkey.ValkeyResult
	if len(what) == 1 {
		results = []valkey.ValkeyResult{c.Do(ctx, known(what[0]))}
	} else {
		all := make([]valkey.Completed, len(what))
		for i := range what {
			all[i] = known(what[i])
		}
		results = c.DoMulti(ctx, all...)
	}
	for i := range results {
		if err, ok := valkey.IsValkeyErr(results[i].Error()); ok && err.IsNoScript() {
			e := what[i]
			results[i] = c.Do(ctx, c.B().Eval().Script(s.text).Numkeys(int64(len(e.keys))).Key(e.keys...).Arg(e.args...).Build())
		}
	}
	return results
}

// run runs a script at the store.
func (l *link) run(ctx context.Context, u use, s *lua, keys, args []string) valkey.ValkeyResult {
	r, err := calls(ctx, l, u, func(ctx context.Context, c valkey.Client) (valkey.ValkeyResult, error) {
		r := s.execute(ctx, c, execution{keys, args})[0]
		return r, r.Error()
	})
	if err != nil && r.Error() == nil {
		return valkey.NewErrorResult(err)
	}
	return r
}

// Get returns what Put has put under a key.
func (s *Store) Get(ctx context.Context, key string) (value []byte, err error) {
	value, err = calls(ctx, s.link, useMemo, func(ctx context.Context, c valkey.Client) ([]byte, error) {
		return c.Do(ctx, c.B().Get().Key(s.prefix+key).Build()).AsBytes()
	})
	if valkey.IsValkeyNil(err) || wrongType(err) {
		return nil, nil
	}
	return value, down(err)
}

// Put puts a value under a key when there is time.
func (s *Store) Put(key string, value []byte, ttl time.Duration) {
	s.amends.add(amend{use: useMemo, script: put, key: s.prefix + key, args: []string{string(value), milliseconds(ttl)}})
}

// Call runs a script of somebody else's.
func (s *Store) Call(ctx context.Context, text, key string, args ...string) ([]int64, error) {
	of, ok := s.scripts.Load(text)
	if !ok {
		of, _ = s.scripts.LoadOrStore(text, script(text))
	}
	reply, err := s.link.run(ctx, useLimits, of.(*lua), []string{s.prefix + key}, args).AsIntSlice()
	return reply, down(err)
}
