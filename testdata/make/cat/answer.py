"""Writes rows.csv, margin.csv, value.csv, leaf.csv and case.json beside every model.

usage: answer.py VERSION MODELS OUT [PATTERN]

The answers are those of one thread, and must be the same for a row alone and among others. Those to a model in JSON
are the trained model's: the library's own reader of JSON gets some numbers wrong in the last place. Leaves that are
numbered anew in JSON are as the library numbers them when it has read that.
"""

import csv
import fnmatch
import json
import os
import shutil
import sys

import catboost
import numpy as np

import case as c
import rows as r
from cases import CASES

PROBABILITIES = ("Logloss", "CrossEntropy", "Focal", "MultiClass", "MultiClassOneVsAll", "MultiLogloss", "MultiCrossEntropy")


def text(x):
    """The shortest decimal that reads back as the same float64."""
    return "nan" if np.isnan(x) else repr(float(x)).removesuffix(".0")


def text32(x):
    return "nan" if np.isnan(x) else str(np.float32(x)).removesuffix(".0")


def write(path, header, lines):
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(header)
        w.writerows(lines)


def numbered(word, k):
    return [word] if k == 1 else [f"{word}_{i}" for i in range(k)]


def loss(model):
    info = model["model_info"]
    if "params" in info:
        return info["params"]["loss_function"]["type"]
    return json.loads(info.get("loss_function", "{}")).get("type", "")


def document(path, model):
    """The model as JSON, or what this script needs of it."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    borders = model._get_borders()
    floats = [
        {"feature_index": i, "flat_feature_index": i, "borders": [float(b) for b in borders.get(i, [])]}
        for i in range(len(model.feature_names_))
    ]
    return {"features_info": {"float_features": floats}, "model_info": {"params": json.loads(model.get_metadata()["params"])}}


def header(case, data, known):
    """What columns are called: by the file, else by their place. JSON of 1.0 has no names."""
    given = {f["flat_feature_index"]: f.get("feature_id") for f in known}
    if case.format == "cbm" and data.names:
        given = {flat: data.names[flat] for flat in given}
    out = {}
    for flat, name in given.items():
        name = name or f"f{flat}"
        while not given[flat] and name in given.values():
            name += "_"
        out[flat] = name
    return list(out.values())


def default(name):
    """What the library's own predict gives: of regressors and rankers, and probabilities of classifiers."""
    if name in PROBABILITIES:
        return "Probability"
    return {"Poisson": "Exponent", "Tweedie": "Exponent", "RMSEWithUncertainty": "RMSEWithUncertainty"}.get(name, "RawFormulaVal")


def answer(case, version, models, out):
    name = case.folder(version)
    source, folder = os.path.join(models, name), os.path.join(out, name)
    file = f"model.{case.format}"
    if not case.refused or not os.path.exists(os.path.join(folder, file)):  # ids of text features are drawn by chance
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        shutil.copyfile(os.path.join(source, file), os.path.join(folder, file))
    if case.refused:
        with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as f:
            f.write(c.described(case, version, case.settings()["loss_function"]))
        return
    data = case.data(case.generator("data"))
    model = catboost.CatBoost().load_model(os.path.join(source, "model.cbm"))
    read = document(os.path.join(source, "model.json"), model)
    rows = r.adversarial(case.generator("rows"), read, data, case.count, case.plain)
    info = read["features_info"]
    known = (info.get("float_features") or []) + (info.get("categorical_features") or [])
    known.sort(key=lambda f: f["flat_feature_index"])
    flats = [f["flat_feature_index"] for f in known]
    write(
        os.path.join(folder, "rows.csv"), header(case, data, known),
        [[row[j] if j in data.categorical else text32(row[j]) for j in flats] for row in rows],
    )

    def pool(rows):
        return catboost.Pool(rows, cat_features=data.categorical, feature_names=data.names, thread_count=1)

    span = {"ntree_start": case.iterations[0], "ntree_end": case.iterations[1]} if case.iterations else {}
    binary = len(model.predict(pool(rows[:1]), "RawFormulaVal", thread_count=1).shape) == 1
    for word, kind in (("margin", "RawFormulaVal"), ("value", default(loss(read)))):
        y = np.asarray(model.predict(pool(rows), kind, thread_count=1, **span), dtype=np.float64)
        alone = np.concatenate([model.predict(pool([row]), kind, thread_count=1, **span) for row in rows])
        if y.tobytes() != np.asarray(alone, dtype=np.float64).tobytes():
            raise ValueError(f"{word}: rows alone and together differ")
        y = y.reshape(len(rows), -1)
        if kind == "Probability" and binary:
            y = y[:, 1:]
        write(os.path.join(folder, f"{word}.csv"), numbered(word, y.shape[1]), [[text(v) for v in row] for row in y])
    if case.format == "json" and case.params.get("grow_policy", "SymmetricTree") != "SymmetricTree":
        model = catboost.CatBoost().load_model(os.path.join(source, "model.json"), format="json")
    leaf = model.calc_leaf_indexes(pool(rows), thread_count=1, **span)
    leaf = np.asarray(leaf).reshape(len(rows), -1)
    write(os.path.join(folder, "leaf.csv"), [f"leaf_{i}" for i in range(leaf.shape[1])], leaf.tolist())
    with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as f:
        f.write(c.described(case, version, loss(read)))


def main(version, models, out, pattern="*"):
    if catboost.__version__ != version:
        sys.exit(f"catboost {catboost.__version__} is installed, not {version}")
    if pattern == "*":
        for name in set(os.listdir(out)) - {case.folder(v) for case in CASES for v in case.versions}:
            shutil.rmtree(os.path.join(out, name))
    for case in CASES:
        for trained in case.versions:
            name = case.folder(trained)
            if not fnmatch.fnmatch(name, pattern) or not os.path.isdir(os.path.join(models, name)):
                continue
            try:
                answer(case, trained, models, out)
            except Exception as e:
                print(f"in case {name}: {e}", file=sys.stderr)
                raise


if __name__ == "__main__":
    main(*sys.argv[1:])
