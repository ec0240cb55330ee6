"""What a case is, and the ways to fit one."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

REFERENCE = "3.2.0"
MAIN = ("3.2.0", "2.1.4", "1.7.6")
SINCE2 = ("3.2.0", "2.1.4")
LATEST = ("3.2.0",)
OLD = ("1.3.3", "1.4.2", "1.5.2", "1.6.2")
NEW = ("3.0.5", "3.1.3")


def train(xgb, params, matrix, rounds, data):
    return xgb.train(params, matrix, rounds)


@dataclass
class Case:
    """One model for each version; its folder is called name-version."""

    name: str
    data: Callable  # generator -> Data
    params: dict
    traits: list[str] = field(default_factory=list)
    versions: tuple = MAIN
    rounds: int = 3
    fit: Callable = train
    note: str = ""
    missing: float | None = None  # the number that stands for missing, when fitting and when answering
    iterations: tuple | None = None  # half-open range of boosting rounds the answers use
    infinities: bool = True  # whether a row may hold infinities
    leaves: bool = True  # whether leaf.csv can be made: not for infinities where a threshold is the largest number
    format: str | None = None  # json or ubj; a fair mix when None
    count: int = 12  # how many splits get rows of their own
    plain: int = 8  # how many ordinary rows

    def folder(self, version):
        return f"{self.name}-{version}"

    def extension(self, version):
        """JSON until 1.5, then whichever the name's checksum says."""
        if self.format or version < "1.6":
            return self.format or "json"
        return ("json", "ubj")[zlib.crc32(self.folder(version).encode()) >> 7 & 1]

    def reference(self, version):
        """The version that answers: the newest cannot read vector leaves written before it changed their layout."""
        return version if "vector leaves" in self.traits and version < "3.2" else REFERENCE

    def booster(self):
        return self.params.get("booster", "gbtree")

    def generator(self, purpose):
        return np.random.default_rng(zlib.crc32(f"{self.name} {purpose}".encode()))

    def settings(self):
        """The parameters to fit with: small, single-threaded and repeatable unless the case says otherwise."""
        common = {"nthread": 1, "seed": 7, "verbosity": 0}
        if self.booster() != "gblinear":
            common |= {"max_depth": 3, "tree_method": "hist"}
        return common | self.params


def matrix(xgb, data, missing):
    """The training matrix of the data; a frame brings its own names and types."""
    if isinstance(data.x, np.ndarray):
        options = {"feature_names": data.names, "feature_types": data.types}
        if data.types and "c" in data.types:
            options["enable_categorical"] = True
        m = xgb.DMatrix(data.x, missing=np.nan if missing is None else missing, **options)
    else:
        m = xgb.DMatrix(data.x, enable_categorical=True)
    if data.y is not None:
        m.set_label(data.y)
    for name, values in data.extra.items():
        if name == "qid":
            m.set_group(np.bincount(values))
        else:
            m.set_float_info(name, values)
    return m


def flat(leaves):
    """Fits trees to whatever the leaves should hold: the gradient steers each row to leaves(row number, rows)."""

    def fit(xgb, params, m, rounds, data):
        n = m.num_row()

        def objective(_, m):
            g = -leaves(np.arange(n), n).astype(np.float32)
            if xgb.__version__ < "2":
                g = g.reshape(-1)
            return g, np.ones_like(g)

        return xgb.train(params, m, rounds, obj=objective)

    return fit


def in_steps(*steps):
    """Fits in several runs, each continuing the last with parameters of its own."""

    def fit(xgb, params, m, rounds, data):
        booster = None
        for extra in steps:
            extra = dict(extra)
            n = extra.pop("rounds", rounds)
            booster = xgb.train(params | extra, m, n, xgb_model=booster)
        return booster

    return fit


def early(xgb, params, m, rounds, data):
    """Stops early against rows half of which have the label of another, and keeps every tree."""
    held = data.y.copy()
    held[::2] = np.random.default_rng(5).permutation(held[::2])
    held = xgb.DMatrix(data.x, held)
    return xgb.train(params, m, rounds, evals=[(held, "held")], early_stopping_rounds=3, verbose_eval=False)


def sliced(begin, end):
    def fit(xgb, params, m, rounds, data):
        return xgb.train(params, m, rounds)[begin:end]

    return fit


def pruned(xgb, params, m, rounds, data):
    """Prunes trees that are already grown, which leaves deleted nodes in the file."""
    grown = xgb.train(params, m, rounds)
    update = {"process_type": "update", "updater": "prune", "gamma": 6.0, "reg_lambda": 1.0}
    return xgb.train(params | update, m, rounds, xgb_model=grown)


def refreshed(xgb, params, m, rounds, data):
    grown = xgb.train(params, m, rounds)
    m.set_label(data.y[::-1].copy())
    update = {"process_type": "update", "updater": "refresh", "refresh_leaf": True}
    return xgb.train(params | update, m, rounds, xgb_model=grown)


def attributed(xgb, params, m, rounds, data):
    booster = xgb.train(params, m, rounds)
    booster.set_attr(comment='quotes " and \\ and ü', empty="", best_score="0.5", base_score="0.9")
    return booster


def wrapped(name, **options):
    """Fits with the scikit-learn wrapper, which writes attributes of its own."""

    def fit(xgb, params, m, rounds, data):
        model = getattr(xgb, name)(n_estimators=rounds, max_depth=3, n_jobs=1, random_state=7, **options)
        n = len(data.x) * 3 // 4
        model.fit(data.x[:n], data.y[:n], eval_set=[(data.x[n:], data.y[n:])], verbose=False)
        return model

    return fit


def described(case, version, objective):
    """The text of case.json."""
    text = {
        "library": "xgboost",
        "trained": version,
        "reference": case.reference(version),
        "booster": case.booster(),
        "objective": objective,
        "traits": case.traits,
        "note": case.note,
    }
    if case.missing is not None:
        text["missing"] = case.missing
    if case.iterations is not None:
        text["iterations"] = "{}:{}".format(*case.iterations)
    return json.dumps(text, indent=2, ensure_ascii=False) + "\n"
