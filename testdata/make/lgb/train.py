"""Fits every case of the installed lightgbm version and saves the models as that version writes them.

usage: train.py VERSION FOLDER [PATTERN]
"""

import fnmatch
import os
import sys

import lightgbm

import case as c
from cases import CASES


def main(version, folder, pattern="*"):
    if lightgbm.__version__ != version:
        sys.exit(f"lightgbm {lightgbm.__version__} is installed, not {version}")
    for case in CASES:
        name = case.folder(version)
        if version not in case.versions or not fnmatch.fnmatch(name, pattern):
            continue
        data = case.data(case.generator("data"))
        try:
            model = case.fit(lightgbm, case.settings(), c.dataset(lightgbm, data), case.rounds, data)
        except Exception as e:
            e.add_note(f"in case {name}")
            raise
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        case.save(model, os.path.join(folder, name, "model.txt"))


if __name__ == "__main__":
    main(*sys.argv[1:])
