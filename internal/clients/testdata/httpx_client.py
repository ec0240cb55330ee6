"""Asks with httpx, HTTP/1.1 and HTTP/2, many at once: usage httpx_client.py URL CA KEY CLIENT_CERT CLIENT_KEY"""

import asyncio
import ssl
import sys

import httpx

url, ca, key, cert, cert_key = sys.argv[1:]
row = {"row": [138.43, 0, 0, 3, 104.76, 8, 73.7325, 16, 86.62063, 2, 0, 12, 0, 48, 0]}


async def ask(http2: bool) -> None:
    context = ssl.create_default_context(cafile=ca)
    async with httpx.AsyncClient(http2=http2, verify=context, timeout=30) as client:
        headers = {"X-API-Key": key}
        answers = await asyncio.gather(*(client.post(url + "/v1/score", json=row, headers=headers) for _ in range(100)))
        assert all(a.status_code == 200 for a in answers), [a.status_code for a in answers]
        assert {a.http_version for a in answers} == {"HTTP/2" if http2 else "HTTP/1.1"}
        assert len({a.json()["score"] for a in answers}) == 1
    context.load_cert_chain(cert, cert_key)
    async with httpx.AsyncClient(http2=http2, verify=context, timeout=30) as client:
        a = await client.post(url + "/v1/score", json=row)
        assert a.status_code == 200, a.text


asyncio.run(ask(False))
asyncio.run(ask(True))
print("ok")
