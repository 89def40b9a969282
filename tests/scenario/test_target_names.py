"""Targets that are host names: found in a hosts file that changes, or nowhere; and localhost."""
import collections
import contextlib
import json
import re
import socket

import pytest

from harness import ports, raw, wait
from harness.backends import HEALTH_PATH

FILE = """\
listeners:
  http: {{ address: "127.0.0.1:@PORT@" }}
workers: 2
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
sites:
  all: {{ domains: ["*"], forward: t }}
target_groups:
  t:
    balance: round_robin
    targets: [{targets}]
    {more}
"""


class Hosts:
    """The hosts file of the program under test."""

    def __init__(self, path):
        self._path = path
        self.environment = {"CARES_HOSTS": str(path)}
        self.say("")

    def say(self, text):
        new = self._path.with_suffix(".new")
        new.write_text(text)
        new.replace(self._path)


@pytest.fixture
def hosts(tmp_path):
    return Hosts(tmp_path / "hosts")


def _edge(weir, targets, hosts=None, more=""):
    text = FILE.format(targets=", ".join(f'"{target}"' for target in targets), more=more)
    return weir.edge(text, environment=hosts.environment if hosts else None)


def _group(edge):
    return json.loads(edge.admin("/v1/groups/t/targets").body)


def _ids(edge):
    return [target["id"] for target in _group(edge)["targets"]]


def _await_ids(edge, *ids):
    wait.until(lambda: _ids(edge) == list(ids), lambda: f"{ids}, not {_ids(edge)}")


def _pair(backends):
    """Two backends with one port, on 127.0.0.1 and 127.0.0.2."""
    one = backends.text("1")
    with contextlib.suppress(OSError):
        return one, backends.text("2", port=one.port, host="127.0.0.2")
    return _pair(backends)


def test_each_address_of_a_name_is_a_target(weir, backends, hosts):
    one, _ = _pair(backends)
    hosts.say("127.0.0.2 app.internal\n127.0.0.1 app.internal\n")
    edge = _edge(weir, [f"app.internal:{one.port}"], hosts)
    name = f"app.internal:{one.port}"
    assert [(target["id"], target["address"]) for target in _group(edge)["targets"]] == [
        (f"{name}/127.0.0.1", f"127.0.0.1:{one.port}"),
        (f"{name}/127.0.0.2", f"127.0.0.2:{one.port}")]
    bodies = collections.Counter(raw.get(edge.port).body for _ in range(40))
    assert bodies[b"1"] > 5 and bodies[b"2"] > 5
    assert f'weir_target_requests_total{{group="t",target="{name}/127.0.0.2"}}' in edge.metrics()
    assert {line["target"] for line in edge.access_log(count=40)} == {
        f"{name}/127.0.0.1", f"{name}/127.0.0.2"}


def test_a_name_that_moves_takes_its_requests_along(weir, backends, hosts):
    one, two = _pair(backends)
    hosts.say("127.0.0.1 app.internal\n")
    edge = _edge(weir, [f"app.internal:{one.port}"], hosts)
    assert raw.get(edge.port).body == b"1"
    hosts.say("127.0.0.2 app.internal\n")
    _await_ids(edge, f"app.internal:{one.port}/127.0.0.2")
    before = len(one.requests)
    assert {raw.get(edge.port).body for _ in range(20)} == {b"2"}
    assert len(one.requests) == before and len(two.requests) == 20


def test_a_name_that_is_gone_stays_where_it_was(weir, backends, hosts):
    target = backends.text("here")
    hosts.say("127.0.0.1 app.internal\n")
    edge = _edge(weir, [f"app.internal:{target.port}"], hosts)
    hosts.say("")
    edge.wait_for_log("cannot be resolved")
    assert "its last addresses stay" in edge.log()
    assert raw.get(edge.port).body == b"here"
    hosts.say("127.0.0.1 app.internal\n")
    edge.wait_for_log("is resolved again")
    assert edge.log().count("cannot be resolved") == 1
    assert raw.get(edge.port).body == b"here"


def test_a_name_without_an_address_is_a_503_until_it_has_one(weir, backends, hosts):
    target = backends.text("here")
    edge = _edge(weir, [f"app.internal:{target.port}"], hosts)
    edge.wait_for_log("it takes no requests yet")
    assert _group(edge) == {"name": "t", "epoch": 0, "unresolved": 1, "queued": 0,
                            "refused": 0, "checked": False, "targets": []}
    assert raw.get(edge.port).status == 503
    shown = weir.run("status", "-f", edge.file)
    assert re.search(r"^t +1 host name +unresolved", shown.stdout, re.MULTILINE), shown
    line = edge.access_log(count=1)[0]
    assert "not resolved yet" in line["reason"]
    hosts.say("127.0.0.1 app.internal\n")
    _await_ids(edge, f"app.internal:{target.port}/127.0.0.1")
    assert _group(edge)["unresolved"] == 0
    assert raw.get(edge.port).body == b"here"


def test_a_name_without_an_address_leaves_the_other_targets_at_work(weir, backends, hosts):
    target = backends.text("here")
    edge = _edge(weir, ["app.internal:80", target.address], hosts)
    assert _ids(edge) == [target.address]
    assert raw.get(edge.port).body == b"here"


def test_a_health_request_names_the_host(weir, backends, hosts):
    target = backends.text("here")
    hosts.say("127.0.0.1 app.internal\n")
    edge = _edge(weir, [f"app.internal:{target.port}"], hosts,
                 more=f"health: {{ path: {HEALTH_PATH}, interval: 200ms }}")
    wait.until(lambda: _group(edge)["targets"][0]["health"] == "healthy", "a passed check")
    assert target.health_requests[0].get("Host") == f"app.internal:{target.port}"
    assert raw.get(edge.port).body == b"here"


def test_targets_of_the_admin_api_take_the_place_of_names(weir, backends, hosts):
    one, two = _pair(backends)
    hosts.say("127.0.0.1 app.internal\n")
    edge = _edge(weir, [f"app.internal:{one.port}"], hosts)
    body = json.dumps({"epoch": 1, "targets": [{"id": "mine", "address": two.address}]})
    assert edge.admin("/v1/groups/t/targets", "PUT", body.encode()).status == 200
    hosts.say("127.0.0.3 app.internal\n")
    edge.wait_for_log("not looked up any more")
    assert _ids(edge) == ["mine"]
    assert raw.get(edge.port).body == b"2"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("name", ["localhost", "app.localhost"])
def test_localhost_is_one_target_on_either_family(weir, backends, host, name):
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
    except OSError:
        pytest.skip(f"this machine has no {host}")
    target = backends.text("here", host=host, port=ports.free())
    edge = _edge(weir, [f"{name}:{target.port}"],
                 more=f"health: {{ path: {HEALTH_PATH}, interval: 200ms }}")
    wait.until(lambda: _group(edge)["targets"][0]["health"] == "healthy", "a passed check")
    assert _ids(edge) == [f"{name}:{target.port}"]
    assert {raw.get(edge.port).body for _ in range(10)} == {b"here"}
    assert _group(edge)["targets"][0]["failures"] == 0


def test_a_group_that_denies_private_addresses_has_only_public_ones(weir, backends, hosts):
    target = backends.text("inside")
    hosts.say("127.0.0.1 app.internal\n10.1.2.3 app.internal\n")
    edge = _edge(weir, [f"app.internal:{target.port}"], hosts, more="deny_private: true")
    edge.wait_for_log("it leads to private addresses, and the group says deny_private")
    assert _ids(edge) == []
    assert raw.get(edge.port).status == 503
    answer = edge.admin("/v1/groups/t/targets", "PUT", json.dumps(
        {"epoch": 1, "targets": [{"id": "a", "address": f"127.0.0.1:{target.port}"}]}).encode())
    assert answer.status == 400 and b"targets[0].address" in answer.body
    assert target.requests == []


def test_a_private_address_in_a_group_that_denies_them_is_an_error(weir):
    text = FILE.format(targets='"0.0.0.0:1", "[::ffff:10.0.0.1]:1"', more="deny_private: true")
    result = weir.run("check", text=text.replace("@PORT@", "1"))
    assert result.code == 1
    assert "is not on the public Internet: this network (0.0.0.0/8)" in result.stderr
    assert "is not on the public Internet: private (10.0.0.0/8)" in result.stderr


def test_a_reload_that_denies_private_addresses_takes_those_away(weir, backends, hosts):
    target = backends.text("inside")
    hosts.say("127.0.0.1 app.internal\n")
    edge = _edge(weir, [f"app.internal:{target.port}"], hosts)
    assert raw.get(edge.port).body == b"inside"
    edge.write(FILE.format(targets=f'"app.internal:{target.port}"', more="deny_private: true"))
    assert weir.run("reload", "-f", edge.file).code == 0
    wait.until(lambda: raw.get(edge.port).status == 503, "the private target to be gone")
