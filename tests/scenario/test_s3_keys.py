"""`weir s3 key`: keys of the S3 API are made, shown and removed, and what runs knows of it at once."""
import concurrent.futures
import hashlib
import json
import os
import pty
import re
import stat
import subprocess

import pytest

from harness import curl
from harness.weir import WEIR

FILE = """\
listeners: { http: { address: "127.0.0.1:@PORT@" } }
workers: 2
access_log: off
buckets: { media: {}, frontend: {} }
sites:
  objects: { domains: [s3.localhost], s3: {} }
"""
NO_S3 = """\
listeners: { http: { address: "127.0.0.1:8080" } }
buckets: { media: {} }
sites: { all: { bucket: media } }
"""
TAKEN = "new certificates or keys serve since now"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "weir.yaml").write_text(FILE.replace("@PORT@", "8080"))
    return tmp_path


def _key(weir, place, *arguments):
    return weir.run("s3", "key", *arguments, folder=place)


def _kept(folder):
    return json.loads((folder / ".weir/s3-keys.json").read_text())["keys"]


def test_a_key_is_printed_once_and_kept_for_its_owner_alone(weir, place):
    result = _key(weir, place, "add", "ci")
    assert (result.code, result.stderr) == (0, "")
    printed = re.fullmatch(r"access_key (WEIR[A-Z2-7]{16})\nsecret_key ([A-Za-z0-9]{40})\n",
                           result.stdout)
    assert printed, result.stdout
    [kept] = _kept(place)
    assert (kept["access_key"], kept["secret_key"]) == printed.groups()
    assert (kept["name"], kept["buckets"], kept["rights"]) == ("ci", "all", "write")
    assert stat.S_IMODE((place / ".weir/s3-keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((place / ".weir").stat().st_mode) == 0o700
    assert (place / ".weir/.gitignore").read_text() == "*\n"
    for arguments in (("list",), ("list", "--json")):
        listed = _key(weir, place, *arguments).stdout
        assert kept["access_key"] in listed and kept["secret_key"] not in listed


def test_a_key_has_the_rights_that_were_asked_for(weir, place):
    result = _key(weir, place, "add", "reader", "--bucket", "media", "-b", "frontend", "-b", "media",
                  "--read", "--json")
    assert result.code == 0, result.stderr
    made = json.loads(result.stdout)
    assert (made["buckets"], made["rights"]) == (["media", "frontend"], "read")
    assert made["endpoint"] == "http://s3.localhost:8080"
    assert made["region"] == "us-east-1"
    [kept] = _kept(place)
    assert all(made[name] == kept[name] for name in kept)
    listed = _key(weir, place, "list").stdout
    assert re.search(r"^reader +WEIR\w{16} +read +media, frontend +\d\d \w{3} \d{4}$", listed,
                     re.MULTILINE), listed
    [shown] = json.loads(_key(weir, place, "list", "--json").stdout)["keys"]
    assert shown == {name: kept[name] for name in kept if name != "secret_key"}


def test_a_key_may_be_somebody_elses(weir, place):
    made = json.loads(_key(weir, place, "add", "guest", "--owner", "olga", "--json").stdout)
    assert (made["owner"], made["owner_id"]) == ("olga", hashlib.sha256(b"olga").hexdigest())
    own = json.loads(_key(weir, place, "add", "ci", "--owner", "weir", "--json").stdout)
    assert "owner" not in own and len(own["owner_id"]) == 64
    [guest, _] = json.loads(_key(weir, place, "list", "--json").stdout)["keys"]
    assert guest["owner"] == "olga"


def test_a_terminal_gets_what_a_client_needs(weir, place):
    parent, child = pty.openpty()
    subprocess.run([WEIR, "s3", "key", "add", "ci"], cwd=place, stdin=subprocess.DEVNULL,
                   stdout=child, check=True, timeout=60)
    os.close(child)
    shown = b""
    try:
        while part := os.read(parent, 4096):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(parent)
    [kept] = _kept(place)
    lines = shown.decode().split("\r\n")
    for line in (f"export AWS_ACCESS_KEY_ID={kept['access_key']}",
                 f"export AWS_SECRET_ACCESS_KEY={kept['secret_key']}",
                 "export AWS_ENDPOINT_URL_S3=http://s3.localhost:8080",
                 "export AWS_REGION=us-east-1"):
        assert line in lines, shown


def test_a_name_that_exists_is_refused(weir, place):
    _key(weir, place, "add", "ci")
    before = _kept(place)
    result = _key(weir, place, "add", "ci")
    assert (result.code, result.stdout) == (1, "")
    assert result.stderr == ("weir s3: there is a key \"ci\" already; `weir s3 key rm ci` removes "
                             "it\n")
    assert _kept(place) == before


def test_a_key_is_removed_by_its_name(weir, place):
    for name in ("a", "b"):
        _key(weir, place, "add", name)
    assert _key(weir, place, "rm", "a").code == 0
    assert [key["name"] for key in _kept(place)] == ["b"]
    result = _key(weir, place, "rm", "a")
    assert result.code == 1
    assert result.stderr == "weir s3: no key is called \"a\"; there are: b\n"
    _key(weir, place, "rm", "b")
    assert "there are none here" in _key(weir, place, "rm", "b").stderr
    assert "weir s3 key add NAME" in _key(weir, place, "list").stderr


def test_a_bucket_that_is_not_in_the_file_is_refused_with_those_that_are(weir, place):
    result = _key(weir, place, "add", "ci", "--bucket", "medai")
    assert result.code == 1
    assert result.stderr == "weir s3: no bucket is called \"medai\"; there are: media, frontend\n"
    assert not (place / ".weir").exists()
    (place / "weir.yaml").write_text("bukkets: {}\n")
    result = _key(weir, place, "add", "ci", "--bucket", "media")
    assert result.code == 1 and "`weir check` tells what" in result.stderr


def test_a_key_for_all_needs_no_right_file(weir, place):
    (place / "weir.yaml").write_text("bukkets: {}\n")
    result = _key(weir, place, "add", "ci", "--json")
    assert result.code == 0 and "endpoint" not in json.loads(result.stdout)


def test_a_file_without_s3_is_pointed_out(weir, place):
    (place / "weir.yaml").write_text(NO_S3)
    result = _key(weir, place, "add", "ci")
    assert result.code == 0
    assert "no rule in weir.yaml has `s3: {}` yet" in result.stderr


@pytest.mark.parametrize("arguments, why", [
    ((), "say `key add NAME`"),
    (("key",), "say `key add NAME`"),
    (("key", "make", "x"), "say `key add NAME`"),
    (("key", "add"), "Its name is missing"),
    (("key", "add", "a b"), "a key's name has letters"),
    (("key", "list", "x"), "takes no name"),
    (("key", "list", "--read"), "are for `key add`"),
    (("key", "rm", "x", "--bucket", "media"), "are for `key add`"),
    (("key", "list", "--owner", "x"), "are for `key add`"),
    (("key", "add", "x", "--owner", "a b"), "an owner is named as a key is"),
    (("key", "rm", "x", "--json"), "takes no --json"),
])
def test_wrong_usage_is_told(weir, place, arguments, why):
    result = weir.run("s3", *arguments, folder=place)
    assert result.code == 2 and why in result.stderr
    assert not (place / ".weir").exists()


def test_commands_at_one_time_lose_nothing_of_each_other(weir, place):
    names = [f"key-{n}" for n in range(12)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda name: _key(weir, place, "add", name), names))
    assert [result.code for result in results] == [0] * len(names)
    assert sorted(key["name"] for key in _kept(place)) == sorted(names)


def test_what_runs_has_the_key_when_the_command_returns(weir):
    edge = weir.edge(FILE)
    result = weir.run("s3", "key", "add", "ci", "-f", edge.file)
    assert result.code == 0, result.stderr
    assert edge.log().count(TAKEN) == 1
    assert weir.run("s3", "key", "rm", "ci", "-f", edge.file).code == 0
    assert edge.log().count(TAKEN) == 2


def test_a_file_that_is_being_edited_does_not_matter_to_a_key(weir):
    edge = weir.edge(FILE)
    edge.file.write_text("sites: [half\n")
    result = weir.run("s3", "key", "add", "ci", "-f", edge.file)
    assert result.code == 0, result.stderr
    assert edge.log().count(TAKEN) == 1


def test_many_commands_beside_what_runs(weir):
    edge = weir.edge(FILE)
    names = [f"key-{n}" for n in range(8)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(
            lambda name: weir.run("s3", "key", "add", name, "-f", edge.file), names))
    assert [(result.code, result.stderr) for result in results] == [(0, "")] * len(names)
    assert len(_kept(edge.folder)) == len(names)


def test_a_file_of_keys_that_is_broken_changes_nothing(weir):
    edge = weir.edge(FILE)
    weir.run("s3", "key", "add", "ci", "-f", edge.file)
    (edge.folder / ".weir/s3-keys.json").write_text("{")
    why = "s3-keys.json in the state folder cannot be used: it is no JSON"
    for command in (("reload",), ("check",)):
        result = weir.run(*command, "-f", edge.file)
        assert result.code == 1 and why in result.stderr, result
    for command in (("add", "other"), ("rm", "ci"), ("list",)):
        result = weir.run("s3", "key", *command, "-f", edge.file)
        assert result.code == 1 and "s3-keys.json cannot be used: it is no JSON" in result.stderr
    assert edge.admin("/v1/credentials", "POST").status == 409
    assert curl.get(edge.url("/"), "-H", "Host: s3.localhost").code == 0
