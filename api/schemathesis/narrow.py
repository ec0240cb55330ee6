"""Prints the OpenAPI document of a server, narrowed to the one model that it serves.

    python api/schemathesis/narrow.py http://127.0.0.1:8080

The document holds for any model, so it cannot say which features there are: nearly every request made from it
is refused. With the model's own features filled in, what it allows must be answered with 200, and nothing else.
"""

import json
import sys
import urllib.request

# Half a unit above the greatest float32: numbers from here on round to infinity.
FLOAT32 = 3.4028235677973366e38


def get(path):
    with urllib.request.urlopen(sys.argv[1] + path) as answer:
        return json.load(answer)


def schema(feature):
    """What a feature takes. A value outside the declared bounds is scored all the same, with a warning."""
    kinds = {
        "string": {"type": "string"},
        "bool": {"enum": [True, False, 0, 1]},
    }
    number = {"type": "number", "exclusiveMinimum": -FLOAT32, "exclusiveMaximum": FLOAT32}
    one = kinds.get(feature["type"], number)
    return one if feature["required"] else {"anyOf": [one, {"type": "null"}]}


def main():
    document = get("/openapi.json")
    name = get("/v1/models")["models"][0]["name"]
    columns = get("/v1/models/" + name)["features"]
    schemas = document["components"]["schemas"]
    for item in (schemas["ScoreRequest"], schemas["BatchItem"]):
        item["properties"]["features"] = {
            "type": "object",
            "properties": {c["name"]: schema(c) for c in columns},
            "required": [c["name"] for c in columns if c["required"]],
            "additionalProperties": False,
        }
        item["properties"]["row"] = {
            "type": "array",
            "prefixItems": [schema(c) for c in columns],
            "items": False,
            "minItems": len(columns),
            "maxItems": len(columns),
        }
    for request in (schemas["ScoreRequest"], schemas["BatchRequest"]):
        request["properties"]["model"] = {"const": name}
    for parameter in document["paths"]["/v1/models/{name}"]["get"]["parameters"]:
        if parameter.get("name") == "name":
            parameter["schema"] = {"const": name}
    for path in ("/v1/score", "/v1/score/batch"):
        for content in document["paths"][path]["post"]["requestBody"]["content"].values():
            content.pop("examples", None)  # they are of another model
    json.dump(document, sys.stdout)


main()
