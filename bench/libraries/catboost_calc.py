"""Predicts with CatBoost's own evaluator, for the engine contest to time: catboost_calc.py MODEL FEATURES ROWS

CatBoost's C API for a row is TFullModel::CalcFlatSingle, which calls the evaluator's function of that name. The
Python package exports no C API but has that code, so it is called where it stands: the model is loaded by Python, the
functions are found in the library's own table of symbols, and calcflat.c calls them from C. Python has no part in what is
timed. Commands are those that contest.h explains.
"""

import ctypes
import os
import struct
import sys
import time

import catboost
import numpy as np
from catboost import _catboost

EVALUATOR = b"_ZNK10TFullModel19GetCurrentEvaluatorEv"
CALC = b"_ZNK3NCB16NModelEvaluation7NDetail13TCpuEvaluator14CalcFlatSingleE"
FULL_MODEL = 24  # where Python's object keeps its TFullModel, in 1.2.10


def symbols(path: str) -> dict[bytes, int]:
    """Returns where the functions stand in the library, by the beginning of their names."""
    with open(path, "rb") as f:
        elf = f.read()
    (sections,) = struct.unpack_from("<Q", elf, 0x28)
    size, count = struct.unpack_from("<HH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", elf, sections + i * size) for i in range(count)]
    found = {}
    for _, kind, _, _, offset, length, link, *_ in headers:
        if kind != 2:  # SHT_SYMTAB
            continue
        strings, strings_length = headers[link][4:6]
        table = elf[strings : strings + strings_length]
        places = {}
        for wanted in (EVALUATOR, CALC):
            at = table.index(b"\0" + wanted) + 1
            places[at] = wanted
        for name, *_, value, _ in struct.iter_unpack("<IBBHQQ", elf[offset : offset + length]):
            if name in places:
                found[places[name]] = value
    return found


def loaded_at(path: str) -> int:
    with open("/proc/self/maps") as f:
        for line in f:
            span, _, offset, *_ = line.split()
            if line.rstrip().endswith(os.path.basename(path)) and int(offset, 16) == 0:
                return int(span.split("-")[0], 16)
    raise SystemExit("catboost_calc: the library is not mapped")


path, features = sys.argv[1], int(sys.argv[2])
rows = np.fromfile(sys.argv[3], dtype=np.float32).reshape(-1, features)
begin = time.perf_counter_ns()
model = catboost.CatBoost()
model.load_model(path)
opening = time.perf_counter_ns() - begin

base, found = loaded_at(_catboost.__file__), symbols(_catboost.__file__)
full = ctypes.c_void_p.from_address(id(model._object) + FULL_MODEL).value
shared = (ctypes.c_void_p * 2)()  # a TSharedPtr
ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(base + found[EVALUATOR])(ctypes.addressof(shared), full)

library = ctypes.CDLL(os.environ["CONTEST_CALC"])
library.timed.restype = ctypes.c_int64
size, pointer = ctypes.c_size_t, ctypes.c_void_p
at = size(0)


def arguments(kind: str) -> list:
    return [
        pointer(base + found[CALC]), pointer(shared[0]), pointer(rows.ctypes.data), size(len(rows)), size(features),
        size(model.tree_count_), ctypes.c_int(kind == "value"),
    ]  # fmt: skip


def each(kind: str) -> np.ndarray:
    results = np.zeros(len(rows))
    library.each(*arguments(kind), pointer(results.ctypes.data))
    return results


# What stands where it is expected gives the predictions that the package gives.
if not np.array_equal(each("margin"), model.predict(rows, prediction_type="RawFormulaVal", thread_count=1)):
    raise SystemExit("catboost_calc: this is not the evaluator")

for line in sys.stdin:
    verb, *rest = line.split()
    if verb == "open":
        print(opening, flush=True)
    elif verb == "bits":
        print("".join(f"{b:016x}" for b in each(rest[0]).view(np.uint64)), flush=True)
    else:
        kind, n, calls = rest[0], int(rest[1]), int(rest[2])
        print(library.timed(*arguments(kind), size(n * calls), ctypes.byref(at)), flush=True)
