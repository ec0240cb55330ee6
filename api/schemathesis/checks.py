"""A check of batches, beside schemathesis's own.

A batch is answered with 200 although some of its items cannot be scored: each item is judged by itself. So the
status says nothing about them, and this check looks at every one. It reads BESRA_DOCUMENT, the document that
requests are made from; with BESRA_NARROWED it is that of the one model that is served, and what it allows must
be scored.
"""

import json
import os

import jsonschema_rs
import schemathesis

with open(os.environ["BESRA_DOCUMENT"]) as file:
    DOCUMENT = json.load(file)
NARROWED = bool(os.environ.get("BESRA_NARROWED"))


def validator(schema):
    return jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


SCHEMAS = DOCUMENT["components"]["schemas"]
ITEM = validator({"$ref": "#/components/schemas/BatchItem"})
_envelope = json.loads(json.dumps(SCHEMAS["BatchRequest"]))
_envelope["properties"]["events"].pop("items")
ENVELOPE = validator(_envelope)


@schemathesis.check
def every_item_of_a_batch_is_judged(ctx, response, case):
    if case.operation.path != "/v1/score/batch" or response.status_code != 200:
        return
    request = json.loads(response.request.body)
    if not ENVELOPE.is_valid(request):
        raise AssertionError("a batch that is none was accepted")
    results = response.json()["results"]
    if len(results) != len(request["events"]):
        raise AssertionError(f"{len(request['events'])} items, {len(results)} results")
    for i, (item, result) in enumerate(zip(request["events"], results)):
        valid, refused = ITEM.is_valid(item), "error" in result
        if not valid and not refused:
            raise AssertionError(f"item {i} violates the schema and was scored: {item}")
        if NARROWED and valid and refused:
            raise AssertionError(f"item {i} was refused: {result['error']}")
        if isinstance(item, dict) and valid and result.get("event_id") != item.get("event_id"):
            raise AssertionError(f"item {i} is answered as {result.get('event_id')}")
