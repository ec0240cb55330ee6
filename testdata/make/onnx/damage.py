"""Writes testdata/damaged/onnx: broken model files, made from the whole ones, each broken in one way.

usage: damage.py [TESTDATA]

why.json says of every file what is wrong with it. A reader must refuse them all.
"""

import copy
import json
import pathlib
import shutil
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

from graphs import ML, model, tensor

FOREST = "forest-1.20.1"
PIPELINE = "columns-onehot-1.20.1"
FIVE = "five-members-1.20.1"
CALIBRATED = "calibrated-isotonic-1.20.1"


def attribute(m, op, name):
    node = next(n for n in m.graph.node if n.op_type == op)
    return next(a for a in node.attribute if a.name == name)


def trees():
    """Yields (name, source, damage, what is wrong) for the lists of trees."""
    classifier = "TreeEnsembleClassifier"

    def put(name, place, value):
        def damage(m):
            a = attribute(m, classifier, name)
            (a.ints or a.floats or a.strings)[place] = value

        return damage

    def cut(name, field="ints"):
        return lambda m: getattr(attribute(m, classifier, name), field).pop()

    def more(name, value, field="ints"):
        return lambda m: getattr(attribute(m, classifier, name), field).append(value)

    def drop(name):
        def damage(m):
            node = next(n for n in m.graph.node if n.op_type == classifier)
            node.attribute.remove(next(a for a in node.attribute if a.name == name))

        return damage

    for name in ("nodes_truenodeids", "nodes_falsenodeids"):
        yield f"{name}-range", put(name, 0, 10**6), "a child that is no node"
        yield f"{name}-negative", put(name, 0, -1), "a child -1"
        yield f"{name}-huge", put(name, 0, 2**62), "a child 2^62"
        yield f"{name}-self", put(name, 0, 0), "the root is its own child"
        yield f"{name}-cycle", put(name, 1, 0), "a split leads back to the root"
    for name in ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"):
        yield f"{name}-short", cut(name), f"{name} is one short"
        yield f"{name}-long", more(name, 1), f"{name} is one long"
        yield f"{name}-missing", drop(name), f"no {name}"
    yield "nodes_values-short", cut("nodes_values", "floats"), "nodes_values is one short"
    yield "nodes_values-missing", drop("nodes_values"), "no nodes_values"
    yield "nodes_values-nan", put("nodes_values", 0, float("nan")), "a threshold NaN"
    yield "nodes_modes-missing", drop("nodes_modes"), "no nodes_modes"
    yield "nodes_modes-unknown", put("nodes_modes", 0, b"BRANCH_MAYBE"), "an unknown mode"
    yield "nodes_modes-empty", put("nodes_modes", 0, b""), "an empty mode"
    yield "nodes_featureids-range", put("nodes_featureids", 0, 5), "feature 5 of 5"
    yield "nodes_featureids-negative", put("nodes_featureids", 0, -3), "feature -3"
    yield "nodes_featureids-huge", put("nodes_featureids", 0, 2**40), "feature 2^40"
    yield "nodes_nodeids-twice", put("nodes_nodeids", 1, 0), "two nodes have the same id"
    yield "nodes_treeids-apart", put("nodes_treeids", 1, 1), "the nodes of a tree do not stand together"
    yield "class_ids-range", put("class_ids", 0, 2), "class 2 of 2"
    yield "class_ids-negative", put("class_ids", 0, -1), "class -1"
    yield "class_ids-huge", put("class_ids", 0, 2**40), "class 2^40"
    yield "class_nodeids-range", put("class_nodeids", 0, 999), "a weight of a node that is not there"
    yield "class_treeids-range", put("class_treeids", 0, 999), "a weight of a tree that is not there"
    yield "class_nodeids-split", put("class_nodeids", 0, 0), "a weight of a split, and a leaf without one"
    yield "class_weights-nan", put("class_weights", 0, float("nan")), "a weight NaN"
    yield "class_weights-infinite", put("class_weights", 0, float("inf")), "an infinite weight"
    yield "class_weights-short", cut("class_weights", "floats"), "class_weights is one short"
    yield "classlabels-missing", drop("classlabels_int64s"), "no labels of classes"

    def base(*values):
        def damage(m):
            m.graph.node[0].attribute.append(h.make_attribute("base_values", list(values)))

        return damage

    yield "base_values-many", base(1.0, 2.0, 3.0), "three base values for two classes"
    yield "base_values-nan", base(float("nan")), "a base value NaN"

    def attr(name, value):
        def damage(m):
            node = m.graph.node[0]
            for a in [a for a in node.attribute if a.name == name]:
                node.attribute.remove(a)
            node.attribute.append(h.make_attribute(name, value))

        return damage

    yield "post_transform-unknown", attr("post_transform", "TANH"), "an unknown post_transform"
    yield "aggregate-unknown", attr("aggregate_function", "MEDIAN"), "an unknown aggregate_function"
    yield "attribute-twice", lambda m: m.graph.node[0].attribute.append(m.graph.node[0].attribute[0]), "an attribute stands there twice"
    yield "operator-unknown", lambda m: setattr(m.graph.node[0], "op_type", "SVMClassifier"), "an operator that is not read"
    yield "domain-unknown", lambda m: setattr(m.graph.node[0], "domain", "com.example"), "an operator of another domain"
    yield "domain-not-imported", lambda m: [m.opset_import.remove(o) for o in list(m.opset_import) if o.domain == ML], "ai.onnx.ml is not imported"
    yield "opset-missing", lambda m: m.ClearField("opset_import"), "no opset_import"
    yield "ir-missing", lambda m: m.ClearField("ir_version"), "no ir_version"
    yield "graph-missing", lambda m: m.ClearField("graph"), "no graph"
    yield "input-missing", lambda m: m.graph.ClearField("input"), "no inputs"
    yield "output-missing", lambda m: m.graph.ClearField("output"), "no outputs"
    yield "output-unknown", lambda m: setattr(m.graph.output[1], "name", "nothing"), "an output that nobody makes"
    yield "input-twice", lambda m: m.graph.input.append(m.graph.input[0]), "an input stands there twice"

    def dims(*values):
        def damage(m):
            m.graph.input[0].CopyFrom(h.make_tensor_value_info("X", T.FLOAT, list(values)))

        return damage

    yield "input-wide", dims(None, 2**40), "an input of 2^40 features"
    yield "input-negative", dims(None, -5), "an input of -5 features"
    yield "input-rank", dims(None, 5, 5), "an input of three dimensions"
    yield "input-rows", dims(100, 5), "an input of 100 rows at once"
    yield "input-type", lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 10), "an input of half floats"
    yield "training", lambda m: m.training_info.add(), "a graph that trains"
    yield "functions", lambda m: m.functions.add(), "a graph with functions of its own"
    yield "sparse", lambda m: m.graph.sparse_initializer.add(), "a sparse constant"

    def nested(m):
        graph = h.make_graph([], "inner", [], [])
        m.graph.node[0].attribute.append(h.make_attribute("body", graph))

    yield "nested", nested, "a graph within the graph"


def pipelines():
    """Yields (name, damage, what is wrong) for a pipeline of several operators."""

    def first(m, op):
        return next(n for n in m.graph.node if n.op_type == op)

    def change(op, name, value):
        def damage(m):
            node = first(m, op)
            for a in [a for a in node.attribute if a.name == name]:
                node.attribute.remove(a)
            if value is not None:
                node.attribute.append(h.make_attribute(name, value))

        return damage

    yield "scaler-short", change("Scaler", "scale", [1.0, 2.0, 3.0]), "three scales for two features"
    yield "scaler-missing", change("Scaler", "offset", None), "no offsets"
    yield "imputer-missing", change("Imputer", "imputed_value_floats", None), "no imputed values"
    yield "onehot-missing", change("OneHotEncoder", "cats_strings", None), "no categories"
    yield "onehot-both", change("OneHotEncoder", "cats_int64s", [1, 2]), "categories of both kinds"
    yield "concat-axis", change("Concat", "axis", 7), "an axis that is not there"
    yield "cast-type", change("Cast", "to", 99), "a cast to an unknown type"

    def cycle(m):
        a, b = first(m, "Imputer"), first(m, "Scaler")
        a.input[0] = b.output[0]

    yield "cycle", cycle, "two nodes that wait for each other"
    yield "order", lambda m: m.graph.node.insert(0, m.graph.node.pop()), "a node before what it reads"

    def twice(m):
        first(m, "Scaler").output[0] = first(m, "Imputer").output[0]

    yield "output-twice", twice, "two nodes make the same"
    yield "input-nobody", lambda m: first(m, "Scaler").input.__setitem__(0, "nobody"), "a node reads what nobody makes"
    yield "input-none", lambda m: first(m, "Scaler").ClearField("input"), "a node without inputs"
    yield "input-empty", lambda m: first(m, "Scaler").input.__setitem__(0, ""), "a node whose input is left out"


def constants():
    """Yields (name, damage, what is wrong) for tensors."""

    def tensor_of(m, words):
        return next(t for t in m.graph.initializer if words in t.name)

    def plain(m):
        t = tensor_of(m, "calibrator_x")
        values = numpy_helper.to_array(t).tolist()
        t.ClearField("raw_data")
        t.ClearField("float_data")
        return t, values

    def short(m):
        t, values = plain(m)
        t.float_data.extend(values[:-1])

    def raw(size):
        def damage(m):
            t, values = plain(m)
            t.raw_data = np.array(values, dtype=np.float32).tobytes()[:size]

        return damage

    def dims(*values):
        def damage(m):
            t = tensor_of(m, "calibrator_x")
            del t.dims[:]
            t.dims.extend(values)

        return damage

    def external(m):
        t, _ = plain(m)
        t.data_location = T.EXTERNAL
        t.external_data.add(key="location", value="/etc/passwd")

    yield "tensor-short", short, "a tensor with an element too few"
    yield "tensor-raw", raw(-4), "a tensor with four bytes too few"
    yield "tensor-raw-odd", raw(-1), "a tensor with a byte too few"
    yield "tensor-empty", raw(0), "a tensor without elements"
    yield "tensor-negative", dims(-5), "a tensor of -5 elements"
    yield "tensor-huge", dims(2**31 - 1, 2**31 - 1), "a tensor of 2^62 elements"
    yield "tensor-overflow", dims(2**31, 2**31, 4), "a tensor whose size overflows"
    yield "tensor-rank", dims(*[1] * 100), "a tensor of 100 dimensions"
    yield "tensor-type", lambda m: setattr(tensor_of(m, "calibrator_x"), "data_type", 16), "a tensor of bfloat16"
    yield "tensor-external", external, "a tensor in another file"
    yield "tensor-nameless", lambda m: tensor_of(m, "calibrator_x").ClearField("name"), "a tensor without a name"
    yield "tensor-twice", lambda m: m.graph.initializer.append(m.graph.initializer[0]), "two tensors of one name"

    def shape(*values):
        def damage(m):
            t = tensor_of(m, "shape_tensor")
            t.CopyFrom(numpy_helper.from_array(np.array(values, dtype=np.int64), t.name))

        return damage

    yield "reshape-two", shape(-1, -1), "a shape with two open dimensions"
    yield "reshape-wrong", shape(7, 11), "a shape of 77 for one element"
    yield "reshape-negative", shape(-2, 1), "a shape with -2"

    def index(value):
        def damage(m):
            m.graph.initializer.append(numpy_helper.from_array(np.array(value, dtype=np.int64), "bad"))
            next(n for n in m.graph.node if n.op_type == "ArrayFeatureExtractor").input[1] = "bad"

        return damage

    yield "index-range", index([2]), "an index beyond the end"
    yield "index-negative", index([-1]), "an index -1"
    yield "index-huge", index([2**62]), "an index 2^62"


def members():
    """Yields (name, damage, what is wrong) for trees of ai.onnx.ml 5."""
    op = "TreeEnsemble"

    def put(name, place, value):
        return lambda m: attribute(m, op, name).ints.__setitem__(place, value)

    def array(name, change):
        def damage(m):
            a = attribute(m, op, name)
            values = numpy_helper.to_array(a.t).copy()
            a.t.CopyFrom(numpy_helper.from_array(change(values)))

        return damage

    yield "five-root", put("tree_roots", 0, 10**6), "a root that is no node"
    yield "five-root-negative", put("tree_roots", 0, -1), "a root -1"
    yield "five-child", put("nodes_truenodeids", 0, 10**6), "a child that is no node"
    yield "five-cycle", put("nodes_falsenodeids", 0, 0), "the root is its own child"
    yield "five-target", put("leaf_targetids", 0, 5), "target 5 of 1"
    yield "five-feature", put("nodes_featureids", 0, 99), "feature 99 of 4"
    yield "five-mode", array("nodes_modes", lambda v: np.where(np.arange(len(v)) == 0, 9, v).astype(np.uint8)), "mode 9"
    yield "five-short", array("nodes_splits", lambda v: v[:-1]), "nodes_splits is one short"
    yield "five-weights", array("leaf_weights", lambda v: v[:-1]), "leaf_weights is one short"
    yield "five-members", array("membership_values", lambda v: v[:1] * np.nan), "sets without members"
    yield "five-members-huge", array("membership_values", lambda v: np.where(np.isnan(v), v, v * 0 + 1e30)), "members 1e30"
    yield "five-type", array("nodes_splits", lambda v: v.astype(np.float64)), "double thresholds for float inputs"
    yield "five-roots", lambda m: attribute(m, op, "tree_roots").ClearField("ints"), "no trees"


def bombs(text):
    """Yields (name, bytes, what is wrong) for bytes that are no model."""
    yield "empty", b"", "an empty file"
    yield "zeros", bytes(64), "zero bytes"
    yield "text", b"not a model\n", "a line of text"
    yield "varint", b"\x08" + b"\xff" * 30, "a number without an end"
    yield "length", b"\x08\x08\x3a\xff\xff\xff\xff\xff\x7f", "a graph of 2^42 bytes"
    yield "length-int", b"\x08\x08\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "a graph of 2^63 bytes"
    yield "group", b"\x08\x08" + b"\x0b" * 10000, "groups 10,000 deep"
    for share in (1, 4, 16, 60):
        n = len(text) * share // 64
        yield f"cut-{share}", text[:n], f"cut after {n} bytes of {len(text)}"
    yield "cut-last", text[:-1], "the last byte is missing"
    yield "tail", text + b"\x3a\x00", "a second graph after the end"
    yield "tail-garbage", text + b"\xff\xff", "bytes after the end that are no field"

def grown():
    """Yields (name, model, what is wrong) for small graphs that make large tensors."""
    wide = [numpy_helper.from_array(np.zeros((4000, 1), dtype=np.float32), "a"), numpy_helper.from_array(np.zeros((1, 4000), dtype=np.float32), "b")]
    y = [tensor("y", T.FLOAT, 1)]
    x = [tensor("x", T.FLOAT, 1)]
    outer = [h.make_node("Add", ["a", "b"], ["c"]), h.make_node("Add", ["c", "x"], ["y"])]
    yield "outer", model(outer, x, y, wide), "a sum of 16 million elements"
    shape = [numpy_helper.from_array(np.array([2**20, 2**20]), "s")]
    yield "filled", model([h.make_node("ConstantOfShape", ["s"], ["y"])], x, y, shape), "a tensor of 2^40 zeros"
    doubled = [h.make_node("Concat", [f"v{i}" if i else "x"] * 2, [f"v{i + 1}"], axis=1) for i in range(60)]
    yield "doubled", model(doubled, x, [tensor("v60", T.FLOAT, 1)]), "a row that is doubled sixty times"
    one = [numpy_helper.from_array(np.array([2**31, 2**31, 4, 1]), "s")]
    yield "reshaped", model([h.make_node("Reshape", ["x", "s"], ["y"])], x, y, one), "a shape that overflows"
    large = h.make_node("OneHotEncoder", ["x"], ["y"], domain=ML, cats_int64s=list(range(3000)), zeros=1)
    many = [h.make_node("Concat", ["x"] * 500, ["w"], axis=1), h.make_node("Cast", ["w"], ["i"], to=7)]
    large.input[0] = "i"
    yield "encoded", model([*many, large], x, y), "1.5 million categories of a row"
    fanned = [h.make_node("Gather", ["x", "s"], ["y"], axis=1)]
    yield "gathered", model(fanned, x, y, [numpy_helper.from_array(np.array([5]), "s")]), "an index beyond the end"


def main(testdata="testdata"):
    cases = pathlib.Path(testdata, "onnx")
    folder = pathlib.Path(testdata, "damaged", "onnx")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    why = {}

    def write(name, data, what):
        if name in why:
            raise ValueError(f"two files are called {name}")
        why[name] = what
        (folder / name).write_bytes(data)

    for source, damages in ((FOREST, trees()), (PIPELINE, pipelines()), (CALIBRATED, constants()), (FIVE, members())):
        whole = onnx.load(cases / source / "model.onnx")
        for name, damage, what in damages:
            broken = copy.deepcopy(whole)
            damage(broken)
            if broken == whole:
                raise ValueError(f"{name} is not damaged")
            prefix = "" if source == FOREST else source.partition("-")[0] + "-"
            write(f"{prefix}{name}.onnx", broken.SerializeToString(), what)
    text = (cases / FOREST / "model.onnx").read_bytes()
    for name, data, what in bombs(text):
        write(f"{name}.onnx", data, what)
    for name, m, what in grown():
        write(f"{name}.onnx", m.SerializeToString(), what)
    (folder / "why.json").write_text(json.dumps(why, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
