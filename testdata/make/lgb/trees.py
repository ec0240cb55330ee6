"""Shapes of trees, what is missing, boosters, and ways to save."""

import re

import case as c
from case import ALL, LATEST, SINCE3, Case
from data import extremes, numeric, scaled

BINARY = {"objective": "binary"}
REAL = {"objective": "regression"}


def missing():
    none, zero = {"use_missing": False}, {"zero_as_missing": True}
    yield Case("missing-none", numeric("binary", missing=0.3), BINARY | none, ["nothing is missing"], ALL)
    yield Case("missing-zero", numeric("binary", missing=0.3), BINARY | zero, ["zero is missing"], ALL)
    yield Case("missing-much", numeric("real", missing=0.6), REAL, ["much missing"], ALL)
    yield Case("missing-never", numeric("real", missing=0), REAL, ["nothing was missing"], SINCE3)
    tiny = scaled("real", [1e-35, 3e-36, 1e-34, 1.0])
    yield Case("tiny", tiny, REAL, ["around zero"], ALL)
    yield Case("tiny-missing-none", tiny, REAL | none, ["around zero", "nothing is missing"], LATEST)
    yield Case("tiny-missing-zero", tiny, REAL | zero, ["around zero", "zero is missing"], SINCE3)
    yield Case("extremes", extremes("real"), REAL | {"min_data_in_bin": 1}, ["ends of float64"], ALL)


def boosters():
    for name, kind, params in (
        ("", "binary", BINARY),
        ("-real", "real", REAL),
        ("-classes", "class3", {"objective": "multiclass", "num_class": 3}),
    ):
        forest = {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1}
        yield Case(f"dart{name}", numeric(kind), params | {"boosting": "dart", "drop_rate": 0.9, "skip_drop": 0.0}, [], ALL if not name else LATEST, rounds=5)
        yield Case(f"forest{name}", numeric(kind), params | forest, ["average"], ALL, rounds=5)
    yield Case(
        "forest-range",
        numeric("binary"),
        BINARY | {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1},
        ["average", "range of rounds"],
        SINCE3,
        rounds=7,
        iterations=(2, 5),
    )
    yield Case("goss-old", numeric("binary"), BINARY | {"boosting": "goss"}, [], ("3.3.5", "2.3.1"), rounds=12)
    yield Case("goss", numeric("binary"), BINARY | {"data_sample_strategy": "goss"}, ["one-sided sampling"], LATEST, rounds=12)
    yield Case("bagging", numeric("binary"), BINARY | {"bagging_fraction": 0.5, "bagging_freq": 1, "feature_fraction": 0.6}, ["bagging"], LATEST)


def linear():
    params = {"linear_tree": True, "linear_lambda": 0.01}
    trait = ["linear leaves"]
    yield Case("linear", numeric("real"), REAL | params, trait, SINCE3)
    yield Case("linear-binary", numeric("binary"), BINARY | params, trait, SINCE3)
    yield Case("linear-classes", numeric("class3"), {"objective": "multiclass", "num_class": 3} | params, trait, LATEST)
    yield Case("linear-never-missing", numeric("real", missing=0), REAL | params, [*trait, "nothing was missing"], LATEST)
    yield Case("linear-missing-none", numeric("real", missing=0.3), REAL | params | {"use_missing": False}, [*trait, "nothing is missing"], SINCE3)
    # So steep that it shows whether 1e-36 is zero; and no longer than before, for tree_sizes.
    steep = c.edited(lambda text: re.sub(r"e-3[345](?= |\n)", "e+35", text))
    yield Case("linear-tiny", scaled("real", [1e-34, 1e-35, 1.0]), REAL | params, [*trait, "around zero"], LATEST, save=steep)
    yield Case("linear-dart", numeric("real"), REAL | params | {"boosting": "dart", "drop_rate": 0.9, "skip_drop": 0.0}, trait, LATEST, rounds=5)
    yield Case("linear-deep", numeric("real", n=600), REAL | params | {"num_leaves": 31}, trait, LATEST)
    yield Case("linear-one-leaf", numeric("real"), REAL | params | {"min_data_in_leaf": 1000}, [*trait, "single leaves"], LATEST)


def shapes():
    yield Case("deep", numeric("real", n=800), REAL | {"num_leaves": 63, "min_data_in_leaf": 1}, ["63 leaves"], ALL, rounds=2)
    yield Case("stumps", numeric("binary"), BINARY | {"num_leaves": 2}, ["stumps"], SINCE3, rounds=8)
    yield Case("many-trees", numeric("binary", k=3), BINARY | {"num_leaves": 3}, ["130 trees"], LATEST, rounds=130)
    yield Case("wide", numeric("real", k=40), REAL, ["40 columns"], SINCE3)
    yield Case("single-feature", numeric("binary", k=1), BINARY, ["one column"], LATEST)
    yield Case("one-leaf", numeric("binary"), BINARY | {"min_data_in_leaf": 1000}, ["single leaves"], ALL)
    yield Case("one-leaf-classes", numeric("class3"), {"objective": "multiclass", "num_class": 3, "min_data_in_leaf": 1000}, ["single leaves"], SINCE3)
    yield Case("one-leaf-among", numeric("class3"), {"objective": "multiclassova", "num_class": 3, "min_data_in_leaf": 130}, ["single leaves"], SINCE3, rounds=6)
    yield Case("unused", numeric("binary", k=6), BINARY | {"num_leaves": 2}, ["unused columns"], LATEST, rounds=1)
    yield Case("few-bins", numeric("real"), REAL | {"max_bin": 4}, ["few bins"], LATEST)
    yield Case("random-thresholds", numeric("real"), REAL | {"extra_trees": True}, ["random thresholds"], SINCE3)
    yield Case("monotone", numeric("real", k=3), REAL | {"monotone_constraints": [1, -1, 0]}, ["monotone"], ALL)
    names = ["amount (EUR)", "card age", "a=b", "größe", "q'"]
    yield Case("names", numeric("binary", names=names), BINARY, ["feature names"], SINCE3)


def ways():
    yield Case("no-trees", numeric("binary"), BINARY, ["no trees"], SINCE3, fit=c.untrained)
    classes = {"objective": "multiclass", "num_class": 3}
    yield Case("no-trees-classes", numeric("class3"), classes, ["no trees"], LATEST, fit=c.untrained)
    forest = {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1}
    yield Case("no-trees-forest", numeric("binary"), BINARY | forest, ["no trees", "average"], LATEST, fit=c.untrained)
    yield Case("early-stopping", numeric("binary"), BINARY | {"learning_rate": 0.5}, ["early stopping"], ALL, rounds=40, fit=c.early)
    yield Case("continued", numeric("binary"), BINARY, ["continued"], SINCE3, fit=c.continued)
    yield Case("refitted", numeric("binary"), BINARY, ["refitted"], SINCE3, fit=c.refitted)
    yield Case("text", numeric("binary"), BINARY, ["model_to_string"], ALL, save=c.text)
    yield Case("some-rounds", numeric("binary"), BINARY, ["some rounds saved"], ALL, rounds=6, save=c.some(2, 3))
    yield Case("some-rounds-classes", numeric("class3"), {"objective": "multiclass", "num_class": 3}, ["some rounds saved"], SINCE3, rounds=4, save=c.some(1, 2))
    yield Case("range-first", numeric("binary"), BINARY, ["range of rounds"], ALL, rounds=6, iterations=(0, 2))
    yield Case("range-middle", numeric("class3"), {"objective": "multiclass", "num_class": 3}, ["range of rounds"], ALL, rounds=6, iterations=(2, 5))
    yield Case("leaves-set", numeric("real"), REAL, ["leaves set"], LATEST, fit=c.leaves_set(1e300, -1e300, 5e-324, -5e-324, 1 / 3, -0.0))
    parser = lambda text: text.replace("\npandas_categorical:null\n", "") + '\nparser:\n{"className":"","header":"0"}\nend of parser\n'
    yield Case("parser", numeric("binary"), BINARY, ["parser section"], LATEST, save=c.edited(parser))


CASES = [*missing(), *boosters(), *linear(), *shapes(), *ways()]
