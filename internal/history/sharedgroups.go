package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/besra-ml/besra/internal/feature"
)

// Where processes share histories, no single one knows from when on those of a group are whole: a version with other
// windows may be served by some processes and not by others, for a while. So each tells the store, time and again,
// which groups its events enter, by model, and learns from when on these are whole:
//
//   - a model's first groups are whole from the beginning, unless a journal knows of events before; a group that comes
//     later is from then on;
//   - one that nobody fed for a while, in which the model's others were fed, from when it came back;
//   - and while a process scores events that do not enter a group, that group lacks them.
//
// Times are those of the processes' clocks, ms.
const tellGroups = `
local now, scored, gap, known = tonumber(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[3]), ARGV[4] == '1'
local all = redis.call('HGETALL', KEYS[1])
local fed, whole, latest, mine = {}, {}, 0, {}
for i = 1, #all, 2 do
  local id, at, from = all[i], string.match(all[i + 1], '^(%d+) (%d+)$')
  if at then
    fed[id], whole[id] = tonumber(at), tonumber(from)
    latest = math.max(latest, fed[id])
  end
end
local out = {}
for i = 5, #ARGV do
  local id = ARGV[i]
  mine[id] = true
  if not fed[id] then
    whole[id] = (known or latest > 0) and now or 0
  elseif latest - fed[id] > gap then
    whole[id] = now
  end
  fed[id] = math.max(fed[id] or 0, now)
  redis.call('HSET', KEYS[1], id, string.format('%d %d', fed[id], whole[id]))
  out[#out + 1] = whole[id]
end
if scored then
  for id, at in pairs(fed) do
    if not mine[id] then
      redis.call('HSET', KEYS[1], id, string.format('%d %d', at, now))
    end
  end
end
return out`

const (
	tellEvery = 10 * time.Second
	fedGap    = time.Minute // without being fed
)

// tellShared tells the shared store which groups events enter, when it is time, and learns from when on they are whole.
func (h *History) tellShared() {
	now := h.Now()
	if fresh := h.fresh.Swap(false); !fresh && now.Sub(h.told) < tellEvery {
		return
	}
	h.told = now
	for model, groups := range h.attachedByModel() {
		of := h.plans.Load().pasts[model]
		scored := of.scored.Swap(false)
		args := []string{
			strconv.FormatInt(now.UnixMilli(), 10), bit(scored), strconv.FormatInt(fedGap.Milliseconds(), 10),
			bit(h.Journal != nil && h.Journal.Last() > 0),
		}
		var told []*group
		for id, g := range groups {
			args, told = append(args, hex.EncodeToString(id[:])), append(told, g)
		}
		sum := sha256.Sum256([]byte(model))
		whole, err := h.Shared.Call(context.Background(), tellGroups, "g:"+hex.EncodeToString(sum[:16]), args...)
		if err != nil || len(whole) != len(told) {
			h.fresh.Store(true) // again, at the next opportunity
			if scored {
				of.scored.Store(true)
			}
			continue
		}
		for i, g := range told {
			if whole[i] > 0 {
				raise(&g.since, h.sane(whole[i]))
			}
		}
	}
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// attachedByModel returns the groups that events enter now.
func (h *History) attachedByModel() map[string]map[feature.Hash]*group {
	h.mu.Lock()
	defer h.mu.Unlock()
	attached, ids := h.attached(), map[*group]feature.Hash{}
	for id, g := range h.groups {
		ids[g] = id
	}
	all := map[string]map[feature.Hash]*group{}
	for model, past := range h.plans.Load().pasts {
		for _, g := range past.groups {
			if !attached[g] {
				continue
			}
			if all[model] == nil {
				all[model] = map[feature.Hash]*group{}
			}
			all[model][ids[g]] = g
		}
	}
	return all
}
