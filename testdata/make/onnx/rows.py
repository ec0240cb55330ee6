"""Rows made to catch an evaluator out: a graph's own thresholds, their neighbours, and the ends of each column's type."""

import math

import numpy as np
import onnx
from onnx import numpy_helper

FLOAT, INT32, INT64, STRING, BOOL, DOUBLE = 1, 6, 7, 8, 9, 11
KINDS = {BOOL: np.bool_, FLOAT: np.float32, DOUBLE: np.float64, INT64: np.int64, INT32: np.int32, STRING: object}
NUMBERS = {
    FLOAT: [0.0, -0.0, 1e-45, -1e-45, 3.4028235e38, -3.4028235e38, math.inf, -math.inf, math.nan],
    DOUBLE: [0.0, -0.0, 5e-324, 1e-50, 1.7e308, -1.7e308, 3.5e38, math.inf, -math.inf, math.nan],
    INT64: [0, -1, 1, 127, -128, 2**24 + 1, -(2**24) - 1, 2**31, 2**53 - 1, -(2**53)],
    INT32: [0, -1, 1, 2**24 + 1, 2**31 - 1, -(2**31)],
    STRING: ["no such name", " ", "NaN"],
    BOOL: [0, 1],
}
TREES = ("TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble")


class Graph:
    """What a graph says of its inputs and thresholds."""

    def __init__(self, model):
        self.graph = model.graph
        constants = {t.name for t in self.graph.initializer}
        self.inputs = [i for i in self.graph.input if i.name not in constants]
        self.constants = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        self.maker = {o: n for n in self.graph.node for o in n.output}

    def columns(self, width):
        """(input, place in it, kind, name) of each column. The graph may leave the width of its only input open."""
        found = []
        for i in self.inputs:
            dims = [d.dim_value for d in i.type.tensor_type.shape.dim]
            k = dims[1] if len(dims) > 1 else 1
            k = k or width
            for j in range(k):
                name = f"f{j}" if len(self.inputs) == 1 else i.name if k == 1 else f"{i.name}_{j}"
                found.append((i.name, j, i.type.tensor_type.elem_type, name))
        return found

    def attributes(self, node):
        return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    def traced(self, name, columns):
        """For each feature of a tensor the column behind it and the way back: (column, scale, offset), or None."""
        if any(i.name == name for i in self.inputs):
            return [(c, 1.0, 0.0) for c, (i, *_) in enumerate(columns) if i == name]
        node = self.maker.get(name)
        if node is None:
            return []
        if node.op_type in ("Identity", "Cast", "Imputer"):
            return self.traced(node.input[0], columns)
        if node.op_type == "Concat":
            return [f for i in node.input for f in self.traced(i, columns)]
        if node.op_type == "Scaler":
            a = self.attributes(node)
            back = self.traced(node.input[0], columns)
            return [
                f and (f[0], f[1] / (a["scale"][i % len(a["scale"])] or 1), f[2] + a["offset"][i % len(a["offset"])])
                for i, f in enumerate(back)
            ]
        if node.op_type == "ArrayFeatureExtractor" and node.input[1] in self.constants:
            back = self.traced(node.input[0], columns)
            return [back[int(i)] if int(i) < len(back) else None for i in self.constants[node.input[1]].ravel()]
        if node.op_type == "Reshape":
            return self.traced(node.input[0], columns)
        if node.op_type == "OneHotEncoder":
            a = self.attributes(node)
            return [None] * max(len(a.get("cats_strings", [])), len(a.get("cats_int64s", [])))
        return [None] * 1000

    def thresholds(self, columns):
        """(column, threshold) of every split whose feature is a column, perhaps scaled."""
        found = set()
        for node in self.graph.node:
            if node.op_type not in TREES:
                continue
            a = self.attributes(node)
            back = self.traced(node.input[0], columns)
            values = a.get("nodes_values") or a.get("nodes_values_as_tensor") or a.get("nodes_splits")
            if isinstance(values, onnx.TensorProto):
                values = numpy_helper.to_array(values)
            members = a.get("membership_values")
            if members is not None:
                members = numpy_helper.to_array(members)
                for f in set(a["nodes_featureids"]):
                    found.update((back[f][0], float(v)) for v in members[~np.isnan(members)][:40])
            modes = a["nodes_modes"]
            leaf = [m == b"LEAF" for m in modes] if isinstance(modes, list) else [False] * len(values)
            for f, v, lone in zip(a["nodes_featureids"], values, leaf):
                if not lone and f < len(back) and back[f] is not None and not math.isnan(v):
                    column, scale, offset = back[f]
                    found.add((column, float(v) * scale + offset))
        return sorted(found)

    def names(self):
        """Every string that the graph's encoders know."""
        found = []
        for node in self.graph.node:
            for a in node.attribute:
                if a.name in ("cats_strings", "keys_strings", "classes_strings"):
                    found += [s.decode() for s in a.strings]
                elif a.name == "keys_tensor" and a.t.data_type == STRING:
                    found += [s.decode() for s in numpy_helper.to_array(a.t)]
        return sorted(set(found) - {""})


@np.errstate(all="ignore")
def near(x, kind):
    """A number and its neighbours in its type."""
    if kind == BOOL:
        return [0, 1]
    if kind in (INT64, INT32):
        return [int(v) for v in (math.floor(x), math.ceil(x)) if abs(v) < 2**31]
    t = KINDS[kind]
    x = t(x)
    up, down = np.nextafter(x, t(math.inf)), np.nextafter(x, t(-math.inf))
    return [x, up, down, np.nextafter(up, t(math.inf)), np.nextafter(down, t(-math.inf))]


def adversarial(rng, graph, columns, base, count=14, plain=10):
    """Rows as lists of cells. base is rows of the training set."""
    rows = []

    def ordinary():
        return list(base[rng.integers(len(base))])

    found = graph.thresholds(columns)
    for i in rng.permutation(len(found))[:count]:
        column, t = found[i]
        kind = columns[column][2]
        if kind == STRING or math.isinf(t) or math.isnan(t):
            continue
        around = near(t, kind)
        for v in around if (KINDS[kind](t) == t or count > 20) else around[:3]:
            rows.append(ordinary())
            rows[-1][column] = v
    names = graph.names()
    for c, (_, _, kind, _) in enumerate(columns):
        values = list(NUMBERS[kind])
        if len(columns) > 12:
            values = values[c % 7 : c % 7 + 1] if c % (3 if len(columns) < 100 else 50) == 0 else []
        elif kind == STRING:
            values += names
        for v in values:
            rows.append(ordinary())
            rows[-1][c] = v
    if all(k in (FLOAT, DOUBLE) for _, _, k, _ in columns):
        rows += [[v] * len(columns) for v in NUMBERS[columns[0][2]]]
    rows += [ordinary() for _ in range(plain)]
    return rows


def fed(graph, columns, row):
    """A row as the graph's inputs."""
    out = {}
    for i in graph.inputs:
        t = KINDS[i.type.tensor_type.elem_type]
        cells = [v for (name, *_), v in zip(columns, row) if name == i.name]
        shape = (1, -1) if len(i.type.tensor_type.shape.dim) != 1 else (-1,)
        out[i.name] = np.array(cells, dtype=t).reshape(shape)
    return out
