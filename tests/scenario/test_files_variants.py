"""The action `files`: precompressed neighbours, and what a folder without an index shows."""
import gzip
import json
import os
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
      - match: { path: "/plain/*" }
        strip_prefix: /plain
        files: @SITE@
      - match: { path: "/list/*" }
        strip_prefix: /list
        files: { root: @SITE@, listing: true }
      - files: { root: @SITE@, precompressed: [br, gzip] }
        fallback: /index.html
"""
PAGE = b"<!doctype html><title>home</title>" * 10
SCRIPT = b"console.log(1);" * 100
BROTLI = b"stands for brotli, br" * 3


@pytest.fixture
def site(tmp_path):
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    for name, content in (
            ("index.html", PAGE), ("index.html.gz", gzip.compress(PAGE)), ("x.js", SCRIPT),
            ("x.js.gz", gzip.compress(SCRIPT)), ("x.js.br", BROTLI), ("x.js.zst", b"zstd"),
            ("stale.js", SCRIPT), ("stale.js.br", b"old"), ("only.css.br", b"alone"),
            ("bare.txt", b"bare"), ("odd.txt", b"odd"), (".hidden", b"secret"),
            ("sub/a b&<c>.txt", b"odd"), ("sub/.git", b"secret")):
        (site / name).write_bytes(content)
    (site / "odd.txt.br").mkdir()
    (site / "sub/deeper").mkdir()
    os.utime(site / "stale.js.br", (1, 1))
    (tmp_path / "outside.txt").write_bytes(b"outside")
    os.symlink(tmp_path / "outside.txt", site / "sub/absolute.txt")
    os.symlink("../../outside.txt", site / "sub/relative.txt")
    os.symlink("../../outside.txt", site / "bare.txt.br")
    os.symlink("../x.js", site / "sub/inside.js")
    os.symlink("nothing", site / "sub/dangling")
    os.mkfifo(site / "sub/fifo")
    return site


@pytest.fixture
def edge(weir, site):
    return weir.edge(CONFIG.replace("@SITE@", str(site)))


def ask(edge, path, encodings, *headers):
    accept = [] if encodings is None else [("Accept-Encoding", encodings)]
    return raw.get(edge.port, path, accept + list(headers))


@pytest.mark.parametrize("encodings, coding", [
    ("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("br;q=0.5, gzip", "gzip"),
    ("gzip;q=0.5, br;q=0.5", "br"), ("*", "br"), ("br;q=0, *", "gzip"), ("x-gzip", "gzip"),
    ("zstd", None), ("identity", None), ("", None), (None, None), ("gzip;q=0", None),
    ("identity, gzip;q=0.9", None), ("identity;q=0, zstd", None), ("*;q=0", None)])
def test_the_coding_that_is_liked_best_is_sent(edge, encodings, coding):
    for _ in range(2):
        answer = ask(edge, "/x.js", encodings)
        assert answer.status == 200
        assert answer.get("Content-Encoding") == coding
        assert answer.body == {"br": BROTLI, None: SCRIPT}.get(coding, answer.body)
        if coding == "gzip":
            assert gzip.decompress(answer.body) == SCRIPT
        assert answer.get("Content-Type") == "text/javascript; charset=utf-8"
        assert answer.get("Content-Length") == str(len(answer.body))
        assert answer.get("Vary") == "Accept-Encoding"


def test_curl_decodes_what_it_gets(edge):
    assert curl.get(edge.url("/x.js"), "--header", "Accept-Encoding: gzip",
                    "--compressed").body == SCRIPT


def test_each_representation_has_its_own_tag(edge):
    def tags():
        found = [ask(edge, "/x.js", coding).get("ETag") for coding in (None, "br", "gzip")]
        return None if any("-" in tag for tag in found) else found
    plain, brotli, packed = wait.until(tags, "lasting tags")
    assert len({plain, brotli, packed}) == 3
    answer = ask(edge, "/x.js", "br", ("If-None-Match", brotli))
    assert (answer.status, answer.get("ETag"), answer.get("Vary")) == (
        304, brotli, "Accept-Encoding")
    assert answer.get("Content-Encoding") is None
    assert ask(edge, "/x.js", "br", ("If-None-Match", plain)).status == 200


def test_ranges_are_of_the_encoded_bytes(edge):
    answer = ask(edge, "/x.js", "br", ("Range", "bytes=2-5"))
    assert (answer.status, answer.body) == (206, BROTLI[2:6])
    assert answer.get("Content-Range") == f"bytes 2-5/{len(BROTLI)}"
    assert answer.get("Content-Encoding") == "br"
    # several would be parts of a message that is not encoded itself
    answer = ask(edge, "/x.js", "br", ("Range", "bytes=0-1,4-5"))
    assert (answer.status, answer.body) == (200, BROTLI)
    assert ask(edge, "/x.js", None, ("Range", "bytes=0-1,4-5")).status == 206


def test_an_index_and_a_fallback_have_neighbours_too(edge):
    answer = ask(edge, "/", "gzip")
    assert (answer.get("Content-Encoding"), gzip.decompress(answer.body)) == ("gzip", PAGE)
    assert answer.get("Content-Type") == "text/html; charset=utf-8"
    answer = ask(edge, "/some/view", "gzip", ("Sec-Fetch-Mode", "navigate"))
    assert (answer.get("Content-Encoding"), gzip.decompress(answer.body)) == ("gzip", PAGE)
    assert answer.get("Vary") == "Accept, Accept-Encoding, Sec-Fetch-Mode"
    assert answer.get("Cache-Control") == "no-cache"


def test_what_is_older_outside_or_a_folder_is_no_neighbour(edge):
    for path, body in (("/stale.js", SCRIPT), ("/bare.txt", b"bare"), ("/odd.txt", b"odd")):
        answer = ask(edge, path, "br")
        assert (answer.status, answer.body, answer.get("Content-Encoding")) == (200, body, None)
        assert answer.get("Vary") == "Accept-Encoding"
    assert ask(edge, "/only.css", "br").status == 404


def test_a_neighbour_is_seen_when_it_comes_and_when_it_falls_behind(edge, site):
    assert ask(edge, "/odd.txt", "gzip").body == b"odd"
    (site / "odd.txt.gz").write_bytes(b"new")
    wait.until(lambda: ask(edge, "/odd.txt", "gzip").body == b"new", "the neighbour")
    (site / "odd.txt").write_bytes(b"changed")
    later = (site / "odd.txt.gz").stat().st_mtime + 10
    os.utime(site / "odd.txt", (later, later))
    wait.until(lambda: ask(edge, "/odd.txt", "gzip").body == b"changed", "the file itself")


def test_none_is_looked_for_unless_it_is_asked_for(edge):
    answer = ask(edge, "/plain/x.js", "gzip, br")
    assert (answer.body, answer.get("Content-Encoding"), answer.get("Vary")) == (SCRIPT, None, None)
    answer = ask(edge, "/x.js.gz", "gzip")
    assert (answer.get("Content-Type"), answer.get("Content-Encoding")) == ("application/gzip", None)


def test_a_folder_is_listed_where_that_is_asked_for(edge):
    answer = raw.get(edge.port, "/list/sub/")
    assert (answer.status, answer.get("Content-Type")) == (200, "text/html; charset=utf-8")
    page = answer.body.decode()
    assert '<a href="a%20b%26%3cc%3e.txt">a b&amp;&lt;c&gt;.txt</a>' in page
    assert '<a href="deeper/">' in page and '<a href="../">' in page and "inside.js" in page
    for hidden in (".git", "absolute", "relative", "dangling", "fifo"):
        assert hidden not in page
    assert "default-src 'none'" in answer.get("Content-Security-Policy")
    assert raw.get(edge.port, "/list/sub/a%20b%26%3cc%3e.txt").body == b"odd"
    assert raw.get(edge.port, "/list/sub").get("Location") == "/list/sub/"
    assert raw.get(edge.port, "/list/").body == PAGE      # an index goes before
    assert raw.get(edge.port, "/list/sub/deeper/").status == 200
    for path in ("/plain/sub/", "/list/none/", "/list/x.js/", "/list/.git/", "/list/sub/fifo/"):
        assert raw.get(edge.port, path).status == 404


def test_programs_get_a_listing_as_json(edge):
    answer = raw.get(edge.port, "/list/sub/", [("Accept", "application/json")])
    assert (answer.get("Content-Type"), answer.get("Vary")) == ("application/json", "Accept")
    found = {entry["name"]: entry for entry in json.loads(answer.body)}
    assert set(found) == {"a b&<c>.txt", "deeper", "inside.js"}
    assert found["a b&<c>.txt"]["size"] == 3 and found["a b&<c>.txt"]["type"] == "file"
    assert found["deeper"]["type"] == "directory" and "size" not in found["deeper"]
    assert found["inside.js"]["size"] == len(SCRIPT)
    browser = [("Accept", "text/html,application/json;q=0.9")]
    assert raw.get(edge.port, "/list/sub/", browser).get("Content-Type").startswith("text/html")


def test_listings_for_slow_readers_have_a_bound_in_common(edge, site):
    folder = site / "large"
    folder.mkdir()
    for number in range(5000):
        (folder / (f"{number:05}" + "\u00e4" * 120)).touch()
    readers = []

    def refused():
        client = raw.connect(edge.port, receive_buffer=4096)
        readers.append(client)
        client.send(raw.request(target="/list/large/"))
        return client.head().start_line.startswith("HTTP/1.1 503")
    wait.until(refused, "one listing too many")
    assert len(readers) > 3
    assert edge.metrics()["weir_listings_refused_total"] == 1
    for client in readers:
        client.close()
    wait.until(lambda: raw.get(edge.port, "/list/large/").status == 200, "room again")


def test_head_of_a_listing(edge):
    with raw.connect(edge.port) as connection:
        heads = [connection.send(raw.request(method, "/list/sub/")).response(method)
                 for method in ("GET", "HEAD")]
        assert heads[0].get("Content-Length") == heads[1].get("Content-Length")
        assert heads[1].body == b""


def test_a_listing_shows_a_bounded_number_of_names(edge, site):
    (site / "many").mkdir()
    for number in range(5010):
        (site / f"many/{number}").touch()
    assert len(json.loads(raw.get(edge.port, "/list/many/", [("Accept", "application/json")]).body)
               ) == 5000
    assert b"There are more than these 5000" in raw.get(edge.port, "/list/many/").body


def test_the_configuration_is_not_listed(weir):
    edge = weir.edge(CONFIG.replace("@SITE@", "."))
    name, folder = os.path.basename(edge.file), os.path.dirname(edge.file)
    with open(os.path.join(folder, "other"), "w") as other:
        other.write("x")
    names = [entry["name"] for entry in
             json.loads(raw.get(edge.port, "/list/", [("Accept", "application/json")]).body)]
    assert "other" in names and name not in names


def test_sockets_are_not_listed(edge, site):
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.getcwd()
        os.chdir(site / "sub")
        listener.bind("socket")
        os.chdir(before)
        assert b"socket" not in raw.get(edge.port, "/list/sub/").body


def test_after_reloads_a_folder_answers_for_itself_only(weir, tmp_path):
    """Snapshots come and go, and their memory is used again: what is kept is kept by the root."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(name)
        (tmp_path / name / "large.bin").write_bytes(name.encode() * 50_000)
    config = CONFIG.replace("@SITE@", f"{tmp_path}/@ROOT@")
    edge = weir.edge(config.replace("@ROOT@", "one"))

    def loads():
        return edge.metrics()['weir_files_cache_loads_total{worker="0"}']

    for turn in range(6):
        name = ("one", "two")[turn % 2]
        edge.write(config.replace("@ROOT@", name))
        assert weir.run("reload", "-f", edge.file).code == 0
        assert raw.get(edge.port, "/x.txt").body == name.encode()
        assert raw.get(edge.port, "/plain/x.txt").body == name.encode()
        assert raw.get(edge.port, "/large.bin").body == name.encode() * 50_000
    kept = loads()
    edge.write(config.replace("@ROOT@", "two").replace("/plain", "/other"))
    assert weir.run("reload", "-f", edge.file).code == 0
    assert raw.get(edge.port, "/other/x.txt").body == b"two"
    assert loads() <= kept + 2          # a slow machine may look again
