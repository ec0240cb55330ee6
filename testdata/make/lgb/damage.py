"""Writes testdata/damaged/lightgbm: broken model files, made from the whole ones, each broken in one way.

usage: damage.py [TESTDATA]

why.json says of every file what is wrong with it. A reader must refuse them all. Nothing but the standard library is
needed.
"""

import json
import pathlib
import re
import shutil
import sys

PLAIN, CLASSES, SETS, LINES, NAMES = "binary-4.7.0", "multiclass-3.3.5", "cat-many-4.7.0", "linear-4.7.0", "strings-2.3.1"
HUGE = str(1 << 40)


def whole(cases, name):
    """A model's text, with two parameters only."""
    text = (cases / name / "model.txt").read_text(encoding="utf-8")
    return re.sub(r"(\nparameters:\n(?:.*\n){2})(?:\[.*\n)*", r"\1", text)


def sized(text):
    """Brings tree_sizes in line with the trees, so that something else is what is wrong."""
    ends = [m.start() for m in re.finditer(r"^(Tree=|end of trees)", text, re.M)]
    sizes = " ".join(str(len(text[a:b].encode())) for a, b in zip(ends, ends[1:]))
    return re.sub(r"^tree_sizes=.*$", f"tree_sizes={sizes}", text, count=1, flags=re.M)


def line(key, change, tree=None):
    """Changes what stands behind a key: in the header, or in a tree. change is the new text or a function of the old; None
    takes the line out."""

    def damage(text):
        start = 0 if tree is None else text.index(f"\nTree={tree}\n")
        m = re.compile(rf"^{key}=(.*)\n", re.M).search(text, start)
        if change is None:
            new = ""
        else:
            new = f"{key}={change(m[1]) if callable(change) else change}\n"
        return text[: m.start()] + new + text[m.end() :]

    return damage


def value(i, new):
    """Changes value i of a list."""

    def change(old):
        words = old.split(" ")
        words[i] = new if isinstance(new, str) else new(words[i])
        return " ".join(words)

    return change


def fewer(old):
    return old.rsplit(" ", 1)[0]


def more(old):
    return old + " " + old.rsplit(" ", 1)[-1]


def put(old, new):
    return lambda text: text.replace(old, new, 1)


def after(key, extra, tree):
    """Adds lines behind that of a key."""
    return lambda text: line(key, lambda old: old + "\n" + extra, tree)(text)


def cuts(text):
    n = len(text)
    first = text.index("Tree=0")
    for word, at, what in (
        ("version", text.index("version=") + 6, "in the second line"),
        ("names", text.index("feature_names=") + 20, "in the names of features"),
        ("sizes", text.index("tree_sizes=") + 13, "in tree_sizes"),
        ("header", first - 1, "before the first tree"),
        ("tree", first + 4, "in the first line of a tree"),
        ("leaves", text.index("num_leaves=") + 11, "behind num_leaves="),
        ("number", text.index("threshold=", first) + 14, "in a threshold"),
        ("line", text.index("leaf_value=", first) - 1, "behind a whole line of a tree"),
        ("half", n // 2, "in the middle"),
        ("between", text.index("Tree=1"), "between two trees"),
        ("last", text.index("shrinkage=", text.index("Tree=2")), "in the last tree"),
        ("end", text.index("end of trees"), "behind the last tree"),
        ("parameters", text.index("end of parameters") - 3, "in the parameters"),
        ("pandas", text.rindex("pandas_categorical:") + 8, "in the last line"),
        ("null", len(text) - 3, "in the last word"),
    ):
        yield f"cut-{word}", lambda text, at=at: text[:at], f"cut {what}"


def headers():
    for key in ("num_class", "label_index", "max_feature_idx", "feature_names", "feature_infos"):
        yield f"no-{key.replace('_', '-')}", line(key, None), f"no {key}"
    for key, word, new in (
        ("num_class", "zero", "0"),
        ("num_class", "negative", "-1"),
        ("num_class", "huge", HUGE),
        ("num_class", "word", "one"),
        ("num_class", "two", "2"),
        ("num_tree_per_iteration", "zero", "0"),
        ("num_tree_per_iteration", "two", "2"),
        ("num_tree_per_iteration", "huge", HUGE),
        ("max_feature_idx", "negative", "-1"),
        ("max_feature_idx", "huge", HUGE),
        ("max_feature_idx", "int32", "2147483647"),
        ("max_feature_idx", "more", "5"),
        ("max_feature_idx", "less", "3"),
        ("objective", "unknown", "guessing"),
        ("objective", "empty", ""),
        ("objective", "sigmoid-missing", "binary"),
        ("objective", "sigmoid-zero", "binary sigmoid:0"),
        ("objective", "sigmoid-negative", "binary sigmoid:-1"),
        ("objective", "sigmoid-nan", "binary sigmoid:nan"),
        ("objective", "sigmoid-word", "binary sigmoid:one"),
        ("objective", "classes", "multiclass num_class:3"),
        ("objective", "classes-missing", "multiclass"),
        ("objective", "classes-huge", f"multiclassova num_class:{HUGE} sigmoid:1"),
        ("feature_names", "fewer", fewer),
        ("feature_names", "more", more),
        ("feature_names", "twice", value(0, "Column_1")),
        ("feature_infos", "fewer", fewer),
        ("feature_infos", "more", more),
    ):
        yield f"{key.replace('_', '-')}-{word}", line(key, new), f"{key}: {word.replace('-', ' ')}"
    yield "key-twice", put("label_index=0\n", "label_index=0\nmax_feature_idx=4\n"), "max_feature_idx stands there twice"
    yield "average-value", put("label_index=0\n", "label_index=0\naverage_output=1\n"), "average_output has a value"
    yield "constraints", put("label_index=0\n", "label_index=0\nmonotone_constraints=1 0\n"), "constraints for two features of five"
    yield "mark", put("tree\n", "forest\n"), "another first line"
    yield "mark-missing", put("tree\n", ""), "the first line is missing"
    yield "mark-bom", put("tree\n", "\ufefftree\n"), "a byte order mark"
    yield "trees-none", lambda text: text[: text.index("Tree=0")], "no trees and no end of them"


def sizes():
    for word, change in (
        ("fewer", fewer),
        ("more", more),
        ("less", value(1, lambda old: str(int(old) - 1))),
        ("plus", value(1, lambda old: str(int(old) + 1))),
        ("last", value(-1, lambda old: str(int(old) + 100))),
        ("first", value(0, "0")),
        ("negative", value(0, "-1")),
        ("huge", value(0, HUGE)),
        ("beyond-64-bits", value(0, "9" * 30)),
        ("word", value(2, "x")),
        ("empty", ""),
        ("many", "1 " * 20000 + "1"),
    ):
        yield f"sizes-{word}", line("tree_sizes", change), f"tree_sizes: {word.replace('-', ' ')}"


def trees():
    t = 1
    for key, word, new in (
        ("num_leaves", "missing", None),
        ("num_leaves", "less", "6"),
        ("num_leaves", "more", "8"),
        ("num_leaves", "one", "1"),
        ("num_leaves", "zero", "0"),
        ("num_leaves", "negative", "-7"),
        ("num_leaves", "huge", HUGE),
        ("num_leaves", "billion", "500000000"),
        ("num_leaves", "word", "seven"),
        ("num_cat", "missing", None),
        ("num_cat", "one", "1"),
        ("num_cat", "negative", "-1"),
        ("num_cat", "huge", HUGE),
        ("split_feature", "missing", None),
        ("split_feature", "fewer", fewer),
        ("split_feature", "more", more),
        ("split_feature", "beyond", value(0, "5")),
        ("split_feature", "negative", value(0, "-1")),
        ("split_feature", "huge", value(0, HUGE)),
        ("split_feature", "word", value(0, "x")),
        ("split_feature", "fraction", value(0, "1.5")),
        ("threshold", "missing", None),
        ("threshold", "fewer", fewer),
        ("threshold", "more", more),
        ("threshold", "nan", value(2, "nan")),
        ("threshold", "word", value(2, "high")),
        ("threshold", "empty", ""),
        ("threshold", "two-points", value(2, "1.2.3")),
        ("decision_type", "fewer", fewer),
        ("decision_type", "missing-rule", value(0, "12")),
        ("decision_type", "beyond", value(0, "16")),
        ("decision_type", "negative", value(0, "-6")),
        ("decision_type", "category", value(0, "1")),
        ("left_child", "missing", None),
        ("left_child", "fewer", fewer),
        ("left_child", "more", more),
        ("left_child", "split-beyond", value(1, "6")),
        ("left_child", "leaf-beyond", value(0, "-8")),
        ("left_child", "huge", value(0, HUGE)),
        ("left_child", "huge-negative", value(0, "-" + HUGE)),
        ("left_child", "itself", value(1, "1")),
        ("left_child", "root", value(1, "0")),
        ("right_child", "missing", None),
        ("right_child", "twice", value(0, "2")),
        ("right_child", "leaf-twice", value(0, "-1")),
        ("right_child", "cycle", value(-1, "1")),
        ("leaf_value", "missing", None),
        ("leaf_value", "fewer", fewer),
        ("leaf_value", "more", more),
        ("leaf_value", "nan", value(3, "nan")),
        ("leaf_value", "infinite", value(3, "-inf")),
        ("leaf_value", "too-large", value(3, "1e400")),
        ("leaf_value", "word", value(3, "-")),
        ("leaf_weight", "fewer", fewer),
        ("leaf_count", "more", more),
        ("internal_count", "fewer", fewer),
        ("is_linear", "two", "2"),
        ("is_linear", "alone", "1"),
    ):
        yield f"{key.replace('_', '-')}-{word}", line(key, new, t), f"tree 1: {key}: {word.replace('-', ' ')}"
    yield "tree-key-twice", after("threshold", "threshold=0 0 0 0 0 0", t), "tree 1: threshold stands there twice"
    yield "tree-line", after("threshold", "no key", t), "tree 1: a line that is no key and value"
    yield "tree-gap", after("threshold", "", t), "tree 1: an empty line among the others"
    yield "tree-zeros", after("threshold", "\0\0\0", t), "tree 1: zero bytes among the lines"
    yield "tree-missing", lambda text: text[: text.index("Tree=1")] + text[text.index("Tree=2") :], "tree 1 is missing"
    yield "tree-twice", put("Tree=2", "Tree=1"), "two trees 1"
    yield "tree-number", put("Tree=1\n", "Tree=x\n"), "a tree without a number"


def sets():
    for key, word, new in (
        ("cat_boundaries", "missing", None),
        ("cat_boundaries", "fewer", fewer),
        ("cat_boundaries", "more", more),
        ("cat_boundaries", "not-from-zero", value(0, "1")),
        ("cat_boundaries", "decreasing", value(1, "99")),
        ("cat_boundaries", "negative", value(1, "-1")),
        ("cat_boundaries", "beyond", value(-1, lambda old: str(int(old) + 1))),
        ("cat_boundaries", "less", value(-1, lambda old: str(int(old) - 1))),
        ("cat_boundaries", "huge", value(-1, HUGE)),
        ("cat_boundaries", "int32", value(-1, "2147483647")),
        ("cat_threshold", "missing", None),
        ("cat_threshold", "fewer", fewer),
        ("cat_threshold", "many", lambda old: old + " 4294967295" * 20000),
        ("cat_threshold", "negative", value(0, "-1")),
        ("cat_threshold", "beyond-32-bits", value(0, "4294967296")),
        ("cat_threshold", "word", value(0, "x")),
        ("num_cat", "zero", "0"),
        ("num_cat", "more", lambda old: str(int(old) + 1)),
        ("num_cat", "huge", HUGE),
        ("num_cat", "million", "1000000"),
        ("decision_type", "beyond", value(0, "17")),
    ):
        yield f"set-{key.replace('_', '-')}-{word}", line(key, new, 0), f"tree 0: {key}: {word.replace('-', ' ')}"

    def index(new):
        def damage(text):
            kinds = re.search(r"^decision_type=(.*)$", text, re.M)[1].split()
            i = next(i for i, k in enumerate(kinds) if int(k) & 1)
            return line("threshold", value(i, new), 0)(text)

        return damage

    for word, new in (("beyond", "99"), ("negative", "-1"), ("fraction", "0.5"), ("huge", "1e300"), ("nan", "nan")):
        yield f"set-index-{word}", index(new), f"tree 0: the number of a category set: {word}"


def lines():
    t = 1
    for key, word, new in (
        ("leaf_const", "missing", None),
        ("leaf_const", "fewer", fewer),
        ("leaf_const", "nan", value(0, "nan")),
        ("num_features", "missing", None),
        ("num_features", "fewer", fewer),
        ("num_features", "less", value(-1, lambda old: str(int(old) - 1))),
        ("num_features", "more", value(-1, lambda old: str(int(old) + 1))),
        ("num_features", "negative", value(0, "-1")),
        ("num_features", "huge", value(0, HUGE)),
        ("leaf_features", "missing", None),
        ("leaf_features", "fewer", lambda old: fewer(old.strip())),
        ("leaf_features", "beyond", value(0, "5")),
        ("leaf_features", "negative", value(0, "-1")),
        ("leaf_coeff", "missing", None),
        ("leaf_coeff", "fewer", lambda old: fewer(old.strip())),
        ("leaf_coeff", "nan", value(0, "nan")),
        ("leaf_coeff", "infinite", value(0, "inf")),
        ("leaf_coeff", "word", value(0, "x")),
    ):
        yield f"line-{key.replace('_', '-')}-{word}", line(key, new, t), f"tree 1: {key}: {word.replace('-', ' ')}"


def tails():
    yield "tail-text", lambda text: text + "more\n", "text behind the end"
    yield "tail-zeros", lambda text: text + "\0" * 16, "zero bytes behind the end"
    yield "tail-model", lambda text: text + text, "two models"
    yield "tail-tree", put("end of trees\n", "end of trees\n\nTree=3\n"), "a tree behind the end of trees"
    yield "tail-parameters", put("end of parameters\n", ""), "parameters without their end"
    yield "tail-parser", put("\npandas", "\nparser:\n{}\n\npandas"), "a parser without its end"
    for word, new in (
        ("cut", '[["a", "b"'),
        ("object", '{"a": 1}'),
        ("flat", '["a", "b"]'),
        ("null", "[[null]]"),
        ("twice", '[["a", "a", "b", "c", "d", "e", "f"]]'),
        ("deep", "[" * 5000 + "]" * 5000),
        ("text", "AT DE"),
        ("escape", r'[["\u12"]]'),
    ):
        yield f"tail-pandas-{word}", lambda text, new=new: re.sub(
            r"^pandas_categorical:.*$", lambda _: "pandas_categorical:" + new, text, flags=re.M
        ), f"pandas_categorical: {word}"


def main(testdata="testdata"):
    cases = pathlib.Path(testdata, "lightgbm")
    folder = pathlib.Path(testdata, "damaged", "lightgbm")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    why = {}

    def write(name, data, what):
        if name in why:
            raise ValueError(f"two files are called {name}")
        why[name] = what
        (folder / name).write_bytes(data)

    plain = whole(cases, PLAIN)
    for source, damages, resize in (
        (PLAIN, cuts(plain), False),
        (PLAIN, headers(), False),
        (PLAIN, sizes(), False),
        (PLAIN, trees(), True),
        (SETS, sets(), True),
        (LINES, lines(), True),
        (NAMES, tails(), False),
    ):
        text = whole(cases, source)
        for name, damage, what in damages:
            broken = damage(text)
            if broken == text:
                raise ValueError(f"{name} is not damaged")
            write(f"{name}.txt", (sized(broken) if resize else broken).encode(), what)
    rounds = whole(cases, CLASSES)
    last = [m.start() for m in re.finditer(r"^Tree=", rounds, re.M)][-1]
    write(
        "trees-of-no-round.txt",
        sized(rounds[:last] + rounds[rounds.index("end of trees") :]).encode(),
        "eight trees for three classes",
    )
    write("names-not-utf8.txt", plain.encode().replace(b"Column_1", b"Col\xff\xfe", 1), "a name that is not UTF-8")
    write("dump.json", b'{"name":"tree","version":"v4","num_class":1,"tree_info":[]}', "what dump_model returns")
    write("empty.txt", b"", "an empty file")
    write("tree.txt", b"tree\n", "the first line alone")
    write("zeros.txt", b"tree\n" + b"\0" * 4096, "zero bytes")
    write("line-long.txt", b"tree\n" + b"x" * 100_000, "a line of 100,000 bytes")
    write("lines-many.txt", b"tree\n" + b"\n" * 100_000, "100,000 empty lines")
    write("keys-many.txt", b"tree\n" + b"".join(b"k%d=\n" % i for i in range(20_000)), "20,000 keys and no tree")
    (folder / "why.json").write_text(json.dumps(why, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
