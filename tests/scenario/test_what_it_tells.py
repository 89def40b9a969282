"""The access log, the metrics and the status: what Weir says about its work."""
import json
import re

from harness import raw, wait


def test_a_line_of_the_json_log_tells_what_happened(weir, backends):
    edge = weir.proxy(backends.text("hello"))
    answer = raw.get(edge.port, "/a?b=c", [("User-Agent", 'quo"te\\d'), ("Referer", "http://x/")])
    line = edge.access_log(count=1)[0]
    assert line["status"] == 200
    assert line["method"] == "GET"
    assert "/a?b=c" in json.dumps(line)
    assert 'quo"te\\d' in line.values()
    assert answer.get("X-Request-Id") in line.values()


def test_what_a_client_sends_cannot_forge_a_line(weir, backends):
    edge = weir.proxy(backends.text("x"))
    raw.get(edge.port, headers=[("User-Agent", '"}\x80{"status":999')])
    lines = edge.access_log(count=1)
    assert len(lines) == 1 and lines[0]["status"] == 200


def test_the_combined_log_is_as_others_write_it(weir, backends):
    edge = weir.edge("""\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
access_log: { format: combined, path: "@FOLDER@/access.log" }
sites:
  all: { domains: ["*"], forward: t }
target_groups:
  t: { targets: ["@t@"] }
""", t=backends.text("hello"))
    raw.get(edge.port, "/a?b", [("User-Agent", 'a"b'), ("Referer", "http://x/")])
    path = edge.folder / "access.log"
    line = wait.until(lambda: path.exists() and path.read_text(), "a line in the access log")
    assert re.fullmatch(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
                        r'"GET /a\?b HTTP/1\.1" 200 5 "http://x/" "a\\(x22|")b"\n', line), line


def test_the_log_is_complete_after_a_stop(weir, backends):
    edge = weir.proxy(backends.text("x"))
    with raw.connect(edge.port) as connection:
        for n in range(100):
            connection.send(raw.request("GET", f"/{n}")).response()
    assert edge.stop() == 0
    assert len(edge.access_log()) == 100


def test_metrics_count_what_was_answered(weir, backends):
    edge = weir.proxy(backends.text("x"))
    for _ in range(5):
        raw.get(edge.port)
    found = edge.metrics()
    counted = [value for name, value in found.items() if "requests_total" in name]
    assert sum(counted) >= 5
    text = edge.admin("/metrics").body.decode()
    assert re.search(r"^# TYPE \w+ counter$", text, re.MULTILINE)


def test_status_names_targets_and_their_health(weir, backends):
    well, ill = backends.text("x"), backends.text("y")
    ill.is_healthy = False
    edge = weir.proxy(well, ill, group="health: { path: /healthz, interval: 100ms }")
    wait.until(lambda: len(ill.health_requests) >= 3, "health requests")
    told = json.dumps(edge.status())
    assert well.address in told and ill.address in told
    assert "unhealthy" in told


def test_an_unknown_admin_path_is_a_404_with_words(weir, backends):
    edge = weir.proxy(backends.text("x"))
    answer = edge.admin("/v1/nothing")
    assert answer.status == 404 and answer.body


def test_only_the_owner_may_use_the_admin_socket(weir, backends):
    edge = weir.proxy(backends.text("x"))
    folder = edge.folder / ".weir"
    assert folder.stat().st_mode & 0o077 == 0 or \
        (folder / "edge.sock").stat().st_mode & 0o077 == 0
