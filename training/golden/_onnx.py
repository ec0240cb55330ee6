"""ONNX, by ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pandas as pd

from ._files import write_answers, write_rows
from ._push import Column, as_frame, golden_frame

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32,
         "tensor(bool)": np.bool_, "tensor(string)": str}
PROBES = 200  # thresholds that are looked for


def write(model, X, out, rows, seed):
    session = Session(model)
    columns, frame = session.read(X, seed)
    golden = golden_frame(frame, columns, rows, np.float32, seed)
    for column, dtype in zip(columns, session.dtypes):
        if dtype in (np.int64, np.int32, np.bool_):
            golden[column.name] = whole(golden[column.name], frame[column.name], dtype)
    golden, value = session.answered(golden)
    write_rows(out, golden, np.float64)
    write_answers(out, "value", value, value.dtype.type)


class Session:
    """A model that is asked one row at a time, on one thread."""

    def __init__(self, model):
        if hasattr(model, "SerializeToString"):
            model = model.SerializeToString()
        elif not isinstance(model, bytes):
            model = Path(model).read_bytes()
        self.bytes = model
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what it cannot answer is left out
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.inputs = self.session.get_inputs()
        unknown = [i.type for i in self.inputs if i.type not in TYPES]
        if unknown:
            raise ValueError(f"inputs of type {unknown[0]} are not read by besra")
        # Of a classifier one output is the class; what is served is the scores beside it.
        outputs = self.session.get_outputs()
        self.outputs = [o.name for o in outputs if o.type.startswith("seq") or o.type in ("tensor(float)", "tensor(double)")]
        self.classifier = len(self.outputs) < len(outputs) or any(o.type.startswith("seq") for o in outputs)
        if not self.outputs:
            raise ValueError("the model has no output of numbers")

    def read(self, X, seed):
        """The model's columns, and X in their order. An input that is the only one has the columns f0, f1, …; of several
        each is a column, or several."""
        self.names, self.dtypes, self.widths = [], [], []
        for i in self.inputs:
            width = i.shape[1] if len(i.shape) == 2 else 1
            if not isinstance(width, int):
                width = np.asarray(X).shape[1] if len(self.inputs) == 1 else 1
            if len(self.inputs) == 1:
                self.names += [f"f{k}" for k in range(width)]
            else:
                self.names += [i.name] if width == 1 else [f"{i.name}_{k}" for k in range(width)]
            self.dtypes += [TYPES[i.type]] * width
            self.widths.append(width)
        frame, data, columns = as_frame(X, self.names), {}, []
        for i, (name, dtype) in enumerate(zip(self.names, self.dtypes)):
            values = frame.iloc[:, i].reset_index(drop=True)
            if dtype is str:
                data[name] = pd.Series(["" if pd.isna(v) else str(v) for v in values], dtype=object)
                columns.append(Column(name, known=sorted(set(data[name])), strange=["never seen", "nor this"], missing=""))
            else:
                width = dtype if dtype in (np.float32, np.float64) else np.float64  # which holds whole numbers
                data[name] = values.astype(width)
                columns.append(Column(name, dtype=width))
        frame = pd.DataFrame(data)
        known = graph_thresholds(self.bytes) if len(self.inputs) == 1 else {}
        for i, column in enumerate(columns):
            if column.known is None:
                column.thresholds = known.get(i, np.array([]))
        if not known:
            self.probe(frame, columns, seed)
        return columns, frame

    def answered(self, frame):
        """The rows that have an answer, and their values: some graphs refuse a category that they do not know, or a missing
        number."""
        kept, answers = [], []
        for k, row in enumerate(frame.itertuples(index=False, name=None)):
            try:
                answers.append(self.one(row))
            except ort.capi.onnxruntime_pybind11_state.OnnxRuntimeException:
                continue
            kept.append(k)
        if not kept:
            raise ValueError("ONNX Runtime answers none of the rows")
        return frame.iloc[kept].reset_index(drop=True), np.stack(answers)

    def one(self, row):
        """The values of a row."""
        feed, at = {}, 0
        for i, width in zip(self.inputs, self.widths):
            dtype = TYPES[i.type]
            cells = np.array([row[at:at + width]], object if dtype is str else dtype)
            feed[i.name] = cells if len(i.shape) == 2 else cells.reshape(-1)
            at += width
        parts = []
        for answer in self.session.run(self.outputs, feed):
            if isinstance(answer, list):  # a ZipMap's
                answer = np.array(list(answer[0].values()), np.float32)
            parts.append(np.asarray(answer).reshape(-1))
        answer = np.concatenate(parts)
        return answer[1:] if len(answer) == 2 and self.classifier else answer  # the positive class's

    def probe(self, frame, columns, seed):
        """Finds where answers change, whatever stands between a number and the trees: between two values of a column that are
        answered differently there is a place where two neighbours are, and halving finds it."""
        rng = np.random.default_rng(seed)
        numbers = [i for i, c in enumerate(columns) if c.known is None and self.dtypes[i] in (np.float32, np.float64)]
        found = {i: set() for i in numbers}
        for _ in range(PROBES if numbers else 0):
            i = int(rng.choice(numbers))
            row = list(frame.iloc[int(rng.integers(len(frame)))])
            a, b = (self.dtypes[i](frame.iloc[int(rng.integers(len(frame))), i]) for _ in range(2))
            if np.isnan(a) or np.isnan(b):
                continue
            try:
                first, last = self.one(replaced(row, i, a)), self.one(replaced(row, i, b))
            except ort.capi.onnxruntime_pybind11_state.OnnxRuntimeException:
                continue
            if np.array_equal(first, last, equal_nan=True):
                continue
            while True:
                middle = self.dtypes[i]((float(a) + float(b)) / 2)
                if middle in (a, b):
                    break
                if np.array_equal(self.one(replaced(row, i, middle)), first, equal_nan=True):
                    a = middle
                else:
                    b = middle
            found[i].update((a, b))
        for i, t in found.items():
            columns[i].thresholds = np.array(sorted(t))


def replaced(row, i, x):
    return [*row[:i], x, *row[i + 1:]]


def graph_thresholds(model):
    """The thresholds of ensembles that read the graph's input as it is, by feature."""
    try:
        import onnx
    except ImportError:
        return {}
    graph = onnx.load_model_from_string(model).graph
    same, found = {graph.input[0].name}, {}
    for node in graph.node:
        if node.op_type in ("Cast", "Identity") and node.input[0] in same:
            same.update(node.output)
        if not node.op_type.startswith("TreeEnsemble") or node.input[0] not in same:
            continue
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        features = attributes.get("nodes_featureids", ())
        values = attributes.get("nodes_values", attributes.get("nodes_values_as_tensor", attributes.get("nodes_splits", ())))
        if isinstance(values, onnx.TensorProto):
            values = onnx.numpy_helper.to_array(values)
        modes = attributes.get("nodes_modes", ())
        for k, (feature, value) in enumerate(zip(features, values)):
            if not isinstance(modes, list) or modes[k] != b"LEAF":
                found.setdefault(int(feature), set()).add(float(value))
    return {f: np.array(sorted(t)) for f, t in found.items()}


def whole(column, seen, dtype):
    """The column in whole numbers, which have no missing one."""
    values = column.to_numpy()
    usual = np.resize(seen.to_numpy(), len(values))
    with np.errstate(invalid="ignore"):
        fit = np.isfinite(values) & (np.abs(values) < 1e9) & (values == np.floor(values))
    if dtype is np.bool_:
        fit &= (values == 0) | (values == 1)
    return np.where(fit, values + 0.0, usual)
