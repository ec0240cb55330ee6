"""Categories: as numbers, and as what pandas calls categories."""

from case import ALL, LATEST, SINCE3, Case
from data import categorical, frame

# Small groups of categories are worth a split here.
KEEN = {"min_data_per_group": 5, "cat_smooth": 1.0, "cat_l2": 1.0}
COUNTRIES = ["AT", "DE", "FR", "GB", "US"]


def numbers():
    one = {"objective": "binary", "max_cat_to_onehot": 8} | KEEN
    many = {"objective": "regression", "max_cat_to_onehot": 1} | KEEN
    yield Case("cat-one", categorical("binary", [3, 6]), one, ["categories, one of them"], ALL)
    yield Case("cat-many", categorical("real", [12, 90]), many, ["categories, several of them"], ALL)
    yield Case("cat-only", categorical("binary", [7, 40], k=0), one | {"max_cat_to_onehot": 1}, ["categories, several of them"])
    yield Case("cat-far", categorical("real", [9], scale=100_003), many, ["categories far apart"], SINCE3)
    yield Case("cat-missing-none", categorical("real", [12, 5]), many | {"use_missing": False}, ["categories", "nothing is missing"], ALL)
    yield Case("cat-missing-zero", categorical("real", [12, 5]), many | {"zero_as_missing": True}, ["categories", "zero is missing"], ALL)
    yield Case(
        "cat-classes",
        categorical("class3", [12, 5]),
        {"objective": "multiclass", "num_class": 3} | KEEN,
        ["categories"],
        SINCE3,
    )
    yield Case("cat-dart", categorical("binary", [12]), one | {"boosting": "dart"}, ["categories"], LATEST)
    yield Case("cat-linear", categorical("real", [12, 5], k=3), many | {"linear_tree": True}, ["categories", "linear leaves"], SINCE3)
    yield Case("cat-names", categorical("binary", [5], names=["x", "y", "kind of"]), one, ["categories", "feature names"], SINCE3)


def frames():
    params = {"objective": "binary", "max_cat_to_onehot": 1} | KEEN
    words = (COUNTRIES, False)
    yield Case("strings", frame("binary", {"amount": None, "country": words, "hour": None}), params, ["string categories"], ALL)
    yield Case(
        "strings-several",
        frame("real", {"country": words, "amount": None, "kind": (["a", "b c", "ü", '"q"', "x,y"], False)}),
        params | {"objective": "regression"},
        ["string categories"],
        ALL,
    )
    yield Case(
        "strings-unicode",
        frame("binary", {"город": (["Москва", "北京", "🙂", "ß"], False), "amount": None}),
        params,
        ["string categories", "names beyond ASCII"],
        SINCE3,
    )
    yield Case(
        "strings-many",
        frame("real", {"merchant": ([f"m{i:03}" for i in range(150)], False), "amount": None}, n=900),
        params | {"objective": "regression", "num_leaves": 15},
        ["string categories, 150"],
        LATEST,
    )
    yield Case(
        "strings-only", frame("binary", {"country": words, "kind": (["a", "b"], False)}), params, ["string categories"], LATEST
    )
    yield Case(
        "strings-classes",
        frame("class3", {"country": words, "amount": None}),
        params | {"objective": "multiclass", "num_class": 3},
        ["string categories"],
        LATEST,
    )
    yield Case(
        "frame-ordered",
        frame("binary", {"amount": None, "size": (["S", "M", "L", "XL"], True), "country": words}),
        params,
        ["string categories, some ordered"],
        SINCE3,
    )
    yield Case(
        "frame-integers",
        frame("binary", {"code": ([10, 20, 35, -4], False), "amount": None}),
        params,
        ["integer categories of pandas"],
        ALL,
    )
    yield Case(
        "frame-codes",
        frame("binary", {"code": ([0, 1, 2, 3, 4], False), "country": words}),
        params,
        ["integer categories of pandas, from 0"],
        SINCE3,
    )
    yield Case(
        "frame-floats",
        frame("binary", {"rate": ([0.5, 1.0, 2.25, 1e-7], False), "amount": None}),
        params,
        ["fractional categories of pandas"],
        SINCE3,
    )
    yield Case(
        "frame-truths",
        frame("binary", {"seen": ([False, True], False), "amount": None}),
        params | {"max_cat_to_onehot": 4},
        ["categories of pandas that are true or false"],
        SINCE3,
    )
    yield Case(
        "frame-numbers", frame("binary", {"amount": None, "hour": None, "count": None}), {"objective": "binary"}, ["frame of numbers"], SINCE3
    )


CASES = [*numbers(), *frames()]
