// What the page computes of the seconds that the stream brings. Nothing here knows of the page.

// A tick is a second: {at, took, counts, times, levels}, as internal/dashboard/sample.go has it.

// counted returns what a second added to a counter, of the series that match: match(...labels).
export function counted(tick, name, match = () => true) {
  let n = 0;
  for (const row of tick.counts[name] ?? []) if (match(...row)) n += row[row.length - 1];
  return n;
}

// Buckets are a histogram: counts by bucket, their sum, and that of the values.
export class Buckets {
  constructor(size) {
    this.counts = new Float64Array(size);
    this.count = 0;
    this.sum = 0;
  }

  // add adds what a second brought, of the series that match.
  add(tick, name, match = () => true, times = 1) {
    for (const row of tick.times[name] ?? []) {
      const pairs = row[row.length - 1];
      if (!match(...row)) continue;
      this.sum += times * row[row.length - 2];
      for (let i = 0; i < pairs.length; i += 2) {
        this.counts[pairs[i]] += times * pairs[i + 1];
        this.count += times * pairs[i + 1];
      }
    }
    return this;
  }
}

// quantile returns below which value a share q of the values lies: within a bucket they are taken to lie evenly, and
// above the last bound at it. NaN when there are none.
export function quantile(bounds, counts, q) {
  let all = 0;
  for (const n of counts) all += n;
  if (!(all > 0)) return NaN;
  const rank = q * all;
  let below = 0;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] > 0 && below + counts[i] >= rank) {
      if (i >= bounds.length) return bounds[bounds.length - 1];
      const from = i > 0 ? bounds[i - 1] : Math.min(0, bounds[0]);
      return from + (bounds[i] - from) * Math.max(0, (rank - below) / counts[i]);
    }
    below += counts[i];
  }
  return bounds[bounds.length - 1];
}

// sliding returns, for each second, the quantiles of the seconds that end with it.
export function sliding(ticks, seconds, name, match, bounds, qs) {
  const columns = qs.map(() => new Array(ticks.length).fill(null));
  const window = new Buckets(bounds.length + 1);
  for (let i = 0; i < ticks.length; i++) {
    window.add(ticks[i], name, match);
    if (i >= seconds) window.add(ticks[i - seconds], name, match, -1);
    if (window.count > 0) qs.forEach((q, k) => (columns[k][i] = quantile(bounds, window.counts, q)));
  }
  return columns;
}

// over adds up some seconds of a histogram.
export function over(ticks, name, bounds, match) {
  const b = new Buckets((bounds?.length ?? 0) + 1);
  for (const t of ticks) b.add(t, name, match);
  return b;
}

// total adds up some seconds of a counter.
export const total = (ticks, name, match) => ticks.reduce((n, t) => n + counted(t, name, match), 0);

// duration is how long some seconds were.
export const duration = (ticks) => ticks.reduce((s, t) => s + t.took, 0);

// rate is how much came to a counter in a second.
export const rate = (ticks, name, match) => (ticks.length ? total(ticks, name, match) / duration(ticks) : 0);

// smooth is the mean of each second and those before it, as many as say; nulls stay out.
export function smooth(column, seconds) {
  return column.map((_, i) => {
    let sum = 0;
    let n = 0;
    for (let j = Math.max(0, i - seconds + 1); j <= i; j++) {
      if (column[j] == null) continue;
      sum += column[j];
      n++;
    }
    return n ? sum / n : null;
  });
}

// The outcomes of requests, the good one first, by HTTP status.
export const outcomes = ["answered", "refused", "denied", "limited", "shed", "failed"];

export function outcome(code) {
  switch (code) {
    case "401":
    case "403":
      return "denied";
    case "429":
      return "limited";
    case "503":
    case "504":
      return "shed";
    case "499":
      return "refused"; // who asked has gone
  }
  if (code < "400") return "answered";
  return code < "500" ? "refused" : "failed"; // "other" is more than 500, too
}

// Routes that watch the service are no traffic of it.
const watching = new Set(["/livez", "/readyz", "/ping", "/metrics", "/openapi.json", "/v1/status"]);
export const isTraffic = (route) => !watching.has(route) && !route.startsWith("/dashboard") && !route.startsWith("/v1/models") && !route.startsWith("/admin");

// tally adds up rows by their first labels: a Map from their names, joined by a blank, to a number.
export function tally(ticks, name, labels = 1) {
  const sums = new Map();
  for (const t of ticks) {
    for (const row of t.counts[name] ?? []) {
      const key = row.slice(0, labels).join(" ");
      sums.set(key, (sums.get(key) ?? 0) + row[row.length - 1]);
    }
  }
  return sums;
}
