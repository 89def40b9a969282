"""`weir bucket`: a store is verified and looked into."""
import pathlib

import pytest

from harness import s3

LARGE = bytes(range(256)) * 1000


@pytest.fixture
def store():
    with s3.service(top="buckets: { media: {} }") as service:
        service.client.put_object(Bucket="media", Key="small", Body=b"hello", ContentType="text/x",
                                  Tagging="a=1")
        service.client.put_object(Bucket="media", Key="large", Body=LARGE)
        yield service


def _run(store, *arguments):
    return store._programs.run("bucket", *arguments, "-f", store.edge.file)


def _folder(store):
    return pathlib.Path(store.edge.folder) / ".weir/edge/store"


def test_a_store_that_is_open_is_left_alone(store):
    result = _run(store, "verify")
    assert result.code == 1
    assert "an edge has the store" in result.stderr and "weir down" in result.stderr
    assert "put" in _run(store, "inspect", "log").stdout


def test_a_whole_store(store):
    assert store.edge.stop() == 0
    result = _run(store, "verify")
    assert (result.code, result.stderr) == (0, "") and "0 faults" in result.stdout
    result = _run(store, "inspect")
    assert result.code == 0 and result.stdout.split()[:2] == ["media", "2"]
    text = _run(store, "inspect", "media/small").stdout
    assert "size        5\n" in text and "Content-Type: text/x" in text and "a=1" in text
    assert "content     blob " in _run(store, "inspect", "media/large").stdout
    log = _run(store, "inspect", "log").stdout
    assert 'put         sequence' in log and '"small" 5 bytes' in log
    assert _run(store, "inspect", "media/none").code == 1


@pytest.mark.parametrize("key", ["small", "large"])
def test_a_flipped_bit_is_found_and_never_served(store, key):
    assert store.edge.stop() == 0
    content = b"hello" if key == "small" else LARGE
    [path] = [path for path in _folder(store).rglob("*")
              if path.is_file() and content[:5] in path.read_bytes()
              and (key == "small") == (path.suffix == ".pack")]
    data = bytearray(path.read_bytes())
    data[data.index(content[:5]) + 2] ^= 4
    path.write_bytes(data)
    result = _run(store, "verify")
    fault = "media/small: " if key == "small" else "the blob "
    assert result.code == 1 and fault in result.stdout and "1 fault" in result.stdout
    store.edge.start()
    with s3.refused("InternalError", 500):
        store.client.get_object(Bucket="media", Key=key)["Body"].read()
    assert "its checksum does not hold" in store.edge.log()
    other = "large" if key == "small" else "small"
    assert store.client.get_object(Bucket="media", Key=other)["Body"].read()


def test_words_that_are_none(store):
    for arguments in ((), ("look",), ("verify", "now")):
        assert store._programs.run("bucket", *arguments).code == 2
    result = store._programs.run("bucket", "verify", "--store", "/no/such/folder")
    assert result.code == 1 and "there is no store at" in result.stderr
