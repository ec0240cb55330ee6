"""Predicts through XGBoost's Python API, for the engine contest to time: inplace.py MODEL FEATURES ROWS

It obeys the commands that capi.c explains. Rows are cut out of the array before the clock starts.
"""

import sys
import time

import numpy as np
import xgboost as xgb

model, features, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
rows = np.fromfile(path, dtype=np.float32).reshape(-1, features)
booster = xgb.Booster({"nthread": 1}, model_file=model)
booster.set_param({"nthread": 1})
cuts: dict[int, list[np.ndarray]] = {}
at = 0


def cut(n: int) -> list[np.ndarray]:
    if n not in cuts:
        cuts[n] = [rows[i : i + n] for i in range(0, len(rows) - n + 1, n)]
    return cuts[n]


def predict(batch: np.ndarray, kind: str) -> np.ndarray:
    return booster.inplace_predict(batch, predict_type=kind, validate_features=False)


def bits(kind: str, n: int) -> str:
    results = np.concatenate([predict(batch, kind) for batch in cut(n)])
    return "".join(f"{b:08x}" for b in results.astype(np.float32).view(np.uint32))


def timed(kind: str, n: int, calls: int) -> int:
    global at
    batches = cut(n)
    turns = [batches[(at + i) % len(batches)] for i in range(calls)]
    at += calls
    begin = time.perf_counter_ns()
    for batch in turns:
        predict(batch, kind)
    return time.perf_counter_ns() - begin


for line in sys.stdin:
    verb, kind, *numbers = line.split()
    run = {"bits": bits, "time": timed}[verb]
    print(run(kind, *map(int, numbers)), flush=True)
