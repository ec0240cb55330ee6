package limit

// The scripts by which a Valkey or Redis, from 7.0, is a Bank. Each has one key, counts in whole numbers, and goes by
// the server's clock. What somebody else has put under the key, or what is broken, is as good as nothing there, and is
// written over.
const (
	// LeaseScript is [Bank.Lease].
	//
	// KEYS[1]: the bucket, as "tokens time": millionths of a token, and microseconds since 1970 at which they were that.
	// It is there until it would be full.
	//
	// ARGV: 1 millionths of a token gained a second, from 1; 2 most tokens in it, up to 1e9; 3 tokens owed, below 0: given
	// back; 4 tokens wanted.
	//
	// It returns the tokens granted, those remaining, and the milliseconds until there is one.
	LeaseScript = `
local rate, most = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000000
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local tokens, at = most, now
local kept = redis.pcall('GET', KEYS[1])
if type(kept) == 'string' and #kept <= 34 then
  local t, a = string.match(kept, '^(%-?%d+) (%d+)$')
  if t and #t <= 17 and #a <= 16 then
    tokens, at = tonumber(t), math.min(tonumber(a), now)
  end
end
local gained = (now - at) * rate / 1000000
if gained >= most - tokens then
  tokens, at = most, now
else
  gained = math.floor(gained)
  tokens = tokens + gained
  if rate >= 1000000 then
    at = now
  else
    at = math.min(at + math.ceil(gained * 1000000 / rate), now)
  end
end
tokens = math.min(tokens - tonumber(ARGV[3]) * 1000000, most)
local granted = math.max(math.min(tonumber(ARGV[4]), math.floor(tokens / 1000000)), 0)
tokens = tokens - granted * 1000000
if tokens >= most then
  redis.call('DEL', KEYS[1])
else
  local full = math.min(math.ceil((most - tokens) * 1000 / rate) + 1000, 1e12)
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', tokens, at), 'PX', string.format('%.0f', full))
end
local retry = 0
if tokens < 1000000 then
  retry = math.min(math.ceil((1000000 - tokens) * 1000 / rate), 1e12)
end
return {granted, math.floor(tokens / 1000000), retry}`

	// QuotaScript is [Bank.Spend].
	//
	// KEYS[1]: how many were taken in the period that its name says.
	//
	// ARGV: 1 most in the period; 2 tokens owed, below 0: given back; 3 tokens wanted; 4 milliseconds to keep it for, until
	// after the period.
	//
	// It returns the tokens granted, those remaining, and 0.
	QuotaScript = `
local most, used = tonumber(ARGV[1]), 0
local kept = redis.pcall('GET', KEYS[1])
if type(kept) == 'string' and #kept <= 15 and string.match(kept, '^%d+$') then
  used = tonumber(kept)
end
used = math.max(used + tonumber(ARGV[2]), 0)
local granted = math.max(math.min(tonumber(ARGV[3]), most - used), 0)
used = used + granted
redis.call('SET', KEYS[1], string.format('%.0f', used), 'PX', ARGV[4])
return {granted, most - used, 0}`

	// PeersScript is [Bank.Peers].
	//
	// KEYS[1]: a sorted set of processes, by when they asked last, in milliseconds since 1970.
	//
	// ARGV: 1 which process asks; 2 milliseconds after which one that has not asked is gone.
	//
	// It returns how many there are.
	PeersScript = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if type(redis.pcall('ZADD', KEYS[1], now, ARGV[1])) ~= 'number' then
  redis.call('DEL', KEYS[1])
  redis.call('ZADD', KEYS[1], now, ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {redis.call('ZCARD', KEYS[1])}`
)
