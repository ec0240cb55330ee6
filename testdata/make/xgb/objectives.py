"""Every objective, every spelling of the base score, and margins at the ends of each link function."""

from functools import partial

import numpy as np

from case import LATEST, MAIN, NEW, OLD, SINCE2, Case, flat
from data import extremes, numeric


def of(kind, **options):
    return partial(numeric, kind=kind, **options)


def each():
    """One case for every objective, with default settings."""
    plain = [
        ("binary:logistic", "binary", {}, MAIN + OLD + NEW),
        ("binary:logitraw", "binary", {}, MAIN),
        ("binary:hinge", "binary", {}, MAIN),
        ("reg:squarederror", "real", {}, MAIN + OLD + NEW),
        ("reg:absoluteerror", "real", {}, MAIN),
        ("reg:pseudohubererror", "real", {"huber_slope": 0.7}, MAIN),
        ("reg:squaredlogerror", "positive", {}, MAIN),
        ("reg:quantileerror", "real", {"quantile_alpha": 0.9}, SINCE2),
        ("reg:logistic", "share", {}, MAIN),
        ("count:poisson", "count", {}, MAIN + ("1.3.3",)),
        ("reg:gamma", "positive", {}, MAIN),
        ("reg:tweedie", "count", {"tweedie_variance_power": 1.3}, MAIN),
        ("survival:cox", "time", {}, MAIN),
        ("multi:softmax", "class3", {"num_class": 3}, MAIN + ("1.3.3", "1.6.2")),
        ("multi:softprob", "class4", {"num_class": 4}, MAIN + OLD + NEW),
        ("rank:pairwise", "grades", {}, MAIN + ("1.4.2",)),
        ("rank:ndcg", "grades", {}, MAIN),
        ("rank:map", "hits", {}, MAIN),
    ]
    for objective, kind, params, versions in plain:
        rounds = 2 if "num_class" in params else 4
        yield Case(
            objective.replace(":", "-"), of(kind), {"objective": objective} | params, versions=versions, rounds=rounds
        )
    for distribution in ("normal", "logistic", "extreme"):
        yield Case(
            f"survival-aft-{distribution}",
            of("interval"),
            {"objective": "survival:aft", "aft_loss_distribution": distribution, "aft_loss_distribution_scale": 1.2},
            versions=MAIN if distribution == "normal" else SINCE2,
        )
    yield Case(
        "quantiles",
        of("real"),
        {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]},
        ["several quantiles"],
        SINCE2 + ("3.1.3",),
        note="three outputs that may cross: nothing sorts them",
    )
    yield Case(
        "rank-unbiased",
        of("grades"),
        {"objective": "rank:ndcg", "lambdarank_unbiased": True, "lambdarank_pair_method": "topk"},
        ["position bias"],
        SINCE2,
        note="the file also holds the biases of positions; they play no part in an answer",
    )
    yield Case("custom-objective", of("real"), {}, ["custom objective"], fit=flat(lambda i, n: np.sin(i)))
    yield Case(
        "binary-one-class",
        of("class3"),
        {"objective": "multi:softprob", "num_class": 1},
        ["one class"],
        LATEST,
        fit=flat(lambda i, n: np.cos(i)),
        note="a softmax over one class: the value is always 1",
    )


def base_scores():
    """Base scores given by hand, in the space of probabilities for the logistic ones."""
    given = [
        ("half", "binary:logistic", "binary", 0.5, MAIN),
        ("nine-tenths", "binary:logistic", "binary", 0.9, MAIN + OLD + NEW),
        ("rare", "binary:logistic", "binary", 1.5e-7, MAIN),
        ("rare", "binary:logitraw", "binary", 0.002, SINCE2),
        ("sure", "binary:logistic", "binary", 0.99999994, MAIN),
        ("zero", "binary:logistic", "binary", 0.0, LATEST),
        ("one", "binary:logistic", "binary", 1.0, LATEST),
        ("zero", "reg:logistic", "share", 0.0, LATEST),
        ("low", "reg:logistic", "share", 0.03, SINCE2),
        ("negative", "reg:squarederror", "real", -3.25, MAIN + OLD + NEW),
        ("zero", "reg:squarederror", "real", 0.0, MAIN),
        ("huge", "reg:squarederror", "real", -123456789.0, SINCE2),
        ("tiny", "reg:squarederror", "real", 2e-38, SINCE2),
        ("given", "count:poisson", "count", 2.5, MAIN),
        ("zero", "count:poisson", "count", 0.0, MAIN),
        ("given", "reg:gamma", "positive", 1e-3, SINCE2),
        ("given", "survival:cox", "time", 0.7, SINCE2),
        ("given", "survival:aft", "interval", 3.0, MAIN),
        ("given", "binary:hinge", "binary", 0.1, SINCE2),
        ("given", "rank:ndcg", "grades", 1.5, LATEST),
    ]
    for word, objective, kind, score, versions in given:
        params = {"objective": objective, "base_score": score}
        name = f"base-{objective.replace(':', '-')}-{word}"
        yield Case(name, of(kind, n=150), params, ["base score given"], versions, rounds=2, count=6, plain=6)
    yield Case(
        "base-softprob-given",
        of("class3"),
        {"objective": "multi:softprob", "num_class": 3, "base_score": 0.3},
        ["base score given"],
        SINCE2,
        rounds=2,
        count=6,
        plain=6,
    )
    for objective, kind in (
        ("reg:squarederror", "real"),
        ("binary:logistic", "binary"),
        ("count:poisson", "count"),
        ("reg:absoluteerror", "real"),
    ):
        yield Case(
            f"base-{objective.replace(':', '-')}-estimated",
            of(kind, n=150),
            {"objective": objective},
            ["base score estimated"],
            SINCE2,
            rounds=2,
            count=6,
            plain=6,
            note="the trainer took the base score from the labels",
        )


def ends():
    """Margins where exp overflows, underflows or turns denormal, and where the margin itself does."""
    spread = flat(lambda i, n: np.linspace(-120, 120, n)[(i * 37) % n])
    steps = {"eta": 1.0, "reg_lambda": 0.0, "max_depth": 6, "base_score": 0.5}
    for objective in (
        "binary:logistic",
        "reg:logistic",
        "count:poisson",
        "reg:gamma",
        "reg:tweedie",
        "survival:cox",
        "survival:aft",
        "binary:hinge",
    ):
        yield Case(
            f"ends-{objective.replace(':', '-')}",
            of("real"),
            steps | {"objective": objective},
            ["extreme margins"],
            SINCE2 if objective in ("binary:logistic", "count:poisson") else LATEST,
            rounds=1,
            fit=spread,
            count=40,
            note="margins between -120 and 120: exp overflows, underflows and gives denormals",
        )
    yield Case(
        "ends-softprob",
        of("class3"),
        steps | {"objective": "multi:softprob", "num_class": 3},
        ["extreme margins"],
        SINCE2,
        rounds=1,
        count=24,
        fit=flat(lambda i, n: np.stack([np.linspace(-150, 150, n)[(i * k) % n] for k in (37, 11, 23)], axis=1)),
        note="classes so far apart that probabilities are denormal or 0",
    )
    yield Case(
        "ends-logistic-fine",
        of("real"),
        steps | {"objective": "binary:logistic"},
        ["extreme margins"],
        SINCE2,
        rounds=1,
        count=40,
        fit=flat(lambda i, n: np.linspace(-89.5, -86.5, n)[(i * 37) % n]),
        note="margins around -88.7, where the logistic function clamps its argument",
    )
    yield Case(
        "ends-logistic-near-one",
        of("real"),
        steps | {"objective": "binary:logistic"},
        ["extreme margins"],
        LATEST,
        rounds=1,
        count=40,
        fit=flat(lambda i, n: np.linspace(13, 19, n)[(i * 37) % n]),
    )
    huge = steps | {"eta": 3e35, "max_depth": 4}
    pull = flat(lambda i, n: np.where(i % 3 == 0, -1000.0, 1000.0) * (1 + i % 5 / 50))
    for objective, versions in (("reg:squarederror", SINCE2), ("binary:logistic", LATEST), ("count:poisson", LATEST)):
        yield Case(
            f"overflow-{objective.replace(':', '-')}",
            of("real"),
            huge | {"objective": objective},
            ["extreme margins", "infinite margins"],
            versions,
            rounds=3,
            fit=pull,
            note="leaves near the end of float32, whose sum is infinite",
        )
    yield Case(
        "overflow-softprob",
        of("class3"),
        huge | {"objective": "multi:softprob", "num_class": 3},
        ["extreme margins", "infinite margins"],
        LATEST,
        rounds=3,
        fit=flat(lambda i, n: np.stack([np.where((i + k) % 3 == 0, 300.0, 1000.0) for k in range(3)], axis=1)),
        note="infinite margins: a softmax of infinities is NaN",
    )
    yield Case(
        "overflow-softmax",
        of("class3"),
        huge | {"objective": "multi:softmax", "num_class": 3},
        ["extreme margins", "infinite margins"],
        LATEST,
        rounds=3,
        fit=flat(lambda i, n: np.stack([np.where((i + k) % 3 == 0, 300.0, 1000.0) for k in range(3)], axis=1)),
        note="equal infinite margins: the first class wins",
    )
    yield Case(
        "denormal-leaves",
        of("real"),
        steps | {"eta": 2e-38, "base_score": 0.0, "objective": "reg:squarederror"},
        ["denormal leaves"],
        SINCE2,
        rounds=3,
        fit=flat(lambda i, n: np.sin(i * 1.7) * 0.05),
    )
    yield Case(
        "feature-extremes",
        partial(extremes, kind="real"),
        {"objective": "reg:squarederror", "tree_method": "exact"},
        ["extreme thresholds"],
        SINCE2,
        rounds=5,
        count=30,
        infinities=False,
        note="thresholds at the ends of float32 and beyond 2^24",
    )
    yield Case(
        "feature-extremes-hist",
        partial(extremes, kind="real"),
        {"objective": "reg:squarederror"},
        ["extreme thresholds"],
        LATEST,
        rounds=5,
        count=30,
        leaves=False,
        note="thresholds at the ends of float32, and rows beyond them: infinities",
    )


CASES = [*each(), *base_scores(), *ends()]
