""".cache/training/bin/python -m unittest discover -s training (after `make train`)"""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import pandas as pd

from golden._files import cells
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
