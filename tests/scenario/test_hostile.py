"""What clients and targets try against the policies, where two parts of the edge meet."""
import pytest

from harness import raw
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
    for path in ("/c%2B%2B/%3a%40", "/a%2Fb", "/%40api/x%40y"):
        raw.get(edge.port, path)
    assert [request.target for request in target.requests] == ["/c%2B%2B/%3A%40", "/a%2Fb", "/x@y"]
