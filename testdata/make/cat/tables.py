"""Writes what tests hold besra's functions against: hashes of categories and fmath's exponentials, as the library
itself computes them.

usage: tables.py ROOT
"""

import csv
import json
import pathlib
import struct
import sys
import tempfile

import catboost
import numpy as np

COMMON = {"thread_count": 1, "random_seed": 7, "verbose": 0, "allow_writing_files": False}


def hashes(path):
    """Every length up to 200 and some more, in letters of one byte to four."""
    rng = np.random.default_rng(11)
    letters = [chr(c) for c in range(0x20, 0x7F)] + list("äß日本€😀\t")
    texts = [""]
    for n in [*range(1, 201), 255, 256, 257, 1000]:
        text = ""
        while len(text.encode()) < n:
            text += letters[rng.integers(len(letters) if n - len(text.encode()) >= 4 else 95)]
        texts.append(text)
    y = np.arange(len(texts)) % 2
    pool = catboost.Pool([[t] for t in texts], label=y, cat_features=[0], thread_count=1)
    model = catboost.CatBoost({"iterations": 1, "loss_function": "Logloss"} | COMMON)
    model.fit(pool)
    with tempfile.TemporaryDirectory() as folder:
        model.save_model(f"{folder}/model.json", format="json", pool=pool)
        document = json.loads(pathlib.Path(folder, "model.json").read_text(encoding="utf-8"))
    known = {h["value"]: h["hash"] for h in document["features_info"]["cat_features_hash"]}
    if set(known) != set(texts):
        raise ValueError("the library gives other texts back")
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["hash", "text"])
        w.writerows([known[t], t] for t in texts)


def exponentials(path):
    """Pairs of a float64 and its exponential: where rows stand alone, so that the ends are those of a single number."""
    rng = np.random.default_rng(12)
    x = rng.normal(size=(400, 1)).astype(np.float32)
    pool = catboost.Pool(x, label=rng.poisson(np.exp(x[:, 0])), thread_count=1)
    model = catboost.CatBoost({"iterations": 1, "depth": 1, "loss_function": "Poisson"} | COMMON)
    model.fit(pool)
    row = x[:1]
    model.set_scale_and_bias(0.0, [1.0])
    pairs = []
    biases = [-708.39641853226408, -708.3964185322641, 709.78271289338397, 709.782712893384, 709.7827, 1e-300, -1e-17, 800, -800]
    biases += [*(rng.uniform(-1, 1, size=600)), *(rng.uniform(-708, 709, size=1000)), *(rng.normal(size=391) * 10)]
    for b in biases:
        model.set_scale_and_bias(0.0, [float(b)])
        raw, e = (model.predict(row, kind, thread_count=1)[0] for kind in ("RawFormulaVal", "Exponent"))
        pairs.append(struct.pack("<dd", raw, e))
    pathlib.Path(path).write_bytes(b"".join(pairs))


def main(root="."):
    root = pathlib.Path(root)
    (root / "format/catboost/testdata").mkdir(exist_ok=True)
    hashes(root / "format/catboost/testdata/hashes.csv")
    exponentials(root / "internal/libm/testdata/fmath.pairs")


if __name__ == "__main__":
    main(*sys.argv[1:])
