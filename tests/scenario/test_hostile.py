"""What clients and targets try against the policies, where two parts of the edge meet."""
import threading

import pytest

from harness import raw, wait
from harness.backends import Response

TOP = 'listeners: { main: "127.0.0.1:@PORT@" }\naccess_log: { path: @FOLDER@/access.log }\n'


# What the edge tells targets cannot be taken away, or told in its place, by a client.

def test_connection_does_not_name_what_the_edge_adds(weir, backends):
    target = backends.echo()
    auth = backends.serve(lambda *_: Response(b"", headers=(("X-User", "alice"),)))
    edge = weir.edge(TOP + """
sites:
  s:
    rules:
      - forward: api
        auth: { forward: auth, path: /check, copy: [X-User] }
        request_headers: { set: { X-Guest: "no" }, add: { Cache-Control: no-cache } }
target_groups: { api: { targets: "@api@" }, auth: { targets: "@auth@" } }
""", api=target, auth=auth)
    answer = raw.get(edge.port, "/", headers=[
        ("Connection", "X-User, X-Guest, Cache-Control, X-Mine"), ("X-Mine", "1"), ("X-Other", "2"),
        ("X-Guest", "yes"), ("X-User", "root")])
    assert answer.status == 200
    told = target.requests[0]
    assert told.all("X-User") == ["alice"]
    assert told.all("X-Guest") == ["no"]
    assert told.all("Cache-Control") == ["no-cache"]
    assert told.get("X-Mine") is None
    assert told.get("X-Other") == "2"
    assert told.get("Connection") is None


def test_copied_fields_have_no_second_spelling(weir, backends):
    target = backends.echo()
    auth = backends.serve(lambda *_: Response(b"", headers=(("X-User", "alice"),)))
    edge = weir.edge(TOP + """
sites:
  s: { rules: [ { forward: api, auth: { forward: auth, path: /check, copy: [X-User] } } ] }
target_groups: { api: { targets: "@api@" }, auth: { targets: "@auth@" } }
""", api=target, auth=auth)
    raw.get(edge.port, "/", headers=[("X_User", "root"), ("x_user", "root"), ("X-User", "root")])
    names = [name for name, _ in target.requests[0].head.headers
             if name.lower().replace("_", "-") == "x-user"]
    assert names == ["X-User"]


def test_a_prefix_is_not_the_client_s_to_tell_where_traces_are_on(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target, top="tracing: {}")
    raw.get(edge.port, "/", headers=[("X-Forwarded-Prefix", "/evil")])
    assert target.requests[0].get("X-Forwarded-Prefix") is None


@pytest.mark.parametrize("path", ["/@admin/x", "/%40admin/x", "/%40%61dmin/x", "/.//%40admin/x",
                                  "/%40admin", "/a/..//%40admin/x"])
def test_a_rule_is_not_passed_by_another_spelling(weir, backends, path):
    edge = weir.edge(TOP + """
sites:
  s:
    rules:
      - match: { path: "/@admin/*" }
        respond: { status: 403, body: guarded }
      - files: @FOLDER@/www
""", files={"www/@admin/x": b"secret"})
    answer = raw.get(edge.port, path)
    assert (answer.status, b"secret" in answer.body) == (403, False)


def test_targets_get_the_path_as_it_was_written(weir, backends):
    target = backends.echo()
    edge = weir.edge(TOP + """
sites:
  s:
    rules:
      - { match: { path: "/%40api/*" }, forward: api, strip_prefix: "/@api" }
      - { match: { path: "/a/b" }, respond: not here }
      - { forward: api }
target_groups: { api: { targets: "@api@" } }
""", api=target)
    for path in ("/c%2B%2B/%3a%40", "/a%2Fc;d", "/%40api/x%40y"):
        raw.get(edge.port, path)
    assert [request.target for request in target.requests] == \
        ["/c%2B%2B/%3A%40", "/a%2Fc;d", "/x@y"]


GUARDED = """
sites:
  s:
    {setting}
    rules:
      - match: {{ path: "/admin/*" }}
        respond: {{ status: 403, body: guarded }}
      - match: {{ path: "/api/*" }}
        forward: api
      - {{ forward: api }}
target_groups: {{ api: {{ targets: "@api@" }} }}
"""
HIDDEN = ["/admin%2Fx", "/admin%2fx", "/admin%5Cx", "/admin%5cx%2Fy", "/admin;x", "/admin;a=b/x",
          "/admin%3Ba/x", "/;a/admin/x", "/x%2F..%2Fadmin", "/admin%2F", "/admin%5C/x", "/ap%2Fi/../"
          "admin%2Fx", "/admin;%2Fx", "/admin%2F;/x", "/.;/admin/x"]


@pytest.mark.parametrize("path", HIDDEN)
def test_a_path_that_a_target_may_read_as_that_of_another_rule_is_refused(weir, backends, path):
    target = backends.echo()
    edge = weir.edge(TOP + GUARDED.format(setting=""), api=target)
    assert raw.get(edge.port, path).status == 400
    assert target.requests == []


def test_escaped_slashes_and_parameters_within_one_rule_are_the_target_s_matter(weir, backends):
    target = backends.echo()
    edge = weir.edge(TOP + GUARDED.format(setting=""), api=target)
    paths = ["/api/v4/projects/group%2Fproject", "/api/queues/%2F/name", "/x;jsessionid=1?a;b",
             "/@scope%2Fname", "/x%5Cy", "/api/a;b/c"]
    for path in paths:
        assert raw.get(edge.port, path).status == 200
    assert [request.target for request in target.requests] == paths


def test_ambiguous_paths_may_be_passed_and_explain_tells(weir, backends):
    target = backends.echo()
    edge = weir.edge(TOP + GUARDED.format(setting="ambiguous_paths: pass"), api=target)
    assert raw.get(edge.port, "/admin%2Fx").status == 200
    assert target.requests[0].target == "/admin%2Fx"
    edge.write(TOP + GUARDED.format(setting=""))
    assert weir.run("reload", "-f", edge.file).code == 0
    answer = raw.get(edge.port, "/admin%2Fx")
    assert answer.status == 400
    told = weir.run("explain", answer.get("X-Request-ID"), folder=edge.folder).stdout
    assert "the path can be read in two ways" in told
    assert "say `ambiguous_paths: pass` on the site" in told
    told = weir.run("explain", "GET", edge.url("/admin%2Fx"), folder=edge.folder).stdout
    assert "the path can be read in two ways" in told


# Requests that outlive the configuration they met.

def reload(weir, edge, text):
    edge.write(text)
    result = weir.run("reload", "-f", edge.file)
    assert result.code == 0, result.stderr


def test_a_request_outlives_a_group_that_two_reloads_have_changed_and_removed(weir, backends):
    slow = backends.slow()
    group = '\ntarget_groups: { api: { targets: "@api@", sticky: { cookie: w } } }\n'
    edge = weir.edge(TOP + "sites: { s: { forward: api, retries: 2 } }" + group, api=slow)
    with raw.connect(edge.port) as client:
        client.send(raw.request("GET", "/"))
        wait.until(lambda: slow.waiting == 1, "the request at the target")
        reload(weir, edge, TOP + "sites: { s: { forward: api, body_max: 1MiB } }" + group)
        reload(weir, edge, TOP + "sites: { s: { respond: new } }\n")
        assert raw.get(edge.port, "/").body == b"new"
        slow.release()
        assert client.response().body == b"late"


def test_a_request_outlives_the_settings_that_its_group_had_when_it_came_to_it(weir, backends):
    slow, guard = backends.slow(), backends.slow(b"")
    text = TOP + """
sites: { s: { forward: api, auth: { forward: guard, path: /check, timeout: 60s }, body_max: %dMiB } }
target_groups:
  api: { targets: "@api@", sticky: { cookie: w } }
  guard: { targets: "@guard@" }
"""
    edge = weir.edge(text % 1, api=slow, guard=guard)
    with raw.connect(edge.port) as client:
        client.send(raw.request("GET", "/"))
        wait.until(lambda: guard.waiting == 1, "the question at the auth service")
        reload(weir, edge, text % 2)
        guard.release()
        wait.until(lambda: slow.waiting == 1, "the request at the target")
        reload(weir, edge, text % 3)
        reload(weir, edge, text % 4)
        slow.release()
        assert client.response().body == b"late"


def test_an_auth_service_that_drips_its_body_holds_nobody_up(weir, backends):
    answered = threading.Event()

    def drip(_request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
        while not answered.wait(0.05):
            connection.send(b"x")
        connection.close()
    edge = weir.edge(TOP + """
sites: { s: { forward: api, auth: { forward: guard, path: /check, timeout: 300ms } } }
target_groups: { api: { targets: "@api@" }, guard: { targets: "@guard@" } }
""", api=backends.text("in"), guard=backends.serve(drip))
    try:
        assert raw.get(edge.port, "/").body == b"in"
    finally:
        answered.set()


def test_what_an_auth_service_is_told_has_no_second_spelling(weir, backends):
    guard = backends.text("")
    edge = weir.edge(TOP + """
sites: { s: { forward: api, auth: { forward: guard, path: /check } } }
target_groups: { api: { targets: "@api@" }, guard: { targets: "@guard@" } }
""", api=backends.echo(), guard=guard)
    lies = ("X_Forwarded_Uri", "X_Original_URI", "x_original_url", "X_Forwarded_For", "X_Real_IP",
            "X-Forwarded_Method", "X_Forwarded_Host", "X-Original-Method", "X_Forwarded_Proto")
    raw.get(edge.port, "/private", headers=[(name, "/public") for name in lies])
    assert not [field for field in guard.requests[0].head.headers if "/public" in field[1]]


# What targets do.

@pytest.mark.parametrize("compress", ["false", "{ min_size: 1 }"])
@pytest.mark.parametrize("framing", ["Content-Length: 9999", "Transfer-Encoding: chunked"])
def test_an_error_page_is_shown_for_an_error_that_breaks_off(weir, backends, compress, framing):
    target = backends.scripted(
        f"HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\n{framing}\r\n\r\n5\r\nhello\r\n".encode())
    edge = weir.edge(TOP + f"""
sites:
  s: {{ forward: api, compress: {compress}, errors: {{ 503: @FOLDER@/busy.html, intercept: true }} }}
target_groups: {{ api: {{ targets: "@api@" }} }}
""", files={"busy.html": b"come later, {status}"}, api=target)
    with raw.connect(edge.port) as client:
        for _ in range(2):
            answer = client.send(raw.request("GET", "/")).response()
            assert (answer.status, answer.body) == (503, b"come later, 503")
