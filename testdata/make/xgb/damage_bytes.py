"""Damages to the bytes of a model file, and files that are no models at all."""

import io
import json
import struct
import zipfile


def texts(text):
    """Yields (name, bytes, what is wrong) for damages to the bytes of a JSON file."""
    n = len(text)
    middle = text.index(b"split_conditions")
    for word, cut in (
        ("1", 1),
        ("early", 40),
        ("name", middle + 5),
        ("number", middle + 22),
        ("half", n // 2),
        ("late", n - 40),
        ("last", n - 1),
    ):
        yield f"cut-{word}.json", text[:cut], f"cut after {cut} bytes of {n}"
    yield "trailing-brace.json", text + b"}", "a brace too many"
    yield "trailing-document.json", text + b"\n" + text, "two documents"
    yield "trailing-zero.json", text + b"\0", "a zero byte after the end"
    yield "key-twice.json", text.replace(
        b'"tree_info":', b'"tree_info":[0],"tree_info":'
    ), "tree_info stands there twice"
    yield "comma.json", text.replace(b'"tree_info":[', b'"tree_info":[,'), "an empty element"
    yield "number-bad.json", text.replace(b'"num_nodes":"', b'"num_nodes":-,"x":"', 1), "a number of a minus alone"
    yield "escape-bad.json", text.replace(b'"attributes"', b'"attr\\ibutes"', 1), "an unknown escape"
    yield "utf8-bad.json", text.replace(
        b'"attributes":{', b'"attributes":{"a":"\xff\xfe"', 1
    ), "a string that is not UTF-8"
    yield "string-open.json", text[: text.rindex(b'"') - 3], "a string without its end"
    yield "depth.json", text.replace(
        b'"attributes":{', b'"attributes":{"a":' + b"[" * 2000 + b"]" * 2000, 1
    ), "arrays 2,000 deep"
    yield "array.json", b"[" + text + b"]", "an array around the model"
    yield "number.json", b"17", "a number alone"
    yield "null.json", b"null", "null"
    yield "object.json", b"{}", "an empty object"


def counted(data, key, count, marker=b"L"):
    """Returns the UBJSON with another count for the array called key."""
    i = data.index(b"#L", data.index(key)) + 1
    return data[:i] + marker + count + data[i + 9 :]


def ubjson(data):
    """Yields (name, bytes, what is wrong) for damages to the bytes of a UBJSON file."""
    n = len(data)
    middle = data.index(b"split_conditions")
    for word, cut in (
        ("1", 1),
        ("key", 8),
        ("early", 40),
        ("name", middle + 5),
        ("count", middle + 24),
        ("array", middle + 34),
        ("half", n // 2),
        ("late", n - 20),
        ("last", n - 1),
    ):
        yield f"cut-{word}.ubj", data[:cut], f"cut after {cut} bytes of {n}"
    big = lambda x: struct.pack(">q", x)
    for key in (b"left_children", b"split_conditions", b"default_left", b"trees", b"tree_info"):
        name = key.decode().replace("_", "-")
        yield f"count-huge-{name}.ubj", counted(data, key, big(2**40)), f"{key.decode()} of 2^40 elements"
        yield f"count-negative-{name}.ubj", counted(data, key, big(-1)), f"{key.decode()} of -1 elements"
    yield "count-max.ubj", counted(data, b"split_conditions", big(2**63 - 1)), "an array whose size in bytes overflows"
    yield "count-wraps.ubj", counted(
        data, b"split_conditions", big(2**62)
    ), "an array of 2^62 floats, 0 bytes modulo 2^64"
    yield "count-one-more.ubj", counted(
        data, b"left_children", big(int.from_bytes(data[data.index(b"left_children") + 17 :][:8], "big") + 1)
    ), "an array that claims one element more than it has"
    yield "key-length-huge.ubj", data.replace(
        b"L" + big(9) + b"tree_info", b"L" + big(2**40) + b"tree_info", 1
    ), "a key of 2^40 bytes"
    yield "key-length-negative.ubj", data.replace(
        b"L" + big(9) + b"tree_info", b"L" + big(-9) + b"tree_info", 1
    ), "a key of -9 bytes"
    yield "string-length-huge.ubj", data.replace(
        b"base_scoreSL" + big(6)[:7], b"base_scoreSL" + b"\x7f" + big(6)[1:7], 1
    ), "a string of 2^62 bytes and more"
    yield "type-unknown.ubj", data.replace(
        b"split_conditions[$d", b"split_conditions[$x", 1
    ), "an array of an unknown type"
    yield "type-strings.ubj", data.replace(
        b"split_conditions[$d", b"split_conditions[$S", 1
    ), "a typed array of strings"
    yield "type-null.ubj", counted(
        data.replace(b"tree_info[#", b"tree_info[$Z#", 1), b"tree_info", big(2**40)
    ), "2^40 nulls in no bytes"
    yield "marker-unknown.ubj", data.replace(b"tree_info[", b"tree_info?", 1), "an unknown marker"
    yield "trailing.ubj", data + b"}", "a byte after the end"
    yield "trailing-document.ubj", data + data, "two documents"
    yield "depth.ubj", b"{L" + big(1) + b"a" + b"[" * 20000, "arrays 20,000 deep that never end"
    yield "swapped.ubj", data.replace(b"split_indices[$l", b"split_indices[$d", 1), "split_indices of floats"


def others(text):
    """Yields files that are no models at all."""
    yield "empty.json", b"", "an empty file"
    yield "empty.ubj", b"", "an empty file"
    yield "space.json", b" \n\t ", "a file of white space"
    yield "text.json", b"The quick brown fox jumps over the lazy dog.\n", "a text"
    yield "text.ubj", b"The quick brown fox jumps over the lazy dog.\n", "a text"
    yield "brace.ubj", b"{", "an open brace"
    yield "json-in-disguise.ubj", b"\xef\xbb\xbf" + text, "JSON behind a byte order mark"
    yield "utf16.json", text.decode().encode("utf-16"), "JSON in UTF-16"
    yield "lightgbm.txt", b"tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=4\n", "a LightGBM model"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as z:
        z.writestr(zipfile.ZipInfo("model.json"), text)
    yield "model.zip", zipped.getvalue(), "a zip around a model"
    yield "pickle.model", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x0cxgboost.core\x94.", "a pickle"
    snapshot = {"Config": {"learner": {}, "version": [3, 2, 0]}, "Model": json.loads(text)}
    yield "snapshot.json", json.dumps(
        snapshot
    ).encode(), "a snapshot of a process, as pickle holds it, not a saved model"
