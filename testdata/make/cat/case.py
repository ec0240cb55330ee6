"""What a case is, and the ways to fit one."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

REFERENCE = "1.2.10"
ALL = ("1.2.10", "1.1.1", "1.0.6")
LATEST = ("1.2.10",)


def fit(catboost, params, pool, data, case):
    model = catboost.CatBoost(params)
    model.fit(pool)
    return model


@dataclass
class Case:
    """One model for each version; its folder is called name-version."""

    name: str
    data: Callable  # generator -> Data
    params: dict = field(default_factory=dict)
    traits: list[str] = field(default_factory=list)
    versions: tuple = LATEST
    fit: Callable = fit
    note: str = ""
    format: str = "cbm"
    iterations: tuple | None = None  # half-open range of trees the answers use
    count: int = 24  # how many borders get rows of their own
    plain: int = 10  # how many ordinary rows
    refused: str = ""  # what besra says of it
    json: bool = True  # whether the library can save it as JSON: not with an infinite border

    def folder(self, version):
        return f"{self.name}-{version}"

    def generator(self, purpose):
        return np.random.default_rng(zlib.crc32(f"{self.name} {purpose}".encode()))

    def settings(self):
        """The parameters to fit with: small, single-threaded and repeatable unless the case says otherwise."""
        common = {
            "iterations": 5, "depth": 4, "thread_count": 1, "random_seed": 7, "verbose": 0,
            "allow_writing_files": False, "learning_rate": 0.3, "loss_function": "Logloss",
        }
        if self.params.get("grow_policy") == "Lossguide":
            common["max_leaves"] = 12
        return common | self.params


def pool(catboost, data):
    """The training set of the data."""
    options = dict(data.extra)
    return catboost.Pool(
        data.rows(), label=None if data.y is None else np.asarray(data.y).tolist(), cat_features=data.categorical,
        feature_names=data.names, thread_count=1, **options,
    )


def settle(model, full=False):
    """Takes from a model what differs from run to run, and what is long and says nothing."""
    told = model.get_metadata()
    told["model_guid"], told["train_finish_time"] = "0-0-0-0", "2026-11-27T00:00:00Z"
    for key in () if full else ("output_options", "training"):
        if key in told.keys():
            del told[key]


def scaled(scale, bias):
    def f(catboost, params, p, data, case):
        model = fit(catboost, params, p, data, case)
        model.set_scale_and_bias(scale, bias if isinstance(bias, list) else [bias])
        return model

    return f


def described(case, version, objective, ulp=None, reason=""):
    """The text of case.json."""
    text = {
        "library": "catboost",
        "trained": version,
        "reference": REFERENCE,
        "booster": {"Depthwise": "depthwise", "Lossguide": "lossguide"}.get(case.params.get("grow_policy"), "symmetric"),
        "objective": objective,
        "traits": case.traits + (["JSON"] if case.format == "json" else []),
        "note": case.note,
    }
    if case.iterations is not None:
        text["iterations"] = "{}:{}".format(*case.iterations)
    if case.refused:
        text["refused"] = case.refused
    return json.dumps(text, indent=2, ensure_ascii=False) + "\n"
