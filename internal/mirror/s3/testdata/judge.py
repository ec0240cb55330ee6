"""Signs requests anew, as they were received, with botocore, and prints each one's signature and the path of its key.

stdin: a JSON list of {method, target, headers, key, id, secret, session}, where headers are those that were signed.
"""

import json
import sys
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

answers = []
for r in json.load(sys.stdin):
    headers = {name: value for name, value in r["headers"].items() if name.lower() != "host"}
    request = AWSRequest(r["method"], "http://" + r["headers"]["Host"] + r["target"], headers=headers)
    request.context["timestamp"] = r["headers"]["X-Amz-Date"]
    auth = S3SigV4Auth(Credentials(r["id"], r["secret"], r["session"] or None), "s3", r["region"])
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    answers.append({"signature": signature, "path": quote(r["key"], safe="/-._~")})
json.dump(answers, sys.stdout)
