""".cache/training/bin/python -m unittest discover -s training (after `make train`)"""

import csv
import tempfile
import unittest
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb

from features import DAY, NAMES, WINDOWS, features, read_events
from golden import cells, thresholds, write_golden
from train import card_precision, choose_cutoffs


def some_events(n=3000, days=60):
    """Few cards and terminals, many ties, everything at a whole number of hours: windows meet at their ends."""
    rng = np.random.default_rng(7)
    seconds = np.sort(rng.integers(0, days * 24, size=n) * 3600) + 1_522_540_800  # 2018-04-01, a Sunday
    return pd.DataFrame({
        "seconds": seconds,
        "card": pd.Categorical(rng.integers(0, 9, size=n)),
        "terminal": pd.Categorical(rng.integers(0, 14, size=n)),
        "amount": rng.integers(0, 30_000, size=n) / 100,
        "fraud": (rng.random(n) < 0.1).astype(np.int8),
    })


def slowly(events):
    """The definition, word for word, one payment at a time."""
    for i, e in enumerate(events.itertuples()):
        time = pd.Timestamp(e.seconds, unit="s")
        row = [e.amount, time.hour <= 6, time.weekday() >= 5]
        before = events.iloc[: i + 1]
        mine = before[before["card"] == e.card]
        for w in WINDOWS:
            seen = mine[mine["seconds"] > e.seconds - w * DAY]
            row += [len(seen), round(seen["amount"].sum() * 100) / (100 * len(seen))]
        there = events[events["terminal"] == e.terminal]
        for w in WINDOWS:
            known = e.seconds - 7 * DAY
            seen = there[(there["seconds"] <= known) & (there["seconds"] > known - w * DAY)]
            row += [len(seen), seen["fraud"].mean() if len(seen) else 0]
        yield row


class Features(unittest.TestCase):
    def test_are_what_their_definition_says(self):
        events = some_events()
        want = np.array(list(slowly(events)), np.float32)
        got = features(events)
        self.assertEqual(list(got), NAMES)
        for i, name in enumerate(NAMES):
            np.testing.assert_array_equal(got[name], want[:, i], err_msg=name)

    def test_read_the_events_that_simulate_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events.csv"
            path.write_text(
                "event_id,time,card,terminal,amount,label,label_time,scenario\n"
                "evt_0,2018-04-01T00:00:31Z,c_596,t_3156,57.16,genuine,2018-04-08T00:00:31Z,0\n"
                "evt_1,2018-04-02T23:59:59Z,c_596,t_3,221.00,fraud,2018-04-09T23:59:59Z,1\n"
            )
            events = read_events(path)
        self.assertEqual(events["seconds"].tolist(), [1522540831, 1522713599])
        self.assertEqual(events["day"].tolist(), [0, 1])
        self.assertEqual(events["fraud"].tolist(), [0, 1])
        self.assertEqual(features(events)["card_mean_7d"].tolist(), [np.float32(57.16), np.float32(139.08)])


class Golden(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(3)
        self.X = pd.DataFrame({
            "a": rng.normal(size=400).astype(np.float32),
            "kind, of": pd.Categorical(rng.choice(["x", "y", "z"], size=400)),
        })
        self.y = rng.integers(0, 3, size=400)

    def write(self, model, X, **options):
        with tempfile.TemporaryDirectory() as folder:
            write_golden(model, X, folder, **options)
            files = {}
            for name in ("rows", "margin", "value"):
                with open(Path(folder) / f"{name}.csv", newline="") as file:
                    files[name] = list(csv.reader(file))
        return files

    def test_are_the_models_own_answers(self):
        model = xgb.XGBClassifier(n_estimators=4, max_depth=3, enable_categorical=True).fit(self.X, self.y)
        files = self.write(model, self.X, rows=200)
        self.assertEqual(files["rows"][0], ["a", "kind, of"])
        self.assertEqual(files["value"][0], ["value_0", "value_1", "value_2"])
        frame = pd.DataFrame(files["rows"][1:], columns=files["rows"][0]).replace("", None)
        frame["a"] = frame["a"].astype(np.float32)
        frame["kind, of"] = pd.Categorical(frame["kind, of"], categories=["x", "y", "z"])
        self.assertEqual(len(frame), 200)
        np.testing.assert_array_equal(np.array(files["value"][1:], np.float32), model.predict_proba(frame))
        margin = model.predict(frame, output_margin=True)
        np.testing.assert_array_equal(np.array(files["margin"][1:], np.float32), margin)

    def test_stand_on_the_models_thresholds(self):
        X, y = self.X[["a"]], self.X["a"] > 0.5
        model = xgb.XGBClassifier(n_estimators=1, max_depth=1).fit(X, y)
        (t,) = thresholds(model.get_booster())[0]
        written = {cell for (cell,) in self.write(model, X)["rows"]}
        around = [np.nextafter(t, np.float32(-np.inf)), t, np.nextafter(t, np.float32(np.inf))]
        for cell in ["", *cells(np.array(around))]:
            self.assertIn(cell, written)

    def test_leave_the_sentinel_empty(self):
        X = np.array([[1.0], [-999.0], [3.0], [np.nan]] * 50)
        model = xgb.XGBRegressor(n_estimators=2, missing=-999.0).fit(X, np.arange(200))
        rows = self.write(model, X, missing=-999.0)["rows"]
        self.assertEqual(rows[0], ["f0"])
        self.assertNotIn(["-999"], rows)
        self.assertIn([""], rows)

    def test_follow_the_range_of_trees(self):
        X, y = self.X[["a"]], self.X["a"]
        model = xgb.XGBRegressor(n_estimators=5).fit(X, y)
        first = xgb.XGBRegressor(n_estimators=2).fit(X, y)
        self.assertEqual(self.write(model, X, iteration_range=(0, 2))["margin"][:500], self.write(first, X)["margin"][:500])

    def test_of_a_linear_model(self):
        model = xgb.XGBRegressor(booster="gblinear", n_estimators=2).fit(self.X[["a"]], self.y)
        self.assertEqual(len(self.write(model, self.X[["a"]], rows=10)["margin"]), 11)

    def test_read_back_to_the_same_bits(self):
        numbers = np.array([0.1, -0.0, 1e-45, 3.4028235e38, 16777216, np.pi, np.nan], np.float32)
        text = cells(numbers)
        self.assertEqual(text[-1], "")
        back = np.array([float(t or "nan") for t in text]).astype(np.float32)
        self.assertEqual(back[:-1].tobytes(), numbers[:-1].tobytes())


class Measures(unittest.TestCase):
    def test_card_precision_counts_a_found_card_once(self):
        payments = pd.DataFrame({
            "day": [0, 0, 0, 1, 1, 1],
            "card": pd.Categorical(["a", "b", "c", "a", "b", "c"]),
            "fraud": [1, 0, 1, 1, 1, 0],
        })
        scores = np.array([0.9, 0.8, 0.1, 0.9, 0.8, 0.7])
        # Day 0: a and b are looked at, a is found. Day 1: b and c are, b is found.
        self.assertEqual(card_precision(payments, scores, top=2), 0.5)

    def test_cutoffs_cost_least(self):
        scores = np.array([0.005, 0.1, 0.1, 0.5, 0.95, 0.95])
        payments = pd.DataFrame({"fraud": [0, 0, 1, 0, 1, 1], "amount": 100.0})
        self.assertEqual(choose_cutoffs(payments, scores), {"review": 0.01, "decline": 0.51})


if __name__ == "__main__":
    unittest.main()
