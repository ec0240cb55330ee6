// Figures as people read them.

const few = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const none = "–";

const known = (x) => x !== null && x !== undefined && Number.isFinite(x);

// number has three digits that count: 0.52, 17.3, 1,240, 32.1k, 1.2M.
export function number(x) {
  if (!known(x)) return none;
  const abs = Math.abs(x);
  if (abs >= 1e9) return few.format(x / 1e9) + "G";
  if (abs >= 1e6) return few.format(x / 1e6) + "M";
  if (abs >= 1e4) return few.format(x / 1e3) + "k";
  if (abs >= 1e3) return whole.format(x);
  return few.format(x);
}

export const count = (x) => (known(x) ? whole.format(x) : none);

export function share(x, digits = 1) {
  if (!known(x)) return none;
  const percent = 100 * x;
  if (percent > 0 && percent < 0.1 ** digits) return `<${0.1 ** digits}%`;
  return `${percent.toFixed(percent >= 99.95 || percent === 0 || digits === 0 ? 0 : digits)}%`;
}

// burn is how many times as fast as it may an error budget is spent.
export const burn = (x) => (known(x) ? `${x === 0 || x >= 100 ? Math.round(x) : +x.toPrecision(2)}×` : none);

// promised is a share with all its nines.
export const promised = (x) => `${+(100 * x).toFixed(6)}%`;

// seconds is a time as long as it is: 850 ns, 31 µs, 4.2 ms, 1.5 s, 3 min.
export function seconds(x) {
  if (!known(x)) return none;
  const abs = Math.abs(x);
  if (abs === 0) return "0";
  if (abs < 1e-6) return `${few.format(x * 1e9)} ns`;
  if (abs < 999.5e-6) return `${few.format(x * 1e6)} µs`;
  if (abs < 0.9995) return `${few.format(x * 1e3)} ms`;
  if (abs < 120) return `${few.format(x)} s`;
  if (abs < 7200) return `${few.format(x / 60)} min`;
  if (abs < 172800) return `${few.format(x / 3600)} h`;
  return `${few.format(x / 86400)} d`;
}

export function bytes(x) {
  if (!known(x)) return none;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  while (Math.abs(x) >= 999.5 && i < units.length - 1) {
    x /= 1000;
    i++;
  }
  return `${few.format(x)} ${units[i]}`;
}

const clocks = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minutes = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
export const clock = (ms) => clocks.format(ms);
export const minute = (ms) => minutes.format(ms);

// ago is how long it is since then: 12 s ago.
export const ago = (ms, now = Date.now()) => (now - ms < 1500 ? "now" : `${seconds(Math.round((now - ms) / 1000))} ago`);

// score keeps what tells small scores apart.
export const score = (x) => (known(x) ? (x < 0.001 && x > 0 ? x.toExponential(1) : x.toFixed(3)) : none);
