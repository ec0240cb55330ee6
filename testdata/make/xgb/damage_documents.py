"""Damages to the parsed document of a model: trees, parameters, categories, weights."""

JSON = "base-binary-logistic-nine-tenths-3.2.0"  # two small trees
UBJ = "base-binary-logistic-nine-tenths-3.1.3"  # the same as UBJSON
CATEGORIES = "cat-partition-2.1.4"
STRINGS = "strings-3.2.0"
VECTOR = "targets-vector-3.2.0"
DART = "dart-2.1.4"
LINEAR = "linear-binary-3.2.0"
CLASSES = "base-softprob-given-2.1.4"


def booster(m):
    """The part of the model that holds the trees."""
    b = m["learner"]["gradient_booster"]
    return b.get("gbtree", b)["model"]


def change(where, key, value):
    """Returns a damage that sets where(model)[key], to value or to what value makes of the old one."""

    def damage(m):
        part = where(m)
        part[key] = value(part[key]) if callable(value) else value

    return damage


def without(where, key):
    return lambda m: where(m).pop(key)


def first(m):
    return booster(m)["trees"][0]


def learner(m):
    return m["learner"]


def parameters(m):
    return m["learner"]["learner_model_param"]


def objective(m):
    return m["learner"]["objective"]


def cats(m):
    return booster(m)["cats"]


def at(i, value):
    """Sets one element of an array."""

    def set_one(array):
        array = list(array)
        array[i] = value
        return array

    return set_one


def leaf(m):
    return first(m)["left_children"].index(-1)


def at_leaf(key, value):
    return lambda m: first(m)[key].__setitem__(leaf(m), value)


def shorter(array):
    return array[:-1]


def longer(array):
    return [*array, array[-1]]


def twice(m):
    """Makes the right child of the root the left one as well."""
    t = first(m)
    t["left_children"][0] = t["right_children"][0]


def documents():
    """Yields (name, source, damage, what is wrong) for damages to the parsed document."""
    tree = lambda key, value: change(first, key, value)
    param = lambda key, value: change(parameters, key, value)
    model = lambda key, value: change(booster, key, value)

    yield "child-out-of-range", JSON, tree("left_children", at(0, 1000)), "a child beyond the last node"
    yield "child-at-end", JSON, lambda m: first(m)["right_children"].__setitem__(
        0, len(first(m)["parents"])
    ), "a child one beyond the last node"
    yield "child-negative", JSON, tree("right_children", at(0, -2)), "a child -2"
    yield "child-half-leaf", JSON, tree("left_children", at(0, -1)), "a left child -1 and a right child"
    yield "child-fraction", JSON, tree("left_children", at(0, 1.5)), "a child 1.5"
    yield "child-huge", JSON, tree("left_children", at(0, 2**32 + 1)), "a child that is 1 modulo 2^32"
    yield "cycle-root", JSON, tree("left_children", at(0, 0)), "the root is its own child"
    yield "cycle", JSON, lambda m: (
        at_leaf("right_children", 0)(m),
        at_leaf("left_children", 0)(m),
    ), "a leaf that leads back to the root"
    yield "two-parents", JSON, twice, "one node is the child of two splits, or twice of one"
    yield "feature-negative", JSON, tree("split_indices", at(0, -1)), "a split on feature -1"
    yield "feature-out-of-range", JSON, tree("split_indices", at(0, 5)), "a split on feature 5 of 5"
    yield "feature-huge", JSON, tree("split_indices", at(0, 2147483647)), "a reachable split on feature 2^31-1"
    yield "threshold-nan", JSON, tree("split_conditions", at(0, float("nan"))), "a threshold NaN on a split of numbers"
    yield "leaf-nan", JSON, at_leaf("split_conditions", float("nan")), "a leaf NaN"
    yield "leaf-infinite", JSON, at_leaf("split_conditions", float("inf")), "a leaf infinity"
    yield "leaf-string", JSON, at_leaf("split_conditions", "0.5"), "a leaf that is a string"
    yield "leaf-overflow", JSON, at_leaf("split_conditions", 1e300), "a leaf beyond float32"
    for key in ("left_children", "right_children", "split_conditions", "split_indices", "default_left"):
        yield f"short-{key}", JSON, tree(key, shorter), f"{key} is shorter than the other arrays"
        yield f"missing-{key}", JSON, without(first, key), f"a tree without {key}"
    yield "long-split_conditions", JSON, tree(
        "split_conditions", longer
    ), "split_conditions is longer than the other arrays"
    yield "empty-tree", JSON, lambda m: first(m).update(
        {k: [] for k, v in first(m).items() if isinstance(v, list)}
    ), "a tree of no nodes"
    yield "num-nodes-huge", JSON, lambda m: first(m)["tree_param"].update(
        num_nodes="1099511627776"
    ), "num_nodes of 2^40"
    yield "num-nodes-differs", JSON, lambda m: first(m)["tree_param"].update(
        num_nodes="3000"
    ), "num_nodes that is not the length of the arrays"
    yield "default-left-string", JSON, tree("default_left", at(0, "yes")), "a default direction that is a string"
    yield "tree-ids-duplicate", JSON, lambda m: booster(m)["trees"][1].update(id=0), "two trees with the id 0"
    yield "tree-id-out-of-range", JSON, lambda m: booster(m)["trees"][1].update(id=2), "a tree with id 2 of 2"
    yield "tree-id-negative", JSON, lambda m: booster(m)["trees"][1].update(id=-1), "a tree with id -1"
    yield "tree-null", JSON, lambda m: booster(m)["trees"].__setitem__(1, None), "a tree that is null"
    yield "trees-object", JSON, model("trees", {}), "trees is an object"
    yield "trees-fewer", JSON, model("trees", shorter), "one tree fewer than num_trees"
    yield "num-trees-huge", JSON, lambda m: booster(m)["gbtree_model_param"].update(
        num_trees="4294967296"
    ), "num_trees of 2^32"
    yield "tree-info-out-of-range", CLASSES, model("tree_info", at(0, 3)), "a tree for class 3 of 3"
    yield "tree-info-negative", CLASSES, model("tree_info", at(0, -1)), "a tree for class -1"
    yield "tree-info-short", CLASSES, model("tree_info", shorter), "tree_info is shorter than trees"
    yield "tree-info-missing", JSON, without(booster, "tree_info"), "no tree_info"
    yield "indptr-decreasing", JSON, model("iteration_indptr", [0, 2, 1, 2]), "iteration_indptr goes back"
    yield "indptr-out-of-range", JSON, model("iteration_indptr", [0, 1, 200]), "iteration_indptr ends beyond the trees"
    yield "indptr-negative", JSON, model("iteration_indptr", [-1, 1, 2]), "iteration_indptr begins at -1"
    yield "parallel-zero", JSON, lambda m: booster(m)["gbtree_model_param"].update(
        num_parallel_tree="0"
    ), "num_parallel_tree of 0"
    for key in ("learner_model_param", "gradient_booster", "objective"):
        yield f"missing-{key}", JSON, without(learner, key), f"no {key}"
    for key in ("base_score", "num_feature", "num_class"):
        yield f"missing-{key}", JSON, without(parameters, key), f"no {key}"
    yield "missing-learner", JSON, lambda m: m.pop("learner"), "no learner"
    yield "missing-trees", JSON, without(booster, "trees"), "no trees"
    yield "learner-array", JSON, lambda m: m.update(learner=[]), "learner is an array"
    yield "names-fewer", JSON, lambda m: learner(m).update(feature_names=["a", "b"]), "two names for five features"
    yield "names-numbers", JSON, lambda m: learner(m).update(feature_names=[1, 2, 3, 4, 5]), "names that are numbers"
    yield "names-duplicate", JSON, lambda m: learner(m).update(
        feature_names=list("abcda")
    ), "two features with one name"
    yield "types-unknown", JSON, lambda m: learner(m).update(
        feature_types=["float", "text", "q", "q", "q"]
    ), "a feature of type text"
    yield "types-fewer", JSON, lambda m: learner(m).update(feature_types=["float"]), "one type for five features"
    yield "objective-unknown", JSON, lambda m: objective(m).update(name="reg:besterror"), "an unknown objective"
    yield "objective-number", JSON, lambda m: objective(m).update(name=7), "an objective that is a number"
    yield "booster-unknown", JSON, lambda m: m["learner"]["gradient_booster"].update(
        name="gbforest"
    ), "an unknown booster"
    for word, score in (
        ("garbage", "half"),
        ("empty", ""),
        ("empty-array", "[]"),
        ("open", "[5E-1"),
        ("nan", "nan"),
        ("infinite", "inf"),
        ("two", "[5E-1,5E-1]"),
        ("tail", "5E-1x"),
        ("out-of-range", "[1.5E0]"),
        ("overflow", "[1E99]"),
        ("comma", "[5E-1,]"),
    ):
        yield f"base-score-{word}", JSON, param("base_score", score), f"a base_score of {score!r}"
    yield "base-score-number", JSON, param("base_score", 0.5), "a base_score that is a number, not a string"
    for word, count in (
        ("huge", "2147483647"),
        ("negative", "-3"),
        ("word", "three"),
        ("overflow", "99999999999999999999"),
    ):
        yield f"num-class-{word}", CLASSES, param("num_class", count), f"num_class of {count}"
        yield f"num-feature-{word}", JSON, param("num_feature", count), f"num_feature of {count}"
    yield "num-feature-zero", JSON, param("num_feature", "0"), "num_feature of 0 under splits"
    yield "num-target-huge", JSON, param("num_target", "1000000000"), "num_target of 10^9"

    yield "cat-segment-out-of-range", CATEGORIES, tree(
        "categories_segments", at(0, 1000)
    ), "a category set that begins beyond the categories"
    yield "cat-segment-negative", CATEGORIES, tree("categories_segments", at(0, -1)), "a category set that begins at -1"
    yield "cat-size-huge", CATEGORIES, tree("categories_sizes", at(0, 2**40)), "a category set of 2^40 members"
    yield "cat-size-wraps", CATEGORIES, tree(
        "categories_sizes", at(0, 2**63 - 1)
    ), "a category set whose end overflows 64 bits"
    yield "cat-size-negative", CATEGORIES, tree("categories_sizes", at(0, -5)), "a category set of -5 members"
    yield "cat-node-out-of-range", CATEGORIES, tree("categories_nodes", at(-1, 1000)), "a category set for node 1000"
    yield "cat-node-negative", CATEGORIES, tree("categories_nodes", at(0, -1)), "a category set for node -1"
    yield "cat-nodes-fewer", CATEGORIES, tree("categories_nodes", shorter), "a split by category without its set"
    yield "cat-category-negative", CATEGORIES, tree("categories", at(0, -3)), "a category -3"
    yield "cat-category-huge", CATEGORIES, tree(
        "categories", at(0, 2**31 - 1)
    ), "a category 2^31-1, a bit set of 256 MB"
    yield "cat-split-type", CATEGORIES, lambda m: first(m)["split_type"].__setitem__(
        first(m)["categories_nodes"][0], 0
    ), "a category set for a split of numbers"
    yield "cat-split-type-unknown", CATEGORIES, tree("split_type", at(0, 7)), "a split of type 7"

    enc = lambda m: cats(m)["enc"][2]
    yield "strings-offset-out-of-range", STRINGS, change(
        enc, "offsets", at(-1, 1000)
    ), "a category name that ends beyond the names"
    yield "strings-offset-decreasing", STRINGS, change(enc, "offsets", at(2, 0)), "a category name of negative length"
    yield "strings-offset-negative", STRINGS, change(enc, "offsets", at(0, -1)), "a category name that begins at -1"
    yield "strings-not-utf8", STRINGS, change(enc, "values", at(0, 255)), "a category name that is not UTF-8"
    yield "strings-cut", STRINGS, lambda m: enc(m).update(
        offsets=[0, 1, 2, 4, 6, 8, 10], values=[-61, -87] + [70] * 8
    ), "a name cut within a letter"
    yield "strings-byte-range", STRINGS, change(enc, "values", at(0, 300)), "a byte 300"
    yield "strings-duplicate", STRINGS, change(
        enc, "values", lambda v: [*v[:2], *v[:2], *v[4:]]
    ), "two categories with one name"
    yield "strings-fewer", STRINGS, change(cats, "enc", shorter), "a dictionary fewer than features"

    yield "vector-leaf-out-of-range", VECTOR, at_leaf(
        "right_children", 1000
    ), "a leaf whose vector is beyond the weights"
    yield "vector-leaf-negative", VECTOR, at_leaf("right_children", -7), "a leaf with vector -7"
    yield "vector-weights-short", VECTOR, tree("leaf_weights", shorter), "leaf_weights is not a whole number of vectors"
    yield "vector-size", VECTOR, lambda m: first(m)["tree_param"].update(
        size_leaf_vector="3"
    ), "leaf vectors of 3 in a model of 2 targets"
    yield "vector-size-huge", VECTOR, lambda m: first(m)["tree_param"].update(
        size_leaf_vector="4294967295"
    ), "leaf vectors of 2^32-1"

    drop = lambda m: m["learner"]["gradient_booster"]
    yield "dart-weights-fewer", DART, change(drop, "weight_drop", shorter), "a weight fewer than trees"
    yield "dart-weight-nan", DART, change(drop, "weight_drop", at(0, float("nan"))), "a tree weight NaN"
    yield "dart-weights-missing", DART, without(drop, "weight_drop"), "no weight_drop"
    yield "linear-weights-fewer", LINEAR, change(booster, "weights", shorter), "a linear weight too few"
    yield "linear-weights-more", LINEAR, change(booster, "weights", longer), "a linear weight too many"
    yield "linear-weight-nan", LINEAR, change(booster, "weights", at(0, float("nan"))), "a linear weight NaN"
