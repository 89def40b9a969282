"""Which target gets which request: algorithms, weights over groups, and cookies."""
import collections
import re
import threading

import pytest

from harness import load, raw, wait
from harness.backends import Response

pytestmark = pytest.mark.threads

TWO_GROUPS = """\
listeners:
  http: {{ address: "127.0.0.1:@PORT@" }}
access_log: off
sites:
  all:
    domains: ["*"]
    rules:
      - forward: {forward}
{rule}
target_groups:
  one: {{ targets: ["@one@"] }}
  two: {{ targets: ["@two@"] }}
"""

TOKEN = re.compile(r"([\w-]+)=([0-9a-f]{16}); Path=/; HttpOnly; SameSite=Lax(; Max-Age=(\d+))?")


def bodies(edge, times, headers=(), target="/"):
    return collections.Counter(raw.get(edge.port, target, headers).body.decode()
                               for _ in range(times))


def cookie(answer):
    """(name, value, max-age) of the one cookie that Weir set; None without."""
    text = answer.get("Set-Cookie")
    if text is None:
        return None
    match = TOKEN.fullmatch(text)
    assert match, text
    return match[1], match[2], match[4]


@pytest.mark.parametrize("algorithm", ["least_requests", "round_robin", "random", "peak_ewma"])
def test_every_algorithm_uses_all_targets(weir, backends, algorithm):
    targets = [backends.text(str(i)) for i in range(3)]
    edge = weir.proxy(*targets, group=f"balance: {algorithm}\n")
    seen = set()
    wait.until(lambda: seen.update(bodies(edge, 10)) or len(seen) == 3, "all three")


def test_equal_requests_meet_at_one_target(weir, backends):
    targets = [backends.text(str(i)) for i in range(4)]
    edge = weir.proxy(*targets, group="balance: { algorithm: ring_hash, by: header X-User }\n")
    mine = {user: bodies(edge, 5, [("X-User", user)]) for user in map(str, range(40))}
    assert all(len(seen) == 1 for seen in mine.values())
    assert len(set().union(*mine.values())) == 4
    assert len(bodies(edge, 40)) > 1          # without the field: anywhere


@pytest.mark.parametrize("by, target, headers", [
    ("path", "/a/{}?q=1", ()),
    ("query id", "/x?other=1&id={}", ()),
    ("cookie session", "/", ["Cookie: a=1; session={}"]),
])
def test_what_is_hashed(weir, backends, by, target, headers):
    targets = [backends.text(str(i)) for i in range(4)]
    edge = weir.proxy(*targets, group=f"balance: {{ algorithm: ring_hash, by: {by} }}\n")
    seen = set()
    for key in range(40):
        here = bodies(edge, 3, [line.format(key) for line in headers], target.format(key))
        assert len(here) == 1
        seen.update(here)
    assert len(seen) == 4


def test_a_forward_to_two_groups_goes_by_weight(weir, backends):
    edge = weir.edge(TWO_GROUPS.format(forward="{ one: 900, two: 100 }", rule=""),
                     one=backends.text("one"), two=backends.text("two"))
    seen = bodies(edge, 300)
    assert 230 <= seen["one"] <= 295 and seen["two"] >= 5


def test_weight_0_takes_nothing(weir, backends):
    edge = weir.edge(TWO_GROUPS.format(forward="{ one: 0, two: 1 }", rule=""),
                     one=backends.text("one"), two=backends.text("two"))
    assert bodies(edge, 30) == {"two": 30}


def test_a_sticky_split_keeps_a_client_in_its_group(weir, backends):
    edge = weir.edge(TWO_GROUPS.format(forward="{ one: 1, two: 1 }",
                                       rule="        sticky: { ttl: 1h }"),
                     one=backends.text("one"), two=backends.text("two"))
    seen = set()
    for _ in range(20):
        first = raw.get(edge.port)
        name, value, max_age = cookie(first)
        assert (name, max_age) == ("weir-split", "3600")
        assert bodies(edge, 5, [f"Cookie: {name}={value}"]) == {first.body.decode(): 5}
        seen.add(first.body)
    assert seen == {b"one", b"two"}


def test_a_cookie_keeps_a_client_at_its_target(weir, backends):
    targets = [backends.text(str(i)) for i in range(3)]
    edge = weir.proxy(*targets, group="sticky: {}\n")
    for _ in range(5):
        first = raw.get(edge.port)
        name, value, max_age = cookie(first)
        assert name == "weir-targets" and max_age is None
        again = raw.get(edge.port, headers=[f"Cookie: {name}={value}"])
        assert again.body == first.body and cookie(again) is None
        assert bodies(edge, 10, [f"Cookie: {name}={value}"]) == {first.body.decode(): 10}


def test_the_cookie_of_a_target_that_is_gone_is_renewed(weir, backends):
    targets = [backends.text(str(i)) for i in range(2)]
    edge = weir.proxy(*targets, group="sticky: { cookie: mine, ttl: 1d }\n")
    first = raw.get(edge.port)
    name, value, _ = cookie(first)
    assert name == "mine"
    targets[int(first.body)].stop()
    other = raw.get(edge.port, headers=[f"Cookie: mine={value}"])
    assert other.status == 200 and other.body != first.body
    assert cookie(other)[1] != value


@pytest.mark.parametrize("value", ["", "0123456789abcdef", "0123456789ABCDEF", "x", "../../etc"])
def test_a_cookie_that_says_nothing_is_replaced(weir, backends, value):
    edge = weir.proxy(backends.text("x"), group="sticky: mine\n")
    answer = raw.get(edge.port, headers=[f"Cookie: mine={value}"])
    assert answer.status == 200 and cookie(answer)[0] == "mine"


def test_no_target_sees_the_cookie(weir, backends):
    target = backends.text("x")
    edge = weir.proxy(target, group="sticky: mine\n")
    raw.get(edge.port, headers=["Cookie: a=1; mine=0123456789abcdef; b=\"2\"", "Cookie: mine=1"])
    raw.get(edge.port, headers=["Cookie: mine=1"])
    assert target.requests[0].all("Cookie") == ['a=1; b="2"']
    assert target.requests[1].all("Cookie") == []


def test_without_sticky_cookies_are_left_alone(weir, backends):
    target = backends.text("x")
    edge = weir.proxy(target)
    assert cookie(raw.get(edge.port, headers=["Cookie: weir-targets=1;b;  c=2"])) is None
    assert target.requests[0].all("Cookie") == ["weir-targets=1;b;  c=2"]


def status_of(edge, target):
    return next(each for each in edge.status()["groups"][0]["targets"]
                if each["id"] == target.address)


def test_a_target_that_errs_is_left_out_and_let_in_again(weir, backends):
    state = {"status": 500}
    good = backends.text("good")
    bad = backends.serve(lambda *_: Response(b"bad", state["status"]))
    edge = weir.proxy(good, bad, group="""
ejection: { consecutive_errors: 3, time: 300ms, time_max: 300ms }
balance: round_robin
""")
    wait.until(lambda: bodies(edge, 10) == {"good": 10}, "only the good one")
    assert status_of(edge, bad)["ejections"] >= 1
    state["status"] = 200
    wait.until(lambda: bodies(edge, 10) == {"good": 5, "bad": 5}, "both again")
    told = status_of(edge, bad)
    assert told["ejected"] is False and "ejection_reason" not in told


def test_a_target_that_refuses_connections_is_left_out(weir, backends):
    good, gone = backends.text("good"), backends.refusing()
    edge = weir.proxy(good, gone, group="ejection: { gateway_errors: 2, time: 1h, time_max: 1h }\n")
    wait.until(lambda: bodies(edge, 20) == {"good": 20} and status_of(edge, gone)["ejected"],
               "it is left out")
    assert "in a row" in status_of(edge, gone)["ejection_reason"]


def test_the_last_target_is_not_left_out(weir, backends):
    edge = weir.proxy(backends.serve(lambda *_: Response(b"no", 500)),
                      group="ejection: { consecutive_errors: 1 }\n")
    assert bodies(edge, 10) == {"no": 10}


def ask_all(edge, count):
    """Requests on connections of their own, in the order in which the edge gets them."""
    asked = []
    for _ in range(count):
        asked.append(raw.connect(edge.port).send(raw.request()))
        number = len(asked)
        wait.until(lambda: in_hand(edge) >= number, f"{number} requests at the edge")  # noqa: B023
    return asked


def in_hand(edge):
    """Under way, waiting, or refused."""
    group = edge.status()["groups"][0]
    return (group["queued"] + group["refused"]
            + sum(target["in_flight"] for target in group["targets"]))


def test_a_limit_without_a_queue_fails_fast(weir, backends):
    slow = backends.slow()
    edge = weir.proxy(slow, group="limit: 2\n", workers=2)
    asked = ask_all(edge, 2)
    slow.wait_for_requests(2)
    refused = raw.get(edge.port)
    assert refused.status == 503 and refused.get("Retry-After") == "1"
    slow.release()
    assert [each.response().status for each in asked] == [200, 200]
    assert raw.get(edge.port).status == 200
    assert edge.metrics()['weir_group_requests_refused_total{group="targets"}'] == 1


def test_a_full_target_leaves_requests_to_the_others(weir, backends):
    slow, fast = backends.slow(), backends.text("fast")
    edge = weir.proxy(slow, fast, group="limit: 1\nbalance: round_robin\n")
    asked = raw.connect(edge.port).send(raw.request())
    slow.wait_for_requests(1)
    assert bodies(edge, 10) == {"fast": 10}
    slow.release()
    assert asked.response().status == 200


def test_requests_wait_in_line_without_a_connection(weir, backends):
    slow = backends.slow()
    edge = weir.proxy(slow, group="limit: 2\nqueue: { max: 3, timeout: 30s }\n", workers=2)
    asked = ask_all(edge, 5)
    assert edge.status()["groups"][0]["queued"] == 3
    wait.until(lambda: slow.open_connections() == 2, "both connections at the target")
    refused = raw.get(edge.port)
    assert refused.status == 503 and refused.get("Retry-After") == "30"
    slow.release()
    assert [each.response().body for each in asked] == [b"late"] * 5
    assert edge.status()["groups"][0]["queued"] == 0


def test_who_waits_too_long_is_told_to_come_again(weir, backends):
    slow = backends.slow()
    edge = weir.proxy(slow, group="limit: 1\nqueue: { timeout: 200ms }\n")
    first, second = ask_all(edge, 2)
    late = second.response()
    assert late.status == 503 and late.get("Retry-After") == "1"
    slow.release()
    assert first.response().status == 200


def test_who_leaves_the_line_is_not_served(weir, backends):
    slow = backends.slow()
    edge = weir.proxy(slow, group="limit: 1\nqueue: { timeout: 30s }\n")
    first, second, third = ask_all(edge, 3)
    second.reset()
    wait.until(lambda: edge.status()["groups"][0]["queued"] == 1, "one left the line")
    slow.release()
    assert first.response().status == 200 and third.response().status == 200
    assert len(slow.requests) == 2


def test_the_limit_holds_over_all_workers(weir, backends):
    most, now, lock = [0], [0], threading.Lock()

    def count(_request, _connection):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        release.wait(0.002)
        with lock:
            now[0] -= 1
        return Response(b"x")
    release = threading.Event()
    edge = weir.proxy(backends.serve(count), workers=2,
                      group="limit: 3\nqueue: { max: 1000, timeout: 60s }\n")
    with load.steady(edge.port) as work:
        wait.until(lambda: edge.metrics()["weir_requests_total"] > 300, "300 requests")
    assert work.failures == []
    assert 1 <= most[0] <= 3


def test_an_upgraded_connection_keeps_its_slot_until_it_ends(weir, backends):
    def switch(request, connection):
        if request.get("Upgrade") is None:
            return Response(b"plain")
        connection.send(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        while (data := connection.receive()):
            connection.send(data)
        connection.close()
        return None
    edge = weir.proxy(backends.serve(switch), group="limit: 1\n")
    with raw.connect(edge.port) as connection:
        connection.send(raw.request(headers=["Connection: Upgrade", "Upgrade: x"]))
        assert connection.response().status == 101
        assert connection.send(b"hello").exactly(5) == b"hello"
        assert raw.get(edge.port).status == 503
    wait.until(lambda: raw.get(edge.port).status == 200, "the slot is free")


RELOADED = """\
listeners:
  http: {{ address: "127.0.0.1:@PORT@" }}
access_log: off
workers: 2
sites:
  all: {{ forward: targets }}
target_groups:
  targets:
    targets: [{{ address: "@one@", weight: {weight} }}, "@two@"]
    {settings}
"""


def reload(weir, edge, **values):
    edge.write(RELOADED.format(**values))
    result = weir.run("reload", "-f", edge.file)
    assert result.code == 0, result.stderr


def test_a_reload_keeps_what_is_known_of_the_targets(weir, backends):
    one = backends.serve(lambda *_: Response(b"bad", 500))
    settings = "ejection: { consecutive_errors: 2, time: 1h, time_max: 1h }"
    edge = weir.edge(RELOADED.format(weight=1, settings=settings), one=one,
                     two=backends.text("good"))
    wait.until(lambda: bodies(edge, 10) == {"good": 10}, "one is left out")
    before = status_of(edge, one)
    reload(weir, edge, weight=7, settings=settings)
    after = status_of(edge, one)
    assert after == {**before, "weight": 7} and after["ejected"]
    assert bodies(edge, 10) == {"good": 10}
    reload(weir, edge, weight=7, settings="")
    assert not status_of(edge, one)["ejected"]


def test_a_reload_that_lifts_the_limit_lets_those_in_line_go_on(weir, backends):
    one, two = backends.slow(), backends.slow()
    edge = weir.edge(RELOADED.format(
        weight=1, settings="limit: 1\n    queue: { max: 10, timeout: 60s }"), one=one, two=two)
    asked = ask_all(edge, 6)
    assert edge.status()["groups"][0]["queued"] == 4
    reload(weir, edge, weight=1, settings="balance: random")
    wait.until(lambda: one.waiting + two.waiting == 6, "all are sent")
    one.release()
    two.release()
    assert [each.response().status for each in asked] == [200] * 6
