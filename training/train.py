"""Makes the demo bundle and the model card from simulated payments.

    besra simulate -o .cache/events.csv
    besra features training/features.yaml .cache/events.csv --ignore-extra -o .cache/rows.csv
    python training/train.py .cache/events.csv .cache/rows.csv

The rows are made by the code that makes them when the model serves, and so is the reference that drift is told from,
by bin/besra. The same events give the same files, byte for byte.
"""

import argparse
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb
import yaml
from sklearn.metrics import average_precision_score, roc_auc_score

import modelcard
from golden import write_golden

HOME = Path(__file__).resolve().parent.parent

# Days of the simulation, first and last. Labels are known seven days late, hence the gaps.
TRAIN = (37, 146)  # the windows of 30 + 7 days are full from day 37
HELD_OUT = (154, 182)
FIT, TUNE = (37, 116), (124, 146)  # within TRAIN: parameters and cutoffs are chosen here
REFERENCE = (126, 146)  # whole weeks, the last of TRAIN: what is served is compared with them
HANDBOOK = 115  # 2018-07-25: the handbook trains on the week from here, and tests a week later on another
HANDBOOK_WEEKS = range(66, 158, 7)  # the same split from other days: how much a week's luck matters

TREES = 500
PARAMETERS = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "eta": 0.05,
    "max_depth": 5,
    "min_child_weight": 5,
    "subsample": 0.9,
    "colsample_bytree": 0.8,
    "seed": 1,
    "nthread": 2,  # fixed: another number of threads may sum in another order
}

# What an outcome costs, in euros. A review finds the truth.
REVIEW = 5  # an analyst's time
CHARGEBACK = 20  # the fee for a fraud that went through, on top of its amount
INSULT = 25  # a genuine payment declined: the margin and some good will

DAY = 86_400


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("events", help="what besra simulate wrote")
    arguments.add_argument("rows", help="what besra features made of it")
    arguments.add_argument("--models", type=Path, default=HOME / "models")
    arguments.add_argument("--besra", type=Path, default=HOME / "bin" / "besra", help="makes the reference")
    arguments.add_argument("--docs", type=Path, default=HOME / "docs")
    a = arguments.parse_args()

    print("rows")
    events = read_events(a.events)
    if events["day"].iloc[-1] < HELD_OUT[1]:
        raise SystemExit(f"{a.events}: ends on day {events['day'].iloc[-1]}, training needs days 0 to {HELD_OUT[1]}")
    X = read_rows(a.rows)
    if len(X) != len(events):
        raise SystemExit(f"{a.rows}: {len(X)} rows, but {a.events} has {len(events)} events")

    print("cutoffs")
    tune = between(events, TUNE)
    cutoffs = choose_cutoffs(events[tune], predict(fit(X, events, FIT), X[tune]))

    print("model")
    booster = fit(X, events, TRAIN)
    held_out = between(events, HELD_OUT)
    payments, rows = events[held_out], X[held_out]
    scores = predict(booster, rows)
    report = {
        "cutoffs": cutoffs,
        "costs": {"review": REVIEW, "chargeback": CHARGEBACK, "insult": INSULT},
        "demo": measure(payments, scores),
        "handbook": handbook(X, events, HANDBOOK),
        "handbook weeks": [handbook(X, events, first) for first in HANDBOOK_WEEKS],
        "without history": without_history(booster, payments, rows),
        "decisions": decisions(payments, scores, cutoffs),
        "gain": booster.get_score(importance_type="total_gain"),
        "trees": TREES,
        "train": (int(between(events, TRAIN).sum()), int(events["fraud"][between(events, TRAIN)].sum())),
    }

    print("bundle")
    usual = between(events, REFERENCE)
    write_bundle(a.models / "fraud" / "1", booster, rows, events, report, lambda out: write_reference(out, a.besra, a.rows, usual))
    modelcard.write(a.docs, payments, scores, report)
    for name, value in report["demo"].items():
        print(f"  {name}: {value:.4f}")


def read_events(path):
    """Reads what `besra simulate` writes, in its order: by time."""
    events = pd.read_csv(
        path,
        dtype={"event_id": str, "time": str, "card": "category", "terminal": "category", "label": "category"},
        usecols=["event_id", "time", "card", "terminal", "amount", "label", "scenario"],
    )
    time = pd.to_datetime(events["time"], format="%Y-%m-%dT%H:%M:%SZ")
    events["seconds"] = time.to_numpy().astype("datetime64[s]").astype(np.int64)
    events["day"] = (events["seconds"] - events["seconds"].iloc[0] // DAY * DAY) // DAY
    events["fraud"] = (events["label"] == "fraud").to_numpy(np.int8)
    return events


def read_rows(path):
    """Reads the rows that `besra features` writes, to their last bit."""
    return pd.read_csv(path, dtype=np.float64).astype(np.float32)


def between(events, days):
    return events["day"].between(*days).to_numpy()


def fit(X, events, days):
    """Trains on those days, and again on a tenth of them without the card's history, without the
    terminal's, and without both: so the model knows what a missing history means."""
    train = between(events, days)
    X, fraud = X[train], events["fraud"].to_numpy()[train]
    rng = np.random.default_rng(PARAMETERS["seed"])
    parts, labels = [X], [fraud]
    for blank in (CARD, TERMINAL, CARD + TERMINAL):
        some = rng.random(len(X)) < 0.1
        parts.append(X[some].assign(**dict.fromkeys(blank, np.float32(np.nan))))
        labels.append(fraud[some])
    matrix = xgb.DMatrix(pd.concat(parts), np.concatenate(labels))
    return xgb.train(PARAMETERS, matrix, TREES)


NAMES = [column["name"] for column in yaml.safe_load((HOME / "training" / "features.yaml").read_text())["columns"]]
CARD = [name for name in NAMES if name.startswith("card_")]
TERMINAL = [name for name in NAMES if name.startswith("terminal_")]


def predict(booster, X):
    return booster.predict(xgb.DMatrix(X))


# -- cutoffs ---------------------------------------------------------------------------------------------


def choose_cutoffs(payments, scores):
    """The pair that costs least. Each can be chosen alone: what is below `review` is lost if fraud, what is
    above is reviewed; what is above `decline` saves a review and insults if genuine."""
    fraud = payments["fraud"].to_numpy()
    loss = fraud * (payments["amount"].to_numpy() + CHARGEBACK)
    grid = [i / 100 for i in range(1, 100)]
    review = min(grid, key=lambda c: loss[scores < c].sum() + REVIEW * (scores >= c).sum())
    decline = min(grid, key=lambda c: INSULT * (fraud[scores >= c] == 0).sum() - REVIEW * (scores >= c).sum())
    return {"review": review, "decline": max(review, decline)}


def decisions(payments, scores, cutoffs):
    """Counts, frauds and costs of each decision."""
    fraud = payments["fraud"].to_numpy() == 1
    loss = fraud * (payments["amount"].to_numpy() + CHARGEBACK)
    decline = scores >= cutoffs["decline"]
    review = (scores >= cutoffs["review"]) & ~decline
    approve = ~(review | decline)
    table = {
        name: {"payments": int(which.sum()), "frauds": int(fraud[which].sum()), "cost": float(cost)}
        for name, which, cost in (
            ("approve", approve, loss[approve].sum()),
            ("review", review, REVIEW * review.sum()),
            ("decline", decline, INSULT * (decline & ~fraud).sum()),
        )
    }
    scenario = payments["scenario"].to_numpy()
    table["caught"] = {int(s): float((~approve)[scenario == s].mean()) for s in (1, 2, 3)}
    table["nothing"] = float(loss.sum())
    return table


# -- measures --------------------------------------------------------------------------------------------


def measure(payments, scores):
    fraud = payments["fraud"]
    return {
        "auc": float(roc_auc_score(fraud, scores)),
        "average_precision": float(average_precision_score(fraud, scores)),
        "card_precision_100": card_precision(payments, scores),
    }


def card_precision(payments, scores, top=100):
    """The handbook's: of each day's top cards by their highest score, the share with a fraud that day;
    cards found leave the later days; mean of the days."""
    payments = payments[["day", "card", "fraud"]].assign(score=scores)
    found, shares = set(), []
    for _, day in payments.groupby("day"):
        cards = day[~day["card"].isin(found)].groupby("card", observed=True)[["score", "fraud"]].max()
        cards = cards.sort_values("score", ascending=False, kind="stable").head(top)
        frauds = cards.index[cards["fraud"] == 1]
        shares.append(len(frauds) / top)
        found.update(frauds)
    return float(np.mean(shares))


def handbook(X, events, first):
    """The handbook's own split and XGBoost's defaults, on our draws: comparable with what it published."""
    train, test = between(events, (first, first + 6)), between(events, (first + 14, first + 20))
    known = set(events["card"][train & (events["fraud"] == 1)])
    for day in range(first + 14, first + 21):  # cards known by then leave the test
        late = (events["day"] == day - 8) & (events["fraud"] == 1)
        known.update(events["card"][late])
        test = test & ~((events["day"] == day) & events["card"].isin(known)).to_numpy()
    model = xgb.XGBClassifier(tree_method="hist", n_jobs=2, random_state=0)
    model.fit(X[train], events["fraud"][train])
    return measure(events[test], model.predict_proba(X[test])[:, 1])


def without_history(booster, payments, rows):
    nan = np.float32(np.nan)
    return {
        name: measure(payments, predict(booster, rows.assign(**dict.fromkeys(blank, nan))))
        for name, blank in (("card", CARD), ("terminal", TERMINAL), ("card or terminal", CARD + TERMINAL))
    }


# -- files -----------------------------------------------------------------------------------------------


def write_bundle(out, booster, rows, events, report, write_reference):
    """The bundle, in the layout that besra reads."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    booster.save_model(out / "model.ubj")
    write_golden(booster, rows, out / "golden")
    policy = {"besra": 1, "version": "demo-1", "cutoffs": Line(report["cutoffs"]), "fallback": "review"}
    (out / "policy.yaml").write_text(dump(policy))
    shutil.copyfile(HOME / "training" / "features.yaml", out / "features.yaml")
    write_reference(out)

    files = sorted(f for f in out.rglob("*") if f.is_file())
    seconds = events["seconds"][between(events, TRAIN)]
    first, last = (pd.Timestamp(seconds.iloc[i], unit="s").date() for i in (0, -1))
    manifest = {
        "besra": 1,
        "name": "fraud",
        "version": 1,
        "model": "model.ubj",
        "files": {f.relative_to(out).as_posix(): "sha256:" + hashlib.sha256(f.read_bytes()).hexdigest() for f in files},
        "trainer": Line(library="xgboost", version=xgb.__version__),
        "parity": "exact",
        "missing": "nan",
        "iterations": "all",
        "features": [Line(name=name, **describe(name)) for name in NAMES],
        "about": {
            "description": "Card fraud on simulated payments, by the Fraud Detection Handbook's procedure",
            "trained": f"on payments of {first} to {last}",
            "metrics": Line({name: round(value, 4) for name, value in report["demo"].items()}),
        },
    }
    (out / "bundle.yaml").write_text(dump(manifest))


def write_reference(out, besra, path, chosen):
    """How the model's scores and features are distributed over the chosen lines of a file of rows. besra makes it, as it
    does for any bundle: this one is thrown away but for that."""
    with tempfile.TemporaryDirectory() as scratch:
        sample = Path(scratch) / "rows.csv"
        with open(path) as rows, open(sample, "w") as file:
            file.write(next(rows))
            file.writelines(line for line, take in zip(rows, chosen) if take)
        subprocess.run(
            [besra, "bundle", out / "model.ubj", "--golden", out / "golden", "--reference", sample,
             "--name", "fraud", "--version", "1", "-o", Path(scratch) / "bundle"],
            check=True, stdout=subprocess.DEVNULL,
        )
        shutil.copyfile(Path(scratch) / "bundle" / "reference.yaml", out / "reference.yaml")


def describe(name):
    """What the manifest says of a feature. History may be missing: training has shown the model what that
    means. What the payment itself says may not."""
    bounds = {"type": "float", "min": 0}
    if name == "amount":
        return {**bounds, "unit": "EUR", "max": 100_000, "on_bounds": "accept", "missing": "refuse", "text": "Amount"}
    if name == "night":
        return {**bounds, "max": 1, "on_bounds": "accept", "missing": "refuse", "text": "Between 0 and 7 o'clock"}
    if name == "weekend":
        return {**bounds, "max": 1, "on_bounds": "accept", "missing": "refuse", "text": "On a Saturday or Sunday"}
    entity, *what, window = name.split("_")
    days = "day" if window == "1d" else window.removesuffix("d") + " days"
    if entity == "card":
        text = {"count": "Payments with the card in the last {}", "mean": "Mean amount of the card in the last {}"}
    else:
        text = {"count": "Payments at the terminal in the {} until a week ago",
                "fraud_share": "Share of fraud at the terminal in the {} until a week ago"}
    what = "_".join(what)
    extra = {"mean": {"unit": "EUR", "max": 100_000}, "fraud_share": {"max": 1}}.get(what, {})
    return {**bounds, **extra, "on_bounds": "accept", "missing": "allow", "text": text[what].format(days)}


class Line(dict):
    """A mapping that YAML writes on one line."""


yaml.SafeDumper.add_representer(
    Line, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)
)


def dump(document):
    return yaml.safe_dump(document, sort_keys=False, width=1000)


if __name__ == "__main__":
    main()
