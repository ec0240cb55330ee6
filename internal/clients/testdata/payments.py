"""Payments for a server, by several clients at once: what a dashboard is to show."""

import datetime
import http.client
import json
import math
import random
import ssl
import threading
import time
import urllib.parse

ROW = [138.43, 0, 0, 3, 104.76, 8, 73.7325, 16, 86.62063, 2, 0, 12, 0, 48, 0]


class Payments:
    """Sends about so many requests a second until stop is called. Most are good; some repeat, some are wrong."""

    def __init__(self, url, keys, rate, threads=4):
        self.url, self.keys, self.rate, self.threads = urllib.parse.urlsplit(url), keys, rate, threads
        self.stopped = threading.Event()
        self.statuses = {}
        self.lock = threading.Lock()
        self.team = [threading.Thread(target=self.work, args=(i,), daemon=True) for i in range(threads)]
        for t in self.team:
            t.start()

    def connect(self):
        if self.url.scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the test's own server
            return http.client.HTTPSConnection(self.url.hostname, self.url.port, context=context, timeout=30)
        return http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=30)

    def work(self, i):
        r, n, connection, past = random.Random(i), 0, self.connect(), []
        while not self.stopped.is_set():
            wave = 1 + 0.3 * math.sin(time.time() / 37 + i) + 0.15 * math.sin(time.time() / 7)
            time.sleep(min(r.expovariate(self.rate / self.threads * wave), 1))
            n += 1
            path, body, key = self.request(r, i, n, past)
            headers = {"Content-Type": "application/json", **({"Authorization": "Bearer " + key} if key else {})}
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            with self.lock:
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        connection.close()

    def request(self, r, i, n, past):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        key = r.choices(self.keys, [6, 3, 1][: len(self.keys)])[0] if self.keys else None
        event = {
            "time": now, "card": f"c_{int(r.paretovariate(1.1) * 3) % 4000}", "terminal": f"t_{r.randrange(300)}",
            "amount": round(min(r.lognormvariate(3.6, 1.0), 5000), 2),
        }
        x = r.random()
        if x < 0.004:
            return "/v1/score", {"event": {**event, "amount": "12,50"}}, key
        if x < 0.006:
            return "/v1/score", {"event": event}, key[:-4] + "nope" if key else None
        if x < 0.008 and past:
            return "/v1/score", {**r.choice(past), "event": event}, key
        if x < 0.03 and past:
            return "/v1/score", r.choice(past), key
        if x < 0.045:
            cards = [{**event, "card": f"c_{r.randrange(9000)}"} for _ in range(r.choice([10, 20, 60]))]
            return "/v1/score/batch", {"events": [{"event": e} for e in cards]}, key
        if x < 0.06:
            label = "fraud" if r.random() < 0.1 else "genuine"
            return "/v1/labels", {"labels": [{"event_id": f"evt_{i}_{max(1, n - 40)}", "label": label, "time": now}]}, key
        if x < 0.1:
            row = list(ROW)
            row[0], row[1], row[10], row[12], row[14] = r.choice([20, 138.43, 450, 900]), r.randrange(2), r.choice([0, 0.3]), r.choice([0, 0.1, 0.5]), r.choice([0, 0.05, 0.4])
            return "/v1/score", {"row": row}, key
        past[:] = [*past[-50:], {"event_id": f"evt_{i}_{n}", "event": event}]
        return "/v1/score", past[-1], key

    def stop(self):
        self.stopped.set()
        for t in self.team:
            t.join()
