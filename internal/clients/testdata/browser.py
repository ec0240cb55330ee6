"""Opens a page in Chromium and asks from there: usage browser.py URL KEY CHROMIUM CHROMEDRIVER"""

import sys

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

url, key, chromium, driver = sys.argv[1:]
options = webdriver.ChromeOptions()
options.binary_location = chromium
options.accept_insecure_certs = True  # the browser does not know the test's authority
for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
    options.add_argument(flag)

ASK = """
const [key, done] = arguments;
const ask = (headers) => fetch("/v1/score", {
  method: "POST",
  headers: {"Content-Type": "application/json", ...headers},
  body: JSON.stringify({row: [138.43, 0, 0, 3, 104.76, 8, 73.7325, 16, 86.62063, 2, 0, 12, 0, 48, 0]}),
}).then(async (r) => [r.status, r.headers.get("content-type"), await r.json()]);
Promise.all([ask({}), ask({Authorization: "Bearer " + key}), ask({Authorization: "Bearer " + key})])
  .then((answers) => done({answers, protocol: performance.getEntriesByType("navigation")[0].nextHopProtocol}))
  .catch((e) => done({error: String(e)}));
"""

browser = webdriver.Chrome(options=options, service=Service(driver))
try:
    browser.set_script_timeout(30)
    browser.get(url + "/livez")
    assert '"live":true' in browser.page_source, browser.page_source
    got = browser.execute_async_script(ASK, key)
finally:
    browser.quit()

assert "answers" in got, got
stranger, first, second = got["answers"]
assert stranger[0] == 401 and stranger[1] == "application/problem+json", stranger
assert stranger[2]["code"] == "unauthenticated", stranger
assert first[0] == 200 and 0 <= first[2]["score"] <= 1 and first == second, first
assert got["protocol"] == "h2", got["protocol"]
print("ok")
