"""The action `files`: what a folder serves, and that there is no way out of it."""
import email.utils
import os

import pytest

from harness import curl, raw, wait

CONFIG = """\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
workers: 1
access_log: off
sites:
  all:
    domains: ["*"]
    rules:
      - { match: { path: "/app/*" }, files: @FOLDER@/site, fallback: /index.html }
      - files: @FOLDER@/site
"""
PAGE = b"<!doctype html><title>home</title>"
LARGE = bytes(range(256)) * 4096


@pytest.fixture
def edge(weir, tmp_path):
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    (site / "index.html").write_bytes(PAGE)
    (site / "sub/index.html").write_bytes(b"sub")
    (site / "large.bin").write_bytes(LARGE)
    (site / "style.css").write_bytes(b"a{}")
    (site / "script.js").write_bytes(b"1")
    (site / "empty.txt").write_bytes(b"")
    (site / "with space & more.txt").write_bytes(b"odd")
    (site / ".env").write_bytes(b"secret")
    (tmp_path / "outside.txt").write_bytes(b"outside")
    os.symlink(tmp_path / "outside.txt", site / "link.txt")
    os.symlink(tmp_path, site / "linked")
    return weir.edge(CONFIG.replace("@FOLDER@", str(tmp_path)))


def test_a_file_comes_with_its_type_length_and_validators(edge):
    answer = raw.get(edge.port, "/style.css")
    assert (answer.status, answer.body) == (200, b"a{}")
    assert answer.get("Content-Type").startswith("text/css")
    assert answer.get("Content-Length") == "3"
    assert answer.get("ETag")
    assert email.utils.parsedate(answer.get("Last-Modified"))
    assert answer.get("Accept-Ranges") == "bytes"


@pytest.mark.parametrize("path, body", [("/", PAGE), ("/index.html", PAGE), ("/sub/", b"sub"),
                                        ("/large.bin", LARGE), ("/empty.txt", b""),
                                        ("/with%20space%20&%20more.txt", b"odd")],
                         ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_there_is_served_whole(edge, path, body):
    answer = raw.get(edge.port, path)
    assert (answer.status, answer.body) == (200, body)


def test_a_folder_without_its_slash_is_redirected(edge):
    answer = raw.get(edge.port, "/sub?a=b")
    assert answer.status in (301, 308)
    assert answer.get("Location").endswith("/sub/?a=b")


@pytest.mark.parametrize("path", ["/missing", "/style.css/", "/style.css/x", "/sub/missing.html"])
def test_what_is_not_there_is_a_404(edge, path):
    assert raw.get(edge.port, path).status == 404


@pytest.mark.parametrize("path", [
    "/../outside.txt", "/sub/../../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt",
    "/sub/%2e%2e/%2e%2e/outside.txt", "//../outside.txt", "/.%2e/outside.txt", "/..\\outside.txt",
    "/..%5coutside.txt", "/link.txt", "/linked/outside.txt", "/.env", "/%2eenv"])
def test_there_is_no_way_out_and_no_hidden_file(edge, path):
    answer = raw.get(edge.port, path)
    assert answer.status in (400, 403, 404)
    assert b"outside" not in answer.body and b"secret" not in answer.body


@pytest.mark.parametrize("wanted, status, content_range, body", [
    ("bytes=0-9", 206, "bytes 0-9/1048576", LARGE[:10]),
    ("bytes=1048570-", 206, "bytes 1048570-1048575/1048576", LARGE[-6:]),
    ("bytes=-5", 206, "bytes 1048571-1048575/1048576", LARGE[-5:]),
    ("bytes=5-99999999", 206, "bytes 5-1048575/1048576", LARGE[5:]),
    ("bytes=1048576-", 416, "bytes */1048576", None),
    ("bytes=9-5", 200, None, LARGE),
    ("lines=0-9", 200, None, LARGE),
], ids=lambda value: str(value) if not isinstance(value, bytes) else "")
def test_ranges(edge, wanted, status, content_range, body):
    answer = raw.get(edge.port, "/large.bin", [("Range", wanted)])
    assert (answer.status, answer.get("Content-Range")) == (status, content_range)
    if body is not None:
        assert answer.body == body


def test_a_flood_of_ranges_costs_no_more_than_the_file(edge):
    ranges = "bytes=" + ",".join(f"{n}-" for n in range(500))
    answer = raw.get(edge.port, "/large.bin", [("Range", ranges)])
    assert answer.status in (200, 206, 416)
    assert len(answer.body) < 2 * len(LARGE)


def test_conditional_requests(edge):
    first = raw.get(edge.port, "/style.css")
    tag, date = first.get("ETag"), first.get("Last-Modified")
    for headers, status in (
            ([("If-None-Match", tag)], 304), ([("If-None-Match", f'"x", {tag}')], 304),
            ([("If-None-Match", "*")], 304), ([("If-None-Match", '"x"')], 200),
            ([("If-Modified-Since", date)], 304),
            ([("If-None-Match", '"x"'), ("If-Modified-Since", date)], 200),
            ([("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")], 200),
            ([("If-Match", '"x"')], 412), ([("If-Match", tag)], 200),
            ([("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")], 412),
            ([("Range", "bytes=0-0"), ("If-Range", tag)], 206),
            ([("Range", "bytes=0-0"), ("If-Range", '"x"')], 200)):
        answer = raw.get(edge.port, "/style.css", headers)
        assert answer.status == status, headers
        if status == 304:
            assert answer.get("ETag") == tag


def test_a_changed_file_has_another_tag(edge, tmp_path):
    before = raw.get(edge.port, "/style.css").get("ETag")
    (tmp_path / "site/style.css").write_bytes(b"b{}")
    os.utime(tmp_path / "site/style.css", (1, 1))
    answer = wait.until(lambda: (now := raw.get(edge.port, "/style.css")).body == b"b{}" and now,
                        "the changed file")
    assert answer.get("ETag") != before


def test_head_tells_the_length_alone(edge):
    with raw.connect(edge.port) as connection:
        answer = connection.send(raw.request("HEAD", "/large.bin")).response("HEAD")
        assert (answer.status, answer.get("Content-Length")) == (200, str(len(LARGE)))
        assert connection.send(raw.request("GET", "/style.css")).response().body == b"a{}"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_get_and_head_are_allowed(edge, method):
    answer = raw.exchange(edge.port, raw.request(method, "/style.css", body=b"x"))
    assert answer.status == 405
    assert set(answer.get("Allow").replace(" ", "").split(",")) >= {"GET", "HEAD"}


def test_the_fallback_is_for_navigations_only(edge):
    page = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]
    answer = raw.get(edge.port, "/app/some/view", page)
    assert (answer.status, answer.body) == (200, PAGE)
    assert raw.get(edge.port, "/app/api/thing", [("Accept", "application/json")]).status == 404
    assert raw.get(edge.port, "/app/chunk-4711.js", [("Accept", "*/*")]).status == 404
    assert raw.get(edge.port, "/some/view", page).status == 404


def test_curl_takes_a_download_up_where_it_broke_off(edge, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(LARGE[:1000])
    answer = curl.get(edge.url("/large.bin"), "--continue-at", "1000")
    assert answer.body == LARGE[1000:]
