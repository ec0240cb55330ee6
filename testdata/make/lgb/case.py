"""What a case is, and the ways to fit one."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

REFERENCE = "4.7.0"
ALL = ("4.7.0", "3.3.5", "2.3.1")
SINCE3 = ("4.7.0", "3.3.5")
LATEST = ("4.7.0",)


def train(lgb, params, dataset, rounds, data):
    return lgb.train(params, dataset, rounds)


def save(booster, path):
    booster.save_model(path)


@dataclass
class Case:
    """One model for each version; its folder is called name-version."""

    name: str
    data: Callable  # generator -> Data
    params: dict
    traits: list[str] = field(default_factory=list)
    versions: tuple = ALL
    rounds: int = 3
    fit: Callable = train
    save: Callable = save
    note: str = ""
    iterations: tuple | None = None  # half-open range of boosting rounds the answers use
    count: int = 6  # how many splits get rows of their own
    plain: int = 4  # how many ordinary rows

    def folder(self, version):
        return f"{self.name}-{version}"

    def booster(self):
        return self.params.get("boosting", "gbdt")

    def generator(self, purpose):
        return np.random.default_rng(zlib.crc32(f"{self.name} {purpose}".encode()))

    def settings(self):
        """The parameters to fit with: small, single-threaded and repeatable unless the case says otherwise."""
        common = {"num_threads": 1, "seed": 7, "verbosity": -1, "num_leaves": 7, "min_data_in_leaf": 5, "force_row_wise": True}
        return common | self.params


def dataset(lgb, data):
    """The training set of the data; a frame brings its own names and types."""
    options = {}
    if data.names:
        options["feature_name"] = data.names
    if data.categorical:
        options["categorical_feature"] = data.categorical
    return lgb.Dataset(data.x, data.y, group=data.group, free_raw_data=False, **options)


def custom(outputs=1):
    """Fits by a gradient of our own, which leaves no objective in the file."""

    def fit(lgb, params, d, rounds, data):
        def gradient(margins, d):
            y = d.get_label()
            if outputs == 1:
                return margins - y, np.ones_like(margins)
            if lgb.__version__ > "4":
                return margins - np.eye(outputs)[y.astype(int)], np.ones_like(margins)
            g = margins - np.eye(outputs)[y.astype(int)].T.reshape(-1)
            return g, np.ones_like(margins)

        if lgb.__version__ > "4":
            return lgb.train(params | {"objective": gradient}, d, rounds)
        return lgb.train(params, d, rounds, fobj=gradient)

    return fit


def early(lgb, params, d, rounds, data):
    """Stops early against rows half of which have the label of another."""
    held = data.y.copy()
    held[::2] = np.random.default_rng(5).permutation(held[::2])
    held = lgb.Dataset(data.x, held, reference=d)
    if lgb.__version__ > "4":
        return lgb.train(params, d, rounds, valid_sets=[held], callbacks=[lgb.early_stopping(3, verbose=False)])
    return lgb.train(params, d, rounds, valid_sets=[held], early_stopping_rounds=3, verbose_eval=False)


def continued(lgb, params, d, rounds, data):
    """Fits again, from where a first fit with other settings has ended."""
    first = lgb.train(params | {"num_leaves": 3, "learning_rate": 0.5}, dataset(lgb, data), rounds)
    return lgb.train(params, d, rounds, init_model=first)


def untrained(lgb, params, d, rounds, data):
    return lgb.Booster(params, d)


def refitted(lgb, params, d, rounds, data):
    return lgb.train(params, d, rounds).refit(data.x, data.y[::-1].copy(), decay_rate=0.5)


def leaves_set(*values):
    """Fits trees, then gives the leaves of the first these values."""

    def fit(lgb, params, d, rounds, data):
        booster = lgb.train(params, d, rounds)
        for i, v in enumerate(values):
            booster.set_leaf_output(0, i, v)
        return booster

    return fit


def text(booster, path):
    """Saves what model_to_string returns."""
    with open(path, "w", newline="\n", encoding="utf-8") as f:
        f.write(booster.model_to_string())


def some(start, count):
    """Saves count rounds from start on."""

    def write(booster, path):
        booster.save_model(path, start_iteration=start, num_iteration=count)

    return write


def edited(change):
    """Saves the model with its text changed by a function, as an editor or another program would."""

    def write(booster, path):
        with open(path, "w", newline="\n", encoding="utf-8") as f:
            f.write(change(booster.model_to_string()))

    return write


def described(case, version, objective):
    """The text of case.json."""
    text = {
        "library": "lightgbm",
        "trained": version,
        "reference": REFERENCE,
        "booster": case.booster(),
        "objective": objective,
        "traits": case.traits,
        "note": case.note,
    }
    if case.iterations is not None:
        text["iterations"] = "{}:{}".format(*case.iterations)
    return json.dumps(text, indent=2, ensure_ascii=False) + "\n"
