"""The admin API: targets replaced under traffic, errors that say where, state of all workers."""
import json

import pytest

from harness import load, raw, wait

PATH = "/v1/groups/targets/targets"


def put(edge, epoch, targets, path=PATH):
    body = json.dumps({"epoch": epoch, "targets": targets}).encode()
    return edge.admin(path, "PUT", body)


def row(backend, name, **more):
    return {"id": name, "address": backend.address, **more}


def group_of(edge):
    return edge.status()["groups"][0]


def test_targets_are_replaced_as_a_whole(weir, backends):
    old, new = backends.text("old"), backends.text("new")
    edge = weir.proxy(old)
    assert raw.get(edge.port).body == b"old"
    answer = put(edge, 1, [row(new, "n-1", weight=3)])
    assert answer.status == 200
    told = json.loads(answer.body)
    assert told["epoch"] == 1
    assert [(t["id"], t["address"], t["weight"]) for t in told["targets"]] == \
        [("n-1", new.address, 3)]
    assert raw.get(edge.port).body == b"new"
    assert json.loads(edge.admin(PATH).body) == group_of(edge)


@pytest.mark.threads
def test_no_request_fails_while_targets_change(weir, backends):
    some = [backends.text(str(n)) for n in range(4)]
    edge = weir.proxy(some[0], workers=2)
    with load.steady(edge.port, "/") as work:
        for epoch in range(1, 41):
            chosen = [row(b, f"t{n}") for n, b in enumerate(some) if (epoch >> n) & 1 or n == 3]
            assert put(edge, epoch, chosen).status == 200
            assert edge.status()["groups"][0]["epoch"] == epoch
            assert edge.metrics()
    assert work.done > 0 and not work.failures


def test_an_older_list_changes_nothing(weir, backends):
    new = backends.text("new")
    edge = weir.proxy(backends.text("old"))
    assert put(edge, 5, [row(new, "a")]).status == 200
    answer = put(edge, 4, [])
    assert answer.status == 409
    assert json.loads(answer.body)["at"] == "epoch"
    assert raw.get(edge.port).body == b"new"
    assert put(edge, 5, [row(new, "a")]).status == 200


def test_a_faulty_list_is_refused_with_the_place_and_changes_nothing(weir, backends):
    old = backends.text("old")
    edge = weir.proxy(old)
    for targets, at in (
            ([row(old, "a"), row(old, "a")], "targets[1].id"),
            ([row(old, "a", weight=1000)], "targets[0].weight"),
            ([{"id": "a", "address": "example.org:80"}], "targets[0].address"),
            ([{"id": "a", "adress": "127.0.0.1:80"}], "targets[0]")):
        answer = put(edge, 9, targets)
        assert answer.status == 400
        told = json.loads(answer.body)
        assert told["at"] == at and told["error"]
    assert edge.admin(PATH, "PUT", b"{").status == 400
    assert edge.admin(PATH, "PUT", b" " * ((1 << 20) + 1)).status == 413
    assert group_of(edge)["epoch"] == 0
    assert raw.get(edge.port).body == b"old"


def test_an_unknown_group_is_answered_with_those_there_are(weir, backends):
    edge = weir.proxy(backends.text("x"))
    answer = put(edge, 1, [], path="/v1/groups/target/targets")
    assert answer.status == 404
    assert "targets" in json.loads(answer.body)["error"]


def test_errors_are_json_and_a_405_names_the_methods(weir, backends):
    edge = weir.proxy(backends.text("x"))
    answer = edge.admin(PATH, "DELETE")
    assert answer.status == 405 and answer.get("Allow") == "GET, PUT"
    assert json.loads(answer.body)["error"]
    for path in ("/", "/v1", "/v1/status/", "/v1/groups//targets", "/metrics/x"):
        answer = edge.admin(path)
        assert answer.status == 404 and json.loads(answer.body)["error"]
    assert edge.admin("/v1/status", "HEAD").status == 200


def test_an_empty_group_answers_503_until_a_target_comes(weir, backends):
    target = backends.text("back")
    edge = weir.proxy(target)
    assert put(edge, 1, []).status == 200
    assert raw.get(edge.port).status == 503
    assert put(edge, 2, [row(target, "a")]).status == 200
    assert raw.get(edge.port).body == b"back"


def test_a_new_target_takes_requests_with_its_first_passed_check(weir, backends):
    old, new = backends.text("old"), backends.text("new")
    edge = weir.proxy(old, group="health: { path: /healthz, interval: 100ms }")
    wait.until(lambda: group_of(edge)["targets"][0]["health"] == "healthy", "a healthy target")
    assert put(edge, 1, [row(new, "n")]).status == 200
    wait.until(lambda: group_of(edge)["targets"][0]["health"] == "healthy", "a healthy new target")
    assert raw.get(edge.port).body == b"new"


def test_the_reason_of_a_failed_check_is_told(weir, backends):
    ill = backends.text("x")
    ill.is_healthy = False
    edge = weir.proxy(ill, group="health: { path: /healthz, interval: 100ms }")
    wait.until(lambda: group_of(edge)["targets"][0]["health"] == "unhealthy", "an unhealthy target")
    assert group_of(edge)["targets"][0]["reason"]


def test_a_request_under_way_is_seen(weir, backends):
    slow = backends.slow()
    edge = weir.proxy(slow, workers=2)
    with raw.connect(edge.port) as client:
        client.send(raw.request())
        slow.wait_for_requests(1)
        assert group_of(edge)["targets"][0]["in_flight"] == 1
        found = edge.metrics()
        target = f'{{group="targets",target="{slow.address}"}}'
        assert found["weir_target_requests_in_flight" + target] == 1
        assert sum(v for k, v in found.items() if k.startswith("weir_fibers_running")) >= 2
        slow.release()
        assert client.response().status == 200
    assert group_of(edge)["targets"][0]["in_flight"] == 0


def test_latencies_add_up_over_workers(weir, backends):
    edge = weir.proxy(backends.text("x"), workers=2)
    for _ in range(20):
        raw.get(edge.port)
    found = edge.metrics()
    assert found['weir_request_duration_seconds_count{listener="http"}'] == 20
    buckets = [v for k, v in found.items() if k.startswith("weir_request_duration_seconds_bucket")]
    assert buckets == sorted(buckets) and buckets[-1] == 20
    assert found['weir_worker_answering{worker="0"}'] == 1
    assert found['weir_worker_answering{worker="1"}'] == 1
    assert found["process_open_fds"] > 5 and found["process_resident_memory_bytes"] > 1 << 20


def test_metrics_of_sites_rules_and_targets_go_on_by_name(weir, backends):
    target = backends.text("x")
    edge = weir.proxy(target)
    name = 'weir_target_tries_total{group="targets",target="a",outcome="answered"}'
    assert put(edge, 1, [row(target, "a")]).status == 200
    assert raw.get(edge.port).status == 200
    assert edge.metrics()[name] == 1
    # The target goes and comes back: a new one of the same name counts on.
    assert put(edge, 2, []).status == 200
    assert raw.get(edge.port).status == 503
    assert put(edge, 3, [row(target, "a")]).status == 200
    assert raw.get(edge.port).status == 200
    assert raw.exchange(edge.port, b"not http\r\n\r\n").status == 400
    found = edge.metrics()
    assert found[name] == 2
    assert found['weir_site_requests_total{site="all",class="2xx"}'] == 2
    assert found['weir_rule_requests_total{site="all",rule="1",class="5xx"}'] == 1
    assert found['weir_site_requests_total{site="(none)",class="4xx"}'] == 1
    assert found['weir_rule_requests_in_flight{site="all",rule="1"}'] == 0
    assert found['weir_rule_request_duration_seconds_count{site="all",rule="1"}'] == 3
    assert found['weir_target_response_duration_seconds_count{group="targets",target="a"}'] == 2
    assert found['weir_series{kind="rule"}'] == 2


def test_counters_go_on_over_a_reload(weir, backends):
    target = backends.text("x")
    edge = weir.proxy(target)
    assert raw.get(edge.port).status == 200
    text = edge.file.read_text()
    edge.write(text.replace("targets: [", "balance: round_robin\n    targets: [\"127.0.0.1:1\", "))
    assert edge.admin("/v1/reload", "POST").status == 200
    edge.write(text)
    assert edge.admin("/v1/reload", "POST").status == 200
    assert raw.get(edge.port).status == 200
    found = edge.metrics()
    assert found['weir_rule_requests_total{site="all",rule="1",class="2xx"}'] == 2
    name = f'group="targets",target="{target.address}"'
    assert found[f'weir_target_tries_total{{{name},outcome="answered"}}'] == 2
    assert sum(edge.status()["sites"][0]["latency"]) == 2
