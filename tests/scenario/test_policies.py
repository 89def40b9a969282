"""What a request has to pass before its action: limits, passwords, an auth service, maintenance."""
import base64
import concurrent.futures
import json
import os
import signal
import subprocess

import pytest

from harness import curl, raw, wait
from harness.backends import Response

TOP = 'listeners: { main: "127.0.0.1:@PORT@" }\naccess_log: { path: @FOLDER@/access.log }\n'


def one_rule(weir, backends, rule, target=None, top="", **more):
    return weir.edge(TOP + top + f"""
sites:
  s:
    rules:
      - forward: api
{rule}
target_groups: {{ api: {{ targets: "@api@" }} }}
""", api=target or backends.echo(), **more)


# Limits.

@pytest.mark.threads
def test_a_burst_is_counted_exactly_over_connections_and_workers(weir, backends):
    edge = one_rule(weir, backends, "        rate_limit: { rate: 1/h, burst: 50 }",
                    top="workers: 4\n")

    def ask(_):
        with raw.connect(edge.port) as client:
            got = []
            for _ in range(20):
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                got.append(client.response())
            return got
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [answer for answers in pool.map(ask, range(8)) for answer in answers]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(answers) == 160
    assert len(refused) == 110
    assert 0 < int(refused[0].get("Retry-After")) <= 3600
    assert refused[0].get("RateLimit-Policy") == '"rate";q=1;w=3600'
    assert refused[0].get("RateLimit").startswith('"rate";r=0;t=')
    assert {answer.status for answer in answers} == {200, 429}


def test_each_key_has_its_own_rate(weir, backends):
    edge = one_rule(weir, backends, "        rate_limit: { rate: 1/h, by: header X-Key }")

    def ask(*arguments):
        return curl.get(edge.url("/"), *arguments).status
    assert [ask("-H", "X-Key: a"), ask("-H", "X-Key: a")] == [200, 429]
    assert [ask("-H", "X-Key: b"), ask("-H", "X-Key: b")] == [200, 429]
    assert [ask(), ask()] == [200, 429]
    assert ask("-H", "X-Key: 127.0.0.1") == 200


def test_a_rate_comes_back_with_time(weir, backends):
    edge = one_rule(weir, backends, "        rate_limit: { rate: 20/s, burst: 1 }")
    assert curl.get(edge.url("/")).status == 200
    wait.until(lambda: curl.get(edge.url("/")).status == 200, "the rate to let one through")


@pytest.mark.parametrize("by, status", [("all", 503), ("address", 429)])
def test_concurrency_counts_what_is_under_way(weir, backends, by, status):
    slow = backends.slow()
    edge = one_rule(weir, backends, f"        concurrency: {{ max: 2, by: {by} }}", slow)
    with raw.connect(edge.port) as one, raw.connect(edge.port) as two:
        for client in (one, two):
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait.until(lambda: slow.waiting == 2, "two requests at the target")
        answer = curl.get(edge.url("/"))
        assert answer.status == status
        assert answer.get("Retry-After") == "1"
        slow.release()
        assert one.response().status == two.response().status == 200
    wait.until(lambda: curl.get(edge.url("/")).status == 200, "room for the next")


def test_a_client_that_leaves_gives_its_place_back(weir, backends):
    slow = backends.slow()
    edge = one_rule(weir, backends, "        concurrency: 1", slow)
    with raw.connect(edge.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait.until(lambda: slow.waiting == 1, "a request at the target")
        assert curl.get(edge.url("/")).status == 503
        client.reset()
    slow.release()
    wait.until(lambda: curl.get(edge.url("/")).status == 200, "room for the next")


def test_bodies_over_the_limit_are_refused_whatever_the_action(weir, backends):
    edge = weir.edge(TOP + "sites: { s: { respond: hi, body_max: 10 } }\n")
    assert curl.get(edge.url("/"), "-d", "0123456789").status == 200
    assert curl.get(edge.url("/"), "-d", "0123456789a").status == 413


# Passwords.

def htpasswd(*users):
    lines = [subprocess.run(["htpasswd", "-nbB", "-C", "5", name, password], check=True,
                            stdout=subprocess.PIPE).stdout.strip() for name, password in users]
    return b"# users\n\n" + b"\n".join(lines) + b"\n"


USERS = {"users": htpasswd(("ada", "engine"), ("bob", "a:b c"))}


def test_basic_auth_asks_and_lets_in(weir, backends):
    target = backends.echo()
    edge = one_rule(weir, backends, "        basic_auth: { users: ./users, realm: Staff }", target,
                    files=USERS)
    answer = curl.get(edge.url("/"))
    assert answer.status == 401
    assert answer.get("WWW-Authenticate") == 'Basic realm="Staff", charset="UTF-8"'
    for user in ("ada:wrong", "eve:engine", "ada:", ":engine", "ada:engine2"):
        assert curl.get(edge.url("/"), "-u", user).status == 401
    for bad in ("Basic", "Basic ====", "Basic YWRh", "Bearer YWRhOmVuZ2luZQ==",
                "Basic YWRhOmVuZ2luZQ", "Basic YWRhOmVuZ2luZR=="):
        assert curl.get(edge.url("/"), "-H", f"Authorization: {bad}").status == 401
    assert target.requests == []
    for user in ("ada:engine", "bob:a:b c", "ada:engine"):
        assert curl.get(edge.url("/"), "-u", user).status == 200
    assert [request.get("Authorization") for request in target.requests] == [None] * 3
    wait.until(lambda: [line.get("user") for line in edge.access_log()][-3:]
               == ["ada", "bob", "ada"], "the users in the log")


def test_credentials_are_passed_on_where_that_is_wanted(weir, backends):
    target = backends.echo()
    edge = one_rule(weir, backends, "        basic_auth: { users: ./users, pass: true }", target,
                    files=USERS)
    assert curl.get(edge.url("/"), "-u", "ada:engine").status == 200
    assert target.requests[0].get("Authorization") == \
        "Basic " + base64.b64encode(b"ada:engine").decode()


def test_many_at_once_are_all_let_in(weir, backends):
    edge = one_rule(weir, backends, "        basic_auth: ./users", files=USERS, top="workers: 2\n")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        users = ["ada:engine", "bob:a:b c", "eve:x"] * 16
        got = list(pool.map(lambda user: curl.get(edge.url("/"), "-u", user).status, users))
    assert got == [200, 200, 401] * 16


def test_a_limit_by_user_counts_names(weir, backends):
    edge = one_rule(weir, backends, "        basic_auth: ./users\n"
                    "        rate_limit: { rate: 1/h, by: user }", files=USERS)

    def ask(user):
        return curl.get(edge.url("/"), "-u", user).status
    assert [ask("ada:engine"), ask("ada:engine"), ask("bob:a:b c")] == [200, 429, 200]
    assert ask("ada:wrong") == 401


def test_a_password_file_is_checked_with_the_configuration(weir, tmp_path):
    (tmp_path / "users").write_text("ada:$apr1$abc$def\nbob\n")
    result = weir.run("check", folder=tmp_path, text="""
sites: { s: { respond: hi, basic_auth: users } }
""")
    assert result.code == 1
    assert "line 1: the hash is MD5; only bcrypt is taken: htpasswd -B" in result.stderr + result.stdout
    assert "line 2: there is no colon" in result.stderr + result.stdout


# The auth service.

def auth_edge(weir, backends, answer, copy="[X-User, X-Roles]"):
    target = backends.echo()
    service = backends.serve(answer)
    edge = weir.edge(TOP + f"""
workers: 1
sites:
  s:
    rules:
      - forward: api
        auth: {{ forward: guard, path: "/check?x=1", copy: {copy} }}
target_groups: {{ api: {{ targets: "@api@" }}, guard: {{ targets: "@guard@" }} }}
""", api=target, guard=service)
    return edge, target, service


def test_the_auth_service_lets_in_and_names_the_user(weir, backends):
    edge, target, service = auth_edge(weir, backends, lambda *_: Response(
        b"fine", headers=(("X-User", "ada"), ("X-Other", "no"))))
    for _ in range(2):
        answer = curl.get(edge.url("/a/b?c=d"), "-d", "body", "-H", "X-User: eve",
                          "-H", "X-Roles: admin", "-H", "Cookie: session=1",
                          "-H", "X-Original-URL: https://evil")
        assert answer.status == 200
    asked = service.requests[0]
    assert (asked.method, asked.target, asked.body) == ("GET", "/check?x=1", b"")
    assert asked.get("Cookie") == "session=1"
    assert asked.get("X-Forwarded-Method") == "POST"
    assert asked.get("X-Forwarded-Uri") == "/a/b?c=d"
    assert asked.get("X-Original-URL") == f"http://127.0.0.1:{edge.port}/a/b?c=d"
    assert asked.get("X-Forwarded-For") == "127.0.0.1"
    told = target.requests[0]
    assert told.get("X-User") == "ada"
    assert told.get("X-Roles") is None
    assert told.get("X-Other") is None
    assert told.body == b"body"
    assert service.connections == 1


@pytest.mark.parametrize("status", [401, 403, 302])
def test_what_the_auth_service_refuses_is_the_clients_answer(weir, backends, status):
    edge, target, _ = auth_edge(weir, backends, lambda *_: Response(
        b"please log in", status=status, headers=(
            ("WWW-Authenticate", "Bearer"), ("Location", "/login"), ("Set-Cookie", "a=b"))))
    with raw.connect(edge.port) as client:
        for method in ("GET", "HEAD", "GET"):
            client.send(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            answer = client.response(method)
            assert answer.status == status
            assert answer.body == (b"" if method == "HEAD" else b"please log in")
            assert answer.get("Location") == "/login"
            assert answer.get("Set-Cookie") == "a=b"
    assert target.requests == []


def test_an_auth_service_that_fails_lets_nobody_in(weir, backends):
    answers = [b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", b"nonsense\r\n\r\n"]
    edge, target, service = auth_edge(
        weir, backends, lambda *_: answers[min(len(service.requests), len(answers)) - 1])
    assert curl.get(edge.url("/")).status == 502
    assert curl.get(edge.url("/")).status == 502
    service.stop()
    assert curl.get(edge.url("/")).status == 503
    assert target.requests == []


def test_an_auth_connection_that_died_is_replaced(weir, backends):
    edge, target, service = auth_edge(weir, backends, lambda *_: Response(b""))
    assert curl.get(edge.url("/")).status == 200
    service.drop_connections()
    assert curl.get(edge.url("/")).status == 200
    assert len(target.requests) == 2


# Maintenance.

def test_maintenance_closes_a_site_and_opens_it(weir, backends):
    edge = weir.edge(TOP + """
sites:
  shop: { domains: "*", forward: api, errors: { 503: ./closed.html } }
  blog: { domains: blog.example, respond: blog }
target_groups: { api: { targets: "@api@" } }
""", api=backends.echo(), files={"closed.html": b"<p>{status}"})

    def weir_says(*arguments):
        result = weir.run(*arguments, folder=edge.folder)
        assert result.code == 0, result.stderr
        return result.stdout
    assert curl.get(edge.url("/")).status == 200
    weir_says("maintenance", "on", "shop")
    answer = curl.get(edge.url("/"))
    assert (answer.status, answer.body) == (503, b"<p>503")
    assert answer.get("Retry-After") == "60"
    assert curl.get(edge.url("/"), "-H", "Host: blog.example").body == b"blog"
    assert "MAINTENANCE" in weir_says("status")
    assert edge.status()["sites"][0]["maintenance"] == ""
    weir_says("maintenance", "on", "shop", "--message", "back at 9", "--allow", "10.0.0.0/8")
    assert curl.get(edge.url("/")).status == 503
    assert edge.status()["sites"][0]["maintenance"] == "back at 9"
    weir_says("maintenance", "on", "shop", "--allow", "127.0.0.1")
    assert curl.get(edge.url("/")).status == 200
    weir_says("maintenance", "off", "shop")
    assert "maintenance" not in edge.status()["sites"][0]
    assert curl.get(edge.url("/")).status == 200
    result = weir.run("maintenance", "on", "nope", folder=edge.folder)
    assert result.code == 1 and "nope" in result.stderr
    assert weir.run("maintenance", "on", folder=edge.folder).code == 2
    assert weir.run("maintenance", "on", "shop", "--allow", "x", folder=edge.folder).code == 1


def test_the_api_of_maintenance_says_what_is_wrong(weir):
    edge = weir.edge(TOP + "sites: { s: { respond: hi } }\n")
    path = "/v1/sites/s/maintenance"
    assert edge.admin(path, "PUT", b"[").status == 400
    assert edge.admin(path, "PUT", json.dumps({"allow": ["10.0.0.1/8"]}).encode()).status == 400
    assert edge.admin("/v1/sites/t/maintenance", "PUT").status == 404
    assert edge.admin(path, "PUT", json.dumps({"message": "m"}).encode()).status == 204
    assert curl.get(edge.url("/")).text == "m\n"
    assert edge.admin(path, "DELETE").status == 204
    assert edge.admin(path, "DELETE").status == 204
    assert curl.get(edge.url("/")).text == "hi"


# Over reloads.

def reload(weir, edge):
    result = weir.run("reload", "-f", edge.file)
    assert result.code == 0, result.stderr


def test_a_reload_forgets_no_count_and_no_maintenance(weir, backends):
    text = TOP + """
sites:
  s: { domains: a.example, forward: api, rate_limit: { rate: 1/h, burst: 3 } }
  t: { domains: b.example, respond: one }
target_groups: { api: { targets: "@api@" } }
"""
    edge = weir.edge(text, api=backends.echo())

    def ask(host):
        return curl.get(edge.url("/"), "-H", f"Host: {host}").status
    assert [ask("a.example"), ask("a.example")] == [200, 200]
    assert edge.admin("/v1/sites/t/maintenance", "PUT").status == 204
    assert ask("b.example") == 503
    edge.write(text.replace("respond: one", "respond: two"))
    reload(weir, edge)
    assert [ask("a.example"), ask("a.example")] == [200, 429]
    assert ask("b.example") == 503
    edge.write(text.replace("burst: 3", "burst: 4"))
    reload(weir, edge)
    assert [ask("a.example") for _ in range(5)] == [200] * 4 + [429]


CLOSED = TOP + """
workers: 1
sites:
  s: { domains: a.example, respond: open }
  t: { domains: b.example, respond: open }
"""


def _is_closed(edge, host):
    answer = curl.get(edge.url("/"), "-H", f"Host: {host}.example")
    return {503: True, 200: False}.get(answer.status) if answer.code == 0 else None


def test_maintenance_outlives_a_crash_a_takeover_and_a_restart(weir):
    edge = weir.edge(CLOSED)
    assert edge.admin("/v1/sites/s/maintenance", "PUT", json.dumps(
        {"message": "back", "allow": ["10.0.0.0/8", "fd00::/8", "private", "::1"]}).encode()
        ).status == 204
    assert (edge.folder / ".weir/maintenance.json").stat().st_mode & 0o777 == 0o600

    def is_kept():
        wait.until(lambda: _is_closed(edge, "a") is not None, "an answer")
        return _is_closed(edge, "a") and not _is_closed(edge, "b") and \
            edge.status()["sites"][0]["maintenance"] == "back"
    pid = edge.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    wait.until(lambda: not os.path.exists(f"/proc/{pid}"), "its end")
    assert is_kept()
    pid = edge.status()["pid"]
    edge.write(CLOSED.replace("workers: 1", "workers: 2"))
    reload(weir, edge)
    assert edge.status()["pid"] != pid
    assert is_kept()
    edge.stop()
    edge.start()
    assert is_kept()
    assert edge.admin("/v1/sites/s/maintenance", "DELETE").status == 204
    edge.stop()
    edge.start()
    assert not _is_closed(edge, "a")


def test_maintenance_without_a_supervisor_is_caught_up_by_the_next(weir):
    edge = weir.edge(CLOSED)
    edge.kill()
    answer = edge.admin("/v1/sites/s/maintenance", "PUT")
    assert answer.status == 200 and b"there is no supervisor" in answer.body
    assert _is_closed(edge, "a")
    result = weir.run("maintenance", "on", "t", folder=edge.folder)
    assert result.code == 0 and "there is no supervisor" in result.stderr
    edge.start()
    pid = edge.status()["pid"]
    wait.until(lambda: b'"t"' in (edge.folder / ".weir/maintenance.json").read_bytes(), "the note")
    os.kill(pid, signal.SIGKILL)
    wait.until(lambda: not os.path.exists(f"/proc/{pid}"), "its end")
    wait.until(lambda: _is_closed(edge, "a") is not None, "an answer")
    assert _is_closed(edge, "a") and _is_closed(edge, "b")


def test_maintenance_that_cannot_be_kept_says_so(weir):
    edge = weir.edge(CLOSED)
    path = edge.folder / ".weir/maintenance.json"
    path.mkdir()
    (path / "x").write_text("")
    answer = edge.admin("/v1/sites/s/maintenance", "PUT")
    assert answer.status == 200 and b"cannot write maintenance.json" in answer.body
    assert _is_closed(edge, "a")


def test_a_request_under_way_is_counted_over_a_reload(weir, backends):
    slow = backends.slow()
    edge = one_rule(weir, backends, "        concurrency: 1", slow)
    with raw.connect(edge.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait.until(lambda: slow.waiting == 1, "a request at the target")
        reload(weir, edge)
        assert curl.get(edge.url("/")).status == 503
        slow.release()
        assert client.response().status == 200
    wait.until(lambda: curl.get(edge.url("/")).status == 200, "room for the next")


def test_a_changed_password_file_counts_after_a_reload(weir, backends):
    edge = one_rule(weir, backends, "        basic_auth: ./users", files=USERS)
    assert curl.get(edge.url("/"), "-u", "ada:engine").status == 200
    (edge.folder / "users").write_bytes(htpasswd(("ada", "other")))
    assert curl.get(edge.url("/"), "-u", "ada:engine").status == 200
    reload(weir, edge)
    assert curl.get(edge.url("/"), "-u", "ada:engine").status == 401
    assert curl.get(edge.url("/"), "-u", "ada:other").status == 200
    (edge.folder / "new").write_bytes(htpasswd(("ada", "third")))
    (edge.folder / "new").replace(edge.folder / "users")   # another file, as editors do it
    reload(weir, edge)
    wait.until(lambda: curl.get(edge.url("/"), "-u", "ada:third").status == 200,
               "the third password to be known")
    assert curl.get(edge.url("/"), "-u", "ada:other").status == 401
    (edge.folder / "users").write_text("ada:nonsense\n")
    result = weir.run("reload", "-f", edge.file)
    assert result.code == 1 and "no bcrypt hash" in result.stderr
    assert curl.get(edge.url("/"), "-u", "ada:third").status == 200


def test_an_edge_that_starts_anew_starts_with_what_is_left_of_its_files(weir, backends):
    edge = one_rule(weir, backends, "        basic_auth: ./users", files=USERS)
    (edge.folder / "users").write_bytes(b"eve:nonsense\n" + htpasswd(("ada", "engine")))
    before = edge.status()["pid"]
    subprocess.run(["kill", "-9", str(before)], check=True)
    wait.until(lambda: curl.get(edge.url("/"), "-u", "ada:engine").status == 200,
               "the edge to be back")
    assert edge.status()["pid"] != before
    assert curl.get(edge.url("/"), "-u", "bob:a:b c").status == 401
