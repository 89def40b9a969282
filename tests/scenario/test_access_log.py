"""The access log beyond its lines: rotation, full disks, stuck readers, refusals at the start."""
import json
import os
import signal
import threading

import pytest

from harness import load, raw, wait

LOGGED = """\
listeners:
  http: {{ address: "127.0.0.1:@PORT@" }}
workers: 1
access_log: {{ format: json, path: "{path}" }}
sites:
  all: {{ domains: ["*"], respond: {{ status: 200, body: "x" }} }}
"""


def lines_of(path):
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.split("\n") if line]


def data_plane(edge):
    return edge.status()["pid"]


@pytest.mark.parametrize("to_whom", [data_plane, lambda edge: edge.process.pid])
def test_the_file_is_opened_anew_by_sigusr1(weir, to_whom):
    edge = weir.edge(LOGGED.format(path="@FOLDER@/access.log"))
    path, moved = edge.folder / "access.log", edge.folder / "access.log.1"
    raw.get(edge.port, "/old")
    wait.until(lambda: lines_of(path), "a line")
    path.rename(moved)
    os.kill(to_whom(edge), signal.SIGUSR1)
    wait.until(path.exists, "a new file")
    raw.get(edge.port, "/new")
    assert wait.until(lambda: lines_of(path), "a line in the new file")[0]["path"] == "/new"
    assert [line["path"] for line in lines_of(moved)] == ["/old"]
    assert path.stat().st_mode & 0o137 == 0


@pytest.mark.threads
def test_no_line_is_lost_over_rotations_under_load(weir):
    edge = weir.edge(LOGGED.format(path="@FOLDER@/access.log"))
    path, pid = edge.folder / "access.log", data_plane(edge)
    moved = []
    with load.steady(edge.port, "/") as work:
        for n in range(5):
            wait.until(lambda: path.exists() and path.stat().st_size > 0, "lines")
            moved.append(path.rename(edge.folder / f"access.log.{n}"))
            os.kill(pid, signal.SIGUSR1)
            wait.until(path.exists, "a new file")
    assert not work.failures
    dropped = edge.status()["counters"]["access_log_dropped"]
    answered = edge.metrics()['weir_request_duration_seconds_count{listener="http"}']
    assert edge.stop() == 0
    assert sum(len(lines_of(file)) for file in [*moved, path]) == answered
    assert dropped == 0 and answered >= work.done


def test_a_full_disk_costs_lines_but_no_request(weir, tmp_path):
    link = tmp_path / "access.log"
    link.symlink_to("/dev/full")
    edge = weir.edge(LOGGED.format(path=link))
    for _ in range(3):
        assert raw.get(edge.port).status == 200
    wait.until(lambda: edge.metrics()["weir_access_log_dropped_total"] == 3, "three dropped lines")
    edge.wait_for_log("cannot write the access log")
    assert edge.log().count("cannot write the access log") == 1
    link.unlink()
    os.kill(data_plane(edge), signal.SIGUSR1)
    wait.until(link.exists, "a file")
    raw.get(edge.port, "/after")
    wait.until(lambda: [x["path"] for x in lines_of(link)] == ["/after"], "the line that came after")
    edge.wait_for_log("written again, 3 lines were dropped")


def test_a_reader_that_hangs_holds_up_no_request(weir, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        edge = weir.edge(LOGGED.format(path=pipe))
        with raw.connect(edge.port) as connection:
            request = raw.request("GET", "/" + "x" * 4000)

            def drops():
                for _ in range(100):
                    connection.send(request)
                    assert connection.response().status == 200
                return edge.metrics()["weir_access_log_dropped_total"] > 0
            wait.until(drops, "lines to be dropped")
        assert edge.stop() == 0
    finally:
        os.close(reader)


def test_a_pipe_gets_every_line(weir, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []

    def read():
        with open(pipe, encoding="utf-8") as lines:
            got.extend(json.loads(line)["path"] for line in lines)
    reader = threading.Thread(target=read)
    holder = os.open(pipe, os.O_RDWR)
    reader.start()
    edge = weir.edge(LOGGED.format(path=pipe))
    for n in range(50):
        raw.get(edge.port, f"/{n}")
    assert edge.stop() == 0
    os.close(holder)
    reader.join(10)
    assert got == [f"/{n}" for n in range(50)]


@pytest.mark.parametrize("path, words", [
    ("@FOLDER@/missing/access.log", "make its folder first"),
    ("@FOLDER@", "it is a folder"),
])
def test_a_log_that_cannot_be_opened_ends_the_start_with_advice(weir, path, words):
    text = LOGGED.format(path=path).replace("@PORT@", "1")
    text = text.replace('"127.0.0.1:1"', '"unix:@FOLDER@/sock"')
    result = weir.run("edge", "-f", "weir.yaml", text=text)
    assert result.code == 1
    assert words in result.stderr and "access log" in result.stderr


def test_a_log_in_the_state_folder_needs_no_folder_made_first(weir):
    edge = weir.edge(LOGGED.format(path="@FOLDER@/.weir/log/access.log"))
    raw.get(edge.port)
    wait.until(lambda: lines_of(edge.folder / ".weir/log/access.log"), "a line")


def test_a_refused_request_has_a_line_too(weir):
    edge = weir.edge(LOGGED.format(path="@FOLDER@/access.log"))
    raw.exchange(edge.port, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    line = edge.access_log(count=1)[0]
    assert line["status"] == 400 and line["reason"]


CHOSEN = """\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
access_log:
  path: "@FOLDER@/access.log"
  fields: [status, path]
  headers: [X-Tenant, Authorization]
  sample: %s
sites:
  all:
    rules:
      - { match: { path: "/ill" }, respond: { status: 503 } }
      - respond: x
"""


def test_a_line_holds_what_was_chosen_and_no_secret(weir):
    edge = weir.edge(CHOSEN % "100%")
    raw.get(edge.port, "/a?x=1&access_token=abc", [("X-Tenant", "t"), ("Authorization", "Basic x")])
    assert edge.access_log(count=1) == [
        {"status": 200, "path": "/a?x=1&access_token=REDACTED",
         "headers": {"X-Tenant": "t", "Authorization": "REDACTED"}}]


def test_a_sample_has_all_that_failed_and_changes_with_a_reload(weir):
    edge = weir.edge(CHOSEN % "0%")
    for _ in range(50):
        assert raw.get(edge.port, "/well").status == 200
    assert raw.get(edge.port, "/ill").status == 503
    assert edge.access_log(count=1) == [{"status": 503, "path": "/ill"}]
    edge.write((CHOSEN % "100%").replace("[status, path]", "[path]"))
    assert edge.admin("/v1/reload", "POST").status == 200
    assert raw.get(edge.port, "/after").status == 200
    assert edge.access_log(count=2)[1] == {"path": "/after"}
