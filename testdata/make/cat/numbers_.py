"""Cases of columns of numbers."""

import data as d
from case import ALL, Case


def frame(kind="binary", n=300, k=4, missing=0.1, names=None):
    return lambda rng: d.labelled(rng, d.numbers(rng, n, k, missing), kind=kind, names=names)


CASES = [
    Case("binary", frame(), versions=ALL),
    Case("binary-json", frame(), versions=ALL, format="json"),
    Case("rmse", frame("number"), {"loss_function": "RMSE"}, ["bias"], versions=ALL),
    Case("rmse-json", frame("number"), {"loss_function": "RMSE"}, ["bias"], format="json"),
]
