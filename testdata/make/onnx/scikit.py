"""Estimators and pipelines of scikit-learn, by skl2onnx."""

from functools import partial

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

from case import DOUBLE, ENDS, LATEST, NEW, Case
from data import frame, label, numbers

FLAT = {"zipmap": False}
INPUTS = [
    ("amount", FloatTensorType([None, 1])),
    ("share", FloatTensorType([None, 1])),
    ("country", StringTensorType([None, 1])),
    ("channel", StringTensorType([None, 1])),
    ("count", Int64TensorType([None, 1])),
]


def fitted(rng, model, kind, data=numbers, options=FLAT, opset=None, classifier=None, **how):
    x = data(rng, **how)
    y = label(rng, x, kind)
    model = model()
    model.fit(x, y)
    options = {id(model): options} if options and hasattr(model, "predict_proba") else None
    if hasattr(x, "columns"):
        graph = to_onnx(model, initial_types=INPUTS, options=options, target_opset=opset)
        return graph, x.values.tolist()
    return to_onnx(model, x[:1], options=options, target_opset=opset), x.tolist()


def case(name, model, kind, what=None, traits=(), *rest, data=numbers, how=None, **more):
    extra = {k: more.pop(k) for k in ("options", "opset") if k in more}
    what = what or (model.func if isinstance(model, partial) else model).__name__
    make = partial(fitted, model=model, kind=kind, data=data, **(how or {}), **extra)
    return Case(name, make, "skl2onnx", what, list(traits), *rest, **more)


SMALL = {"max_depth": 3, "random_state": 7}
FOREST = SMALL | {"n_estimators": 5, "n_jobs": 1}
BOOST = SMALL | {"n_estimators": 5}
HIST = SMALL | {"max_iter": 5, "early_stopping": False}


def forests():
    forest = partial(RandomForestClassifier, **FOREST)
    yield case("forest", forest, "binary")
    yield case("forest-zipmap", forest, "binary", traits=["ZipMap"], options=None)
    yield case("forest-columns", forest, "class3", None, ["three classes", "a column a class"], ENDS, options={"zipmap": "columns"})
    yield case("forest-words", forest, "words", None, ["labels are strings", "ZipMap"], options=None)
    yield case("forest-classes", forest, "class3", traits=["three classes"])
    yield case("forest-many-classes", forest, "class7", None, ["seven classes"], LATEST, how={"n": 400})
    yield case("forest-double", forest, "binary", None, ["double inputs"], ENDS, how={"dtype": np.float64})
    yield case("forest-double-classes", forest, "class3", None, ["double inputs", "three classes"], LATEST, how={"dtype": np.float64})
    yield case("forest-integers", forest, "binary", None, ["int64 inputs"], ENDS, how={"dtype": np.int64})
    yield case("forest-opset", forest, "binary", None, ["operator set 11"], LATEST, opset=11)
    yield case("forest-missing", forest, "binary", None, ["trained with missing values, whose way is lost"], how={"missing": 0.2})
    yield case(
        "forest-large", partial(RandomForestClassifier, max_depth=2, random_state=7, n_estimators=130), "binary",
        None, ["130 trees"], LATEST, how={"n": 120},
    )  # fmt: skip
    yield case("forest-deep", partial(RandomForestClassifier, n_estimators=2, random_state=7), "binary", None, ["to the last row"], LATEST)
    yield case("forest-leaf", partial(RandomForestClassifier, n_estimators=3, min_samples_split=10**6, random_state=7), "binary", None, ["trees of one leaf"], LATEST)
    yield case("forest-one-feature", forest, "binary", None, ["one feature"], LATEST, how={"k": 1})
    yield case("forest-wide", forest, "binary", None, ["40 features"], LATEST, how={"k": 40})
    yield case("regressor", partial(RandomForestRegressor, **FOREST), "real")
    yield case("regressor-pair", partial(RandomForestRegressor, **FOREST), "pair", traits=["two targets"])
    yield case("regressor-large", partial(RandomForestRegressor, max_depth=2, random_state=7, n_estimators=130), "real", None, ["130 trees"], LATEST, how={"n": 120})
    yield case("extra", partial(ExtraTreesClassifier, **FOREST), "binary")
    yield case("extra-classes", partial(ExtraTreesClassifier, **FOREST), "class3", None, ["three classes"], LATEST)
    yield case("extra-regressor", partial(ExtraTreesRegressor, **FOREST), "real", None, [], ENDS)
    yield case("tree", partial(DecisionTreeClassifier, **SMALL), "binary")
    yield case("tree-classes", partial(DecisionTreeClassifier, **SMALL), "class3", None, ["three classes", "ZipMap"], ENDS, options=None)
    yield case("tree-deep", partial(DecisionTreeClassifier, random_state=7), "binary", None, ["to the last row"], LATEST)
    yield case("tree-regressor", partial(DecisionTreeRegressor, **SMALL), "real")
    yield case("tree-regressor-pair", partial(DecisionTreeRegressor, **SMALL), "pair", None, ["two targets"], LATEST)
    yield case("bagging", partial(BaggingClassifier, DecisionTreeClassifier(max_depth=3), n_estimators=5, random_state=7), "binary")
    yield case("bagging-regressor", partial(BaggingRegressor, DecisionTreeRegressor(max_depth=3), n_estimators=5, random_state=7), "real", None, [], LATEST)


def boosted():
    boost = partial(GradientBoostingClassifier, **BOOST)
    yield case("boosting", boost, "binary")
    yield case("boosting-zipmap", boost, "words", None, ["labels are strings", "ZipMap"], ENDS, options=None)
    yield case("boosting-classes", boost, "class3", traits=["three classes"])
    yield case("boosting-zero", partial(boost, init="zero"), "binary", None, ["no initial estimate"], LATEST)
    yield case("boosting-exponential", partial(boost, loss="exponential"), "binary", None, ["exponential loss"], LATEST)
    yield case("boosting-raw", boost, "binary", None, ["raw scores"], LATEST, options=FLAT | {"raw_scores": True})
    yield case("boosting-regressor", partial(GradientBoostingRegressor, **BOOST), "real")
    yield case("boosting-regressor-huber", partial(GradientBoostingRegressor, loss="huber", **BOOST), "real", None, ["huber loss"], LATEST)
    hist = partial(HistGradientBoostingClassifier, **HIST)
    yield case("hist", hist, "binary", traits=["missing values"], how={"missing": 0.2})
    yield case("hist-classes", hist, "class3", traits=["three classes", "missing values"], how={"missing": 0.2})
    yield case("hist-leaves", partial(HistGradientBoostingClassifier, max_iter=8, max_leaf_nodes=12, early_stopping=False), "binary", None, ["leaf by leaf"], LATEST)
    yield case("hist-regressor", partial(HistGradientBoostingRegressor, **HIST), "real", traits=["missing values"], how={"missing": 0.2})
    yield case("hist-poisson", partial(HistGradientBoostingRegressor, loss="poisson", **HIST), "count", None, ["poisson loss, without its link"], LATEST)
    yield case("hist-categories", partial(hist, categorical_features=[2]), "binary", None, ["categories, which the exporter takes for numbers"], ENDS)
    yield case("ada", partial(AdaBoostClassifier, n_estimators=4, random_state=7), "binary", None, ["SAMME"], NEW)
    yield case("ada-real", partial(AdaBoostClassifier, n_estimators=4, random_state=7), "binary", None, ["SAMME.R"], ("1.16.1",))
    yield case("ada-real-classes", partial(AdaBoostClassifier, n_estimators=4, random_state=7), "class3", None, ["SAMME.R", "three classes"], ("1.16.1",))
    yield case("ada-classes", partial(AdaBoostClassifier, n_estimators=4, random_state=7), "class3", None, ["SAMME", "three classes"], NEW)
    yield case("ada-regressor", partial(AdaBoostRegressor, n_estimators=5, random_state=7), "real")


def pipelines():
    forest = partial(RandomForestClassifier, **FOREST)

    def before(*steps, model=forest):
        return lambda: make_pipeline(*(s() for s in steps), model())

    tree = partial(DecisionTreeRegressor, max_depth=4, random_state=7)
    pipe = "Pipeline"
    yield case("scaled", before(StandardScaler), "binary", pipe, ["StandardScaler", "RandomForestClassifier"], count=30)
    yield case("scaled-double", before(StandardScaler), "binary", pipe, ["StandardScaler", "RandomForestClassifier", "double inputs"], LATEST, how={"dtype": np.float64}, count=30)
    yield case("scaled-integers", before(StandardScaler), "binary", pipe, ["StandardScaler", "RandomForestClassifier", "int64 inputs"], LATEST, how={"dtype": np.int64})
    yield case("imputed", before(SimpleImputer), "binary", pipe, ["SimpleImputer", "RandomForestClassifier"], how={"missing": 0.2})
    yield case("imputed-number", before(partial(SimpleImputer, missing_values=0.0, strategy="median")), "binary", pipe, ["SimpleImputer of zeros", "RandomForestClassifier"], LATEST)
    yield case("imputed-scaled", before(partial(SimpleImputer, strategy="median"), StandardScaler), "binary", pipe, ["SimpleImputer", "StandardScaler", "RandomForestClassifier"], ENDS, how={"missing": 0.2}, count=30)
    for scaler in (MinMaxScaler, MaxAbsScaler, RobustScaler):
        yield case(scaler.__name__.lower(), before(scaler, model=tree), "real", pipe, [scaler.__name__, "DecisionTreeRegressor"], LATEST, count=30)
    yield case("minmaxscaler-clip", before(partial(MinMaxScaler, clip=True), model=tree), "real", pipe, ["MinMaxScaler with clip", "DecisionTreeRegressor"], LATEST)
    for norm in ("l1", "l2", "max"):
        yield case(f"normalizer-{norm}", before(partial(Normalizer, norm), model=tree), "real", pipe, [f"Normalizer {norm}", "DecisionTreeRegressor"], LATEST, count=30)
    yield case("binarizer", before(partial(Binarizer, threshold=0.5), model=tree), "real", pipe, ["Binarizer", "DecisionTreeRegressor"], LATEST)
    yield case("bins", before(partial(KBinsDiscretizer, n_bins=4, encode="ordinal"), model=tree), "real", pipe, ["KBinsDiscretizer", "DecisionTreeRegressor"], ENDS)
    yield case("bins-onehot", before(partial(KBinsDiscretizer, n_bins=3, encode="onehot-dense"), model=tree), "real", pipe, ["KBinsDiscretizer one-hot", "DecisionTreeRegressor"], LATEST)
    yield case("onehot-integers", before(partial(OneHotEncoder, handle_unknown="ignore")), "binary", pipe, ["OneHotEncoder of integers", "RandomForestClassifier"], LATEST, how={"dtype": np.int64, "k": 3})

    def columns(encoder, model, rest="passthrough"):
        def build():
            number = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
            parts = [("numbers", number, ["amount", "share"]), ("words", encoder(), ["country", "channel"])]
            return make_pipeline(ColumnTransformer(parts, remainder=rest), model())

        return build

    unknown = partial(OneHotEncoder, handle_unknown="ignore")
    whole = ["ColumnTransformer", "SimpleImputer", "StandardScaler"]
    yield case("columns-onehot", columns(unknown, forest), "binary", pipe, [*whole, "OneHotEncoder", "RandomForestClassifier"], data=frame)
    yield case("columns-onehot-strict", columns(OneHotEncoder, forest), "binary", pipe, [*whole, "OneHotEncoder that knows all", "RandomForestClassifier"], LATEST, data=frame)
    yield case("columns-onehot-words", columns(unknown, forest), "words", pipe, [*whole, "OneHotEncoder", "labels are strings", "strange names"], LATEST, data=frame, how={"strange": True}, options=None)
    yield case(
        "columns-ordinal", columns(OrdinalEncoder, partial(GradientBoostingClassifier, **BOOST)), "binary", pipe,
        [*whole, "OrdinalEncoder", "GradientBoostingClassifier"], data=frame,
    )  # fmt: skip
    for strategy in ("most_frequent", "constant"):

        def filled(strategy=strategy):
            return make_pipeline(SimpleImputer(missing_values="DE", strategy=strategy, fill_value="none"), unknown())

        yield case(f"columns-filled-{strategy}", columns(filled, forest), "binary", pipe, [*whole, f"SimpleImputer of strings, {strategy}", "OneHotEncoder"], LATEST, data=frame)
    ordinal = partial(OrdinalEncoder, handle_unknown="use_encoded_value", unknown_value=-1)
    yield case("columns-ordinal-hist", columns(ordinal, partial(HistGradientBoostingClassifier, **HIST)), "binary", pipe, [*whole, "OrdinalEncoder", "HistGradientBoostingClassifier"], ENDS, data=frame)
    yield case("columns-regressor", columns(unknown, partial(GradientBoostingRegressor, **BOOST)), "real", pipe, [*whole, "OneHotEncoder", "GradientBoostingRegressor"], LATEST, data=frame)
    yield case("columns-logistic", columns(unknown, LogisticRegression), "binary", pipe, [*whole, "OneHotEncoder", "LogisticRegression"], ENDS, data=frame)

    def numeric():
        parts = [("scaled", StandardScaler(), [0, 1]), ("fitted", MinMaxScaler(), [2])]
        return make_pipeline(ColumnTransformer(parts, remainder="passthrough"), RandomForestRegressor(**FOREST))

    yield case("columns-numbers", numeric, "real", pipe, ["ColumnTransformer", "StandardScaler", "MinMaxScaler", "RandomForestRegressor"], ENDS)


def calibrated():
    for method in ("sigmoid", "isotonic"):
        for name, kind, traits in (("", "binary", []), ("-classes", "class3", ["three classes"])):
            forest = RandomForestClassifier(n_estimators=3, max_depth=3, random_state=7)
            model = partial(CalibratedClassifierCV, forest, cv=2, method=method)
            versions = ENDS if name == "" else LATEST
            yield case(f"calibrated-{method}{name}", model, kind, None, [method, "RandomForestClassifier", *traits], versions)
    boost = GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=7)
    yield case("calibrated-boosting", partial(CalibratedClassifierCV, boost, cv=3, method="sigmoid"), "binary", None, ["sigmoid", "GradientBoostingClassifier"], LATEST)
    hist = HistGradientBoostingClassifier(max_iter=4, max_depth=3, early_stopping=False)
    yield case("calibrated-hist", partial(CalibratedClassifierCV, hist, cv=2, method="isotonic"), "binary", None, ["isotonic", "HistGradientBoostingClassifier"], LATEST)


def linear():
    def scaled(model):
        return lambda: make_pipeline(StandardScaler(), model())

    yield case("logistic", scaled(LogisticRegression), "binary", "LogisticRegression", ["StandardScaler"])
    yield case("logistic-classes", scaled(LogisticRegression), "class3", "LogisticRegression", ["StandardScaler", "three classes"])
    yield case("logistic-many-classes", scaled(LogisticRegression), "class7", "LogisticRegression", ["StandardScaler", "seven classes"], LATEST, how={"n": 400})
    yield case("logistic-words", scaled(LogisticRegression), "words", "LogisticRegression", ["StandardScaler", "labels are strings", "ZipMap"], LATEST, options=None)
    yield case("logistic-double", LogisticRegression, "binary", None, ["double inputs"], LATEST, how={"dtype": np.float64}, ulp=2, reason=DOUBLE)
    yield case("logistic-double-classes", LogisticRegression, "class3", None, ["double inputs", "three classes"], LATEST, how={"dtype": np.float64}, ulp=2, reason=DOUBLE)
    yield case("sgd", scaled(partial(SGDClassifier, loss="log_loss", random_state=7)), "binary", "SGDClassifier", ["StandardScaler"], LATEST)
    yield case("linear", scaled(LinearRegression), "real", "LinearRegression", ["StandardScaler"])
    yield case("linear-pair", scaled(LinearRegression), "pair", "LinearRegression", ["StandardScaler", "two targets"], LATEST)
    yield case("linear-double", LinearRegression, "real", None, ["double inputs"], LATEST, how={"dtype": np.float64})
    yield case("ridge", scaled(Ridge), "real", "Ridge", ["StandardScaler"], LATEST)

    def stacked():
        parts = [("tree", DecisionTreeClassifier(max_depth=3)), ("line", LogisticRegression())]
        return make_pipeline(StandardScaler(), StackingClassifier(parts, cv=2))

    yield case("stacking", stacked, "binary", "StackingClassifier", ["DecisionTreeClassifier", "LogisticRegression"], LATEST)

    def voting():
        return VotingRegressor([("tree", DecisionTreeRegressor(max_depth=3)), ("forest", RandomForestRegressor(**FOREST))])

    yield case("voting", voting, "real", "VotingRegressor", ["DecisionTreeRegressor", "RandomForestRegressor"], LATEST)


def refused():
    forest = partial(RandomForestClassifier, **FOREST)
    yield case("forest-two-labels", forest, "labels", None, ["two labels"], LATEST, refused="the class that a model tells")


CASES = [*forests(), *boosted(), *pipelines(), *calibrated(), *linear(), *refused()]
