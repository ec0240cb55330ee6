"""Asks with requests: usage requests_client.py URL CA KEY CLIENT_CERT CLIENT_KEY"""

import sys

import requests

url, ca, key, cert, cert_key = sys.argv[1:]
row = {"row": [138.43, 0, 0, 3, 104.76, 8, 73.7325, 16, 86.62063, 2, 0, 12, 0, 48, 0]}

with requests.Session() as s:
    s.trust_env = False  # REQUESTS_CA_BUNDLE would win over verify
    s.verify = ca
    s.headers["Authorization"] = "Bearer " + key
    scores = set()
    for _ in range(100):
        r = s.post(url + "/v1/score", json=row, timeout=30)
        r.raise_for_status()
        scores.add(r.json()["score"])
    assert len(scores) == 1, scores
    pools = s.get_adapter(url).poolmanager.pools
    connections = [pools[key].num_connections for key in pools.keys()]
    assert connections == [1], connections
    assert s.get(url + "/v1/models", timeout=30).json()["models"][0]["live"]
    assert s.get(url + "/metrics", timeout=30).status_code == 403

with requests.Session() as s:
    s.trust_env = False
    s.verify, s.cert = ca, (cert, cert_key)
    r = s.post(url + "/v1/score", json=row, timeout=30)
    assert r.status_code == 200 and r.json()["score"] in scores, r.text

r = requests.post(url + "/v1/score", json=row, verify=ca, timeout=30)
assert r.status_code == 401 and r.headers["Content-Type"] == "application/problem+json", r.text
assert r.headers["WWW-Authenticate"].startswith("Bearer"), r.headers
print("ok")
