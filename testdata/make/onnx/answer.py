"""Writes rows.csv, value.csv and case.json beside every model: what ONNX Runtime answers on one thread, one row a call.

usage: answer.py MODELS OUT [PATTERN]

The value is what the model's own predict means: the positive class's probability of two, those of all classes, or the
numbers of a regressor.
"""

import csv
import fnmatch
import json
import math
import os
import pickle
import shutil
import sys
import zlib

import numpy as np
import onnx
import onnxruntime

import rows as r

NUMBERS = (r.FLOAT, r.DOUBLE)


def session(data):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def answers(run, graph, columns, rows):
    """(rows that have an answer, their values)."""
    wanted = [o for o in graph.graph.output if not o.type.HasField("tensor_type") or o.type.tensor_type.elem_type in NUMBERS]
    classifier = any(not o.type.HasField("tensor_type") or o.type.tensor_type.elem_type not in NUMBERS for o in graph.graph.output)
    kept, values = [], []
    for row in rows:
        try:
            out = run.run([o.name for o in wanted], r.fed(graph, columns, row))
        except Exception as e:  # an unknown category, or NaN where there must be none
            if "Unknown Category" not in str(e) and "is NaN" not in str(e):
                raise
            continue
        flat = []
        for o in out:
            flat += list(o[0].values()) if isinstance(o, list) else list(np.asarray(o).ravel())
        if classifier and len(flat) == 2:
            flat = flat[1:]
        kept.append(row)
        values.append(flat)
    return kept, values


def text(v, kind):
    if isinstance(v, str):
        return v
    if isinstance(v, (bool, np.bool_, int, np.integer)):
        return str(int(v))
    if math.isnan(v):
        return ""
    if kind == r.FLOAT:
        return str(np.float32(v)).removesuffix(".0")
    return repr(float(v)).removesuffix(".0")


def write(path, header, lines):
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(header)
        w.writerows(lines)


def answer(source, folder):
    with open(os.path.join(source, "base.pickle"), "rb") as f:
        base = pickle.load(f)
    with open(os.path.join(source, "case.json"), encoding="utf-8") as f:
        case = json.load(f)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    path = os.path.join(source, "model.onnx")
    shutil.copyfile(path, os.path.join(folder, "model.onnx"))
    case["reference"] = onnxruntime.__version__
    if "refused" not in case:
        model = onnx.load(path)
        graph = r.Graph(model)
        columns = graph.columns(len(base[0]))
        rng = np.random.default_rng(zlib.crc32(case.pop("name").encode()))
        asked = r.adversarial(rng, graph, columns, base, case.pop("count", 14), case.pop("plain", 10))
        kept, values = answers(session(model.SerializeToString()), graph, columns, asked)
        narrow = all(k in (r.FLOAT, r.STRING) for _, _, k, _ in columns)
        lines = [[text(v, c[2] if narrow else r.DOUBLE) for v, c in zip(row, columns)] for row in kept]
        write(os.path.join(folder, "rows.csv"), [c[3] for c in columns], lines)
        k = len(values[0])
        kind = r.DOUBLE if any(isinstance(v, np.float64) for v in values[0]) else r.FLOAT
        header = ["value"] if k == 1 else [f"value_{i}" for i in range(k)]
        write(os.path.join(folder, "value.csv"), header, [[text(v, kind) or "nan" for v in line] for line in values])
    case.pop("name", None), case.pop("count", None), case.pop("plain", None)
    with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as f:
        f.write(json.dumps(case, indent=2, ensure_ascii=False) + "\n")


def main(models, out, pattern="*"):
    for name in sorted(os.listdir(models)):
        if not fnmatch.fnmatch(name, pattern):
            continue
        try:
            answer(os.path.join(models, name), os.path.join(out, name))
        except Exception as e:
            e.add_note(f"in case {name}")
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])
