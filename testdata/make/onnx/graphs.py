"""Graphs made by hand, operator by operator: what no exporter writes today, but ONNX defines."""

from functools import partial

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

from case import LATEST, Case
from data import numbers

ML = "ai.onnx.ml"
MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def model(nodes, inputs, outputs, constants=(), ml=3, opset=17):
    graph = h.make_graph(nodes, "graph", inputs, outputs, list(constants))
    versions = [h.make_opsetid("", opset), h.make_opsetid(ML, ml)]
    return h.make_model(graph, opset_imports=versions, ir_version=8, producer_name="")


def tensor(name, kind, width):
    return h.make_tensor_value_info(name, kind, [None] if width == 0 else [None, width])


def grown(rng, x, depth, modes, whole=()):
    """A tree as a list of nodes: (feature, threshold, mode, true, false), or None for a leaf. Children follow parents."""
    nodes = [None]
    queue = [(0, 0)]
    while queue:
        place, level = queue.pop(0)
        if level == depth or level > 0 and rng.uniform() < 0.15:
            continue
        f = int(rng.integers(x.shape[1]))
        mode = modes[rng.integers(len(modes))]
        column = x[~np.isnan(x[:, f].astype(float)), f]
        t = float(column[rng.integers(len(column))])
        if f in whole or mode in ("BRANCH_EQ", "BRANCH_NEQ"):
            t = float(np.round(t))
        nodes[place] = (f, t, mode, len(nodes), len(nodes) + 1)
        queue += [(len(nodes), level + 1), (len(nodes) + 1, level + 1)]
        nodes += [None, None]
    return nodes


def weights(rng, classes, votes, positive):
    """The votes of a leaf: (class, weight)."""
    if votes == "all":
        ids = range(classes)
    elif votes == "one":
        ids = [int(rng.integers(classes))]
    elif votes == "sparse":
        ids = np.flatnonzero(rng.uniform(size=classes) < 0.5).tolist() or [int(rng.integers(classes))]
    else:
        ids = [votes]
    draw = (lambda: rng.uniform(0, 0.4)) if positive else (lambda: rng.normal())
    return [(i, float(np.round(draw(), 3))) for i in ids]


def old(rng, op, x, kind=T.FLOAT, trees=4, depth=3, modes=("BRANCH_LEQ",), tracks=None, classes=1, votes="all", positive=False,
        base=0, post="NONE", aggregate="SUM", strings=False, tensors=False, shuffled=False, name="trees"):  # fmt: skip
    """A node of ai.onnx.ml 1 or 3 and its outputs."""
    lists = {f"nodes_{a}": [] for a in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")}
    lists["nodes_missing_value_tracks_true"] = []
    leaves = []
    for t in range(trees):
        v = classes and (t % classes if votes == "tree" else votes)
        nodes = grown(rng, x, depth, modes)
        ids = rng.permutation(len(nodes)) if shuffled else np.arange(len(nodes))
        for i, node in enumerate(nodes):
            f, threshold, mode, yes, no = node or (0, 0.0, "LEAF", 0, 0)
            track = 0 if tracks is None else int(rng.uniform() < tracks)
            place = [t * 3 + 1, int(ids[i]), f, threshold, mode, int(ids[yes]) if node else 0, int(ids[no]) if node else 0, track]
            for key, value in zip(lists, place):
                lists[key].append(value)
            if node is None:
                leaves += [(t * 3 + 1, int(ids[i]), c, w) for c, w in weights(rng, classes, v, positive)]
    if shuffled:
        leaves = [leaves[i] for i in rng.permutation(len(leaves))]
    if tracks is None:
        del lists["nodes_missing_value_tracks_true"]
    what = "class" if op == "TreeEnsembleClassifier" else "target"
    for key, column in zip(("treeids", "nodeids", "ids", "weights"), zip(*leaves)):
        lists[f"{what}_{key}"] = list(column)
    if base:
        lists["base_values"] = [float(np.round(rng.normal() * 0.3, 3)) for _ in range(base)]
    if tensors:
        for key in ("nodes_values", f"{what}_weights", "base_values"):
            if key in lists:
                values = np.array(lists.pop(key), dtype=np.float64 if kind == T.DOUBLE else np.float32)
                lists[f"{key}_as_tensor"] = numpy_helper.from_array(values + 1e-12 * (kind == T.DOUBLE))
    outputs = [f"{name}_scores"]
    if what == "class":
        outputs.insert(0, f"{name}_label")
        labels = [f"class {i}" for i in range(classes)] if strings else [10 * i for i in range(classes)]
        lists["classlabels_strings" if strings else "classlabels_int64s"] = labels
    else:
        lists["n_targets"] = classes
    if aggregate != "SUM":
        lists["aggregate_function"] = aggregate
    return h.make_node(op, ["X"], outputs, domain=ML, name=name, post_transform=post, **lists)


def alone(rng, op="TreeEnsembleRegressor", kind=T.FLOAT, missing=0.1, k=4, **how):
    """A graph of one node of trees."""
    types = {T.FLOAT: np.float32, T.DOUBLE: np.float64, T.INT64: np.int64, T.INT32: np.int32}
    x = numbers(rng, 60, k, missing if kind in (T.FLOAT, T.DOUBLE) else 0, types[kind])
    node = old(rng, op, x, kind, **how)
    classes = how.get("classes", 1)
    outputs = [tensor("trees_scores", T.FLOAT, classes)]
    if op == "TreeEnsembleClassifier":
        outputs.insert(0, tensor("trees_label", T.STRING if how.get("strings") else T.INT64, 0))
    return model([node], [tensor("X", kind, k)], outputs, ml=3 if how.get("tensors") or kind == T.DOUBLE else 1), x.tolist()


def new(rng, kind=T.FLOAT, trees=4, depth=3, modes=tuple(range(6)), tracks=None, targets=1, post=0, aggregate=1, sets=(), lone=False):
    """A graph of one TreeEnsemble of ai.onnx.ml 5."""
    t = np.float32 if kind == T.FLOAT else np.float64
    x = numbers(rng, 60, 4, 0.1, t)
    a = {key: [] for key in ("featureids", "splits", "modes", "truenodeids", "trueleafs", "falsenodeids", "falseleafs", "tracks")}
    roots, leaves, members = [], [], []
    for i in range(trees):
        nodes = grown(rng, x, depth if not (lone and i == 0) else 1, [MODES[m] for m in modes])
        start = len(a["modes"])
        roots.append(start)
        inner = [j for j, n in enumerate(nodes) if n]
        number = {j: start + q for q, j in enumerate(inner)}
        for j, n in enumerate(nodes):
            if n is None:
                number[j] = len(leaves)
                leaves.append((int(rng.integers(targets)), float(np.round(rng.normal(), 3))))
        for j in inner:
            f, threshold, mode, yes, no = nodes[j]
            m = MODES.index(mode)
            if sets and rng.uniform() < 0.5:
                m, f = 6, 2
                members += [*sets[rng.integers(len(sets))], np.nan]
            a["featureids"].append(f)
            a["splits"].append(threshold)
            a["modes"].append(m)
            a["truenodeids"].append(number[yes])
            a["trueleafs"].append(int(nodes[yes] is None))
            a["falsenodeids"].append(number[no])
            a["falseleafs"].append(int(nodes[no] is None))
            a["tracks"].append(int(rng.uniform() < (tracks or 0)))
    lists = {f"nodes_{key}": a[key] for key in ("featureids", "truenodeids", "trueleafs", "falsenodeids", "falseleafs")}
    if tracks is not None:
        lists["nodes_missing_value_tracks_true"] = a["tracks"]
    if members:
        lists["membership_values"] = numpy_helper.from_array(np.array(members, dtype=t))
    node = h.make_node(
        "TreeEnsemble", ["X"], ["Y"], domain=ML, name="trees", n_targets=targets, post_transform=post, aggregate_function=aggregate,
        tree_roots=roots, leaf_targetids=[c for c, _ in leaves], leaf_weights=numpy_helper.from_array(np.array([w for _, w in leaves], dtype=t)),
        nodes_splits=numpy_helper.from_array(np.array(a["splits"], dtype=t)), nodes_modes=numpy_helper.from_array(np.array(a["modes"], dtype=np.uint8)),
        **lists,
    )  # fmt: skip
    return model([node], [tensor("X", kind, 4)], [tensor("Y", kind, targets)], ml=5, opset=21), x.tolist()


def case(name, what, make, traits=(), **more):
    return Case(name, make, "onnx", what, list(traits), LATEST, **more)


def ensembles():
    classifier = partial(alone, op="TreeEnsembleClassifier")
    for mode in MODES:
        word = mode.removeprefix("BRANCH_")
        make = partial(alone, modes=[mode], tracks=0.5)
        yield case(f"mode-{word.lower()}", "TreeEnsembleRegressor", make, [f"mode {word}", "missing_value_tracks_true"])
    yield case("modes", "TreeEnsembleRegressor", partial(alone, modes=MODES, tracks=0.5, trees=8), ["all modes", "missing_value_tracks_true"])
    yield case("modes-untracked", "TreeEnsembleRegressor", partial(alone, modes=MODES, trees=8), ["all modes"])
    yield case("shuffled", "TreeEnsembleRegressor", partial(alone, shuffled=True, classes=2, base=2), ["nodes and weights in any order", "two targets"])
    for aggregate in ("AVERAGE", "MIN", "MAX"):
        make = partial(alone, aggregate=aggregate, base=1)
        yield case(f"aggregate-{aggregate.lower()}", "TreeEnsembleRegressor", make, [f"aggregate_function {aggregate}", "base_values"])
    make = partial(alone, aggregate="MAX", classes=2)
    yield case("aggregate-max-pair", "TreeEnsembleRegressor", make, ["aggregate_function MAX", "two targets"], refused="aggregate_function")
    make = partial(alone, aggregate="AVERAGE", classes=3, base=3)
    yield case("aggregate-average-targets", "TreeEnsembleRegressor", make, ["aggregate_function AVERAGE", "three targets", "base_values"])
    make = partial(alone, classes=3, base=3, votes="sparse", post="LOGISTIC")
    yield case("targets-sparse", "TreeEnsembleRegressor", make, ["three targets", "base_values", "leaves without some targets", "LOGISTIC"])
    for post in ("LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"):
        make = partial(alone, classes=3, post=post, positive=post == "PROBIT", trees=2)
        yield case(f"post-{post.lower()}", "TreeEnsembleRegressor", make, ["three targets", post])
        if post in ("SOFTMAX", "SOFTMAX_ZERO"):
            yield case(f"post-{post.lower()}-one", "TreeEnsembleRegressor", partial(alone, post=post), [f"{post} of one target, which is nothing"])
    yield case("post-probit-one", "TreeEnsembleRegressor", partial(alone, post="PROBIT", positive=True, trees=2), ["PROBIT"])
    yield case("inputs-double", "TreeEnsembleRegressor", partial(alone, kind=T.DOUBLE, base=1), ["double inputs"])
    for inputs, kind in (("int64", T.INT64), ("int32", T.INT32)):
        make = partial(classifier, kind=kind, classes=3, post="SOFTMAX")
        yield case(f"inputs-{inputs}", "TreeEnsembleClassifier", make, [f"{inputs} inputs", "SOFTMAX"])
    make = partial(alone, kind=T.DOUBLE, base=1, tensors=True)
    yield case("doubles", "TreeEnsembleRegressor", make, ["double inputs, thresholds and weights"])
    yield case("tensors", "TreeEnsembleRegressor", partial(alone, base=1, tensors=True), ["float thresholds and weights as tensors"])

    for name, traits, how in (
        ("first", ["votes for the first class"], {"votes": 0}),
        ("first-logistic", ["votes for the first class", "LOGISTIC"], {"votes": 0, "post": "LOGISTIC"}),
        ("first-softmax", ["votes for the first class", "SOFTMAX"], {"votes": 0, "post": "SOFTMAX"}),
        ("first-positive", ["positive votes for the first class", "LOGISTIC"], {"votes": 0, "post": "LOGISTIC", "positive": True}),
        ("first-base", ["votes for the first class", "LOGISTIC", "a base value"], {"votes": 0, "post": "LOGISTIC", "base": 1}),
        ("first-bases", ["votes for the first class", "LOGISTIC", "two base values"], {"votes": 0, "post": "LOGISTIC", "base": 2}),
        ("second", ["votes for the second class", "LOGISTIC"], {"votes": 1, "post": "LOGISTIC"}),
        ("second-positive", ["positive votes for the second class"], {"votes": 1, "positive": True}),
        ("second-base", ["votes for the second class", "LOGISTIC", "a base value"], {"votes": 1, "post": "LOGISTIC", "base": 1}),
        ("second-bases", ["votes for the second class", "LOGISTIC", "two base values"], {"votes": 1, "post": "LOGISTIC", "base": 2}),
        ("both", ["votes for both classes"], {"positive": True}),
        ("both-logistic", ["votes for both classes", "LOGISTIC"], {"post": "LOGISTIC"}),
        ("both-softmax", ["votes for both classes", "SOFTMAX"], {"post": "SOFTMAX"}),
        ("both-zero", ["votes for both classes", "SOFTMAX_ZERO"], {"post": "SOFTMAX_ZERO"}),
        ("both-base", ["votes for both classes", "SOFTMAX", "a base value"], {"post": "SOFTMAX", "base": 1}),
        ("both-bases", ["votes for both classes", "SOFTMAX", "two base values"], {"post": "SOFTMAX", "base": 2}),
        ("either", ["each leaf votes for one class", "LOGISTIC"], {"votes": "one", "post": "LOGISTIC", "trees": 2}),
        ("either-positive", ["each leaf votes for one class", "positive votes"], {"votes": "one", "positive": True, "trees": 2}),
        ("either-softmax", ["each leaf votes for one class", "SOFTMAX"], {"votes": "one", "post": "SOFTMAX", "trees": 2}),
        ("either-bases", ["each leaf votes for one class", "two base values"], {"votes": "one", "base": 2, "trees": 2}),
    ):
        make = partial(classifier, classes=2, **how)
        yield case(f"binary-{name}", "TreeEnsembleClassifier", make, ["two classes", *traits])
    undefined = "ONNX Runtime leaves its score undefined"
    for name, how in (("either-base", {"votes": "one", "base": 1}), ("first-probit", {"votes": 0, "post": "PROBIT"})):
        make = partial(classifier, classes=2, **how)
        yield case(f"binary-{name}", "TreeEnsembleClassifier", make, ["two classes", "a score that is undefined"], refused=undefined)
    for votes in ("all", "tree", "one", "sparse"):
        for post in ("NONE", "SOFTMAX", "SOFTMAX_ZERO"):
            make = partial(classifier, classes=4, votes=votes, post=post, base=4 if post != "NONE" else 0)
            yield case(f"classes-{votes}-{post.lower()}", "TreeEnsembleClassifier", make, ["four classes", f"votes: {votes}", post])
    make = partial(classifier, classes=3, strings=True, kind=T.DOUBLE, tensors=True, post="SOFTMAX", base=3)
    yield case("classes-double", "TreeEnsembleClassifier", make, ["three classes", "double inputs, thresholds and weights", "SOFTMAX"])
    make = partial(classifier, classes=2, votes=0, kind=T.DOUBLE, tensors=True, post="LOGISTIC", base=1)
    yield case("binary-double", "TreeEnsembleClassifier", make, ["two classes", "double inputs, thresholds and weights", "LOGISTIC"])

    five = "TreeEnsemble"
    yield case("five", five, partial(new, tracks=0.5), ["all modes", "missing_value_tracks_true"])
    yield case("five-double", five, partial(new, kind=T.DOUBLE), ["double"])
    yield case("five-targets", five, partial(new, targets=3), ["three targets, one a leaf"])
    for n, post in enumerate(("LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")):
        make = partial(new, targets=3, post=n + 1)
        yield case(f"five-{post.lower()}", five, make, ["three targets, one a leaf", f"post_transform {n + 1}, {post} for ONNX Runtime"])
        if post != "PROBIT":
            make = partial(new, kind=T.DOUBLE, targets=3, post=n + 1)
            yield case(f"five-double-{post.lower()}", five, make, ["double", "three targets, one a leaf", f"post_transform {n + 1}"])
    yield case("five-double-targets", five, partial(new, kind=T.DOUBLE, targets=3), ["double", "three targets, one a leaf"])
    yield case("five-double-average", five, partial(new, kind=T.DOUBLE, aggregate=0), ["double", "aggregate_function AVERAGE"])
    yield case("five-double-max", five, partial(new, kind=T.DOUBLE, aggregate=3), ["double", "aggregate_function MAX"])
    yield case("five-average", five, partial(new, aggregate=0), ["aggregate_function AVERAGE"])
    yield case("five-min", five, partial(new, aggregate=2), ["aggregate_function MIN"])
    small = [[1], [0, 2, 5], [3, 4, 30]]
    yield case("five-members", five, partial(new, modes=[0], sets=small, tracks=0.5, depth=4), ["small sets of members"])
    large = [[31, 2], [1, 63, 64, 65], list(range(0, 80, 2)), [3, 1000]]
    yield case("five-members-large", five, partial(new, modes=[0], sets=large, depth=4), ["large sets of members"])


def operators():
    """Graphs of the operators around trees, which end in a row of numbers."""

    def constant(name, values, dtype=np.float32):
        return numpy_helper.from_array(np.array(values, dtype=dtype), name)

    def built(nodes, width, constants=(), k=4, kind=T.FLOAT, missing=0.1, opset=17, ml=3, out=T.FLOAT):
        types = {T.FLOAT: np.float32, T.DOUBLE: np.float64, T.INT64: np.int64, T.BOOL: bool}

        def make(rng):
            x = numbers(rng, 40, k, missing if kind == T.FLOAT else 0, types[kind])
            return model(nodes, [tensor("X", kind, k)], [tensor("Y", out, width)], constants, ml, opset), x.tolist()

        return make

    def node(op, inputs, output="Y", ml=False, **how):
        return h.make_node(op, inputs, [output] if isinstance(output, str) else output, domain=ML if ml else "", **how)

    yield case("op-softmax", "Softmax", built([node("Softmax", ["X"], axis=1)], 4))
    yield case("op-softmax-wide", "Softmax", built([node("Softmax", ["X"])], 24, k=24), ["24 numbers"])
    yield case("op-softmax-old", "Softmax", built([node("Softmax", ["X"])], 4, opset=11), ["operator set 11"])
    yield case("op-sigmoid", "Sigmoid", built([node("Sigmoid", ["X"])], 4))
    yield case("op-exp", "Exp", built([node("Exp", ["X"])], 4))
    for k in (1, 3, 4, 6):
        yield case(f"op-log-{k}", "Log", built([node("Abs", ["X"], "a"), node("Log", ["a"])], k, k=k), [f"{k} numbers"])
    yield case("op-cumsum", "CumSum", built([node("CumSum", ["X", "a"])], 4, [constant("a", 1, np.int64)]))
    yield case("op-topk", "TopK", built([node("Imputer", ["X"], "i", True, imputed_value_floats=[0.0], replaced_value_float=float("nan")), node("TopK", ["i", "k"], ["Y", "w"])], 3, [constant("k", [3], np.int64)]))
    gemm = [node("Gemm", ["X", "w", "b"], transB=1)]
    weights = np.round(np.random.default_rng(1).normal(size=(3, 4)), 2)
    yield case("op-gemm", "Gemm", built(gemm, 3, [constant("w", weights), constant("b", [1, 2, 3])]))
    wide = np.round(np.random.default_rng(2).normal(size=(300, 2)), 2)
    yield case("op-matmul-wide", "MatMul", built([node("MatMul", ["X", "w"])], 2, [constant("w", wide)], k=300), ["300 features"], count=4)
    for post in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"):
        for n in (1, 2, 6):
            w = np.round(np.random.default_rng(n).normal(size=(n, 4)) / 20, 3).ravel().tolist()
            how = {"coefficients": w, "intercepts": [0.25] * n, "targets": n, "post_transform": post}
            if post != "NONE" or n == 6:
                yield case(f"op-linear-{post.lower()}-{n}", "LinearRegressor", built([node("LinearRegressor", ["X"], ml=True, **how)], n), [post, f"{n} targets"])
    one = {"coefficients": [0.5, -0.25, 0.1, 0.3], "intercepts": [0.1], "classlabels_ints": [4, 7], "multi_class": 0}
    for post in ("NONE", "LOGISTIC"):
        graph = [node("LinearClassifier", ["X"], ["label", "Y"], True, post_transform=post, **one), node("Identity", ["Y"], "Z")]

        def make(rng, graph=graph):
            x = numbers(rng, 40, 4, 0.1)
            outputs = [tensor("label", T.INT64, 0), tensor("Z", T.FLOAT, 2)]
            return model(graph, [tensor("X", T.FLOAT, 4)], outputs), x.tolist()

        yield case(f"op-classifier-{post.lower()}", "LinearClassifier", make, [post, "one row of coefficients for two classes"])
    vector = [node("FeatureVectorizer", ["X", "X"], ml=True, inputdimensions=[5, 3])]
    yield case("op-vectorizer", "FeatureVectorizer", built(vector, 8, missing=0), ["one that is filled up, one that is cut"])
    keys = {"keys_floats": [1.0, 2.0, float("nan"), -0.0], "values_floats": [10.0, 20.0, 30.0, 40.0], "default_float": -1.0}
    yield case("op-label-floats", "LabelEncoder", built([node("LabelEncoder", ["X"], ml=True, **keys)], 4), ["floats to floats, NaN a key that nothing equals"])
    yield case("op-label-nan", "LabelEncoder", built([node("LabelEncoder", ["X"], ml=True, **keys)], 4, opset=21, ml=4), ["floats to floats, NaN a key"])
    tensors = {"keys_tensor": constant("", [1, 2, 5], np.int64), "values_tensor": constant("", [0.5, 0.25, 8], np.float32), "default_tensor": constant("", [-3], np.float32)}
    label = [node("Cast", ["X"], "i", to=7), node("LabelEncoder", ["i"], ml=True, **tensors)]
    yield case("op-label-tensors", "LabelEncoder", built(label, 4, missing=0, opset=21, ml=4), ["integers to floats, by tensors"])
    imputer = [node("Imputer", ["X"], ml=True, imputed_value_floats=[7.0], replaced_value_float=0.0)]
    yield case("op-imputer-one", "Imputer", built(imputer, 4), ["one value for all"])
    whole = [node("Imputer", ["X"], "i", True, imputed_value_int64s=[1, 2, 3, 4], replaced_value_int64=0), node("Cast", ["i"], to=1)]
    yield case("op-imputer-integers", "Imputer", built(whole, 4, kind=T.INT64), ["integers"])
    yield case("op-scaler-one", "Scaler", built([node("Scaler", ["X"], ml=True, offset=[0.5], scale=[3.0])], 4), ["one scale for all"])
    yield case("op-scaler-double", "Scaler", built([node("Scaler", ["X"], ml=True, offset=[0.5] * 4, scale=[0.1] * 4)], 4, kind=T.DOUBLE), ["double inputs"])
    yield case("op-scaler-integers", "Scaler", built([node("Scaler", ["X"], ml=True, offset=[0.5] * 4, scale=[0.1] * 4)], 4, kind=T.INT64), ["int64 inputs"])
    for norm in ("MAX", "L1", "L2"):
        for name, kind in (("", T.FLOAT), ("-double", T.DOUBLE), ("-integers", T.INT64)):
            traits = [norm, {"": "float", "-double": "double inputs", "-integers": "int64 inputs"}[name]]
            if name != "-integers" or norm == "L1":
                yield case(f"op-normalizer-{norm.lower()}{name}", "Normalizer", built([node("Normalizer", ["X"], ml=True, norm=norm)], 4, kind=kind), traits)
    casts = [node("Cast", ["X"], "b", to=9), node("Not", ["b"], "n"), node("Cast", ["n"], "m", to=1), node("Cast", ["X"], "i", to=6)]
    casts += [node("Cast", ["i"], "j", to=1), node("Cast", ["X"], "d", to=11), node("Cast", ["d"], "e", to=1), node("Concat", ["m", "j", "e"], axis=1)]
    yield case("op-casts", "Cast", built(casts, 12, missing=0), ["to bool, int32, double and back"], count=0)
    compare = [node(op, ["X", "c"], op) for op in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal")]
    compare += [node("And", ["LessOrEqual", "GreaterOrEqual"], "both"), node("Or", ["Less", "Greater"], "either"), node("IsNaN", ["X"], "nan")]
    compare += [node("Where", [b, "X", "c"], f"w{i}") for i, b in enumerate(["Less", "LessOrEqual", "Equal", "both", "either", "nan"])]
    compare += [node("Concat", [f"w{i}" for i in range(6)], axis=1)]
    yield case("op-where", "Where", built(compare, 24, [constant("c", [0.5, 10, 3, 0])]), ["every comparison"])
    moved = [node("Transpose", ["X"], "t", perm=[1, 0]), node("Reshape", ["t", "s"], "r"), node("Split", ["r"], ["p", "q"], axis=1), node("Concat", ["q", "p"], "c", axis=1)]
    moved += [node("Slice", ["c", "from", "to", "axes"], "l"), node("Gather", ["l", "g"], "o", axis=1), node("Unsqueeze", ["o", "axes"], "u"), node("Squeeze", ["u", "axes"], "v"), node("Flatten", ["v"])]
    places = {"s": [1, 4], "from": [-3], "to": [99], "axes": [1], "g": [2, 0, -1, 2]}
    yield case("op-moves", "Reshape", built(moved, 4, [constant(n, v, np.int64) for n, v in places.items()]), ["Transpose, Split, Concat, Slice, Gather, Squeeze"])
    sums = [node("ReduceSum", ["X", "one"], "s"), node("ReduceMean", ["X"], "m", axes=[1]), node("ReduceProd", ["X"], "p", axes=[1]), node("Sum", ["s", "m", "p"])]
    for k in (3, 4, 11, 40):
        yield case(f"op-reduce-{k}", "ReduceSum", built(sums, 1, [constant("one", [1], np.int64)], k=k), ["ReduceMean, ReduceProd, Sum", f"of {k} numbers"])
    flags = [node("Cast", ["X"], "f", to=1), old(np.random.default_rng(3), "TreeEnsembleRegressor", np.random.default_rng(3).integers(0, 2, (40, 4)).astype(np.float32))]
    flags[1].input[0], flags[1].output[0] = "f", "Y"
    yield case("inputs-bool", "TreeEnsembleRegressor", built(flags, 1, kind=T.BOOL), ["bool inputs"])


CASES = [*ensembles(), *operators()]
