"""Asks an HTTP API by a signed request, and Lambda by the SDK, as any Python program on AWS would."""

import base64
import json
import sys
import urllib.request

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

api, endpoint, key, secret = sys.argv[1:]


def ask(credentials):
    request = AWSRequest("POST", api + "/v1/score?b=2&a=x%20y", data=b'{"a":1}', headers={"Content-Type": "application/json"})
    SigV4Auth(credentials, "execute-api", "us-east-1").add_auth(request)
    request = urllib.request.Request(request.url, data=b'{"a":1}', headers=dict(request.headers))
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as e:
        return e.code, json.load(e)


status, context = ask(Credentials(key, secret))
assert status == 200 and context["authorizer"]["iam"]["accessKey"] == key, (status, context)
status, said = ask(Credentials(key, "wrong"))
assert status == 403 and said == {"message": "Forbidden"}, (status, said)

client = botocore.session.get_session().create_client(
    "lambda", region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret,
    config=Config(retries={"max_attempts": 0}))
answer = client.invoke(FunctionName="besra", Payload=b'{"a":1}', LogType="Tail")
assert answer["StatusCode"] == 200 and answer["FunctionError"] == "Unhandled" and answer["ExecutedVersion"] == "3", answer
assert json.load(answer["Payload"]) == {"a": 1} and base64.b64decode(answer["LogResult"]) == b"START", answer
try:
    client.invoke(FunctionName="other")
    raise SystemExit("another function is found")
except client.exceptions.ResourceNotFoundException as e:
    assert e.response["Error"]["Message"].startswith("Function not found"), e
client.close()
print("ok")
