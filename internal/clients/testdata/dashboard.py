"""Opens the dashboard in Chromium, as an operator does.

usage: dashboard.py page|key|screenshots URL KEYS CHROMIUM CHROMEDRIVER AXE [DIRECTORY DIRECTORY SECONDS]

KEYS are an operator's and clients', with commas between; empty: nobody is authenticated.
"""

import base64
import io
import itertools
import json
import math
import pathlib
import random
import re
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request

import websocket
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from payments import Payments

mode, url, keys, chromium, chromedriver, axe, *more = sys.argv[1:]
operator, *clients = keys.split(",") if keys else [""]
trusting = ssl.create_default_context()
trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE  # the test's own server

# What the page does wrong is gathered from before its first line runs.
WATCH = """
window.wrong = [];
addEventListener("securitypolicyviolation", (e) => wrong.push(`policy: ${e.violatedDirective} ${e.blockedURI}`));
addEventListener("error", (e) => wrong.push(`error: ${e.message}`));
addEventListener("unhandledrejection", (e) => wrong.push(`rejection: ${e.reason}`));
"""


def browser(theme, width=1440, height=900, scale=1):
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.accept_insecure_certs = True  # the browser does not know the test's authority
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    b = webdriver.Chrome(options=options, service=Service(chromedriver))
    b.set_script_timeout(60)
    b.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False})
    b.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]})
    b.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    if operator:
        answer_for_keys(b)
    return b


def answer_for_keys(b):
    """Types the operator's key where the browser asks for one, beside the driver, which is waiting for the page then."""
    address = b.capabilities["goog:chromeOptions"]["debuggerAddress"]
    with urllib.request.urlopen(f"http://{address}/json") as r:
        page = next(t for t in json.load(r) if t["type"] == "page")
    socket = websocket.create_connection(page["webSocketDebuggerUrl"], suppress_origin=True)
    numbers = itertools.count(1)

    def send(method, **params):
        socket.send(json.dumps({"id": next(numbers), "method": method, "params": params}))

    def answer():
        while True:
            try:
                message = json.loads(socket.recv())
            except (websocket.WebSocketException, OSError, ValueError):
                return  # the browser has been closed
            match message.get("method"):
                case "Fetch.requestPaused":
                    send("Fetch.continueRequest", requestId=message["params"]["requestId"])
                case "Fetch.authRequired":
                    asked_for.append(message["params"]["request"]["url"])
                    send("Fetch.continueWithAuth", requestId=message["params"]["requestId"],
                         authChallengeResponse={"response": "ProvideCredentials", "username": "operator", "password": operator})

    send("Fetch.enable", handleAuthRequests=True)
    threading.Thread(target=answer, daemon=True).start()


asked_for = []  # what the browser has asked for a key for


def until(what, holds, seconds=30):
    for _ in range(seconds * 10):
        got = holds()
        if got:
            return got
        time.sleep(0.1)
    raise AssertionError(f"waited in vain until {what}")


def ask(path, **headers):
    """Asks besra beside the browser: status, headers, text."""
    request = urllib.request.Request(url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, context=trusting if url.startswith("https") else None) as r:
            return r.status, r.headers, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read().decode()


def credentials():
    return {"Authorization": "Basic " + base64.b64encode(f"operator:{operator}".encode()).decode()} if operator else {}


def open_page(b):
    b.get(url + "/dashboard")
    until("the stream is live", lambda: text(b, "state") == "live")


def text(b, id):
    return b.execute_script("return document.getElementById(arguments[0])?.textContent", id)


TRIED = f"{url}/v1/score - Failed to load resource: the server responded with a status of 422 "  # on purpose


def faultless(b):
    """Nothing was wrong, and nobody else was asked."""
    wrong = b.execute_script("return window.wrong")
    assert wrong == [], wrong
    loud = [e for e in b.get_log("browser") if e["level"] in ("SEVERE", "WARNING") and not e["message"].startswith(TRIED)]
    assert loud == [], loud
    asked = set()
    for entry in b.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.add(message["params"]["request"]["url"])
    outside = [a for a in asked if not a.startswith(url + "/") and not a.startswith("data:") and a != "about:blank"]
    assert asked and outside == [], outside


def accessible(b, theme):
    """axe-core finds nothing that is serious."""
    until(f"the page is {theme}", lambda: b.execute_script("return document.documentElement.dataset.theme") == theme)
    b.execute_script(pathlib.Path(axe).read_text())
    found = b.execute_async_script("const done = arguments[0]; axe.run(document).then(done, (e) => done({error: String(e)}));")
    assert "violations" in found, found
    grave = [(v["id"], v["impact"], [(n["target"], n.get("failureSummary")) for n in v["nodes"][:4]]) for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert grave == [], json.dumps(grave, indent=1)
    assert len(found["passes"]) > 20, "axe has looked at nothing"


def metrics():
    status, _, page = ask("/metrics", **credentials())
    assert status == 200, page
    return page


TRAFFIC = {"/v1/score", "/v1/score/batch", "/v1/labels", "other"}


def requests_counted(page):
    return sum(int(float(n)) for route, n in re.findall(r'^besra_requests_total\{code="[^"]*",route="([^"]*)"\} (\S+)$', page, re.M) if route in TRAFFIC)


def histogram(page, name, label):
    """The buckets of a histogram: upper bounds and counts, not cumulative."""
    rows = re.findall(rf'^{name}_bucket\{{{label},le="([^"]*)"\}} (\S+)$', page, re.M)
    bounds, counts, below = [], [], 0
    for le, n in rows:
        bounds.append(math.inf if le == "+Inf" else float(le))
        counts.append(float(n) - below)
        below = float(n)
    return bounds, counts


def bucket_of(bounds, counts, q):
    """The bucket in which a quantile lies."""
    rank, below = q * sum(counts), 0
    for i, n in enumerate(counts):
        below += n
        if n and below >= rank:
            return (bounds[i - 1] if i else 0, bounds[i])
    raise AssertionError("an empty histogram")


def number(s):
    """What a tile says; 0 while it says that nobody knows."""
    return float(s.replace(",", "")) if re.fullmatch(r"[\d.,]+", s) else 0


def as_seconds(s):
    n, unit = re.search(r"([\d.,]+) (ns|µs|ms|s)\b", s).groups()
    return float(n.replace(",", "")) * {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1}[unit]


def figures(b):
    """The page's arithmetic, on figures whose answers are known, and against another's on many that are not."""
    r = random.Random(1)
    cases = []
    for _ in range(200):
        bounds = sorted({round(r.random() * 10, 3) for _ in range(r.randrange(1, 20))} - {0})
        counts = [r.randrange(50) if r.random() < 0.7 else 0 for _ in range(len(bounds) + 1)]
        if not bounds or sum(counts) == 0:
            continue
        q = r.choice([0.5, 0.9, 0.99, 0.999, r.random()])
        rank, below, want = q * sum(counts), 0, None
        for i, n in enumerate(counts):
            if n and below + n >= rank:
                low = bounds[i - 1] if 0 < i <= len(bounds) else 0
                want = bounds[-1] if i == len(bounds) else low + (bounds[i] - low) * (rank - below) / n
                break
            below += n
        cases.append([bounds, counts, q, want])
    got = b.execute_async_script("""
      const [cases, done] = arguments;
      import("/dashboard/figures.js").then((f) => {
        const second = (at, n, pairs, sum) => ({at, took: 2, counts: {requests_total: [["/v1/score", "200", n], ["/v1/score", "503", 1], ["/livez", "200", 9]]}, times: {request_seconds: [["/v1/score", sum, pairs]]}, levels: {}});
        const ticks = [second(1, 4, [0, 4], 0.4), second(2, 6, [1, 6], 9), second(3, 0, [], 0)];
        const bounds = [1, 2];
        const score = (r) => r === "/v1/score";
        done({
          quantiles: cases.map(([bounds, counts, q]) => f.quantile(bounds, counts, q)),
          empty: Number.isNaN(f.quantile(bounds, [0, 0, 0], 0.5)),
          total: f.total(ticks, "requests_total", (r) => f.isTraffic(r)),
          rate: f.rate(ticks, "requests_total", (r, code) => r === "/v1/score" && code === "200"),
          over: [...f.over(ticks, "request_seconds", bounds, score).counts],
          sum: f.over(ticks, "request_seconds", bounds, score).sum,
          sliding: f.sliding(ticks, 2, "request_seconds", score, bounds, [0.5])[0],
          smooth: f.smooth([1, null, 3, 5], 2),
          outcomes: ["200", "401", "403", "404", "409", "422", "429", "499", "500", "503", "504", "other"].map(f.outcome),
        });
      }, (e) => done({error: String(e)}));
    """, cases)
    assert "error" not in got, got
    for (bounds, counts, q, want), have in zip(cases, got["quantiles"], strict=True):
        assert abs(want - have) < 1e-9, (bounds, counts, q, want, have)
    assert got["empty"] and got["total"] == 13 and abs(got["rate"] - 10 / 6) < 1e-9, got
    assert got["over"] == [4, 6, 0] and abs(got["sum"] - 9.4) < 1e-9, got
    # Seconds 1; 1 and 2; 2 and 3: half of four in the first bucket; the fifth of ten is the first of the second's six; half of six.
    assert [round(x, 6) for x in got["sliding"]] == [0.5, round(1 + 1 / 6, 6), 1.5], got["sliding"]
    assert got["smooth"] == [1, 1, 3, 4], got["smooth"]
    assert got["outcomes"] == ["answered", "denied", "denied", "refused", "refused", "refused", "limited", "refused", "failed", "shed", "shed", "failed"], got["outcomes"]


def agrees(b):
    """What the page says is what /metrics says, once nobody asks any more."""
    page = metrics()
    want = requests_counted(page)
    shown = until("the page has counted them all", lambda: (n := re.match(r"([\d,]+) in", text(b, "tile-requests-under"))) and int(n[1].replace(",", "")) == want and want)
    assert shown > 300, shown
    bounds, counts = histogram(page, "besra_request_seconds", 'route="/v1/score"')
    p99 = as_seconds(text(b, "latency-window"))
    low, high = bucket_of(bounds, counts, 0.99)
    assert low * 0.99 <= p99 <= high * 1.01, (p99, low, high)
    p50 = as_seconds(text(b, "tile-p99-under"))
    low, high = bucket_of(bounds, counts, 0.5)
    assert low * 0.99 <= p50 <= high * 1.01, (p50, low, high)
    return want


def by_keyboard(b):
    """Everything that can be done can be reached by Tab, and is done by keys."""
    b.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    reached = []
    for _ in range(60):
        b.switch_to.active_element.send_keys(Keys.TAB)
        e = b.execute_script("""const e = document.activeElement; return [e.id, e.getAttribute("role"), e.closest("section")?.id, e.textContent.trim(),
          e.matches(":focus-visible") && getComputedStyle(e).outlineStyle !== "none"]""")
        if e in reached or b.switch_to.active_element.tag_name == "body":
            break
        reached.append(e)
    ids = {e[0] for e in reached}
    assert reached[0][3] == "Skip to the figures", reached[0]
    for id in ("theme", "route", "decisions-model", "try-model", "try-kind", "try-field-amount", "try-dry", "try-example"):
        assert id in ids, (id, reached)
    assert {e[2] for e in reached if e[1] == "slider"} == {"traffic", "latency", "heat", "decisions", "stages"}, reached
    assert all(e[4] for e in reached), [e for e in reached if not e[4]]

    chart = b.find_element(By.CSS_SELECTOR, "#traffic [role=slider]")
    chart.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    now, said = chart.get_attribute("aria-valuenow"), chart.get_attribute("aria-valuetext")
    assert -6 <= int(now) <= -2 and re.match(r"\d\d:\d\d:\d\d: answered [\d.,k–]+", said), (now, said)
    heat = b.find_element(By.CSS_SELECTOR, "#heat [role=slider]")
    heat.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert re.search(r"\d+ requests in 3 s; most up to", heat.get_attribute("aria-valuetext")), heat.get_attribute("aria-valuetext")

    theme = b.find_element(By.ID, "theme")
    before = b.execute_script("return document.documentElement.dataset.theme")
    theme.send_keys(Keys.ENTER)
    assert b.execute_script("return document.documentElement.dataset.theme") != before
    theme.send_keys(Keys.SPACE)
    assert b.execute_script("return document.documentElement.dataset.theme") == before


def tries_a_payment(b):
    """A payment is scored by keyboard, and leaves no trace; what is wrong with one is said where it is."""
    outcomes = json.loads(ask("/v1/status", **credentials())[2])["labels"]["outcomes"]
    until("the form is there", lambda: b.find_elements(By.ID, "try-field-amount"))
    b.find_element(By.ID, "try-example").send_keys(Keys.ENTER)
    amount = b.find_element(By.ID, "try-field-amount")
    amount.clear()
    amount.send_keys("twelve", Keys.ENTER)
    until("it is refused", lambda: "wrong-type" in text(b, "try-answer"))
    assert amount.get_attribute("aria-invalid") == "true" and b.switch_to.active_element == amount
    amount.clear()
    amount.send_keys("129.90", Keys.ENTER)
    until("it is scored", lambda: text(b, "try-score"))
    said = text(b, "try-answer")
    assert 0 <= float(text(b, "try-score")) <= 1 and re.search("approve|review|decline", said) and "fraud@1" in said, said
    assert "to here and back" in text(b, "try-times") and "score" in text(b, "try-times"), text(b, "try-times")
    assert '"dry_run":true' in said, said
    after = json.loads(ask("/v1/status", **credentials())[2])["labels"]["outcomes"]
    assert after == outcomes, (outcomes, after)
    b.execute_script("const k = document.getElementById('try-kind'); k.value = 'features'; k.dispatchEvent(new Event('change'))")
    until("the features are there", lambda: b.find_elements(By.ID, "try-field-card_mean_30d"))
    b.find_element(By.ID, "try-field-amount").send_keys("12")
    for name in ("night", "weekend"):
        b.find_element(By.ID, f"try-field-{name}").send_keys("0")
    b.find_element(By.ID, "try-field-amount").send_keys(Keys.ENTER)
    until("features are scored", lambda: '"features":' in text(b, "try-answer") and text(b, "try-score"))


def page():
    load = Payments(url, clients, 150)
    b = browser("dark")
    try:
        open_page(b)
        until("requests are seen", lambda: number(text(b, "tile-requests")) > 20)
        first = text(b, "tile-requests-under")
        until("the figures move", lambda: text(b, "tile-requests-under") != first)
        time.sleep(8)
        load.stop()
        figures(b)
        agrees(b)
        assert re.search(r"score \d+|\d+ µs|\d+ ms", text(b, "stages-body")) and "approved" in text(b, "decisions"), text(b, "decisions")
        assert "wrong-type" in text(b, "problems-body") and "fraud@1" in text(b, "slow"), text(b, "slow")
        assert "proven" in text(b, "models-body") and "availability" in text(b, "objectives-body")
        by_keyboard(b)
        tries_a_payment(b)
        accessible(b, "dark")
        b.find_element(By.ID, "theme").click()
        accessible(b, "light")
        b.refresh()  # what was chosen stays
        until("the stream is live", lambda: text(b, "state") == "live")
        assert b.execute_script("return document.documentElement.dataset.theme") == "light"
        faultless(b)
    finally:
        load.stop()
        b.quit()


def key():
    for path in ("/dashboard", "/dashboard/main.js", "/dashboard/events"):
        status, headers, said = ask(path)
        assert status == 401 and headers["WWW-Authenticate"].startswith('Basic realm="besra"') and "unauthenticated" in said, (path, status, headers)
        status, _, _ = ask(path, Authorization="Basic " + base64.b64encode(b"operator:" + clients[0].encode()).decode())
        assert status == 403, (path, status)
    status, headers, _ = ask("/v1/status")
    assert status == 401 and headers["WWW-Authenticate"].startswith("Bearer"), headers
    for header in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        status, headers, _ = ask("/v1/status", **credentials(), **header)
        assert status == 401 and "Basic" not in headers["WWW-Authenticate"], (status, headers)
    load = Payments(url, clients, 40)
    b = browser("light")
    try:
        open_page(b)
        until("requests are seen", lambda: number(text(b, "tile-requests")) > 5)
        until("clients are told", lambda: clients[0].split("_")[1] in text(b, "clients-body"))
        assert asked_for == [url + "/dashboard"], asked_for  # once, and from then on it is attached
        load.stop()
        tries_a_payment(b)
        load = Payments(url, clients, 40)
        protocol = b.execute_script("return performance.getEntriesByType('navigation')[0].nextHopProtocol")
        assert protocol == "h2", protocol
        said = b.execute_script("return document.documentElement.outerHTML")
        assert operator[-43:] not in said and clients[0][-43:] not in said, "a secret is shown"
        time.sleep(20)  # longer than a request and its answer may take: timeouts.body, timeouts.answer
        seen = text(b, "tile-requests-under")
        until("it goes on", lambda: text(b, "tile-requests-under") != seen)
        assert text(b, "state") == "live", text(b, "state")
        wrong = b.execute_script("return window.wrong")
        assert wrong == [], wrong
    finally:
        load.stop()
        b.quit()


def screenshots():
    """Two pictures for the documents, of what there is to see at first, and one of everything, beside them."""
    from PIL import Image

    directory, beside, seconds = pathlib.Path(more[0]), pathlib.Path(more[1]), float(more[2])

    def picture(b, path):
        png = b.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
        Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB").save(path, lossless=True, quality=100, method=6)
        assert path.stat().st_size < 400_000, path.stat()

    load = Payments(url, clients, 240, threads=6)
    try:
        time.sleep(seconds)
        for theme in ("dark", "light"):
            b = browser(theme, scale=2)
            try:
                open_page(b)
                time.sleep(6)
                picture(b, directory / f"dashboard-{theme}.webp")
                b.find_element(By.ID, "try-example").click()
                b.find_element(By.CSS_SELECTOR, "#try-form button.main").click()
                tall = b.execute_script("return document.documentElement.scrollHeight")
                b.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 1440, "height": tall, "deviceScaleFactor": 1, "mobile": False})
                time.sleep(2)
                picture(b, beside / f"dashboard-{theme}-whole.webp")
            finally:
                b.quit()
    finally:
        load.stop()


{"page": page, "key": key, "screenshots": screenshots}[mode]()
print("ok")
