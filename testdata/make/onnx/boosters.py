"""XGBoost and LightGBM by onnxmltools, and what CatBoost writes itself."""

import os
import tempfile
from functools import partial


from case import ENDS, LATEST, NEW, VERSIONS, Case
from data import label, numbers

SMALL = {"n_estimators": 5, "max_depth": 3, "random_state": 7, "n_jobs": 1}


def lightgbm(rng, kind, name="LGBMClassifier", missing=0.0, categories=False, convert=None, **params):
    import lightgbm as lgb
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    x = numbers(rng, missing=missing)
    if categories:
        x[:, 2] = rng.integers(0, categories, size=len(x))
    y = label(rng, x, kind)
    settings = {"verbose": -1, "num_leaves": 7, "min_child_samples": 5, "deterministic": True, "force_row_wise": True}
    if name == "Booster":
        model = lgb.train(
            settings | {"num_threads": 1, "seed": 7, "min_data_per_group": 5, "cat_smooth": 1} | params,
            lgb.Dataset(x, y, categorical_feature=[2] if categories else "auto"),
            5,
        )
    else:
        model = getattr(lgb, name)(**SMALL | settings | params).fit(x, y)
    options = {"zipmap": False} if convert is None else convert
    graph = convert_lightgbm(model, initial_types=[("X", FloatTensorType([None, x.shape[1]]))], **options)
    return named(graph), x.tolist()


def xgboost(rng, kind, name="XGBClassifier", missing=0.2, **params):
    import xgboost as xgb
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    x = numbers(rng, missing=missing)
    y = label(rng, x, kind)
    if name == "Booster":
        model = xgb.train({"max_depth": 3, "seed": 7, "nthread": 1} | params, xgb.DMatrix(x, y), 5)
    else:
        model = getattr(xgb, name)(**SMALL | params).fit(x, y)
    graph = convert_xgboost(model, initial_types=[("X", FloatTensorType([None, x.shape[1]]))])
    return named(graph), x.tolist()


def named(model):
    """A model whose graph has a name that is the same when it is made again."""
    model.graph.name = "graph"
    return model


def catboost(rng, kind, name="CatBoostClassifier", missing=0.2, **params):
    import catboost as cb

    x = numbers(rng, missing=missing)
    y = label(rng, x, kind)
    settings = {"iterations": 5, "depth": 3, "verbose": 0, "random_seed": 7, "thread_count": 1, "allow_writing_files": False}
    model = getattr(cb, name)(**settings | params).fit(x, y)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        model.save_model(path, format="onnx")
        with open(path, "rb") as f:
            return still(f.read()), x.tolist()


def still(data):
    """A model without the time and the identity of its training, so that it is the same when it is made again."""
    import onnx

    model = onnx.load_from_string(data)
    kept = [p for p in model.metadata_props if p.key not in ("train_finish_time", "model_guid")]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    return model


def light(title, kind, traits=(), versions=VERSIONS, refused="", **how):
    what = how.get("name", "LGBMClassifier")
    what = "lightgbm.Booster" if what == "Booster" else what
    return Case(f"lightgbm-{title}", partial(lightgbm, kind=kind, **how), "onnxmltools", what, list(traits), versions, refused=refused)


def extreme(title, kind, traits=(), versions=NEW, refused="", **how):
    what = how.get("name", "XGBClassifier")
    what = "xgboost.Booster" if what == "Booster" else what
    return Case(f"xgboost-{title}", partial(xgboost, kind=kind, **how), "onnxmltools", what, list(traits), versions, refused=refused)


def cat(title, kind, traits=(), versions=ENDS, refused="", **how):
    what = how.get("name", "CatBoostClassifier")
    return Case(f"catboost-{title}", partial(catboost, kind=kind, **how), "catboost", what, list(traits), versions, refused=refused)


def cases():
    regressor = {"name": "LGBMRegressor"}
    yield light("binary", "binary")
    yield light("zipmap", "binary", ["ZipMap"], ENDS, convert={})
    yield light("missing", "binary", ["missing values"], missing=0.2)
    yield light("classes", "class3", ["three classes"])
    yield light("forest", "binary", ["random forest"], ENDS, boosting_type="rf", bagging_freq=1, bagging_fraction=0.6)
    yield light("regressor", "real", **regressor)
    yield light("regressor-split", "real", ["split into several ensembles, added up in double"], LATEST, convert={"split": 2}, **regressor)
    yield light("poisson", "count", ["objective poisson"], ENDS, objective="poisson", **regressor)
    yield light("gamma", "amount", ["objective gamma"], LATEST, objective="gamma", **regressor)
    yield light("quantile", "real", ["objective quantile"], LATEST, objective="quantile", **regressor)
    yield light("categories", "real", ["categories"], name="Booster", categories=6, objective="regression", max_cat_to_onehot=1)
    yield light("categories-binary", "binary", ["categories"], ENDS, name="Booster", categories=12, objective="binary", max_cat_to_onehot=1)
    yield light("categories-many", "real", ["forty categories"], LATEST, name="Booster", categories=40, objective="regression", max_cat_to_onehot=1)

    regressor = {"name": "XGBRegressor"}
    yield extreme("binary", "binary", ["missing values"])
    yield extreme("base", "binary", ["base score 0.2"], LATEST, base_score=0.2)
    yield extreme("classes", "class3", ["three classes"])
    yield extreme("booster", "binary", name="Booster", objective="binary:logistic")
    yield extreme("forest", "binary", ["random forest"], LATEST, name="XGBRFClassifier")
    yield extreme("hinge", "binary", ["objective binary:hinge"], LATEST, objective="binary:hinge")
    yield extreme("regressor", "real", ["missing values"], **regressor)
    yield extreme("poisson", "count", ["objective count:poisson"], objective="count:poisson", **regressor)
    yield extreme("logistic", "binary", ["objective reg:logistic, without its link"], LATEST, objective="reg:logistic", **regressor)
    yield extreme("pair", "pair", ["two targets"], LATEST, **regressor)

    regressor = {"name": "CatBoostRegressor"}
    yield cat("binary", "binary", ["missing values"])
    yield cat("words", "words", ["labels are strings"])
    yield cat("classes", "class3", ["three classes"])
    yield cat("nan-max", "binary", ["nan_mode Max"], LATEST, nan_mode="Max")
    yield cat("regressor", "real", ["missing values"], **regressor)
    yield cat("poisson", "count", ["loss Poisson, without its link"], LATEST, loss_function="Poisson", **regressor)
    yield cat("pair", "pair", ["loss MultiRMSE"], LATEST, loss_function="MultiRMSE", refused="0 class labels", missing=0.0, **regressor)




CASES = list(cases())
