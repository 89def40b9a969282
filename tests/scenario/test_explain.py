"""`weir explain`: each wrong answer has its story, and each request its way before it is sent."""
import json
import subprocess

import pytest

from harness import load, raw, wait, weir as program
from harness.backends import Response

SITES = """\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
workers: 2
access_log: off
sites:
  shop:
    domains: [shop.test, test.localhost]
    rules:
      - match: { path: "/api/*", method: POST, header: { X-Key: "a*" } }
        forward: api
      - match: { path: "/api/*" }
        forward: api
        strip_prefix: /api
      - match: { path: "/gone" }
        forward: ill
      - match: { path: ["/a", "/b"] }
        respond: hello
      - match: { method: GET, path: "/files/*" }
        files: "@FOLDER@"
  other:
    domains: ["*.other.test"]
    redirect: "https://elsewhere.test{path}"
target_groups:
  api: ["@api@"]
  ill:
    targets: ["@ill@"]
    health: { path: /healthz, interval: 100ms, grace: 0s }
"""


def explain(edge, *arguments):
    return subprocess.run([program.WEIR, "explain", "-f", edge.file, *arguments], text=True,
                          capture_output=True, timeout=20 * wait.patience(), check=False)


def told(edge, *arguments):
    result = explain(edge, "--json", *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def ask(edge, path="/", host="shop.test", method="GET"):
    return raw.exchange(edge.port, raw.request(method, path, host=host))


def story(edge, answer):
    """The text for a person, and the JSON."""
    number = answer.get("X-Request-Id")
    result = explain(edge, number)
    assert result.returncode == 0, result.stderr
    return result.stdout, told(edge, number)


def test_a_404_names_the_nearest_host(weir, backends):
    edge = weir.edge(SITES, api=backends.text("x"), ill=backends.refusing())
    text, facts = story(edge, ask(edge, host="shpo.test"))
    assert "404 Not Found, by Weir itself" in text and "no site has this host" in text
    assert "shop.test, of the site shop" in text and "what to do" in text
    assert facts["nearest"][0] == {"domain": "shop.test", "site": "shop"}
    assert facts["listener"] == "http" and "site" not in facts


def test_a_404_of_a_site_without_such_a_rule(weir, backends):
    edge = weir.edge(SITES, api=backends.text("x"), ill=backends.refusing())
    text, facts = story(edge, ask(edge, "/nothing"))
    assert "none matched" in text and "weir explain GET http://shop.test/nothing" in text
    assert facts["site"] == "shop" and facts["reason"] == "no rule matched"


def test_a_502_names_the_target_that_refused(weir, backends):
    refusing = backends.refusing()
    edge = weir.edge(SITES, api=refusing, ill=backends.refusing())
    text, facts = story(edge, ask(edge, "/api/x?token=secret"))
    assert "502 Bad Gateway, by Weir itself" in text
    assert f"try 1     {refusing.address}: the target refused the connection" in text
    assert f"nothing listens at {refusing.address}" in text
    assert "2, " in text and f"{edge.file}:11: forward" in text
    assert "secret" not in json.dumps(facts)
    assert facts["rule"]["number"] == 2 and facts["rule"]["line"] == 11
    assert [one["outcome"] for one in facts["tries"]] == ["connect_failed"]


def test_a_503_tells_what_each_target_lacks(weir, backends):
    ill = backends.text("x")
    ill.is_healthy = False
    edge = weir.proxy(ill, group="health: { path: /healthz, interval: 100ms }")
    # New targets: one whose first checks fail within the grace, and one that drains.
    targets = [{"id": "new-1", "address": ill.address},
               {"id": "old-1", "address": "127.0.0.1:1", "weight": 0}]
    answer = edge.admin("/v1/groups/targets/targets", "PUT",
                        json.dumps({"epoch": 1, "targets": targets}).encode())
    assert answer.status == 200
    answer = raw.exchange(edge.port, raw.request("GET", "/"))
    assert answer.status == 503
    text, facts = story(edge, answer)
    assert "no target can take requests" in text
    assert "its first health check has not passed yet; check: answered 503 to GET /healthz" in text
    assert "its weight is 0: it takes no new requests" in text
    assert "weir status --live" in text
    assert [target["pickable"] for target in facts["group"]["targets"]] == [False, False]


def test_tries_are_told_one_by_one(weir, backends):
    dying, well = backends.dying(), backends.text("x")
    edge = weir.proxy(dying, well, group="balance: round_robin", workers=2)

    def find():
        answer = raw.exchange(edge.port, raw.request("GET", "/"))
        _, facts = story(edge, answer)
        return facts if facts["tries_total"] == 2 else None
    facts = wait.until(find, "a request with two tries")
    first, second = facts["tries"]
    assert first["target"] == dying.address and first["outcome"] == "broken"
    assert "closed before it answered" in first["why"]
    assert second["target"] == well.address and second["status"] == 200
    assert second["connection"] in ("new", "kept") and facts["answered_by"] == "target"
    assert second["begun_us"] <= second["connected_us"] <= second["answered_us"]


def test_a_flood_of_good_requests_leaves_the_failed_ones(weir, backends):
    edge = weir.edge(SITES.replace("workers: 2", "workers: 1"), api=backends.refusing(),
                     ill=backends.refusing())
    failed = ask(edge, "/api/x")
    good = ask(edge, "/a")
    with load.steady(edge.port, "/a") as work:
        wait.until(lambda: work.done > 100 and
                   explain(edge, good.get("X-Request-Id")).returncode != 0,
                   "the first good request to be forgotten", deadline_s=40)
    assert not work.failures
    text, _ = story(edge, failed)
    assert "502 Bad Gateway" in text
    listed = told(edge)["requests"]
    assert failed.get("X-Request-Id") in {one["id"] for one in listed}
    assert "GET shop.test/api/x" in explain(edge).stdout


def test_what_would_happen_is_told_rule_by_rule(weir, backends):
    target = backends.text("x")
    edge = weir.edge(SITES, api=target, ill=backends.refusing())
    url = f"http://shop.test:{edge.port}"
    text = explain(edge, "GET", f"{url}/api/../api/x").stdout
    assert "no, the method GET is not POST" in text
    assert "2, line 11, forward: matches" in text
    assert "path      /api/x" in text
    assert "targets of api now" in text and target.address in text
    assert "retries: 2" in text and "strip_prefix: /api" in text
    facts = told(edge, "POST", f"{url}/api/x", "-H", "X-Key: b")
    assert facts["rules"][0]["why"] == 'the header field X-Key is "b", not "a*"'
    assert told(edge, "POST", f"{url}/api/x", "-H", "X-Key: ab")["rules"][0]["matches"] is True
    facts = told(edge, "GET", f"{url}/c")
    assert facts["answer"] == {"status": 404, "why": "no rule matched"}
    assert facts["rules"][3]["why"] == 'the path "/c" is none of "/a", "/b"'
    assert len(target.requests) == 0
    facts = told(edge, "GET", f"http://x.other.test:{edge.port}/y")
    assert facts["action"]["kind"] == "redirect" and facts["site"]["name"] == "other"


def test_what_would_be_refused_is_told_too(weir, backends):
    edge = weir.edge(SITES, api=backends.text("x"), ill=backends.refusing())
    assert told(edge, "GET", f"http://shop.test:{edge.port}/..%2fx")["answer"]["status"] == 400
    assert "nothing listens at this port 1" in explain(edge, "GET", "http://shop.test:1/").stdout
    assert "shop.test, of the site shop" in explain(
        edge, "GET", f"http://shop.tset:{edge.port}/").stdout
    for wrong in (["GET", "shop.test/"], ["G T", "http://a/"], ["GET", "http://a/", "-H", "x"]):
        result = explain(edge, *wrong)
        assert result.returncode == 1 and result.stderr.startswith("weir explain: "), wrong
    assert explain(edge, "12345").returncode == 2
    assert explain(edge, "--from", "::1").returncode == 2


def test_an_unknown_request_and_a_stopped_edge(weir, backends):
    edge = weir.edge(SITES, api=backends.text("x"), ill=backends.refusing())
    result = explain(edge, "0123456789abcdef")
    assert result.returncode == 1 and "no worker remembers" in result.stderr
    assert edge.stop() == 0
    result = explain(edge, "0123456789abcdef")
    assert result.returncode == 1 and "weir up" in result.stderr


def test_what_a_client_sends_does_not_steer_the_terminal(weir, backends):
    edge = weir.edge(SITES, api=backends.text("x"), ill=backends.refusing())
    answer = raw.exchange(edge.port, b"GET /a HTTP/1.1\r\nHost: a\x1b[31m\r\n\r\n")
    assert answer.status == 400
    text, _ = story(edge, answer)
    assert "\x1b" not in text


def test_a_site_that_is_closed_is_told_to_be(weir, backends):
    edge = weir.proxy(backends.text("x"))
    answer = edge.admin("/v1/sites/all/maintenance", "PUT", b'{"message": "back at six"}')
    assert answer.status == 204
    text = explain(edge, "GET", f"http://any.test:{edge.port}/").stdout
    assert "closed    for maintenance" in text and "back at six" in text


def test_a_502_names_every_target_where_nobody_listens(weir, backends):
    gone = [backends.refusing(), backends.refusing()]
    edge = weir.proxy(*gone)
    text, facts = story(edge, raw.exchange(edge.port, raw.request("GET", "/")))
    for target in gone:
        assert sum(target.address in line for line in facts["advice"]) == 1
    assert "targets has no `health`" in text and "unchecked" in text


def test_a_429_of_the_target_is_its_own(weir, backends):
    edge = weir.proxy(backends.serve(lambda *_: Response(b"", 429)), rule="rate_limit: 100/s")
    text, _ = story(edge, raw.exchange(edge.port, raw.request("GET", "/")))
    assert "the target itself answered 429" in text and "`rate_limit`" not in text


def test_a_429_names_the_limit_and_its_rule(weir, backends):
    edge = weir.proxy(backends.text("x"), rule="rate_limit: { rate: 1/h, burst: 1, by: address }")
    assert raw.get(edge.port).status == 200
    answer = raw.exchange(edge.port, raw.request("GET", "/"))
    assert answer.status == 429
    text, facts = story(edge, answer)
    assert "429 Too Many Requests, by Weir itself" in text and "what to do" in text
    assert "has `rate_limit`: 1/h, burst 1 by address" in text
    assert facts["reason"] and facts["tries"] == [] and facts["rule"]["number"] == 1
    policies = told(edge, "GET", f"http://any.test:{edge.port}/")["policies"]
    assert {"name": "rate_limit", "value": "1/h, burst 1 by address"} in policies


@pytest.mark.threads
@pytest.mark.parametrize("length", [16000, 16300, 16384, 17000, 40000])
def test_a_request_that_is_too_long_to_ask_about_is_told_so(weir, length):
    edge = weir.edge("listeners: { main: \"127.0.0.1:@PORT@\" }\naccess_log: off\n"
                     "sites: { s: { respond: hi } }\n")
    for path in ("a" * length, "&" * (length // 3)):
        result = weir.run("explain", "GET", edge.url("/?q=" + path), folder=edge.folder)
        assert result.code == 0 or "the request is too long to ask about" in result.stderr


def test_every_worker_is_asked_while_all_are_busy(weir, backends):
    edge = weir.edge(SITES.replace("workers: 2", "workers: 4"), api=backends.text("x"),
                     ill=backends.refusing())
    with load.steady(edge.port, "/a", connections=8) as work:
        for _ in range(30):
            answer = ask(edge, "/nothing")
            number = answer.get("X-Request-Id")
            found = edge.admin(f"/v1/requests/{number}")
            assert found.status == 200 and json.loads(found.body)["id"] == number
            assert edge.admin("/v1/requests").status == 200
            assert edge.metrics()['weir_site_requests_total{site="shop",class="4xx"}'] > 0
    assert work.done > 0 and not work.failures
