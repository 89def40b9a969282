"""The action `bucket`: objects served as a site."""
import pytest

from harness import curl, s3

FILE = """\
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }} }}
workers: 2
access_log: off
buckets: {{ site: {{}}, spa: {{}}, rules: {{}} }}
sites:
  objects: {{ domains: "127.0.0.1", s3: {{}} }}
  site: {{ domains: site.localhost, bucket: {{ name: site, error_page: /404.html }} }}
  spa: {{ domains: spa.localhost, bucket: {{ name: spa, prefix: "v1/", fallback: /index.html }} }}
  rules: {{ domains: rules.localhost, bucket: rules }}
  rewritten:
    domains: rewritten.localhost
    rules: [ {{ match: {{ path: "/x/*" }}, rewrite: /docs, bucket: site }} ]
"""


@pytest.fixture(scope="module")
def store():
    with s3.service(text=FILE.format()) as service:
        for key, content, kind in (("index.html", "home", "text/html"), ("404.html", "gone", "text/html"),
                                   ("docs/index.html", "docs", "text/html"),
                                   ("a b.txt", "0123456789", "text/plain"),
                                   ("untyped.css", "a{}", None)):
            extra = {"ContentType": kind} if kind else {}
            service.client.put_object(Bucket="site", Key=key, Body=content, **extra)
        service.client.put_object(Bucket="spa", Key="v1/index.html", Body="app",
                                  ContentType="text/html", CacheControl="max-age=5")
        yield service


def _get(store, site, path, *arguments):
    return curl.get(f"http://{site}.localhost:{store.edge.port}{path}", "--resolve",
                    f"{site}.localhost:{store.edge.port}:127.0.0.1", *arguments)


def test_objects_are_pages(store):
    answer = _get(store, "site", "/")
    assert (answer.status, answer.body) == (200, b"home")
    assert answer.get("content-type") == "text/html"
    assert answer.get("x-amz-request-id") is None
    answer = _get(store, "site", "/a%20b.txt")
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert _get(store, "site", "/untyped.css").get("content-type").startswith("text/css")
    answer = _get(store, "site", "/docs")
    assert (answer.status, answer.get("location")) == (301, "/docs/")
    assert _get(store, "site", "/docs/").body == b"docs"
    answer = _get(store, "site", "/none")
    assert (answer.status, answer.body) == (404, b"gone")
    assert _get(store, "site", "/", "-X", "POST").status == 405


def test_a_rewritten_path_leads_to_no_folder_of_another_name(store):
    assert _get(store, "rewritten", "/x/").status == 404
    answer = _get(store, "rewritten", "/x/y")
    assert (answer.status, answer.get("location")) == (301, "/x/y/")


def test_ranges_and_conditions(store):
    whole = _get(store, "site", "/a%20b.txt")
    etag = whole.get("etag")
    answer = _get(store, "site", "/a%20b.txt", "-H", "Range: bytes=2-4")
    assert (answer.status, answer.body, answer.get("content-range")) == (
        206, b"234", "bytes 2-4/10")
    answer = _get(store, "site", "/a%20b.txt", "-H", f"If-None-Match: {etag}")
    assert (answer.status, answer.body, answer.get("etag")) == (304, b"", etag)
    assert _get(store, "site", "/a%20b.txt", "-H", "Range: bytes=10-").status == 416
    assert _get(store, "site", "/a%20b.txt", "-H", 'If-Match: "x"').status == 412
    head = _get(store, "site", "/a%20b.txt", "-I")
    assert (head.status, head.get("content-length")) == (200, "10")


def test_a_write_is_seen_at_once(store):
    for number in range(20):
        store.client.put_object(Bucket="site", Key="changing", Body=str(number))
        assert _get(store, "site", "/changing").body == str(number).encode()
    store.client.delete_object(Bucket="site", Key="changing")
    assert _get(store, "site", "/changing").status == 404


def test_a_fallback_is_for_navigations(store):
    answer = _get(store, "spa", "/users/7", "-H", "Accept: text/html")
    assert (answer.status, answer.body, answer.get("content-type")) == (200, b"app", "text/html")
    assert "no-cache" in answer.get("cache-control")
    assert _get(store, "spa", "/users/7", "-H", "Accept: application/json").status == 404
    assert _get(store, "spa", "/chunk.js", "-H", "Accept: text/html").status == 404
    assert _get(store, "spa", "/index.html").get("cache-control") == "max-age=5"


def test_a_bucket_has_rules_of_its_own(store):
    client = store.client
    client.put_object(Bucket="rules", Key="start.html", Body="start")
    client.put_object(Bucket="rules", Key="error.html", Body="error")
    client.put_object(Bucket="rules", Key="sign", Body="", WebsiteRedirectLocation="/start.html")
    client.put_bucket_website(Bucket="rules", WebsiteConfiguration={
        "IndexDocument": {"Suffix": "start.html"}, "ErrorDocument": {"Key": "error.html"},
        "RoutingRules": [{"Condition": {"KeyPrefixEquals": "old/"},
                          "Redirect": {"ReplaceKeyPrefixWith": "new/", "HttpRedirectCode": "302"}}]})
    assert _get(store, "rules", "/").body == b"start"
    answer = _get(store, "rules", "/none")
    assert (answer.status, answer.body) == (404, b"error")
    answer = _get(store, "rules", "/old/a")
    assert answer.status == 302
    assert answer.get("location") == f"http://rules.localhost:{store.edge.port}/new/a"
    answer = _get(store, "rules", "/sign")
    assert (answer.status, answer.get("location")) == (301, "/start.html")
