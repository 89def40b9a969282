"""`weir up`: services as tasks under shims, and what happens when something of it is killed."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from harness import curl, http1, load, ports, raw, wait, weir as program

PYTHON = "/usr/bin/python3"

# Answers each request with its task's name; /healthz too.
APP = """
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = os.environ["WEIR_TASK"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

print("listening on", os.environ["PORT"], flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

UP = """\
listeners:
  http: {{ address: "127.0.0.1:@PORT@" }}
workers: 1
sites:
  all: {{ domains: ["*"], rules: [ {{ forward: api }} ] }}
services:
  api:
    command: {command}
    tasks: {tasks}
    health: {{ path: {path}, interval: 200ms, timeout: 1s, grace: {grace} }}
    deploy: {{ drain: 5s }}
{more}
"""


@pytest.fixture
def app(tmp_path):
    script = tmp_path / "app.py"
    script.write_text(APP)
    return f"exec {PYTHON} {script}"


def _file(command, tasks=2, path="/healthz", grace="20s", more=""):
    return UP.format(command=json.dumps(command), tasks=tasks, path=path, grace=grace, more=more)


def _tasks(weir, edge):
    result = weir.run("status", "--json", "-f", edge.file)
    return {task["id"]: task for task in json.loads(result.stdout)["tasks"]}


def _is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_for_healthy(weir, edge, count, gone=()):
    """`count` tasks run, none of them with a pid of `gone`, and all are healthy targets."""
    def healthy():
        tasks = _tasks(weir, edge)
        targets = {f"127.0.0.1:{task['port']}" for task in tasks.values()}
        return (len(tasks) == count and not {task["pid"] for task in tasks.values()} & set(gone)
                and targets == {target["address"]
                                for target in edge.status()["groups"][0]["targets"]
                                if target["health"] == "healthy"})
    wait.until(healthy, f"{count} healthy tasks")


def _parent(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _processes(weir, edge):
    """The pids of everything that runs, by what it is."""
    tasks = [task["pid"] for task in _tasks(weir, edge).values()]
    children = pathlib.Path(f"/proc/{edge.process.pid}/task/{edge.process.pid}/children")
    control = next(int(pid) for pid in children.read_text().split()
                   if "control-process" in pathlib.Path(f"/proc/{pid}/cmdline").read_text())
    return {"task": tasks[0], "shim": _parent(tasks[0]), "control": control,
            "edge": edge.status()["pid"]}


def test_both_tasks_answer_and_a_stop_leaves_nothing(weir, app):
    edge = weir.up(_file(app))
    tasks = _tasks(weir, edge)
    assert sorted(tasks) == ["api-1", "api-2"]
    answers = {curl.get(edge.url("/")).text for _ in range(40)}
    assert answers == {"api-1", "api-2"}
    assert edge.stop() == 0
    assert not any(_is_alive(task["pid"]) for task in tasks.values())
    assert list((edge.folder / ".weir/tasks").iterdir()) == []


def test_ports_lie_outside_the_ephemeral_range(weir, app):
    first, last = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    edge = weir.up(_file(app))
    assert all(not first <= task["port"] <= last for task in _tasks(weir, edge).values())


def test_logs_show_what_each_task_printed(weir, app):
    edge = weir.up(_file(app))
    result = weir.run("logs", "api", "--file", edge.file)
    assert result.code == 0
    for number in (1, 2):
        assert re.search(rf"^\d\d:\d\d:\d\d\.\d\d\d api-{number} \| listening on \d+$",
                         result.stdout, re.MULTILINE)
    assert weir.run("logs", "nobody", "--file", edge.file).code == 1


def test_environment_holds_what_is_given_and_nothing_secret(weir, tmp_path):
    command = f"env > {tmp_path}/env; exec {PYTHON} -m http.server --bind 127.0.0.1 $PORT"
    edge = weir.up(_file(command, tasks=1, path="/", more="    env: { COLOUR: blue }"),
                   environment={"MY_SECRET": "not for you"})
    seen = dict(line.partition("=")[::2] for line in (tmp_path / "env").read_text().splitlines())
    assert seen["COLOUR"] == "blue" and seen["WEIR_TASK"] == "api-1"
    assert int(seen["PORT"]) == _tasks(weir, edge)["api-1"]["port"]
    assert "PATH" in seen and "MY_SECRET" not in seen


def test_a_worker_has_no_port_and_is_up_when_it_stays_up(weir, app):
    edge = weir.up(_file(app, tasks=1, more="  worker: { command: 'exec sleep 1000' }"))
    assert _tasks(weir, edge)["worker-1"]["port"] == 0
    assert "worker 1/1" in edge.log()


@pytest.mark.limit(120)
def test_a_task_killed_again_and_again_under_load_fails_no_request(weir, app):
    edge = weir.up(_file(app, tasks=3))
    with load.steady(edge.port, "/") as work:
        for _ in range(8):
            victim = sorted(_tasks(weir, edge).values(), key=lambda task: task["seconds"])[-1]
            os.kill(victim["pid"], signal.SIGKILL)
            _wait_for_healthy(weir, edge, 3, gone=[victim["pid"]])
    assert work.done > 100
    assert work.failures == []


@pytest.mark.soak
@pytest.mark.limit(120)
def test_a_task_killed_each_second_for_a_minute_fails_no_request(weir, app):
    edge = weir.up(_file(app, tasks=3))
    begins = time.monotonic()
    with load.steady(edge.port, "/") as work:
        for second in range(60):
            wait.until(lambda: time.monotonic() >= begins + second, "the next second")
            wait.until(lambda: _tasks(weir, edge), "a task to kill")
            os.kill(next(iter(_tasks(weir, edge).values()))["pid"], signal.SIGKILL)
    assert work.done > 1000
    assert work.failures == []


def test_a_killed_shim_takes_its_task_along_and_both_are_replaced(weir, app):
    edge = weir.up(_file(app))
    task = _tasks(weir, edge)["api-1"]
    shim = int(pathlib.Path(f"/proc/{task['pid']}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(shim, signal.SIGKILL)
    _wait_for_healthy(weir, edge, 2, gone=[task["pid"]])


def test_what_a_task_leaves_behind_is_cleared_away(weir, app, tmp_path):
    # A child in a session of its own, which no signal to the task's group reaches.
    command = f"setsid sleep 1000 & echo $! > {tmp_path}/child; {app}"
    edge = weir.up(_file(command, tasks=1))
    child = int((tmp_path / "child").read_text())
    assert _is_alive(child)
    edge.stop()
    assert not _is_alive(child)


def test_a_killed_supervisor_hurts_no_request_and_the_next_one_adopts_all(weir, app):
    edge = weir.up(_file(app))
    before = _tasks(weir, edge)
    serving = edge.status()["pid"]
    with load.steady(edge.port, "/") as work:
        edge.kill()
        wait.until(lambda: work.done > 200, "requests without a supervisor")
        assert _tasks(weir, edge) .keys() == before.keys()
        edge.start()
        done = work.done
        wait.until(lambda: work.done > done + 200, "requests after the adoption")
    assert work.failures == []
    assert edge.status()["pid"] == serving
    assert {key: task["pid"] for key, task in _tasks(weir, edge).items()} == \
        {key: task["pid"] for key, task in before.items()}
    assert "adopted the edge" in edge.log()
    assert edge.stop() == 0
    assert not any(_is_alive(task["pid"]) for task in before.values())


def test_down_stops_what_a_killed_supervisor_left(weir, app):
    edge = weir.up(_file(app))
    tasks, serving = _tasks(weir, edge), edge.status()["pid"]
    edge.kill()
    assert weir.run("down", "-f", edge.file).code == 0
    assert not _is_alive(serving)
    assert not any(_is_alive(task["pid"]) for task in tasks.values())


def test_a_changed_definition_is_rolled_out_by_the_next_control(weir, app):
    edge = weir.up(_file(app))
    before = {task["pid"] for task in _tasks(weir, edge).values()}
    edge.kill()
    edge.write(_file(app, more="    env: { VERSION: two }"))
    with load.steady(edge.port, "/") as work:
        edge.start()
        _wait_for_healthy(weir, edge, 2, gone=before)
    assert work.failures == []


def _answer(edge):
    """Status of the answer to a GET, or None of a connection that was lost."""
    try:
        return raw.get(edge.port).status
    except (OSError, http1.Closed):
        return None


def test_a_killed_edge_is_back_with_its_targets(weir, app):
    edge = weir.up(_file(app))
    for _ in range(3):
        serving = edge.status()["pid"]
        os.kill(serving, signal.SIGKILL)
        wait.until(lambda: not _is_alive(serving), "the edge's end")
        # Who waits in the listen queue meanwhile is served, not told that there are no targets yet.
        assert wait.until(lambda: _answer(edge), "an answer from the new edge") == 200
        assert edge.status()["pid"] != serving


def test_a_killed_control_adopts_its_tasks(weir, app):
    edge = weir.up(_file(app))
    before = {task["pid"] for task in _tasks(weir, edge).values()}
    control = _processes(weir, edge)["control"]
    with load.steady(edge.port, "/") as work:
        os.kill(control, signal.SIGKILL)
        wait.until(lambda: "adopted, it runs since before" in edge.log(), "the adoption")
        _wait_for_healthy(weir, edge, 2)
    assert work.failures == []
    assert {task["pid"] for task in _tasks(weir, edge).values()} == before


def test_a_file_broken_meanwhile_changes_nothing(weir, app):
    edge = weir.up(_file(app))
    before = {task["pid"] for task in _tasks(weir, edge).values()}
    running = _processes(weir, edge)
    edge.write("sites: [")
    with load.steady(edge.port, "/") as work:
        os.kill(running["control"], signal.SIGKILL)
        wait.until(lambda: "adopted, it runs since before" in edge.log(), "the adoption")
        _wait_for_healthy(weir, edge, 2)
    assert work.failures == []
    os.kill(running["edge"], signal.SIGKILL)
    wait.until(lambda: not _is_alive(running["edge"]), "the edge's end")
    wait.until(lambda: curl.get(edge.url("/")).status == 200, "an answer from the new edge")
    os.remove(edge.file)
    serving = edge.status()["pid"]
    os.kill(serving, signal.SIGKILL)
    wait.until(lambda: not _is_alive(serving), "the edge's end")
    wait.until(lambda: curl.get(edge.url("/")).status == 200, "an answer without the file")
    edge.write(_file(app))
    assert {task["pid"] for task in _tasks(weir, edge).values()} == before


def test_a_folder_removed_meanwhile_is_not_found_and_nothing_else_suffers(weir, app, tmp_path):
    site = tmp_path / "www"
    site.mkdir()
    (site / "index.html").write_text("old")
    more = "  pages: { domains: [pages.test], files: " + str(site) + " }"
    edge = weir.up(_file(app).replace("services:", more + "\nservices:"))
    (site / "index.html").unlink()
    site.rmdir()
    serving = edge.status()["pid"]
    os.kill(serving, signal.SIGKILL)
    wait.until(lambda: not _is_alive(serving), "the edge's end")
    pages = ["-H", "Host: pages.test"]
    assert wait.until(lambda: curl.get(edge.url("/"), *pages).status, "the new edge") == 404
    assert curl.get(edge.url("/")).status == 200
    site.mkdir()
    (site / "index.html").write_text("new")
    wait.until(lambda: curl.get(edge.url("/"), *pages).body == b"new", "the folder that is back")


def test_an_edge_alone_does_not_take_over_from_up(weir, app):
    edge = weir.up(_file(app))
    pid = edge.status()["pid"]
    edge.kill()
    result = weir.run("edge", "-f", edge.file)
    assert result.code == 1
    assert "still runs here: `weir up` adopts it, `weir down` stops it" in result.stderr
    edge.start()
    assert edge.status()["pid"] == pid


def test_logs_show_however_many_tasks_there_were(weir, tmp_path):
    folder = tmp_path / ".weir/logs/api"
    folder.mkdir(parents=True)
    for number in range(400):
        (folder / f"api-{number}.log").write_text(
            f"2026-11-23T21:29:10.{number:03}Z line {number}\n")
    (tmp_path / "weir.yaml").write_text("")
    result = weir.run("logs", "-n", "1000", folder=tmp_path)
    assert result.code == 0
    assert [line.split("| ")[1] for line in result.stdout.split("\n")[:-1]] == \
        [f"line {number}" for number in range(400)]


def _sleepers(folder):
    """Processes of this test's folder that sleep, whoever their parent is."""
    found = set()
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cmdline").read_bytes().startswith(b"sleep\0") and \
                    os.readlink(process / "cwd") == str(folder):
                found.add(int(process.name))
    return found


@pytest.mark.parametrize("run", ["sleep 1000", "sleep 1000; true", "trap '' TERM; sleep 1000; true",
                                 "setsid sleep 1000 & sleep 1000; true"])
def test_no_build_outlives_a_killed_supervisor(weir, run):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-test-"))
    (folder / "weir.yaml").write_text(f"""
listeners: {{ http: "127.0.0.1:{ports.free()}" }}
sites: {{ s: {{ forward: app }} }}
services: {{ app: {{ build: {{ run: "{run}" }}, command: "exec sleep 1000" }} }}
""")
    process = subprocess.Popen([program.WEIR, "up", "-f", folder / "weir.yaml"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait.until(lambda: _sleepers(folder), "the build")
        process.kill()
        process.wait()
        wait.until(lambda: not _sleepers(folder), "its end")
        assert weir.run("down", "-f", folder / "weir.yaml").code == 0
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def test_a_build_is_stopped_with_weir(weir):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-test-"))
    (folder / "weir.yaml").write_text(f"""
listeners: {{ http: "127.0.0.1:{ports.free()}" }}
sites: {{ s: {{ forward: app }} }}
services:
  app: {{ build: {{ run: "trap '' TERM; sleep 1000; true" }}, command: "exec sleep 1000" }}
""")
    process = subprocess.Popen([program.WEIR, "up", "-f", folder / "weir.yaml"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait.until(lambda: _sleepers(folder), "the build")
        process.terminate()
        wait.until(lambda: process.poll() is not None, "the end of all", deadline_s=20)
        assert not _sleepers(folder)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def test_a_build_that_fails_later_does_not_end_what_serves(weir, app, tmp_path):
    broken = tmp_path / "broken"
    edge = weir.up(_file(app, more=f"    build: {{ run: 'test ! -e {broken}' }}"))
    running = _processes(weir, edge)
    stays = {task["pid"] for task in _tasks(weir, edge).values()} - {running["task"]}
    broken.touch()
    with load.steady(edge.port, "/") as work:
        os.kill(running["control"], signal.SIGSTOP)
        os.kill(running["task"], signal.SIGKILL)     # a service that is short is built again
        os.kill(running["control"], signal.SIGKILL)
        wait.until(lambda: "control ended with exit status" in edge.log(), "the new control's end")
        done = work.done
        wait.until(lambda: work.done > done + 100, "requests without control")
        broken.unlink()
        wait.until(lambda: "adopted, it runs since before" in edge.log(), "the adoption")
    assert work.failures == []
    _wait_for_healthy(weir, edge, 2, gone=[running["task"]])
    assert stays <= {task["pid"] for task in _tasks(weir, edge).values()}


def test_a_second_weir_in_the_same_folder_says_so(weir, app):
    edge = weir.up(_file(app, tasks=1))
    result = weir.run("up", "-f", edge.file)
    assert result.code == 1
    assert f"weir runs here already (pid {edge.process.pid})" in result.stderr


def test_two_signals_end_everything_at_once(weir, tmp_path, app):
    command = f"trap '' TERM; {PYTHON} {tmp_path}/app.py & wait; wait; wait"
    edge = weir.up(_file(command, tasks=1))
    edge.signal(signal.SIGTERM)
    wait.until(lambda: not (edge.folder / ".weir/edge.sock").exists()
               or not edge.process.poll() is None or "draining" in edge.log(), "the drain")
    edge.signal(signal.SIGTERM)
    edge.process.wait(4 * wait.patience())
    edge._may_die = True


@pytest.mark.parametrize("who", ["task", "shim", "control", "edge"])
def test_a_stop_reaches_what_a_signal_has_stopped(weir, app, who):
    edge = weir.up(_file(app, tasks=1))
    processes = _processes(weir, edge)
    os.kill(processes[who], signal.SIGSTOP)
    assert edge.stop() == 0
    assert not any(_is_alive(pid) for pid in processes.values())


def test_down_reaches_what_a_signal_has_stopped(weir, app):
    edge = weir.up(_file(app, tasks=1))
    processes = _processes(weir, edge)
    for pid in processes.values():
        os.kill(pid, signal.SIGSTOP)
    edge.kill()
    assert weir.run("down", "-f", edge.file).code == 0
    wait.until(lambda: not any(_is_alive(pid) for pid in processes.values()), "their end")
