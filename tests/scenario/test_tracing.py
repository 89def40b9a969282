"""Traces: W3C Trace Context on the way through, and spans as a collector of OTLP gets them."""
import json
import re

from harness import backends as backends_module, raw, wait

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SITES = """\
app: shop
listeners:
  http: { address: "127.0.0.1:@PORT@" }
workers: 1
access_log: { format: json, path: "@FOLDER@/access.log" }
tracing: { otlp: "http://@collector@/base/", sample: %s }
sites:
  all:
    domains: ["*"]
    rules:
      - match: { path: "/fixed" }
        respond: { status: 200, body: x }
      - forward: api
target_groups:
  api: { targets: [%s], balance: round_robin }
"""


def attributes(span):
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


class Collector:
    """Keeps what is posted; answers with `status`."""

    def __init__(self, backends):
        self.status = 200
        self.backend = backends.serve(self._take)

    def _take(self, _request, _connection):
        return backends_module.Response(b"{}", self.status)

    def spans(self, count):
        def found():
            spans = []
            for request in list(self.backend.requests):
                assert request.method == "POST" and request.target == "/base/v1/traces"
                assert request.get("Content-Type") == "application/json"
                for resource in json.loads(request.body)["resourceSpans"]:
                    named = {one["key"]: one["value"] for one in resource["resource"]["attributes"]}
                    assert named["service.name"] == {"stringValue": "shop"}
                    for scope in resource["scopeSpans"]:
                        assert scope["scope"]["name"] == "weir"
                        spans += scope["spans"]
            return spans if len(spans) >= count else None
        return wait.until(found, f"{count} spans at the collector")


def edge_with(weir, collector, *targets, sample="100%"):
    text = SITES % (sample, ", ".join(f'"{target.address}"' for target in targets))
    return weir.edge(text, collector=collector.backend)


def get(edge, path="/", *headers):
    return raw.exchange(edge.port, raw.request("GET", path, headers=headers))


def test_a_trace_goes_on_with_weirs_span_as_the_parent(weir, backends):
    collector, target = Collector(backends), backends.echo()
    edge = edge_with(weir, collector, target, sample="0%")
    answer = get(edge, "/a?token=secret", ("traceparent", f"00-{TRACE}-{PARENT}-01"),
                 ("tracestate", "a=1"), ("tracestate", "b=2"))
    sent = target.requests[0]
    version, trace, span, flags = sent.get("traceparent").split("-")
    assert (version, trace, flags) == ("00", TRACE, "01") and span != PARENT
    assert sent.all("tracestate") == ["a=1,b=2"] and len(sent.all("traceparent")) == 1
    server, client = collector.spans(2)
    assert server["traceId"] == client["traceId"] == TRACE
    assert server["spanId"] == answer.get("X-Request-Id")
    assert server["parentSpanId"] == PARENT and client["parentSpanId"] == server["spanId"]
    assert client["spanId"] == span
    assert (server["kind"], client["kind"]) == (2, 3) and server["name"] == "GET"
    assert int(server["startTimeUnixNano"]) <= int(client["startTimeUnixNano"]) \
        <= int(client["endTimeUnixNano"]) <= int(server["endTimeUnixNano"])
    told = attributes(server)
    assert told["http.request.method"] == "GET" and told["url.path"] == "/a"
    assert told["url.scheme"] == "http" and told["http.response.status_code"] == "200"
    assert told["server.address"] == "test.localhost" and told["client.address"] == "127.0.0.1"
    assert told["weir.site"] == "all" and told["weir.rule"] == "2"
    told = attributes(client)
    assert told["server.port"] == str(target.port) and told["weir.connection"] == "new"
    assert told["url.full"] == f"http://{target.address}/a"
    assert server["status"] == client["status"] == {}
    assert "secret" not in json.dumps([server, client])
    assert edge.access_log(count=1)[0]["trace_id"] == TRACE
    story = json.loads(edge.admin(f"/v1/requests/{answer.get('X-Request-Id')}").body)
    assert story["trace_id"] == TRACE


def test_a_trace_begins_where_none_is_valid(weir, backends):
    collector, target = Collector(backends), backends.echo()
    edge = edge_with(weir, collector, target)
    for wrong in ((), (("traceparent", f"00-{TRACE}-{PARENT}-0"), ("tracestate", "a=1")),
                  (("traceparent", f"00-{TRACE}-{PARENT}-01"),
                   ("traceparent", f"00-{TRACE}-{PARENT}-01"))):
        assert get(edge, "/", *wrong).status == 200
    for request in target.requests:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", request.get("traceparent"))
        assert TRACE not in request.get("traceparent") and request.get("tracestate") is None
    assert get(edge, "/", ("traceparent", f"00-{TRACE}-{PARENT}-01"),
               ("tracestate", "A=1")).status == 200
    assert TRACE in target.requests[3].get("traceparent")
    assert target.requests[3].get("tracestate") is None
    assert get(edge, "/fixed").status == 200
    spans = collector.spans(9)
    assert len({span["traceId"] for span in spans}) == 5
    assert [span["kind"] for span in spans].count(2) == 5
    roots = [span for span in spans if "parentSpanId" not in span]
    assert len(roots) == 4


def test_failed_tries_are_spans_of_their_own(weir, backends):
    collector = Collector(backends)
    dying, well = backends.dying(), backends.text("x")
    edge = edge_with(weir, collector, dying, well)
    wait.until(lambda: get(edge).status == 200 and dying.requests, "a retried request")
    spans = wait.until(lambda: [span for span in collector.spans(1)
                                if span["status"].get("code") == 2], "a failed span")
    failed = spans[0]
    assert failed["kind"] == 3 and "closed before it answered" in failed["status"]["message"]
    assert attributes(failed)["error.type"] == "broken"
    again = [span for span in collector.spans(1)
             if span["parentSpanId" if "parentSpanId" in span else "spanId"] ==
             failed["parentSpanId"] and span is not failed and span["kind"] == 3]
    assert attributes(again[-1])["http.request.resend_count"] == "1"


def test_what_is_not_sampled_is_not_sent_but_passed_on(weir, backends):
    collector, target = Collector(backends), backends.echo()
    edge = edge_with(weir, collector, target, sample="0%")
    assert get(edge).status == 200
    assert get(edge, "/", ("traceparent", f"00-{TRACE}-{PARENT}-00")).status == 200
    assert target.requests[0].get("traceparent").endswith("-00")
    assert target.requests[1].get("traceparent").startswith(f"00-{TRACE}-")
    assert get(edge, "/", ("traceparent", f"00-{TRACE}-{PARENT}-01")).status == 200
    assert len(collector.spans(2)) == 2
    assert len(edge.access_log(count=3)[0]["trace_id"]) == 32


def test_without_tracing_fields_pass_as_they_are(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target)
    get(edge, "/", ("traceparent", "whatever"), ("tracestate", "X"))
    assert target.requests[0].get("traceparent") == "whatever"
    assert target.requests[0].get("tracestate") == "X"
    assert "trace_id" not in edge.access_log(count=1)[0]


def test_a_collector_that_is_away_costs_no_request(weir, backends):
    collector, target = Collector(backends), backends.text("x")
    collector.status = 503
    edge = edge_with(weir, collector, target)
    assert get(edge).status == 200
    edge.wait_for_log("traces are not taken by")
    assert edge.metrics()["weir_trace_failures_total"] >= 1
    for _ in range(1500):
        assert raw.get(edge.port).status == 200
    assert edge.metrics()["weir_trace_spans_dropped_total"] > 0
    collector.status = 200
    edge.wait_for_log("traces are sent again")
    assert edge.metrics()["weir_trace_spans_exported_total"] > 0


def test_what_a_collector_refuses_for_good_is_dropped_at_once(weir, backends):
    collector, target = Collector(backends), backends.text("x")
    collector.status = 400
    edge = edge_with(weir, collector, target)
    assert get(edge).status == 200
    wait.until(lambda: edge.metrics()["weir_trace_spans_dropped_total"] == 2, "dropped spans")
    assert len(collector.backend.requests) == 1


def test_the_last_spans_are_sent_at_the_end(weir, backends):
    collector, target = Collector(backends), backends.text("x")
    edge = edge_with(weir, collector, target)
    assert get(edge).status == 200
    assert edge.stop() == 0
    assert len(collector.spans(2)) == 2
