"""The files that besra reads."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd


def write_rows(out, frame, dtype):
    """Writes rows.csv: numbers of the width dtype, and the names of categories."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for name in ("margin", "value", "leaf"):  # those of another model would not fit
        (out / f"{name}.csv").unlink(missing_ok=True)
    columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
    write_csv(out / "rows.csv", frame.columns, [cells(c, c.dtype.type if is_float(c) else dtype) for c in columns])


def write_answers(out, name, answers, dtype):
    """Writes margin.csv or value.csv: a line for each row, numbers of the width dtype."""
    columns = np.asarray(answers).reshape(len(answers), -1).T
    header = [name] if len(columns) == 1 else [f"{name}_{i}" for i in range(len(columns))]
    write_csv(Path(out) / f"{name}.csv", header, [cells(c, dtype) for c in columns])


def write_leaves(out, leaves):
    """Writes leaf.csv: a line for each row, a column for each tree."""
    columns = np.asarray(leaves).reshape(len(leaves), -1).T
    header = [f"leaf_{i}" for i in range(len(columns))]
    write_csv(Path(out) / "leaf.csv", header, [[str(int(leaf)) for leaf in c] for c in columns])


def cells(column, dtype=np.float32):
    """Text that reads back to the same value: the shortest decimal of a number of the width dtype, a category's name, nothing
    where it is missing."""
    if isinstance(column, pd.Series) and (isinstance(column.dtype, pd.CategoricalDtype) or not is_number(column)):
        return ["" if pd.isna(v) else str(v) for v in column]
    numbers = np.asarray(column, dtype)
    texts = [text.removesuffix(".0") for text in numbers.astype(str)]
    back = np.array([float(text) for text in texts]).astype(dtype)  # readers go through float64
    if not np.array_equal(back, numbers, equal_nan=True):
        raise AssertionError("a decimal does not read back to its number")
    return ["" if text == "nan" else text for text in texts]


def is_float(column):
    return column.dtype in (np.float32, np.float64)


def is_number(column):
    return pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)


def write_csv(path, header, columns):
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        out.writerows(zip(*columns))
