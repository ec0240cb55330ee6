"""What a case is: a model that an exporter has written, and the rows it was fitted to."""

import json
import os
import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

VERSIONS = ("1.16.1", "1.17.0", "1.20.1")
LATEST = ("1.20.1",)
ENDS = ("1.16.1", "1.20.1")
NEW = ("1.17.0", "1.20.1")

DOUBLE = "ONNX Runtime's exponentials and matrices of doubles depend on the processor"


@dataclass
class Case:
    """One model for each version of onnx, by which the exporters of its time are known; its folder is name-version."""

    name: str
    make: Callable  # generator -> (onnx model, rows to draw from)
    exporter: str
    what: str  # the estimator, or the operator
    traits: list[str] = field(default_factory=list)
    versions: tuple = VERSIONS
    note: str = ""
    ulp: int = 0
    reason: str = ""
    refused: str = ""
    count: int = 14
    plain: int = 10

    def folder(self, version):
        return f"{self.name}-{version}"

    def generator(self):
        return np.random.default_rng(zlib.crc32(self.name.encode()))

    def save(self, folder, version, written):
        """Writes model.onnx, the rows, and what case.json says."""
        model, base = self.make(self.generator())
        path = os.path.join(folder, self.folder(version))
        os.makedirs(path, exist_ok=True)
        if isinstance(model, bytes):
            data = model
        else:
            # Exporters keep these in a set, whose order is another each time.
            model.opset_import.sort(key=lambda o: o.domain)
            data = model.SerializeToString()
        with open(os.path.join(path, "model.onnx"), "wb") as f:
            f.write(data)
        with open(os.path.join(path, "base.pickle"), "wb") as f:
            pickle.dump([list(row) for row in base], f)
        case = {
            "library": "onnx",
            "trained": version,
            "reference": "",
            "booster": self.exporter,
            "objective": self.what,
            "traits": self.traits,
            "exporter": written,
            "note": self.note,
            "name": self.name,
            "count": self.count,
            "plain": self.plain,
        }
        if self.ulp:
            case |= {"ulp": {"value": self.ulp}, "reason": self.reason}
        if self.refused:
            case["refused"] = self.refused
        with open(os.path.join(path, "case.json"), "w", encoding="utf-8") as f:
            json.dump(case, f)
