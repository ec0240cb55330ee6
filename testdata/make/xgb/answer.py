"""Writes rows.csv, margin.csv, value.csv, leaf.csv and case.json beside every model the installed version answers for.

usage: answer.py VERSION MODELS OUT [PATTERN]

The answers are those of one thread, through DMatrix. DMatrix refuses infinities, so rows that hold one are
answered by inplace_predict; where both can answer they must agree to the bit (but for DART).
"""

import csv
import fnmatch
import json
import os
import shutil
import sys

import numpy as np
import xgboost

import case as c
import rows as r
from cases import CASES


def text(x):
    """The shortest decimal that reads back as the same float32."""
    return str(np.float32(x)).removesuffix(".0") if not np.isnan(x) else "nan"


def write(path, header, lines):
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(header)
        w.writerows(lines)


class Reference:
    """The reference library's answers for one model."""

    def __init__(self, case, path, data):
        self.case, self.data = case, data
        self.booster = xgboost.Booster({"nthread": 1}, model_file=path)
        self.booster.set_param({"nthread": 1})
        self.model = json.loads(self.booster.save_raw("json"))
        self.span = case.iterations or (0, 0)
        self.frame = bool(self.dictionaries())

    def dictionaries(self):
        """What the file knows of category names; files without it take the codes of a frame's categories."""
        model = self.model["learner"]["gradient_booster"]
        return model.get("gbtree", model)["model"].get("cats", {}).get("enc", [])

    def trees(self):
        model = self.model["learner"]["gradient_booster"]
        return model.get("gbtree", model)["model"].get("trees", [])

    def rounds(self):
        """The number of the first tree of every round."""
        model = self.model["learner"]["gradient_booster"]
        return model.get("gbtree", model)["model"]["iteration_indptr"]

    def matrix(self, x):
        if self.frame:
            import pandas

            columns = {}
            for j, name in enumerate(self.data.x.columns):
                d = self.data.x[name].dtype
                if hasattr(d, "categories"):
                    code = np.where(np.isnan(x[:, j]), -1, np.nan_to_num(x[:, j])).astype(int)
                    columns[name] = pandas.Categorical.from_codes(code, categories=d.categories)
                else:
                    columns[name] = x[:, j]
            return xgboost.DMatrix(pandas.DataFrame(columns), enable_categorical=True, nthread=1)
        missing = np.nan if self.case.missing is None else self.case.missing
        return xgboost.DMatrix(
            x,
            missing=missing,
            feature_names=self.booster.feature_names,
            feature_types=self.booster.feature_types,
            enable_categorical=True,
            nthread=1,
        )

    def inplace(self, x, margin):
        missing = np.nan if self.case.missing is None else self.case.missing
        return self.booster.inplace_predict(
            x,
            iteration_range=self.span,
            predict_type="margin" if margin else "value",
            missing=missing,
            validate_features=False,
            strict_shape=True,
        )

    def predict(self, x, margin):
        """Returns rows×outputs of float32."""
        finite = ~np.isinf(x).any(axis=1)
        m = self.matrix(x[finite])
        options = {} if self.case.booster() == "gblinear" else {"iteration_range": self.span}
        some = self.booster.predict(m, output_margin=margin, strict_shape=True, **options)
        some = some.reshape(len(some), -1)
        out = np.zeros((len(x), some.shape[1]), dtype=np.float32)
        out[finite] = some
        if not finite.all():
            out[~finite] = self.inplace(x[~finite], margin).reshape(-1, some.shape[1])
        if self.case.booster() == "gbtree" and not self.frame:
            again = self.inplace(x, margin).reshape(out.shape)
            if not same(again, out):
                raise ValueError("inplace_predict and DMatrix disagree")
        return out

    def leaf(self, x):
        """Returns rows×trees of leaf numbers, or None for a linear model or one without trees.

        DMatrix refuses infinities; the largest numbers take the same way through every tree, which is checked.
        """
        if not self.case.leaves or not self.trees():
            return None
        stand_in = np.clip(x, -r.MAX, r.MAX)
        if self.case.booster() == "gbtree" and not same(self.predict(stand_in, True), self.predict(x, True)):
            raise ValueError("an infinity takes another way than the largest number")
        begin, end = self.span  # pred_leaf takes ranges from 0 only, so leave out the columns before begin
        leaf = self.booster.predict(self.matrix(stand_in), pred_leaf=True, iteration_range=(0, end))
        return leaf.reshape(len(x), -1).astype(int)[:, self.rounds()[begin] :]


def same(a, b):
    a, b = a.astype(np.float32), b.astype(np.float32)
    return bool(((a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))).all())


def base(data):
    """The training rows as float32, with codes for categories; and which columns are categories."""
    if isinstance(data.x, np.ndarray):
        return data.x, [t == "c" for t in data.types or ["float"] * data.x.shape[1]]
    columns, categorical = [], []
    for name in data.x.columns:
        column = data.x[name]
        categorical.append(hasattr(column.dtype, "categories"))
        if categorical[-1]:
            column = np.where(column.cat.codes < 0, np.nan, column.cat.codes)
        columns.append(np.asarray(column, dtype=np.float32))
    return np.stack(columns, axis=1), categorical


def asked(case, reference, data):
    """The rows to ask: adversarial ones, and, where a number stands for missing, some that hold it."""
    rng = case.generator("rows")
    known, categorical = base(data)
    strings = categorical if reference.frame else [False] * len(categorical)
    infinities = case.infinities and case.booster() == "gbtree" and not any(strings)
    x = r.adversarial(rng, reference.trees(), known, categorical, infinities, case.count, case.plain)
    for j, s in enumerate(strings):  # a string column knows no numbers: keep to the names the model has seen
        if s:
            size = len(data.x.iloc[:, j].dtype.categories)
            bad = ~((x[:, j] >= 0) & (x[:, j] < size) & (x[:, j] == np.floor(x[:, j])))
            x[bad, j] = np.where(np.isnan(x[bad, j]), np.nan, rng.integers(size, size=bad.sum()))
    if case.missing is not None:
        hole = rng.uniform(size=x.shape) < 0.15
        x[hole & ~np.isinf(x)] = case.missing
    return x, strings


def cells(x, strings, data):
    for row in x:
        yield [
            "" if np.isnan(v) else str(data.x.iloc[:, j].dtype.categories[int(v)]) if strings[j] else text(v)
            for j, v in enumerate(row)
        ]


def numbered(word, k):
    return [word] if k == 1 else [f"{word}_{i}" for i in range(k)]


def answer(case, version, models, out):
    name = case.folder(version)
    file = f"model.{case.extension(version)}"
    folder = os.path.join(out, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    shutil.copyfile(os.path.join(models, name, file), os.path.join(folder, file))
    data = case.data(case.generator("data"))
    reference = Reference(case, os.path.join(folder, file), data)
    x, strings = asked(case, reference, data)
    names = reference.booster.feature_names or [f"f{i}" for i in range(x.shape[1])]
    write(os.path.join(folder, "rows.csv"), names, cells(x, strings, data))
    for word, margin in (("margin", True), ("value", False)):
        y = reference.predict(x, margin)
        write(os.path.join(folder, f"{word}.csv"), numbered(word, y.shape[1]), [[text(v) for v in row] for row in y])
    leaf = reference.leaf(x)
    if leaf is not None:
        write(os.path.join(folder, "leaf.csv"), [f"leaf_{i}" for i in range(leaf.shape[1])], leaf)
    objective = reference.model["learner"]["objective"]["name"]
    with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as f:
        f.write(c.described(case, version, objective))


def main(version, models, out, pattern="*"):
    if xgboost.__version__ != version:
        sys.exit(f"xgboost {xgboost.__version__} is installed, not {version}")
    xgboost.set_config(verbosity=0)
    for case in CASES:
        for trained in case.versions:
            name = case.folder(trained)
            if case.reference(trained) != version or not fnmatch.fnmatch(name, pattern):
                continue
            try:
                answer(case, trained, models, out)
            except Exception as e:
                e.add_note(f"in case {name}")
                raise


if __name__ == "__main__":
    main(*sys.argv[1:])
