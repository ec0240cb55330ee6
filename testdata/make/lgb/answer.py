"""Writes rows.csv, margin.csv, value.csv, leaf.csv and case.json beside every model: what the installed version answers.

usage: answer.py VERSION MODELS OUT [PATTERN]

The answers are those of one thread. Models that were trained on a frame are asked with one, whose names may be
others than the model knows.
"""

import csv
import fnmatch
import os
import shutil
import sys

import lightgbm
import numpy as np

import case as c
import rows as r
from cases import CASES

STRANGERS = ("never seen", "nor this")  # categories that no model knows


def text(x):
    """The shortest decimal that reads back as the same float64."""
    return repr(float(x)).removesuffix(".0")


def write(path, header, lines):
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(header)
        w.writerows(lines)


class Columns:
    """The columns of the data as numbers, and what pandas makes of them."""

    def __init__(self, data):
        self.frame = not isinstance(data.x, np.ndarray)
        if not self.frame:
            self.base = data.x
            self.categories = [None] * data.x.shape[1]
            self.categorical = [j in data.categorical for j in range(data.x.shape[1])]
            return
        self.names = list(data.x.columns)
        self.categories = [list(t.categories) if hasattr(t, "categories") else None for t in data.x.dtypes]
        columns = []
        for name, known in zip(self.names, self.categories):
            column = data.x[name]
            columns.append(column if known is None else np.where(column.cat.codes < 0, np.nan, column.cat.codes))
        self.base = np.stack(columns, axis=1).astype(np.float64)
        self.categorical = [k is not None or n in data.categorical for n, k in zip(self.names, self.categories)]

    def own(self, j):
        """Whether the categories of a column are their own codes, so that they stay numbers in rows.csv."""
        return self.categories[j] == list(range(len(self.categories[j])))

    def tame(self, x):
        """Turns the codes that are none into missing values, or into strangers: codes beyond all categories."""
        for j, known in enumerate(self.categories):
            if known is None:
                continue
            bad = ~((x[:, j] >= 0) & (x[:, j] < len(known)) & (x[:, j] == np.floor(x[:, j])))
            x[bad, j] = np.where(np.isnan(x[bad, j]), np.nan, len(known) + np.arange(bad.sum()) % 2)
        return x

    def name(self, j, v):
        if v < len(self.categories[j]):
            return self.categories[j][int(v)]
        return int(v) if self.own(j) else STRANGERS[int(v) - len(self.categories[j])]

    def cell(self, j, v):
        if np.isnan(v):
            return ""
        return text(v) if self.categories[j] is None else str(self.name(j, v))

    def asked(self, x):
        """What the library is asked: an array, or a frame."""
        if not self.frame:
            return x
        import pandas

        columns = {}
        for j, name in enumerate(self.names):
            columns[name] = x[:, j]
            if self.categories[j] is not None:
                cells = [None if np.isnan(v) else self.name(j, v) for v in x[:, j]]
                columns[name] = pandas.Categorical(cells)
        return pandas.DataFrame(columns)


def numbered(word, k):
    return [word] if k == 1 else [f"{word}_{i}" for i in range(k)]


def answer(case, version, models, out):
    name = case.folder(version)
    folder = os.path.join(out, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    file = os.path.join(folder, "model.txt")
    shutil.copyfile(os.path.join(models, name, "model.txt"), file)
    with open(file, encoding="utf-8", newline="") as f:
        model = list(r.trees(f.read()))
    columns = Columns(case.data(case.generator("data")))
    x = r.adversarial(case.generator("rows"), model, columns.base, columns.categorical, case.count, case.plain)
    x = columns.tame(x)
    booster = lightgbm.Booster(model_file=file)
    begin, end = case.iterations or (0, None)
    options = {"num_threads": 1, "start_iteration": begin, "num_iteration": -1 if end is None else end - begin}
    write(os.path.join(folder, "rows.csv"), booster.feature_name(), [[columns.cell(j, v) for j, v in enumerate(row)] for row in x])
    for word, kind in (("margin", {"raw_score": True}), ("value", {})):
        y = booster.predict(columns.asked(x), **kind, **options).reshape(len(x), -1)
        write(os.path.join(folder, f"{word}.csv"), numbered(word, y.shape[1]), [[text(v) for v in row] for row in y])
    if booster.num_trees() > 0:
        leaf = booster.predict(columns.asked(x), pred_leaf=True, **options).reshape(len(x), -1).astype(int)
        write(os.path.join(folder, "leaf.csv"), [f"leaf_{i}" for i in range(leaf.shape[1])], leaf)
    with open(file, encoding="utf-8") as f:
        head = dict(line.rstrip("\n").partition("=")[::2] for line in f.read().split("Tree=")[0].splitlines())
    with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as f:
        f.write(c.described(case, version, head.get("objective", "custom").split()[0]))


def main(version, models, out, pattern="*"):
    if lightgbm.__version__ != version:
        sys.exit(f"lightgbm {lightgbm.__version__} is installed, not {version}")
    for case in CASES:
        for trained in case.versions:
            name = case.folder(trained)
            if not fnmatch.fnmatch(name, pattern):
                continue
            try:
                answer(case, trained, models, out)
            except Exception as e:
                e.add_note(f"in case {name}")
                raise


if __name__ == "__main__":
    main(*sys.argv[1:])
