""".cache/training/bin/python -m unittest discover -s training (after `make train`)"""

import csv
import tempfile
import unittest
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb

from golden import cells, thresholds, write_golden
from train import card_precision, choose_cutoffs, read_events, read_rows


class Events(unittest.TestCase):
    def test_are_read_as_simulate_writes_them(self):
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

    def test_rows_keep_their_bits(self):
        numbers = np.array([87.39667, 0.1, 16777216, 1e-45, np.nan], np.float32)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.csv"
            path.write_text("\n".join(["a,b", *(f"{t},1" for t in cells(numbers))]))
            rows = read_rows(path)
        self.assertEqual(rows["a"].to_numpy()[:4].tobytes(), numbers[:4].tobytes())
        self.assertTrue(np.isnan(rows["a"].iloc[4]))


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
        self.assertEqual(self.write(model, X, iteration_range=(0, 2))["margin"][:151], self.write(first, X)["margin"][:151])

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
