"""Fits every case of the installed catboost version and saves the models as that version writes them.

usage: train.py VERSION FOLDER [PATTERN]
"""

import fnmatch
import os
import sys

import catboost

import case as c
from cases import CASES


def main(version, folder, pattern="*"):
    if catboost.__version__ != version:
        sys.exit(f"catboost {catboost.__version__} is installed, not {version}")
    for case in CASES:
        name = case.folder(version)
        if version not in case.versions or not fnmatch.fnmatch(name, pattern):
            continue
        data = case.data(case.generator("data"))
        try:
            model = case.fit(catboost, case.settings(), c.pool(catboost, data), data, case)
            told = model.get_metadata()  # what differs from run to run
            told["model_guid"], told["train_finish_time"] = "0-0-0-0", "2026-11-27T00:00:00Z"
            os.makedirs(os.path.join(folder, name), exist_ok=True)
            for extension, kind in (("cbm", "cbm"), ("json", "json")):
                if extension == "cbm" or case.format == "json" or not case.refused:
                    model.save_model(os.path.join(folder, name, f"model.{extension}"), format=kind)
        except Exception as e:
            print(f"in case {name}: {e}", file=sys.stderr)
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])
