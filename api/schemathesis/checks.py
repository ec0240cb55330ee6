"""Checks of what a schema cannot say, beside schemathesis's own.

An event_id guards its event: a repeat gets the first answer, other content is refused, and a label finds it. A batch
is answered with 200 although some of its items cannot be scored, since each item is judged by itself: so the
status says nothing about them, and a check looks at every one.

They read BESRA_DOCUMENT, the document that requests are made from; with BESRA_NARROWED it is that of the one
model that is served, and what it allows must be scored.
"""

import itertools
import json
import os

import jsonschema_rs
import requests
import schemathesis

with open(os.environ["BESRA_DOCUMENT"]) as file:
    DOCUMENT = json.load(file)
NARROWED = bool(os.environ.get("BESRA_NARROWED"))
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["BESRA_KEY"]}


def validator(schema):
    return jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


SCHEMAS = DOCUMENT["components"]["schemas"]
ITEM = validator({"$ref": "#/components/schemas/BatchItem"})
ID = validator(SCHEMAS["BatchItem"]["properties"]["event_id"])
_envelope = json.loads(json.dumps(SCHEMAS["BatchRequest"]))
_envelope["properties"]["events"].pop("items")
ENVELOPE = validator(_envelope)
_score = DOCUMENT["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]
EXAMPLE = _score["examples"]["an event"]["value"]["event"]

SERIAL = itertools.count()


def renamed(item):
    """Gives an item an event_id of its own: generated ones are often the same, and would guard other events."""
    if not isinstance(item, dict) or not ID.is_valid(item.get("event_id")):
        return item
    end = f"~{'n' if NARROWED else 'g'}{next(SERIAL)}"
    return {**item, "event_id": item["event_id"][: 128 - len(end)] + end}


@schemathesis.hook
def before_call(context, case, kwargs):
    # One credential is what is wanted, and it is in Authorization; a deadline of a millisecond would be kept.
    for name in list(case.headers or {}):
        if name.lower() in ("x-api-key", "x-request-timeout-ms"):
            del case.headers[name]
    body = case.body
    if not isinstance(body, dict):
        return
    if case.operation.path == "/v1/score":
        case.body = renamed(body)
    elif case.operation.path == "/v1/score/batch" and isinstance(body.get("events"), list):
        case.body = {**body, "events": [renamed(item) for item in body["events"]]}


def post(response, body, path=None):
    """Sends a body to where a response came from, or to another path there."""
    url = requests.compat.urljoin(response.request.url, path)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(url, data=data, headers=HEADERS, timeout=10)


def guarded(item):
    return "event_id" in item and not item.get("dry_run")


@schemathesis.check
def an_event_id_guards_its_event(ctx, response, case):
    if case.operation.path != "/v1/score" or response.status_code != 200:
        return
    request = json.loads(response.request.body)
    again = post(response, response.request.body)
    if again.status_code != 200:
        raise AssertionError(f"a repeat was refused: {again.text}")
    replayed = again.headers.get("Idempotent-Replayed") == "true"
    if replayed != guarded(request):
        raise AssertionError(f"a repeat was {'' if replayed else 'not '}replayed")
    if not replayed:
        return
    if again.content != response.content:
        raise AssertionError(f"a repeat was answered with {again.text}")
    other = {"event_id": request["event_id"], "event": EXAMPLE}
    if NARROWED and request.get("event") != EXAMPLE and post(response, other).status_code != 409:
        raise AssertionError("other content was not refused")
    label = {"event_id": request["event_id"], "label": "fraud", "time": "2026-12-02T09:30:00Z"}
    counts = post(response, {"labels": [label]}, "/v1/labels").json()
    if counts != {"accepted": 1, "known": 1, "repeated": 0, "early": 0}:
        raise AssertionError(f"its label was answered with {counts}")


@schemathesis.check
def every_item_of_a_batch_is_judged(ctx, response, case):
    if case.operation.path != "/v1/score/batch" or response.status_code != 200:
        return
    request = json.loads(response.request.body)
    if not ENVELOPE.is_valid(request):
        raise AssertionError("a batch that is none was accepted")
    items, results = request["events"], response.json()["results"]
    repeats = post(response, response.request.body).json()["results"]
    if len(results) != len(items) or len(repeats) != len(items):
        raise AssertionError(f"{len(items)} items, {len(results)} results, {len(repeats)} at the repeat")
    for i, (item, result, repeat) in enumerate(zip(items, results, repeats)):
        valid, refused = ITEM.is_valid(item), "error" in result
        if not valid and not refused:
            raise AssertionError(f"item {i} violates the schema and was scored: {item}")
        if NARROWED and valid and refused:
            raise AssertionError(f"item {i} was refused: {result['error']}")
        if isinstance(item, dict) and valid and result.get("event_id") != item.get("event_id"):
            raise AssertionError(f"item {i} is answered as {result.get('event_id')}")
        if not refused and guarded(item):
            first = {**result, "replayed": True, "version": response.json()["version"]}
            if repeat != first:
                raise AssertionError(f"item {i} was answered with {result}, its repeat with {repeat}")


@schemathesis.check
def every_label_is_counted(ctx, response, case):
    if case.operation.path != "/v1/labels" or response.status_code != 200:
        return
    counts = response.json()
    sent = len(json.loads(response.request.body)["labels"])
    if counts["accepted"] != sent or counts["known"] + counts["repeated"] + counts["early"] != sent:
        raise AssertionError(f"of {sent} labels: {counts}")
