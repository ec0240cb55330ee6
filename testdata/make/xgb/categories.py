"""Categories: codes and strings, one-hot splits and sets, dictionaries in the file."""

from functools import partial

from case import LATEST, MAIN, NEW, SINCE2, Case
from data import categorical, frame

CATEGORIES = MAIN + ("1.6.2",)


def cat(kind, sizes, **options):
    return partial(categorical, kind=kind, sizes=sizes, **options)


def categories():
    partition = {"max_cat_to_onehot": 1}
    yield Case("cat-onehot", cat("real", [6]), {"max_cat_to_onehot": 100}, ["categories, one-hot"], CATEGORIES)
    yield Case("cat-partition", cat("real", [8]), partition, ["categories, partition"], CATEGORIES + NEW)
    yield Case(
        "cat-mixed",
        cat("binary", [3, 12], k=3, missing=0.25),
        {"objective": "binary:logistic", "max_cat_to_onehot": 5, "max_depth": 4},
        ["categories, one-hot", "categories, partition", "much missing"],
    )
    yield Case(
        "cat-many",
        cat("real", [130, 40], k=1, n=900),
        partition | {"max_cat_threshold": 64, "max_depth": 4},
        ["categories, partition", "more than 64 categories"],
        note="sets that cross words of 32 and 64 bits",
    )
    yield Case(
        "cat-classes",
        cat("class3", [9]),
        partition | {"objective": "multi:softprob", "num_class": 3},
        ["categories, partition"],
        SINCE2,
        rounds=3,
    )
    yield Case(
        "cat-only",
        cat("binary", [4, 7], k=0),
        {"objective": "binary:logistic", "max_cat_to_onehot": 5},
        ["categories, one-hot", "categories, partition"],
        note="no column of numbers",
    )
    yield Case(
        "cat-full", cat("real", [5, 5], missing=0), partition, ["categories, partition", "nothing missing"], LATEST
    )
    yield Case(
        "cat-dart",
        cat("real", [8]),
        partition | {"booster": "dart", "rate_drop": 0.5, "tree_method": "approx"},
        ["categories, partition", "tree weights"],
        MAIN,
        rounds=6,
    )
    yield Case(
        "cat-approx",
        cat("real", [8]),
        partition | {"tree_method": "approx"},
        ["categories, partition", "approx"],
        SINCE2,
    )
    yield Case(
        "cat-names",
        cat("binary", [6], names=["x", "y", "kind"]),
        {"objective": "binary:logistic"},
        ["categories, one-hot", "feature names"],
        SINCE2,
    )

    words = {
        "country": ["FR", "DE", "US", "GB", "JP", "BR"],
        "channel": ["web", "app", "branch, by hand", 'the "new" one'],
    }
    coded = ["string categories"]
    recoded = ("3.2.0", "3.1.3")
    yield Case("strings", partial(frame, kind="binary", words=words), {"objective": "binary:logistic"}, coded, recoded)
    yield Case(
        "strings-partition",
        partial(frame, kind="real", words={"city": [f"city {i * 7 % 40:02}" for i in range(40)]}),
        partition | {"max_depth": 4},
        coded + ["categories, partition"],
        LATEST,
    )
    yield Case(
        "strings-unused",
        partial(frame, kind="real", words={"a": ["only"], "b": ["no", "yes"]}),
        {},
        coded,
        recoded,
        note="a column with a single category",
    )
    yield Case(
        "strings-only",
        partial(frame, kind="class3", words=words, k=0),
        {"objective": "multi:softprob", "num_class": 3},
        coded,
        LATEST,
        rounds=3,
    )
    yield Case(
        "strings-missing", partial(frame, kind="real", words=words, missing=0.4), {}, coded + ["much missing"], LATEST
    )
    yield Case(
        "strings-dart",
        partial(frame, kind="real", words=words),
        {"booster": "dart", "rate_drop": 0.5},
        coded + ["tree weights"],
        LATEST,
        rounds=6,
    )
    yield Case(
        "strings-before-recoding",
        partial(frame, kind="real", words=words),
        {},
        ["categories, one-hot"],
        ("2.1.4", "1.7.6", "3.0.5"),
        note="fitted on strings by a version that saves codes alone: cells hold codes",
    )
    yield Case(
        "recoded-integers",
        partial(frame, kind="real", words={"mcc": [5411, 5812, 7995, 4829], "size": [10, 20, 30]}),
        {},
        ["integer categories with a dictionary"],
        LATEST,
        note="the dictionary holds integers; cells of mcc and size hold them, not codes",
    )


CASES = [*categories()]
