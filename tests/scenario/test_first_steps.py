"""What a new user gets wrong, and what Weir answers: each message says what to do."""
import fcntl
import os
import re
import socket
import subprocess

from harness import curl, wait, weir as weir_module

LISTENERS = 'listeners: { http: { address: "127.0.0.1:%d" } }\n'
SITES = 'sites: { all: { domains: ["*"], rules: [ { forward: api } ] } }\n'


def _held_port():
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    held.listen()
    return held, held.getsockname()[1]


def _file(service, port=0):
    return LISTENERS % (port or weir_module.ports.free()) + SITES + "services: { api: { %s } }\n" % service


def _up_until(tmp_path, text, words):
    """Runs `weir up` until it has said the words; returns all it said. It must then stop well."""
    (tmp_path / "weir.yaml").write_text(text)
    with open(tmp_path / "output.txt", "w") as output:
        process = subprocess.Popen([weir_module.WEIR, "up"], cwd=tmp_path, stdout=output,
                                   stderr=output, stdin=subprocess.DEVNULL)
        try:
            wait.until(lambda: words in (tmp_path / "output.txt").read_text(),
                       lambda: f"{words!r} in:\n" + (tmp_path / "output.txt").read_text())
        finally:
            process.terminate()
            assert process.wait(15 * wait.patience()) == 0
    return (tmp_path / "output.txt").read_text()


def test_a_wrong_key_is_named_with_its_line_and_what_was_meant(weir):
    result = weir.run("up", text=_file('comand: "true"'))
    assert result.code == 1
    assert 'weir.yaml:3:' in result.stderr and 'did you mean "command"?' in result.stderr


def test_a_missing_folder_is_named(weir):
    result = weir.run("up", text=_file('command: "true", directory: backend'))
    assert result.code == 1
    assert '"backend" is not a folder' in result.stderr


def test_a_missing_file_tells_of_init(weir):
    result = weir.run("up")
    assert result.code == 1
    assert "there is no weir.yaml" in result.stderr and "weir init" in result.stderr


def test_a_port_in_use_is_told_with_its_holder(weir):
    held, port = _held_port()
    with held:
        result = weir.run("up", text=_file('command: "true"', port))
    assert result.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr
    assert re.search(rf"port {port} is held by \S.* \(pid \d+\)", result.stderr)


def test_an_app_that_prints_and_dies_shows_its_last_lines_and_its_status(tmp_path):
    said = _up_until(tmp_path, _file("command: \"echo loading; echo 'KeyError: DATABASE_URL'; exit 3\""),
                     "started anew in 2.0 s")
    assert "api-1: ended with exit status 3 before it was healthy" in said
    assert "  | KeyError: DATABASE_URL" in said
    assert "weir logs api" in said


def test_an_app_that_never_becomes_healthy_tells_what_was_asked_and_answered(tmp_path):
    said = _up_until(tmp_path, _file(
        'command: "exec /usr/bin/python3 -m http.server --bind 127.0.0.1 $PORT", '
        'health: { path: /nope, grace: 2s, interval: 200ms }'), "not healthy within 2 s")
    assert "answered 404 to GET /nope" in said and "health.path" in said


def test_an_app_that_does_not_listen_on_its_port_is_told_of_it(tmp_path):
    said = _up_until(tmp_path, _file('command: "echo here I am; exec sleep 1000", '
                                     'health: { path: /, grace: 1s }'), "not up within 1 s")
    assert "nothing listens at 127.0.0.1:" in said and "$PORT" in said
    assert "  | here I am" in said


def test_an_app_that_becomes_a_daemon_is_told_to_stay(tmp_path):
    said = _up_until(tmp_path, _file('command: "sleep 1000 & exit 0"'), "started anew in 2.0 s")
    assert "ended with exit status 0 before it was healthy" in said and "foreground" in said


def test_a_state_folder_that_takes_no_tasks_is_told_of(tmp_path):
    (tmp_path / ".weir").mkdir()
    (tmp_path / ".weir/tasks").write_text("not a folder")
    said = _up_until(tmp_path, _file('command: "exec sleep 1000"'), "tried again in 2.0 s")
    assert f"cannot make the folder {tmp_path}/.weir/tasks/api-1: Not a directory" in said


def test_a_build_that_fails_ends_it_with_its_output(weir):
    result = weir.run("up", text=_file('command: "true", build: { run: "echo compiling; exit 7" }'))
    assert result.code == 1
    assert "compiling" in result.stdout
    assert "its build failed with exit status 7" in result.stderr


def test_unknown_and_planned_commands_and_options(weir):
    assert weir.run().code == 2
    unknown = weir.run("upp")
    assert unknown.code == 2 and "weir help" in unknown.stderr
    planned = weir.run("deploy")
    assert planned.code == 1 and "not yet" in planned.stderr
    wrong = weir.run("up", "--fast")
    assert wrong.code == 2 and "--help" in wrong.stderr
    for command in ("init", "check", "up", "edge", "status", "logs", "down"):
        told = weir.run(command, "--help")
        assert told.code == 0 and told.stdout.startswith(f"usage: weir {command}")


def test_init_recognises_what_it_finds_and_never_overwrites(weir, tmp_path):
    def init(name, files):
        folder = tmp_path / name
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        result = weir.run("init", folder=folder)
        assert result.code == 0, result.stderr
        assert weir.run("check", folder=folder).code == 0
        again = weir.run("init", folder=folder)
        assert again.code == 1 and "already" in again.stderr
        return (folder / "weir.yaml").read_text(), result.stdout
    text, told = init("django", {"manage.py": "", "shop/wsgi.py": ""})
    assert "shop.wsgi" in text and "Django" in told and "ALLOWED_HOSTS" in told
    text, told = init("flask", {"app.py": "", "frontend/index.html": ""})
    assert "app:app" in text and "files: ./frontend" in text and "/api/*" in text
    text, told = init("node", {"package.json": '{"scripts": {"start": "node ."}}'})
    assert "npm start" in text
    text, told = init("static", {"index.html": "<p>"})
    assert "services" not in text and "files: ." in text
    (tmp_path / "empty").mkdir()
    result = weir.run("init", folder=tmp_path / "empty")
    assert result.code == 1 and "manage.py" in result.stderr


def test_what_cannot_be_printed_is_a_failure_unless_the_reader_had_enough(weir):
    for words in (["version"], ["help"], ["check", "--schema"]):
        full = subprocess.run([weir_module.WEIR, *words], stdout=open("/dev/full", "w"),
                              stderr=subprocess.PIPE, text=True)
        assert full.returncode == 1 and "cannot write all of the output" in full.stderr
    reader, writer = os.pipe()
    os.close(reader)
    assert subprocess.run([weir_module.WEIR, "check", "--schema"], stdout=writer,
                          stderr=subprocess.DEVNULL).returncode == 0
    os.close(writer)


def test_who_does_not_read_what_is_said_holds_up_nobody(tmp_path):
    port = weir_module.ports.free()
    (tmp_path / "weir.yaml").write_text(
        _file('command: "exec /usr/bin/python3 -m http.server --bind 127.0.0.1 $PORT", '
              'health: { interval: 200ms }', port))
    reader, writer = os.pipe()
    flags = fcntl.fcntl(writer, fcntl.F_GETFL)
    fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    with open(writer, "wb", buffering=0) as pipe:
        while pipe.write(b"x" * 4096) is not None:
            pass
        fcntl.fcntl(writer, fcntl.F_SETFL, flags)
        process = subprocess.Popen([weir_module.WEIR, "up"], cwd=tmp_path, stdout=pipe, stderr=pipe,
                                   stdin=subprocess.DEVNULL)
    try:
        wait.until(lambda: curl.get(f"http://127.0.0.1:{port}/").status == 200, "an answer")
    finally:
        process.terminate()
        os.close(reader)
        assert process.wait(15 * wait.patience()) == 0
