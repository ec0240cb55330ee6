"""Writes testdata/damaged/xgboost: broken model files, made from the whole ones, each broken in one way.

usage: damage.py [TESTDATA]

why.json says of every file what is wrong with it. A reader must refuse them all. Nothing but the standard
library is needed, except for the binary format of old: run by an interpreter with xgboost 1.7 it is made
anew, by any other it is left as it is.
"""

import copy
import json
import pathlib
import shutil
import sys

from damage_bytes import others, texts, ubjson
from damage_documents import documents

JSON = "base-binary-logistic-nine-tenths-3.2.0"
UBJ = "base-binary-logistic-nine-tenths-3.1.3"
BINARY = ["binary-1.7.6.model", "binary-binf-1.7.6.model", "memory-1.7.6.model"]


def binary(folder, model):
    """Writes the binary format of xgboost 1.7 and older, bare and with its header, and what a pickle holds."""
    import xgboost

    b = xgboost.Booster({"verbosity": 0}, model_file=str(model))
    raw = bytes(b.save_raw("deprecated"))
    raw = raw.removeprefix(b"binf")
    for name, data in zip(BINARY, (raw, b"binf" + raw, bytes(b.__getstate__()["handle"]))):
        (folder / name).write_bytes(data)


def main(testdata="testdata"):
    cases = pathlib.Path(testdata, "xgboost")
    folder = pathlib.Path(testdata, "damaged", "xgboost")
    kept = {name: (folder / name).read_bytes() for name in BINARY if (folder / name).exists()}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    why = {}

    def write(name, data, what):
        if name in why:
            raise ValueError(f"two files are called {name}")
        why[name] = what
        (folder / name).write_bytes(data)

    for name, source, damage, what in documents():
        whole = json.loads((cases / source / "model.json").read_bytes())
        broken = copy.deepcopy(whole)
        damage(broken)
        if json.dumps(broken) == json.dumps(whole):
            raise ValueError(f"{name} is not damaged")
        write(f"{name}.json", json.dumps(broken, separators=(",", ":")).encode(), what)
    text = (cases / JSON / "model.json").read_bytes()
    data = (cases / UBJ / "model.ubj").read_bytes()
    for whole, files in ((text, texts(text)), (data, ubjson(data)), (None, others(text))):
        for name, broken, what in files:
            if broken == whole:
                raise ValueError(f"{name} is not damaged")
            write(name, broken, what)
    try:
        binary(folder, cases / "base-binary-logistic-rare-1.7.6" / "model.json")
    except ImportError:
        for name, data in kept.items():
            (folder / name).write_bytes(data)
    why |= dict.fromkeys(BINARY, "the deprecated binary format")
    why[BINARY[2]] = "a snapshot of a process, as pickle holds it, in UBJSON"
    (folder / "why.json").write_text(json.dumps(why, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
