"""Fits every case of the installed catboost version and saves the models as that version writes them.

usage: train.py VERSION FOLDER [PATTERN]
"""

import fnmatch
import os
import sys

import catboost

import case as c
from cases import CASES

FULL = ("binary", "binary-json", "ctr", "ctr-json")  # cases that keep all that the library writes about itself


def main(version, folder, pattern="*"):
    if catboost.__version__ != version:
        sys.exit(f"catboost {catboost.__version__} is installed, not {version}")
    for case in CASES:
        name = case.folder(version)
        if version not in case.versions or not fnmatch.fnmatch(name, pattern):
            continue
        try:
            data = case.data(case.generator("data"))
            model = case.fit(catboost, case.settings(), c.pool(catboost, data), data, case)
            c.settle(model, case.name in FULL)
            os.makedirs(os.path.join(folder, name), exist_ok=True)
            for kind in ("cbm", "json") if case.json and not case.refused else ("cbm",):
                model.save_model(os.path.join(folder, name, f"model.{kind}"), format=kind)
        except Exception as e:
            print(f"in case {name}: {e}", file=sys.stderr)
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])
