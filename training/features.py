"""The 15 inputs of the demo model: the amount and the 14 features of the Fraud Detection Handbook.

Everything is whole cents, seconds and counts until one division at the end, so that a feature has the same
bits however it is computed.
"""

import numpy as np
import pandas as pd

DAY = 86_400
WINDOWS = (1, 7, 30)  # days
DELAY = 7  # days until a payment's label is known

NAMES = (
    ["amount", "night", "weekend"]
    + [f"card_{what}_{w}d" for w in WINDOWS for what in ("count", "mean")]
    + [f"terminal_{what}_{w}d" for w in WINDOWS for what in ("count", "fraud_share")]
)


def read_events(path):
    """Reads what `besra simulate` writes, in its order: by time."""
    events = pd.read_csv(
        path,
        dtype={"event_id": str, "time": str, "card": "category", "terminal": "category", "label": "category"},
        usecols=["event_id", "time", "card", "terminal", "amount", "label", "scenario"],
    )
    time = pd.to_datetime(events["time"], format="%Y-%m-%dT%H:%M:%SZ")
    events["seconds"] = time.to_numpy().astype("datetime64[s]").astype(np.int64)
    events["day"] = (events["seconds"] - events["seconds"].iloc[0] // DAY * DAY) // DAY
    events["fraud"] = (events["label"] == "fraud").to_numpy(np.int8)
    return events


def features(events):
    """One float32 row for each event, with the columns NAMES.

    events needs seconds (since 1970, UTC, ascending), card, terminal (categories), amount and fraud.
    A card's windows (t-w, t] end with the payment itself. A terminal's end a week before it,
    (t-7d-w, t-7d], because labels are known that late; its share of fraud is 0 where a window is empty.
    """
    seconds = events["seconds"].to_numpy()
    cents = np.rint(events["amount"].to_numpy() * 100).astype(np.int64)
    columns = {
        "amount": cents / 100,
        "night": seconds // 3600 % 24 <= 6,
        "weekend": (seconds // DAY + 3) % 7 >= 5,  # the first day of 1970 was a Thursday
    }

    card = Timeline(events["card"].cat.codes, seconds, cents)
    for w in WINDOWS:
        count, total = card.window(back=w * DAY)
        columns[f"card_count_{w}d"] = count
        columns[f"card_mean_{w}d"] = total / (count * 100)

    terminal = Timeline(events["terminal"].cat.codes, seconds, events["fraud"].to_numpy())
    for w in WINDOWS:
        count, frauds = terminal.window(back=w * DAY, delay=DELAY * DAY)
        columns[f"terminal_count_{w}d"] = count
        columns[f"terminal_fraud_share_{w}d"] = frauds / np.maximum(count, 1)

    return pd.DataFrame({name: np.asarray(columns[name], np.float32) for name in NAMES})


class Timeline:
    """Each entity's events, one entity after another, with running sums of a whole number."""

    def __init__(self, entity, seconds, value):
        entity = np.asarray(entity, np.int64)
        self.order = np.argsort(entity, kind="stable")
        self.seconds = seconds[self.order]
        self.base = entity[self.order] << 36  # more than any time: one sorted key for entity and time
        self.sums = np.concatenate(([0], np.cumsum(value[self.order], dtype=np.int64)))

    def window(self, back, delay=0):
        """Count and sum over (t-delay-back, t-delay]. Without delay it ends with the event itself,
        so of two events in one second the first does not see the other."""
        key = self.base + self.seconds
        start = np.searchsorted(key, key - delay - back, side="right")
        end = np.searchsorted(key, key - delay, side="right") if delay else np.arange(len(key)) + 1
        first = np.searchsorted(key, self.base, side="left")  # do not reach into the entity before
        start, end = np.maximum(start, first), np.maximum(end, first)
        count, total = np.empty(len(key), np.int64), np.empty(len(key), np.int64)
        count[self.order] = end - start
        total[self.order] = self.sums[end] - self.sums[start]
        return count, total
