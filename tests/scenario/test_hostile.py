"""What clients and targets try against the policies, where two parts of the edge meet."""
from harness import raw

TOP = 'listeners: { main: "127.0.0.1:@PORT@" }\naccess_log: { path: @FOLDER@/access.log }\n'


def test_a_prefix_is_not_the_client_s_to_tell_where_traces_are_on(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target, top="tracing: {}")
    raw.get(edge.port, "/", headers=[("X-Forwarded-Prefix", "/evil")])
    assert target.requests[0].get("X-Forwarded-Prefix") is None
