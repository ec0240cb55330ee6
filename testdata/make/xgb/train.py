"""Fits every case of the installed xgboost version and saves the models as that version writes them.

usage: train.py VERSION FOLDER [PATTERN]
"""

import fnmatch
import os
import sys

import xgboost

import case as c
from cases import CASES


def main(version, folder, pattern="*"):
    if xgboost.__version__ != version:
        sys.exit(f"xgboost {xgboost.__version__} is installed, not {version}")
    for case in CASES:
        name = case.folder(version)
        if version not in case.versions or not fnmatch.fnmatch(name, pattern):
            continue
        data = case.data(case.generator("data"))
        try:
            model = case.fit(xgboost, case.settings(), c.matrix(xgboost, data, case.missing), case.rounds, data)
        except Exception as e:
            e.add_note(f"in case {name}")
            raise
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        model.save_model(os.path.join(folder, name, f"model.{case.extension(version)}"))


if __name__ == "__main__":
    main(*sys.argv[1:])
