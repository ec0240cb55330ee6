"""make golden: fits models, writes their golden rows, and has besra (BESRA, or bin/besra) prove them."""

import csv
import os
import subprocess
import tempfile
import unittest
import warnings
from pathlib import Path

import catboost as cb
import lightgbm as lgb
import numpy as np
import onnx
import pandas as pd
import xgboost as xgb
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import golden
from golden._files import cells
from golden._onnx import Session
from golden._xgboost import thresholds

BESRA = os.environ.get("BESRA", str(Path(__file__).resolve().parent.parent / "bin" / "besra"))
warnings.filterwarnings("ignore")


def payments(n=1500):
    """Payments as data scientists have them: numbers of either width, missing ones, names, codes."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame({
        "amount": rng.lognormal(3, 1, n),
        "age": rng.integers(0, 99, n).astype(np.float32),
        "country": rng.choice(["DE", "VN", "US", "Cote d'Ivoire", 'the "new" one, by hand'], n),
        "mcc": rng.choice([5411, 5999, 7995], n),
    })
    X.loc[rng.random(n) < 0.1, "amount"] = np.nan
    fraud = ((X["amount"].fillna(0) > 30) & (X["country"] != "DE") | (X["mcc"] == 7995) & (X["age"] < 30)).astype(int)
    return X, fraud.to_numpy(), rng.integers(0, 3, n)


X, FRAUD, KIND = payments()
NAMED = X.assign(country=X["country"].astype("category"), mcc=X["mcc"].astype("category"))
NUMBERS = X[["amount", "age"]]


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.golden = self.folder / "golden"

    def verify(self, model, *flags):
        return subprocess.run([BESRA, "verify", model, "--golden", self.golden, *flags], capture_output=True, text=True)

    def proves(self, model, *flags):
        """besra gives the library's own answers; and where one is changed, it says which."""
        for name in ("rows", "value"):
            self.assertEqual(len(read(self.golden / f"{name}.csv")), 301)
        done = self.verify(model, *flags)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("proven", done.stdout)
        self.assertIn("300 golden rows", done.stdout)

        def changed(name, cell):
            path = self.golden / f"{name}.csv"
            before = path.read_bytes()
            lines = read(path)
            lines[42][-1] = cell
            with open(path, "w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(lines)
            done = self.verify(model, *flags)
            path.write_bytes(before)
            self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
            return done

        self.assertIn("value.csv:43: ", changed("value", "123.456").stderr)
        if (self.golden / "leaf.csv").exists():
            last = len(read(self.golden / "leaf.csv")[0]) - 1
            done = changed("leaf", "999999")
            self.assertIn(f"leaf.csv:43: column {last + 1}: ", done.stderr)
            self.assertIn(f"tree {last} is the first that leads elsewhere (row 42)", done.stderr)


class XGBoost(Case):
    def test_numbers_and_categories(self):
        model = xgb.XGBClassifier(n_estimators=20, max_depth=4, enable_categorical=True).fit(NAMED.drop(columns="mcc"), FRAUD)
        model.save_model(self.folder / "fraud.ubj")
        golden.xgboost(model, NAMED.drop(columns="mcc"), self.golden)
        self.proves(self.folder / "fraud.ubj")

    def test_codes_of_categories(self):
        data = X.assign(country=X["country"].astype("category").cat.codes).drop(columns="mcc")
        model = xgb.XGBRegressor(n_estimators=20, feature_types=["q", "q", "c"], enable_categorical=True).fit(data, FRAUD)
        model.save_model(self.folder / "fraud.json")
        golden.xgboost(model, data, self.golden)
        self.proves(self.folder / "fraud.json")

    def test_several_classes_a_sentinel_and_some_rounds(self):
        data = NUMBERS.fillna(-1)
        model = xgb.XGBClassifier(n_estimators=9, missing=-1).fit(data, KIND)
        model.save_model(self.folder / "fraud.ubj")
        golden.xgboost(model, data, self.golden, missing=-1, iteration_range=(2, 7))
        self.proves(self.folder / "fraud.ubj", "--missing", "-1", "--iterations", "2:7")

    def test_a_linear_model_has_no_leaves(self):
        model = xgb.XGBRegressor(booster="gblinear", n_estimators=2).fit(NUMBERS, FRAUD)
        model.save_model(self.folder / "fraud.ubj")
        golden.xgboost(model, NUMBERS, self.golden)
        self.assertFalse((self.golden / "leaf.csv").exists())
        self.proves(self.folder / "fraud.ubj")


class LightGBM(Case):
    def test_categories_of_a_frame(self):
        model = lgb.LGBMClassifier(n_estimators=30, verbose=-1).fit(NAMED, FRAUD)
        model.booster_.save_model(self.folder / "fraud.txt")
        golden.lightgbm(model, NAMED, self.golden)
        self.proves(self.folder / "fraud.txt")
        written = {row[2] for row in read(self.golden / "rows.csv")}
        self.assertLessEqual({"DE", "", "never seen"}, written)

    def test_codes_of_categories_and_several_classes(self):
        data = X.assign(country=X["country"].astype("category").cat.codes).to_numpy(np.float64)
        model = lgb.train({"objective": "multiclass", "num_class": 3, "verbose": -1}, lgb.Dataset(data, KIND, categorical_feature=[2, 3]), 10)
        model.save_model(self.folder / "fraud.txt")
        golden.lightgbm(model, data, self.golden)
        self.proves(self.folder / "fraud.txt")

    def test_linear_trees_stopped_early_and_some_rounds(self):
        model = lgb.LGBMRegressor(n_estimators=50, linear_tree=True, verbose=-1)
        model.fit(NUMBERS[:1000], FRAUD[:1000], eval_set=[(NUMBERS[1000:], FRAUD[1000:])], callbacks=[lgb.early_stopping(3, verbose=False)])
        model.booster_.save_model(self.folder / "fraud.txt")
        golden.lightgbm(model, NUMBERS, self.golden)
        self.proves(self.folder / "fraud.txt")
        golden.lightgbm(model, NUMBERS, self.golden, iterations=(1, 3))
        self.proves(self.folder / "fraud.txt", "--iterations", "1:3")

    def test_a_frame_without_its_categories_is_refused(self):
        model = lgb.LGBMClassifier(n_estimators=2, verbose=-1).fit(NAMED, FRAUD)
        with self.assertRaisesRegex(ValueError, "fitted on a frame with category columns"):
            golden.lightgbm(model, X.drop(columns=["country", "mcc"]).assign(country=0, mcc=0), self.golden)


class CatBoost(Case):
    def test_categories(self):
        model = cb.CatBoostClassifier(iterations=30, cat_features=["country", "mcc"], verbose=0, allow_writing_files=False).fit(X, FRAUD)
        model.save_model(self.folder / "fraud.cbm")
        golden.catboost(model, X, self.golden)
        self.proves(self.folder / "fraud.cbm")
        written = {row[2] for row in read(self.golden / "rows.csv")}
        self.assertLessEqual({"DE", "", "never seen"}, written)

    def test_one_hot_depthwise_in_json_and_some_trees(self):
        model = cb.CatBoostRegressor(iterations=20, cat_features=["country"], one_hot_max_size=10, grow_policy="Depthwise",
                                     verbose=0, allow_writing_files=False).fit(X.drop(columns="mcc"), FRAUD)
        model.save_model(self.folder / "fraud.json", format="json")
        golden.catboost(model, X.drop(columns="mcc"), self.golden, iterations=(3, 12), json=self.folder / "fraud.json")
        self.proves(self.folder / "fraud.json", "--iterations", "3:12")

    def test_several_classes(self):
        model = cb.CatBoostClassifier(iterations=10, cat_features=["country", "mcc"], verbose=0, allow_writing_files=False).fit(X, KIND)
        model.save_model(self.folder / "fraud.cbm")
        golden.catboost(model, X, self.golden)
        self.assertEqual(len(read(self.golden / "value.csv")[0]), 3)
        self.proves(self.folder / "fraud.cbm", "--tolerance", "16")  # its exponential is its own, and the processor's

    def test_a_category_that_is_no_text_is_refused(self):
        model = cb.CatBoostClassifier(iterations=2, cat_features=["country"], verbose=0, allow_writing_files=False).fit(X.drop(columns="mcc"), FRAUD)
        with self.assertRaisesRegex(ValueError, "'country': CatBoost's categories are strings or integers, not nan"):
            golden.catboost(model, X.drop(columns="mcc").assign(country=np.nan), self.golden)


class ScikitLearn(Case):
    def proven(self, model, data, y, *flags):
        golden.sklearn(model.fit(data, y), data, self.golden)
        self.assertFalse((self.golden / "margin.csv").exists())
        self.proves(self.golden / "model.onnx", *flags)

    def test_a_random_forest(self):
        self.proven(RandomForestClassifier(20, random_state=0), NUMBERS.fillna(0), FRAUD)

    def test_boosting_of_several_classes(self):
        self.proven(GradientBoostingClassifier(n_estimators=5, random_state=0), NUMBERS.fillna(0), KIND)

    def test_a_regression(self):
        self.proven(ExtraTreesRegressor(10, random_state=0), NUMBERS.fillna(0).to_numpy(), FRAUD.astype(float))

    def test_a_pipeline_of_numbers_and_names(self):
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        names = OneHotEncoder(handle_unknown="ignore")
        columns = make_column_transformer((numbers, ["amount", "age"]), (names, ["country"]), sparse_threshold=0)
        self.proven(make_pipeline(columns, HistGradientBoostingClassifier(max_iter=10)), X, FRAUD)

    def test_a_name_that_is_empty(self):
        data = X.assign(country=X["country"].where(X.index % 3 > 0, ""))
        columns = make_column_transformer(("passthrough", ["age"]), (OneHotEncoder(handle_unknown="ignore"), ["country"]), sparse_threshold=0)
        self.proven(make_pipeline(columns, RandomForestClassifier(5, random_state=0)), data[["age", "country"]], data["country"] == "")

    def test_a_converter_that_loses_something_is_told(self):
        data = NUMBERS  # its missing values go another way in the ONNX model
        model = RandomForestClassifier(20, random_state=0).fit(data, FRAUD)
        with self.assertWarnsRegex(UserWarning, "the ONNX model answers otherwise than scikit-learn in"):
            golden.sklearn(model, data, self.golden)


class ONNX(Case):
    def test_thresholds_are_read_from_the_graph(self):
        model = RandomForestClassifier(1, max_depth=1, max_features=None, random_state=0).fit(NUMBERS, X["age"] > 40)
        golden.sklearn(model, NUMBERS, self.golden)
        columns, _ = Session(onnx.load(self.golden / "model.onnx")).read(NUMBERS, 0)
        (t,) = columns[1].thresholds
        self.assertEqual(t, 40.5)
        written = {np.float32(cell or "nan") for _, cell in read(self.golden / "rows.csv")[1:]}
        for edge in (t, np.nextafter(np.float32(t), np.float32(0)), np.nextafter(np.float32(t), np.float32(99))):
            self.assertIn(edge, written)

    def test_behind_a_scaler_they_are_found(self):
        model = make_pipeline(StandardScaler(), RandomForestClassifier(1, max_depth=1, max_features=None, random_state=0))
        golden.sklearn(model.fit(X[["age"]], X["age"] > 40), X[["age"]], self.golden)
        session = Session(self.golden / "model.onnx")
        columns, _ = session.read(X[["age"]], 0)
        below, above = (np.float32(t) for t in columns[0].thresholds)
        self.assertEqual(np.nextafter(below, above), above)
        self.assertNotEqual(session.one([below]).tolist(), session.one([above]).tolist())


class WriteGolden(Case):
    """The first of these functions, as it has always been."""

    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(3)
        self.X = pd.DataFrame({
            "a": rng.normal(size=400).astype(np.float32),
            "kind, of": pd.Categorical(rng.choice(["x", "y", "z"], size=400)),
        })
        self.y = rng.integers(0, 3, size=400)

    def write(self, model, X, **options):
        golden.write_golden(model, X, self.golden, **options)
        self.assertFalse((self.golden / "leaf.csv").exists())
        return {name: read(self.golden / f"{name}.csv") for name in ("rows", "margin", "value")}

    def test_are_the_models_own_answers(self):
        model = xgb.XGBClassifier(n_estimators=4, max_depth=3, enable_categorical=True).fit(self.X, self.y)
        files = self.write(model, self.X, rows=200)
        self.assertEqual(files["rows"][0], ["a", "kind, of"])
        self.assertEqual(files["value"][0], ["value_0", "value_1", "value_2"])
        frame = pd.DataFrame(files["rows"][1:], columns=files["rows"][0]).replace("", None)
        frame["a"] = frame["a"].astype(np.float32)
        frame["kind, of"] = pd.Categorical(frame["kind, of"], categories=["x", "y", "z"])
        self.assertEqual(len(frame), 200)
        np.testing.assert_array_equal(np.array(files["value"][1:], np.float32), model.predict_proba(frame))
        margin = model.predict(frame, output_margin=True)
        np.testing.assert_array_equal(np.array(files["margin"][1:], np.float32), margin)

    def test_stand_on_the_models_thresholds(self):
        X, y = self.X[["a"]], self.X["a"] > 0.5
        model = xgb.XGBClassifier(n_estimators=1, max_depth=1).fit(X, y)
        (t,) = thresholds(model.get_booster())[0]
        written = {cell for (cell,) in self.write(model, X)["rows"]}
        around = [np.nextafter(t, np.float32(-np.inf)), t, np.nextafter(t, np.float32(np.inf))]
        for cell in ["", *cells(np.array(around))]:
            self.assertIn(cell, written)

    def test_leave_the_sentinel_empty(self):
        X = np.array([[1.0], [-999.0], [3.0], [np.nan]] * 50)
        model = xgb.XGBRegressor(n_estimators=2, missing=-999.0).fit(X, np.arange(200))
        rows = self.write(model, X, missing=-999.0)["rows"]
        self.assertEqual(rows[0], ["f0"])
        self.assertNotIn(["-999"], rows)
        self.assertIn([""], rows)

    def test_follow_the_range_of_trees(self):
        X, y = self.X[["a"]], self.X["a"]
        model = xgb.XGBRegressor(n_estimators=5).fit(X, y)
        first = xgb.XGBRegressor(n_estimators=2).fit(X, y)
        self.assertEqual(self.write(model, X, iteration_range=(0, 2))["margin"][:151], self.write(first, X)["margin"][:151])

    def test_of_a_linear_model(self):
        model = xgb.XGBRegressor(booster="gblinear", n_estimators=2).fit(self.X[["a"]], self.y)
        self.assertEqual(len(self.write(model, self.X[["a"]], rows=10)["margin"]), 11)

    def test_read_back_to_the_same_bits(self):
        numbers = np.array([0.1, -0.0, 1e-45, 3.4028235e38, 16777216, np.pi, np.nan], np.float32)
        text = cells(numbers)
        self.assertEqual(text[-1], "")
        back = np.array([float(t or "nan") for t in text]).astype(np.float32)
        self.assertEqual(back[:-1].tobytes(), numbers[:-1].tobytes())


if __name__ == "__main__":
    unittest.main()
