"""Writes testdata/damaged/catboost: broken model files, made from whole ones that are as small as can be, each broken in
one way.

usage: damage.py [TESTDATA]

why.json says of every file what is wrong with it. A reader must refuse them all.
"""

import copy
import json
import pathlib
import shutil
import struct
import sys

import catboost
import numpy as np

import data as d

# Numbers of fields, by table (catboost/libs/model/flatbuffers).
CORE = {"version": 0, "trees": 1, "info": 2, "parts": 3}
TREES = {
    "dimension": 0, "splits": 1, "sizes": 2, "starts": 3, "categories": 4, "floats": 5, "onehots": 6, "ctrs": 7,
    "leaves": 8, "weights": 9, "steps": 10, "ids": 11, "bias": 16, "repacked": 17,
}


class Document:
    """A FlatBuffers document: finds places in it, to be overwritten."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    def u(self, at, kind="<I"):
        return struct.unpack_from(kind, self.data, self.at + at)[0]

    def put(self, at, kind, *values):
        struct.pack_into(kind, self.data, self.at + at, *values)

    def follow(self, at):
        return at + self.u(at)

    def root(self):
        return self.follow(0)

    def field(self, table, i):
        vtable = table - self.u(table, "<i")
        offset = self.u(vtable + 4 + 2 * i, "<H") if 4 + 2 * i < self.u(vtable, "<H") else 0
        if offset == 0:
            raise KeyError(i)
        return table + offset

    def child(self, table, i):
        return self.follow(self.field(table, i))

    def item(self, vector, i):
        return self.follow(vector + 4 + 4 * i)

    def trees(self):
        return self.child(self.root(), CORE["trees"])

    def vector(self, name):
        return self.child(self.trees(), TREES[name])


def bare(params, make, seed=1):
    """A small model that says nothing about itself but its loss."""
    data = make(np.random.default_rng(seed))
    pool = catboost.Pool(data.rows(), label=np.asarray(data.y).tolist(), cat_features=data.categorical, thread_count=1)
    common = {"iterations": 2, "depth": 2, "thread_count": 1, "random_seed": 7, "verbose": 0, "allow_writing_files": False}
    model = catboost.CatBoost(common | params)
    model.fit(pool)
    told = model.get_metadata()
    for key in list(told.keys()):
        if key not in ("params", "class_params"):
            del told[key]
    told["params"] = json.dumps({"loss_function": {"type": params["loss_function"], "params": {}}})
    return model


def models(folder):
    """The whole models: (name, bytes of .cbm, document of JSON)."""
    numbers = lambda rng: d.labelled(rng, d.numbers(rng, 80, 2))
    several = lambda rng: d.labelled(rng, d.numbers(rng, 80, 2), kind="class")
    mixed = lambda rng: d.labelled(rng, [*d.numbers(rng, 200, 1), d.categories(rng, 200, 12), d.categories(rng, 200, 2)], [1, 2])
    for name, params, make in (
        ("symmetric", {"loss_function": "Logloss"}, numbers),
        ("class", {"loss_function": "MultiClass"}, several),
        ("free", {"loss_function": "MultiClass", "grow_policy": "Lossguide", "max_leaves": 4, "depth": 4}, several),
        ("ctr", {"loss_function": "Logloss", "iterations": 6, "depth": 3, "one_hot_max_size": 2, "max_ctr_complexity": 3}, mixed),
    ):
        model = bare(params, make)
        for kind in ("cbm", "json"):
            model.save_model(str(folder / f"whole.{kind}"), format=kind)
        yield name, (folder / "whole.cbm").read_bytes(), json.loads((folder / "whole.json").read_bytes())
    for kind in ("cbm", "json"):
        (folder / f"whole.{kind}").unlink()


def core(data):
    return Document(data, 8)


def tables(data):
    """The first table of the part behind the core, and where the part begins."""
    part = 8 + struct.unpack_from("<I", data, 4)[0]
    return Document(data, part + 8), part


def patched(what):
    """A damage that overwrites some bytes, told what the core is."""

    def damage(data):
        what(core(data))
        return data

    return damage


def put(find, kind, *values):
    return patched(lambda f: f.put(find(f), kind, *values))


def binaries():
    """(name, whole model, damage, what is wrong)"""

    def cut(n):
        return lambda data: data[:n] if n > 0 else data[: len(data) + n]

    yield "magic", "symmetric", cut(4), "the magic alone"
    yield "cut-size", "symmetric", cut(6), "ends within the size of the core"
    yield "cut-core", "symmetric", cut(300), "ends within the core"
    yield "cut-byte", "symmetric", cut(-1), "lacks its last byte"
    yield "cut-tables", "ctr", cut(-40), "ends within a table"
    yield "cut-part", "ctr", lambda data: data[: tables(data)[1]], "lacks the part that the core names"
    yield "trailing", "symmetric", lambda data: data + b"\0", "a byte follows"
    yield "size-huge", "symmetric", lambda data: data[:4] + b"\xff\xff\xff\xff" + struct.pack("<Q", 1 << 60) + data[8:], "a core of 2**60 bytes"
    yield "size-beyond", "symmetric", lambda data: data[:4] + struct.pack("<I", len(data)) + data[8:], "a core beyond the end"
    yield "size-nothing", "symmetric", lambda data: data[:4] + struct.pack("<I", 0), "a core of nothing"
    yield "root-self", "symmetric", put(lambda f: 0, "<I", 0), "the root is the offset itself"
    yield "root-beyond", "symmetric", put(lambda f: 0, "<I", 1 << 31), "the root is beyond the end"
    yield "root-last", "symmetric", lambda data: data[:8] + struct.pack("<I", len(data) - 9) + data[12:], "the root is the last byte"
    yield "vtable-before", "symmetric", put(lambda f: f.root(), "<i", 1 << 30), "fields before the document"
    yield "vtable-behind", "symmetric", put(lambda f: f.root(), "<i", -(1 << 30)), "fields behind the document"
    yield "vtable-odd", "symmetric", put(lambda f: f.root() - f.u(f.root(), "<i"), "<H", 7), "an odd length of fields"
    yield "vtable-long", "symmetric", put(lambda f: f.trees() - f.u(f.trees(), "<i"), "<H", 65534), "more fields than bytes"
    yield "table-long", "symmetric", put(lambda f: f.trees() - f.u(f.trees(), "<i") + 2, "<H", 65535), "a table beyond the end"
    yield "field-beyond", "symmetric", put(lambda f: f.trees() - f.u(f.trees(), "<i") + 4, "<H", 60000), "a field outside of its table"
    yield "offset-beyond", "symmetric", put(lambda f: f.field(f.trees(), TREES["leaves"]), "<I", 1 << 30), "a vector beyond the end"
    yield "offset-back", "symmetric", put(lambda f: f.field(f.trees(), TREES["leaves"]), "<I", (1 << 32) - 64), "a vector before its offset"
    yield "vector-huge", "symmetric", put(lambda f: f.vector("leaves"), "<I", (1 << 32) - 1), "2**32-1 leaves"
    yield "vector-overflow", "symmetric", put(lambda f: f.vector("leaves"), "<I", 1 << 29), "a length whose bytes pass 32 bits"
    yield "vector-tables", "symmetric", put(lambda f: f.vector("floats"), "<I", 1 << 28), "2**28 features"
    yield "feature-nowhere", "symmetric", put(lambda f: f.vector("floats") + 4, "<I", 1 << 28), "a feature beyond the end"
    yield "feature-zero", "symmetric", put(lambda f: f.vector("floats") + 4, "<I", 0), "a feature that is its own offset"
    yield "aliases", "symmetric", aliases, "20,000 features that are one"
    yield "version", "symmetric", patched(lambda f: f.put(f.child(f.root(), 0) + 4, "<B", ord("X"))), "another format"
    yield "version-not-utf8", "symmetric", patched(lambda f: f.put(f.child(f.root(), 0) + 4, "<B", 0xFF)), "text that is not UTF-8"
    yield "no-trees", "symmetric", put(lambda f: f.root() - f.u(f.root(), "<i") + 4 + 2 * CORE["trees"], "<H", 0), "no trees"
    yield "outputs-none", "symmetric", put(lambda f: f.field(f.trees(), 0), "<i", 0), "no outputs"
    yield "outputs-negative", "symmetric", put(lambda f: f.field(f.trees(), 0), "<i", -1), "-1 outputs"
    yield "outputs-huge", "symmetric", put(lambda f: f.field(f.trees(), 0), "<i", 1 << 30), "2**30 outputs"
    yield "outputs-other", "class", put(lambda f: f.field(f.trees(), 0), "<i", 3), "leaves that do not divide into outputs"
    yield "depth-70", "symmetric", put(lambda f: f.vector("sizes") + 4, "<i", 70), "a tree of depth 70"
    yield "depth-31", "symmetric", put(lambda f: f.vector("sizes") + 4, "<i", 31), "a tree of depth 31"
    yield "depth-negative", "symmetric", put(lambda f: f.vector("sizes") + 4, "<i", -1), "a tree of depth -1"
    yield "depth-other", "symmetric", put(lambda f: f.vector("sizes") + 4, "<i", 1), "a tree of fewer levels than splits"
    yield "starts", "symmetric", put(lambda f: f.vector("starts") + 8, "<i", 1), "a tree that begins in another"
    yield "starts-missing", "symmetric", put(lambda f: f.vector("starts"), "<I", 1), "fewer beginnings than trees"
    yield "split-beyond", "symmetric", put(lambda f: f.vector("splits") + 4, "<i", 1000), "split 1000"
    yield "split-negative", "symmetric", put(lambda f: f.vector("splits") + 4, "<i", -1), "split -1"
    yield "leaf-nan", "symmetric", put(lambda f: f.vector("leaves") + 4, "<d", float("nan")), "a leaf that is NaN"
    yield "leaf-infinite", "class", put(lambda f: f.vector("leaves") + 4, "<d", float("inf")), "an infinite leaf"
    yield "leaves-few", "symmetric", put(lambda f: f.vector("leaves"), "<I", 7), "a leaf too few"
    yield "bias-many", "symmetric", put(lambda f: f.vector("bias"), "<I", 2), "a bias for no output"
    yield "bias-nan", "symmetric", put(lambda f: f.vector("bias") + 4, "<d", float("nan")), "a bias that is NaN"
    yield "border-nan", "symmetric", put(border(0), "<f", float("nan")), "a border that is NaN"
    yield "border-turned", "symmetric", put(border(0), "<f", 1e30), "borders out of order"
    yield "flat-twice", "symmetric", patched(lambda f: f.put(f.field(f.item(f.vector("floats"), 1), 2), "<i", 0)), "two features in one place"
    yield "index-twice", "symmetric", patched(lambda f: f.put(f.field(f.item(f.vector("floats"), 1), 1), "<i", 0)), "two features of one number"
    yield "treatment", "symmetric", patched(lambda f: f.put(f.field(f.item(f.vector("floats"), 0), 5), "<B", 9)), "an unknown treatment of NaN"
    yield "step-beyond", "free", put(lambda f: f.vector("steps") + 4, "<HH", 60000, 2), "a child beyond its tree"
    yield "step-shared", "free", put(lambda f: f.vector("steps") + 4, "<HH", 1, 1), "one child on both sides"
    yield "id-beyond", "free", patched(lambda f: [f.put(f.vector("ids") + 4 + 4 * i, "<I", 1 << 20) for i in range(6)]), "leaves beyond all values"
    yield "id-between", "free", patched(lambda f: [f.put(f.vector("ids") + 4 + 4 * i, "<I", 1) for i in range(6)]), "leaves between others"
    yield "ids-few", "free", put(lambda f: f.vector("ids"), "<I", 2), "fewer leaves than nodes"
    yield "nodes-none", "free", put(lambda f: f.vector("sizes") + 4, "<i", 0), "a tree of no nodes"
    yield "loss-unknown", "symmetric", lambda data: data.replace(b'"Logloss"', b'"Logl\xc3\xb6ss"'[:9].ljust(9, b'"')), "an unknown loss"
    yield "params-not-json", "symmetric", lambda data: data.replace(b'{"loss_function"', b'["loss_function"'), "parameters that are no document"
    yield "classes-not-json", "class", lambda data: data.replace(b'"class_to_label":[', b'"class_to_label":{'), "classes that are no list"
    yield "onehot-category", "ctr", patched(lambda f: f.put(f.field(f.item(f.vector("onehots"), 0), 0), "<i", 9)), "a one-hot feature of no category"
    yield "ctr-kind", "ctr", patched(lambda f: f.put(ctr_base(f) - f.u(ctr_base(f), "<i") + 4 + 2, "<H", 65000)), "a field of a CTR outside of its table"
    yield "ctr-category", "ctr", patched(lambda f: f.put(f.child(f.child(ctr_base(f), 0), 0) + 4, "<i", 7)), "a CTR of no category"
    yield "ctr-table", "ctr", other_table, "a CTR without a table"
    yield "table-row", "ctr", in_table(rows_beyond), "a hash in a row that is not there"
    yield "table-index", "ctr", in_table(lambda t: t.put(t.child(t.root(), 1), "<I", 13)), "an index of 13 bytes"
    yield "table-blob", "ctr", in_table(lambda t: t.put(t.child(t.root(), 2), "<I", 6)), "counts of 6 bytes"
    yield "table-huge", "ctr", in_table(lambda t: t.put(t.child(t.root(), 1), "<I", (1 << 32) - 1)), "an index of 2**32-1 bytes"
    yield "table-root", "ctr", in_table(lambda t: t.put(0, "<I", 1 << 30)), "a table beyond the end"
    yield "tables-many", "ctr", lambda data: with_count(data, (1 << 32) - 2), "2**32-2 tables"
    yield "tables-few", "ctr", lambda data: with_count(data, 0), "fewer tables than there are"
    yield "part-unknown", "ctr", lambda data: data.replace(b"static_provider_v1", b"static_provider_v9"), "an unknown part"


def border(i):
    return lambda f: f.child(f.item(f.vector("floats"), longest(f)), 3) + 4 + 4 * i


def longest(f):
    """The feature with most borders."""
    n = f.u(f.vector("floats"))
    return max(range(n), key=lambda j: f.u(f.child(f.item(f.vector("floats"), j), 3)))


def ctr_base(f):
    return f.child(f.child(f.item(f.vector("ctrs"), 0), 0), 0)


def aliases(data):
    """Lays a vector of 20,000 offsets behind the core, all of them to one feature."""
    f = core(data)
    field = f.field(f.trees(), TREES["floats"])
    n, end = 20_000, len(data) - 8
    f.put(field, "<I", end - field)
    vtable = end + 4 + 4 * n
    table = vtable + 12
    body = struct.pack("<I", n) + b"".join(struct.pack("<I", table - (end + 4 + 4 * i)) for i in range(n))
    body += struct.pack("<HHHHHH", 10, 12, 0, 4, 8, 0) + struct.pack("<iii", table - vtable, 0, 0)
    out = data + body
    struct.pack_into("<I", out, 4, len(out) - 8)
    return out


def other_table(data):
    t, _ = tables(data)
    base = t.child(t.root(), 0)
    t.put(t.child(t.child(base, 0), 0) + 4, "<i", 1)
    return data


def in_table(what):
    def damage(data):
        what(tables(data)[0])
        return data

    return damage


def rows_beyond(t):
    index = t.child(t.root(), 1)
    for at in range(index + 4, index + 4 + t.u(index), 12):
        t.put(at + 8, "<I", 1000)


def with_count(data, n):
    _, part = tables(data)
    struct.pack_into("<I", data, part, n)
    return data


def documents():
    """(name, whole model, damage of the document in JSON, what is wrong)"""

    def at(*path):
        def find(doc):
            for p in path:
                doc = doc[p]
            return doc

        return find

    def change(path, value):
        def damage(doc):
            at(*path[:-1])(doc)[path[-1]] = value

        return damage

    def without(*path):
        def damage(doc):
            del at(*path[:-1])(doc)[path[-1]]

        return damage

    tree = ("oblivious_trees", 0)
    yield "no-trees", "symmetric", without("oblivious_trees"), "no trees"
    yield "no-features", "symmetric", without("features_info"), "no features"
    yield "both-trees", "symmetric", lambda doc: doc.update(trees=[]), "trees of both kinds"
    yield "depth-70", "symmetric", lambda doc: doc["oblivious_trees"][0].update(splits=doc["oblivious_trees"][0]["splits"] * 35), "a tree of depth 70"
    yield "leaves-few", "symmetric", lambda doc: doc["oblivious_trees"][0]["leaf_values"].pop(), "a leaf too few"
    yield "leaves-none", "symmetric", change((*tree, "leaf_values"), None), "no leaves"
    yield "outputs-other", "class", lambda doc: doc["oblivious_trees"][1].update(leaf_values=[0.5] * 4), "trees of other outputs"
    yield "leaf-text", "symmetric", change((*tree, "leaf_values", 0), "1"), "a leaf that is text"
    yield "leaf-huge", "symmetric", change((*tree, "leaf_values", 0), "HUGE"), "a leaf of 1e999"
    yield "split-beyond", "symmetric", change((*tree, "splits", 0, "split_index"), 1000), "split 1000"
    yield "split-negative", "symmetric", change((*tree, "splits", 0, "split_index"), -1), "split -1"
    yield "split-huge", "symmetric", change((*tree, "splits", 0, "split_index"), 1 << 40), "split 2**40"
    yield "split-fraction", "symmetric", change((*tree, "splits", 0, "split_index"), 0.5), "split 0.5"
    yield "split-without", "symmetric", without(*tree, "splits", 0, "split_index"), "a split without a number"
    yield "border-null", "symmetric", change(("features_info", "float_features", 0, "borders"), [None]), "a border that is null"
    yield "border-nan", "symmetric", change(("features_info", "float_features", 0, "borders"), [float("nan")]), "a border that is NaN"
    yield "border-turned", "symmetric", change(("features_info", "float_features", 0, "borders"), [3.5, 1.5]), "borders out of order"
    yield "flat-twice", "symmetric", change(("features_info", "float_features", 1, "flat_feature_index"), 0), "two features in one place"
    yield "index-twice", "symmetric", change(("features_info", "float_features", 1, "feature_index"), 0), "two features of one number"
    yield "treatment", "symmetric", change(("features_info", "float_features", 0, "nan_value_treatment"), "AsOne"), "an unknown treatment of NaN"
    yield "text-features", "symmetric", change(("features_info", "text_features"), [{}]), "text features"
    yield "bias-more", "symmetric", change(("scale_and_bias",), [1, [0], 2]), "more than scale and bias"
    yield "bias-many", "symmetric", change(("scale_and_bias",), [1, [0, 1]]), "a bias for no output"
    yield "scale-text", "symmetric", change(("scale_and_bias", 0), "1"), "a scale that is text"
    yield "loss-unknown", "symmetric", change(("model_info", "params", "loss_function", "type"), "Magic"), "an unknown loss"
    yield "classes-other", "class", change(("model_info", "class_params"), {"classes_count": 9, "class_to_label": [0]}), "fewer classes than outputs"
    yield "classes-beyond", "class", change(("model_info", "class_params"), {"classes_count": 9, "class_to_label": [0, 1, 2, 9]}), "a class beyond their number"
    yield "classes-many", "class", change(("model_info", "class_params"), {"classes_count": 1 << 30, "class_to_label": [0, 1, 2, 3]}), "2**30 classes"
    yield "free-no-right", "free", lambda doc: doc["trees"][0].pop("right"), "a split without a child"
    yield "free-no-split", "free", lambda doc: doc["trees"][0].pop("split"), "children without a split"
    yield "free-both", "free", lambda doc: doc["trees"][0].update(value=[1, 2, 3, 4]), "a leaf that is a split"
    yield "free-nothing", "free", lambda doc: doc["trees"].append({}), "a tree of nothing"
    yield "free-outputs", "free", lambda doc: doc["trees"].append({"value": [1, 2]}), "a leaf of other outputs"
    yield "ctr-no-table", "ctr", lambda doc: doc["ctr_data"].pop(next(iter(doc["ctr_data"]))), "a CTR without a table"
    yield "ctr-kind", "ctr", change(("features_info", "ctrs", 0, "ctr_type"), "Magic"), "an unknown kind of CTR"
    yield "ctr-category", "ctr", change(("features_info", "ctrs", 0, "elements", 0, "cat_feature_index"), 7), "a CTR of no category"
    yield "ctr-element", "ctr", change(("features_info", "ctrs", 0, "elements", 0, "combination_element"), "magic"), "an unknown part of a combination"

    def table(**members):
        return lambda doc: doc["ctr_data"][next(iter(doc["ctr_data"]))].update(members)

    yield "table-stride-zero", "ctr", table(hash_stride=0), "rows of nothing"
    yield "table-stride-huge", "ctr", table(hash_stride=1 << 40), "rows of 2**40"
    yield "table-stride-other", "ctr", table(hash_map=["1", 2, 3, "4"]), "rows that do not divide"
    yield "table-hash", "ctr", table(hash_map=["one", 2, 3]), "a hash that is no number"
    yield "table-hash-number", "ctr", table(hash_map=[1, 2, 3]), "a hash that is no text"
    yield "table-count", "ctr", table(hash_map=["1", 1 << 40, 3]), "a count of 2**40"
    yield "table-key", "ctr", lambda doc: doc["ctr_data"].update({"[": {}}), "a key that is no document"
    yield "onehot-huge", "ctr", lambda doc: [c.update(values=[1 << 40]) for c in doc["features_info"]["categorical_features"]], "a category of 2**40"


def texts(whole):
    """(name, bytes, what is wrong): what is no document."""
    yield "cut", whole[: len(whole) // 2], "ends in the middle"
    yield "deep-arrays", b'{"oblivious_trees":' + b"[" * 100_000, "100,000 arrays within another"
    yield "key-twice", whole.replace(b'"scale_and_bias"', b'"model_info"'), "a key twice"
    yield "trailing", whole + b"{}", "a document follows"
    yield "not-utf8", whole.replace(b'"feature_id":""', b'"feature_id":"\xff"', 1), "a name that is not UTF-8"


def main(testdata="testdata"):
    folder = pathlib.Path(testdata, "damaged", "catboost")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    why = {}

    def write(name, data, whole, what):
        if name in why or bytes(data) == whole:
            raise ValueError(f"{name} is there, or not damaged")
        why[name] = what
        (folder / name).write_bytes(data)

    whole = {name: (cbm, doc) for name, cbm, doc in models(folder)}
    for name, source, damage, what in binaries():
        cbm = whole[source][0]
        write(f"{name}.cbm", damage(bytearray(cbm)), cbm, what)
    dump = lambda doc: json.dumps(doc, separators=(",", ":")).replace('"HUGE"', "1e999").encode()
    for name, source, damage, what in documents():
        doc = copy.deepcopy(whole[source][1])
        damage(doc)
        write(f"{name}.json", dump(doc), dump(whole[source][1]), what)
    text = dump(whole["symmetric"][1])
    for name, data, what in texts(text):
        write(f"{name}.json", data, text, what)
    (folder / "why.json").write_text(json.dumps(why, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{folder}: {len(why)} files")


if __name__ == "__main__":
    main(*sys.argv[1:])
