"""The action `files`: what a folder serves, and that there is no way out of it."""
import email.utils
import os
import re
import socket

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
MEDIUM = bytes(range(256)) * 200           # kept in memory
LARGE = bytes(range(256)) * 4096           # sent from its descriptor
CONTENTS = {"/": PAGE, "/index.html": PAGE, "/sub/": b"sub", "/medium.bin": MEDIUM,
            "/large.bin": LARGE, "/empty.txt": b"", "/with%20space%20&%20more.txt": b"odd",
            "/inside.txt": b"a{}", "/.well-known/security.txt": b"contact"}
ASKS_FOR_PAGE = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")


@pytest.fixture
def site(tmp_path):
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    (site / ".well-known").mkdir()
    for name, content in (
            ("index.html", PAGE), ("sub/index.html", b"sub"), ("medium.bin", MEDIUM),
            ("large.bin", LARGE), ("style.css", b"a{}"), ("script.js", b"1"), ("empty.txt", b""),
            ("with space & more.txt", b"odd"), (".env", b"secret"), ("sub/.htpasswd", b"secret"),
            (".well-known/security.txt", b"contact"), (".well-known/.key", b"secret")):
        (site / name).write_bytes(content)
    (tmp_path / "outside.txt").write_bytes(b"outside")
    (tmp_path / "site-other").mkdir()
    (tmp_path / "site-other/outside.txt").write_bytes(b"outside")
    os.symlink("style.css", site / "inside.txt")
    os.symlink(tmp_path / "outside.txt", site / "absolute.txt")
    os.symlink("../outside.txt", site / "relative.txt")
    os.symlink("..", site / "up")
    os.symlink("/", site / "root")
    os.symlink("loop", site / "loop")
    os.symlink("/proc/self/root", site / "magic")
    os.mkfifo(site / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.getcwd()
        os.chdir(site)       # a Unix socket's path has at most 107 bytes
        listener.bind("socket")
        os.chdir(before)
    return site


@pytest.fixture
def edge(weir, site):
    return weir.edge(CONFIG.replace("@FOLDER@", str(site.parent)))


def settled(edge, path):
    """An answer whose tag is the file's own: at once after a change it has a moment's in it."""
    def answer():
        found = raw.get(edge.port, path)
        return None if "-" in found.get("ETag") else found
    return wait.until(answer, f"a lasting ETag of {path}")


def test_a_file_comes_with_its_type_length_and_validators(edge):
    answer = raw.get(edge.port, "/style.css")
    assert (answer.status, answer.body) == (200, b"a{}")
    assert answer.get("Content-Type") == "text/css; charset=utf-8"
    assert answer.get("Content-Length") == "3"
    assert re.fullmatch(r'"[0-9a-f-]+"', answer.get("ETag"))
    assert email.utils.parsedate(answer.get("Last-Modified"))
    assert answer.get("Accept-Ranges") == "bytes"
    assert answer.get("X-Content-Type-Options") == "nosniff"
    assert answer.get("Cache-Control") is None


@pytest.mark.parametrize("path", CONTENTS)
def test_what_is_there_is_served_whole(edge, path):
    with raw.connect(edge.port) as connection:
        for _ in range(2):                 # the second one from the cache
            answer = connection.send(raw.request("GET", path)).response()
            assert (answer.status, answer.body) == (200, CONTENTS[path])


def test_a_folder_without_its_slash_is_redirected(edge):
    answer = raw.get(edge.port, "/sub?a=b")
    assert (answer.status, answer.get("Location")) == (301, "/sub/?a=b")
    assert raw.get(edge.port, "//sub").get("Location") == "/sub/"
    assert curl.get(edge.url("/sub"), "--location").body == b"sub"


@pytest.mark.parametrize("path", ["/missing", "/style.css/", "/style.css/x", "/sub/missing.html",
                                  "/" + "a" * 300, "/" + "a/" * 3000, "/sub%2Findex.html"])
def test_what_is_not_there_is_a_404(edge, path):
    for _ in range(2):
        assert raw.get(edge.port, path).status == 404


@pytest.mark.parametrize("path", [
    "/../outside.txt", "/sub/../../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt",
    "/sub/%2e%2e/%2e%2e/outside.txt", "//../outside.txt", "/.%2e/outside.txt", "/..\\outside.txt",
    "/..%5coutside.txt", "/%252e%252e/outside.txt", "/..;/outside.txt", "/..%00/outside.txt",
    "/../site-other/outside.txt", "/..%c0%afoutside.txt", "/sub/..%252foutside.txt",
    "http://test.localhost/../outside.txt"])
def test_no_path_leads_out(edge, path):
    answer = raw.get(edge.port, path)
    assert answer.status in (400, 404)
    assert b"outside" not in answer.body


@pytest.mark.parametrize("path", [
    "/absolute.txt", "/relative.txt", "/up/outside.txt", "/up/site-other/outside.txt",
    "/root/etc/passwd", "/magic/etc/passwd", "/loop", "/loop/x", "/fifo", "/socket", "/.env",
    "/%2eenv", "/sub/.htpasswd", "/.well-known/.key", "/sub/../.env"])
def test_no_link_leads_out_and_nothing_special_or_hidden_is_served(edge, path):
    for _ in range(2):
        answer = raw.get(edge.port, path)
        assert answer.status == 404
        assert not re.search(b"outside|secret|root:", answer.body)


def test_a_folder_that_becomes_a_link_outside_is_no_way_out(edge, site):
    assert raw.get(edge.port, "/sub/").body == b"sub"
    os.rename(site / "sub", site / "old")
    os.symlink("../site-other", site / "sub")
    assert raw.get(edge.port, "/sub/outside.txt").status == 404
    wait.until(lambda: raw.get(edge.port, "/sub/").status == 404, "the link to be seen")


def test_a_root_that_is_a_link_may_change_its_end(weir, site):
    folder = site.parent
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "index.html").write_text(name)
    os.symlink("one", folder / "current")
    edge = weir.edge(CONFIG.replace("@FOLDER@/site", str(folder / "current")))
    assert raw.get(edge.port, "/").body == b"one"
    os.symlink("two", folder / "next")
    os.rename(folder / "next", folder / "current")
    wait.until(lambda: raw.get(edge.port, "/").body == b"two", "the other release")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_a_403(edge, site):
    (site / "style.css").chmod(0)
    assert raw.get(edge.port, "/style.css").status == 403


@pytest.mark.parametrize("path", ["/medium.bin", "/large.bin"])
@pytest.mark.parametrize("wanted, first, last", [
    ("bytes=0-9", 0, 9), ("bytes=-5", -5, -1), ("bytes=40000-", 40000, -1),
    ("bytes=5-99999999", 5, -1), ("bytes=-99999999", 0, -1), ("bytes=7-7", 7, 7)])
def test_a_range(edge, path, wanted, first, last):
    content = CONTENTS[path]
    size = len(content)
    first, last = first % size, last % size
    answer = raw.get(edge.port, path, [("Range", wanted)])
    assert (answer.status, answer.body) == (206, content[first:last + 1])
    assert answer.get("Content-Range") == f"bytes {first}-{last}/{size}"
    assert answer.get("Content-Type") == "application/octet-stream"


@pytest.mark.parametrize("wanted", ["bytes=9-5", "lines=0-9", "bytes=", "bytes=a-b", "bytes",
                                    "bytes=0-9,5-20"])
def test_a_range_that_is_none_is_ignored(edge, wanted):
    answer = raw.get(edge.port, "/medium.bin", [("Range", wanted)])
    assert (answer.status, answer.body == MEDIUM) == (200, True)


def test_a_range_behind_the_end_is_a_416(edge):
    answer = raw.get(edge.port, "/large.bin", [("Range", "bytes=1048576-")])
    assert (answer.status, answer.get("Content-Range")) == (416, "bytes */1048576")
    assert raw.get(edge.port, "/empty.txt", [("Range", "bytes=0-")]).status == 416


@pytest.mark.parametrize("path", ["/medium.bin", "/large.bin"])
def test_several_ranges_come_in_parts(edge, path):
    content = CONTENTS[path]
    answer = raw.get(edge.port, path, [("Range", "bytes=0-3, 100-105,-4")])
    boundary = re.fullmatch(r"multipart/byteranges; boundary=([\w-]+)", answer.get("Content-Type"))
    assert answer.status == 206 and boundary
    parts = answer.body.split(b"\r\n--" + boundary[1].encode())
    assert (parts[0], parts[-1]) == (b"", b"--\r\n")
    size = len(content)
    for part, (first, last) in zip(parts[1:-1], ((0, 3), (100, 105), (size - 4, size - 1))):
        head, _, body = part.partition(b"\r\n\r\n")
        assert f"Content-Range: bytes {first}-{last}/{size}".encode() in head
        assert b"Content-Type: application/octet-stream" in head
        assert body == content[first:last + 1]
    assert len(parts) == 5


def test_a_flood_of_ranges_costs_no_more_than_the_file(edge):
    for ranges in (",".join(f"{n}-" for n in range(500)),
                   ",".join(f"{n * 2}-{n * 2}" for n in range(400))):
        answer = raw.get(edge.port, "/large.bin", [("Range", "bytes=" + ranges)])
        assert (answer.status, len(answer.body)) == (200, len(LARGE))


@pytest.mark.parametrize("path", ["/style.css", "/large.bin"])
def test_conditional_requests(edge, path):
    first = settled(edge, path)
    tag, date, epoch = first.get("ETag"), first.get("Last-Modified"), "Thu, 01 Jan 1970 00:00:00 GMT"
    for headers, status in (
            ([("If-None-Match", tag)], 304), ([("If-None-Match", f'"x", W/{tag}')], 304),
            ([("If-None-Match", "*")], 304), ([("If-None-Match", '"x"')], 200),
            ([("If-None-Match", '"x"'), ("If-None-Match", tag)], 304),
            ([("If-Modified-Since", date)], 304), ([("If-Modified-Since", "yesterday")], 200),
            ([("If-None-Match", '"x"'), ("If-Modified-Since", date)], 200),
            ([("If-Modified-Since", epoch)], 200),
            ([("If-Match", '"x"')], 412), ([("If-Match", tag)], 200), ([("If-Match", "*")], 200),
            ([("If-Match", f"W/{tag}")], 412),
            ([("If-Match", tag), ("If-Unmodified-Since", epoch)], 200),
            ([("If-Unmodified-Since", epoch)], 412), ([("If-Unmodified-Since", date)], 200),
            ([("If-Match", tag), ("If-None-Match", tag)], 304),
            ([("Range", "bytes=0-0"), ("If-None-Match", tag)], 304),
            ([("Range", "bytes=0-0"), ("If-Match", '"x"')], 412),
            ([("Range", "bytes=0-0"), ("If-Range", tag)], 206),
            ([("Range", "bytes=0-0"), ("If-Range", f"W/{tag}")], 200),
            ([("Range", "bytes=0-0"), ("If-Range", date)], 206),
            ([("Range", "bytes=0-0"), ("If-Range", epoch)], 200),
            ([("Range", "bytes=0-0"), ("If-Range", '"x"')], 200)):
        answer = raw.get(edge.port, path, headers)
        assert answer.status == status, headers
        if status == 304:
            assert (answer.get("ETag"), answer.get("Last-Modified")) == (tag, date)
            assert answer.get("Content-Type") is None


def test_curl_asks_again_only_when_something_changed(edge, site, tmp_path):
    settled(edge, "/style.css")
    arguments = ("--etag-save", tmp_path / "tag", "--etag-compare", tmp_path / "tag")
    (tmp_path / "tag").write_text("")
    assert curl.get(edge.url("/style.css"), *arguments).status == 200
    assert curl.get(edge.url("/style.css"), *arguments).status == 304
    (site / "style.css").write_bytes(b"b{}")
    wait.until(lambda: curl.get(edge.url("/style.css"), *arguments).status == 200, "the change")


def test_a_changed_file_is_seen_whatever_its_times_say(edge, site):
    path = site / "style.css"
    os.utime(path, (1, 1))
    before = settled(edge, "/style.css")
    for content in (b"b{}", b"c{}", b"d{}"):
        path.write_bytes(content)          # in place, of the same size
        os.utime(path, (1, 1))
        answer = wait.until(
            lambda: (found := raw.get(edge.port, "/style.css")).body == content and found,
            "the change to be seen", deadline_s=2)
        assert answer.status == 200
    (site / "new.css").write_bytes(b"e{}")
    os.rename(site / "new.css", path)
    os.utime(path, (1, 1))
    wait.until(lambda: raw.get(edge.port, "/style.css").body == b"e{}", "the other file")
    assert settled(edge, "/style.css").get("ETag") != before.get("ETag")


def test_what_was_missing_is_served_once_it_is_there(edge, site):
    assert raw.get(edge.port, "/later.txt").status == 404
    (site / "later.txt").write_bytes(b"now")
    wait.until(lambda: raw.get(edge.port, "/later.txt").status == 200, "the new file", deadline_s=2)
    (site / "later.txt").unlink()
    wait.until(lambda: raw.get(edge.port, "/later.txt").status == 404, "its end", deadline_s=2)


def test_a_file_replaced_while_it_is_sent_is_sent_to_its_end(edge, site):
    before, after = b"a" * 8_000_000, b"b" * 8_000_000
    (site / "huge.bin").write_bytes(before)
    with raw.connect(edge.port, receive_buffer=4096) as connection:
        connection.send(raw.request("GET", "/huge.bin"))
        connection.head()
        assert connection.exactly(1000) == before[:1000]
        (site / "huge.new").write_bytes(after)
        os.rename(site / "huge.new", site / "huge.bin")
        wait.until(lambda: raw.get(edge.port, "/huge.bin").body == after, "the other file")
        assert connection.exactly(len(before) - 1000) == before[1000:]


def test_a_file_cut_short_while_it_is_sent_ends_in_a_truncation(edge, site):
    (site / "huge.bin").write_bytes(b"a" * 16_000_000)
    with raw.connect(edge.port, receive_buffer=4096) as connection:
        connection.send(raw.request("GET", "/huge.bin"))
        connection.head()
        connection.exactly(1000)
        os.truncate(site / "huge.bin", 2000)
        assert len(connection.rest()) < 16_000_000 - 1000
    assert raw.get(edge.port, "/style.css").status == 200


def test_a_file_of_gigabytes_is_asked_for_at_its_end(edge, site):
    with open(site / "sparse.bin", "wb") as file:
        file.truncate(5 << 30)
        file.seek((5 << 30) - 3)
        file.write(b"end")
    answer = curl.get(edge.url("/sparse.bin"), "--range", "-3")
    assert (answer.status, answer.body) == (206, b"end")
    assert curl.get(edge.url("/sparse.bin"), "--head").get("Content-Length") == str(5 << 30)


@pytest.mark.parametrize("path", ["/style.css", "/large.bin", "/empty.txt", "/sub", "/missing"])
def test_head_tells_what_get_does_without_a_body(edge, path):
    changing = ("date", "x-request-id")
    with raw.connect(edge.port) as connection:
        heads = []
        for method in ("GET", "HEAD"):
            answer = connection.send(raw.request(method, path)).response(method)
            heads.append([field for field in answer.head.headers
                          if field[0].lower() not in changing])
        assert heads[0] == heads[1]
        assert connection.send(raw.request("GET", "/style.css")).response().body == b"a{}"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_only_get_and_head_are_allowed(edge, method):
    answer = raw.exchange(edge.port, raw.request(method, "/style.css", body=b"x"))
    assert (answer.status, answer.get("Allow")) == (405, "GET, HEAD")


NAVIGATES, FETCHES = ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Mode", "cors")


@pytest.mark.parametrize("path, headers, status", [
    ("/app/some/view", [ASKS_FOR_PAGE], 200),
    ("/app/some/view/", [ASKS_FOR_PAGE], 200),
    ("/app/some/view", [NAVIGATES, ("Accept", "*/*")], 200),
    ("/app/users/john.doe", [NAVIGATES], 200),
    ("/app", [ASKS_FOR_PAGE], 200),
    ("/app/some/view", [FETCHES, ASKS_FOR_PAGE], 404),
    ("/app/some/view", [("Accept", "*/*")], 404),
    ("/app/some/view", [], 404),
    ("/app/api/thing", [("Accept", "application/json")], 404),
    ("/app/chunk-4711.js", [("Accept", "*/*")], 404),
    ("/app/chunk-4711.js", [NAVIGATES, ASKS_FOR_PAGE], 404),
    ("/app/logo.png", [ASKS_FOR_PAGE], 404),
    ("/app/.git/config", [("Accept", "text/plain")], 404),
    ("/some/view", [ASKS_FOR_PAGE], 404),
])
def test_the_fallback_is_for_navigations_only(edge, path, headers, status):
    answer = raw.get(edge.port, path, headers)
    assert answer.status == status
    if status == 200:
        assert answer.body == PAGE
        assert answer.get("Cache-Control") == "no-cache"
        assert answer.get("Content-Type") == "text/html; charset=utf-8"
    else:
        assert PAGE not in answer.body
    posted = raw.exchange(edge.port, raw.request("POST", path, headers))
    assert posted.status == 405


def test_curl_takes_a_download_up_where_it_broke_off(edge):
    answer = curl.get(edge.url("/large.bin"), "--continue-at", "1000")
    assert answer.body == LARGE[1000:]


def test_many_ask_for_a_new_file_at_once(edge, site):
    (site / "new.bin").write_bytes(MEDIUM)
    connections = [raw.connect(edge.port) for _ in range(50)]
    for connection in connections:
        connection.send(raw.request("GET", "/new.bin"))
    for connection in connections:
        assert connection.response().body == MEDIUM
        connection.close()


def test_more_files_than_the_cache_holds(edge, site):
    """9,000 of them, and 300 large ones: descriptors are a bounded number."""
    for number in range(300):
        with open(site / f"large{number}.bin", "wb") as file:
            file.truncate(100_000 + number)
    with raw.connect(edge.port) as connection:
        for number in range(9000):
            assert connection.send(raw.request("GET", f"/none{number}")).response().status == 404
        for number in range(300):
            answer = connection.send(raw.request("GET", f"/large{number}.bin")).response()
            assert len(answer.body) == 100_000 + number
    assert len(os.listdir(f"/proc/{edge.process.pid}/fd")) < 300
    assert edge.metrics()['weir_files_cache_evictions_total{worker="0"}'] > 0


def test_the_configuration_is_not_served(weir):
    edge = weir.edge(CONFIG.replace("@FOLDER@/site", "."))
    name = os.path.basename(edge.file)
    folder = os.path.dirname(edge.file)
    assert raw.get(edge.port, f"/{name}").status == 404
    assert raw.get(edge.port, f"/%{ord(name[0]):x}{name[1:]}").status == 404
    assert raw.get(edge.port, f"/{name}.old").status == 404
    with open(os.path.join(folder, f"{name}.old"), "w") as other:
        other.write("other")
    wait.until(lambda: raw.get(edge.port, f"/{name}.old").body == b"other", "the neighbour")


def test_the_metrics_tell_what_is_kept(edge):
    for _ in range(5):
        assert raw.get(edge.port, "/large.bin").status == 200
    raw.get(edge.port, "/none")
    found = {name: edge.metrics()[f'weir_files_cache_{name}{{worker="0"}}']
             for name in ("entries", "descriptors", "bytes", "hits_total", "loads_total",
                          "evictions_total")}
    assert found["entries"] == 2 and found["descriptors"] == 1 and found["evictions_total"] == 0
    # A slow machine may look at the file again meanwhile.
    assert found["loads_total"] >= 2 and found["hits_total"] + found["loads_total"] >= 6
    assert 0 < found["bytes"] < len(LARGE)
