"""Writes internal/mlas/testdata/onnxruntime.json: what ONNX Runtime's operators answer to numbers of all kinds.

usage: mlas.py FILE

Numbers stand there by their bits. ONNX Runtime's own polynomials and its order of adding are what internal/mlas holds.
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper


def session(nodes, width, outputs, constants=()):
    """A graph of float32 rows. Input is doubled first, so that operators read memory that ONNX Runtime has aligned."""
    x = h.make_tensor_value_info("half", T.FLOAT, [None, width])
    y = h.make_tensor_value_info("y", T.FLOAT, [None, outputs])
    double = h.make_node("Mul", ["half", "two"], ["x"])
    two = numpy_helper.from_array(np.array([2], dtype=np.float32), "two")
    graph = h.make_graph([double, *nodes], "g", [x], [y], [two, *constants])
    versions = [h.make_opsetid("", 13), h.make_opsetid("ai.onnx.ml", 1)]
    model = h.make_model(graph, opset_imports=versions, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    run = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda x: run.run(None, {"half": (x / np.float32(2))[None]})[0][0]


def bits(x):
    return np.asarray(x, dtype=np.float32).view(np.uint32).ravel().tolist()


def numbers(rng):
    """Numbers of every size, those at the ends of what functions distinguish, and any bits."""
    ends = [0, -0.0, 1e-45, -1e-45, 17.942505, -18, 18, -16.24671, 88.72, 88.78, -87.34, -88.4, -103.9, -104, np.inf, -np.inf]
    any_bits = rng.integers(0, 2**32, size=400, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([np.array(ends, dtype=np.float32), rng.normal(0, 8, 300), rng.uniform(-104, 89, 300), any_bits])
    x = x.astype(np.float32)
    x = x[~np.isnan(x) & (np.abs(x) < 1e38)]
    return (x / np.float32(2) * np.float32(2))[:1000]


def main(path):
    rng = np.random.default_rng(11)
    out = {}
    x = numbers(rng)
    for op in ("Exp", "Sigmoid", "Log"):
        run = session([h.make_node(op, ["x"], ["y"])], 4, 4)
        at = np.abs(x[: len(x) // 4 * 4]) if op == "Log" else x[: len(x) // 4 * 4]
        out[op.lower()] = [{"x": bits(at), "y": bits(np.concatenate([run(v) for v in at.reshape(-1, 4)]))}]
    out["softmax"], out["sum"], out["rows"], out["packed"] = [], [], [], []
    for k in [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 33, 40]:
        softmax = session([h.make_node("Softmax", ["x"], ["y"], axis=1)], k, k)
        total = session([h.make_node("ReduceSum", ["x", "axes"], ["y"])], k, 1, [numpy_helper.from_array(np.array([1]), "axes")])
        for scale in (1, 10, 40):
            x = rng.normal(0, scale, size=k).astype(np.float32)
            out["softmax"].append({"x": bits(x), "y": bits(softmax(x))})
            out["sum"].append({"x": bits(x), "y": bits(total(x))})
    for k, n in [(1, 1), (2, 2), (5, 1), (5, 2), (5, 3), (5, 4), (5, 7), (8, 1), (9, 5), (17, 6), (33, 9), (100, 2), (300, 3), (520, 1)]:
        w = rng.normal(size=(n, k)).astype(np.float32)
        rows = h.make_node("LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml", coefficients=w.ravel().tolist(), targets=n)
        packed = h.make_node("MatMul", ["x", "w"], ["y"])
        matrix = [numpy_helper.from_array(np.ascontiguousarray(w.T), "w")]
        for name, run in (("rows", session([rows], k, n)), ("packed", session([packed], k, n, matrix))):
            x = rng.normal(size=k).astype(np.float32)
            out[name].append({"x": bits(x), "w": bits(w), "y": bits(run(x))})
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"onnxruntime": onnxruntime.__version__} | out, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
