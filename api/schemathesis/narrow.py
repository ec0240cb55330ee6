"""Prints the OpenAPI document of a server, narrowed to the one model that it serves.

    python api/schemathesis/narrow.py http://127.0.0.1:8080

The document holds for any model, so it cannot say which features and fields there are: nearly every request made
from it is refused. With the model's own filled in, what it allows must be answered with 200, and nothing else.
"""

import json
import os
import sys
import urllib.request

# Half a unit above the greatest float32: numbers from here on round to infinity.
FLOAT32 = 3.4028235677973366e38
# The first number with two decimals, such as the demo's amount, that histories cannot add up: 10^12 and a half cents.
SUM = 10_000_000_000.005001

# Times as they are read: any day of the years 1971 to 9998 but the 29th of February. The years around them have
# times beyond what is read, by their zones.
DAY = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
TIME = {
    "type": "string",
    "pattern": f"^(197[1-9]|19[89][0-9]|[2-8][0-9]{{3}}|9[0-8][0-9]{{2}}|99[0-8][0-9]|999[0-8])-{DAY}"
    f"T{CLOCK}:[0-5][0-9](\\.[0-9]{{1,9}})?(Z|[+-]{CLOCK})$",
}


def text(least):
    """Strings of least to 256 bytes. A schema counts characters, of which some are four bytes."""
    return {"type": "string", "pattern": f"^([\\x01-\\x7f]{{{least},255}}|[\\s\\S]{{{least},63}})$"}


def get(path):
    request = urllib.request.Request(sys.argv[1] + path, headers={"X-API-Key": os.environ.get("BESRA_KEY", "")})
    with urllib.request.urlopen(request) as answer:
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


def field(f):
    """What a field of an event takes."""
    kinds = {
        "time": TIME,
        "entity": text(1),
        "text": text(0),
        "bool": {"enum": [True, False, 0, 1]},
        "number": {"type": "number", "exclusiveMinimum": -SUM, "exclusiveMaximum": SUM},
    }
    one = kinds[f["type"]]
    return one if f["required"] else {"anyOf": [one, {"type": "null"}]}


def members(of, kind):
    return {
        "type": "object",
        "properties": {m["name"]: kind(m) for m in of},
        "required": [m["name"] for m in of if m["required"]],
        "additionalProperties": False,
    }


def main():
    document = get("/openapi.json")
    name = get("/v1/models")["models"][0]["name"]
    model = get("/v1/models/" + name)
    columns = model["features"]
    schemas = document["components"]["schemas"]
    for item in (schemas["ScoreRequest"], schemas["BatchItem"]):
        item["properties"]["event"] = members(model["event"], field)
        item["properties"]["features"] = members(columns, schema)
        item["properties"]["row"] = {
            "type": "array",
            "prefixItems": [schema(c) for c in columns],
            "items": False,
            "minItems": len(columns),
            "maxItems": len(columns),
        }
    schemas["Label"]["properties"]["time"] = TIME
    for request in (schemas["ScoreRequest"], schemas["BatchRequest"]):
        request["properties"]["model"] = {"const": name}
    for parameter in document["paths"]["/v1/models/{name}"]["get"]["parameters"]:
        if parameter.get("name") == "name":
            parameter["schema"] = {"const": name}
    for path in ("/v1/score", "/v1/score/batch"):
        for content in document["paths"][path]["post"]["requestBody"]["content"].values():
            for other in ("by name", "by position"):  # they are of another model
                content["examples"].pop(other, None)
    json.dump(document, sys.stdout)


main()
