"""Fits every case with the installed libraries and writes what their exporters make of it.

usage: train.py VERSION FOLDER [PATTERN]
"""

import fnmatch
import importlib.metadata
import sys
import warnings

import onnx

from cases import CASES

PARTS = {
    "skl2onnx": ("scikit-learn", "skl2onnx"),
    "onnxmltools": ("xgboost-cpu", "lightgbm", "onnxmltools"),
    "catboost": ("catboost",),
    "onnx": ("onnx",),
}


def written(case):
    """The versions of the libraries that have to do with a case."""
    found = []
    for name in PARTS[case.exporter]:
        if name in ("xgboost-cpu", "lightgbm") and not case.what.lower().startswith(name[:3]):
            continue
        found.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(found)


def main(version, folder, pattern="*"):
    warnings.filterwarnings("ignore")
    if onnx.__version__ != version:
        sys.exit(f"onnx {onnx.__version__} is installed, not {version}")
    for case in CASES:
        if version not in case.versions or not fnmatch.fnmatch(case.folder(version), pattern):
            continue
        try:
            case.save(folder, version, written(case))
        except Exception as e:
            e.add_note(f"in case {case.folder(version)}")
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])
