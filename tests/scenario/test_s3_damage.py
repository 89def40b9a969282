"""Bits of the index or of contents that have flipped: what cannot be trusted is not served, and the
log tells it."""
import http.client
import pathlib
import urllib.error
import urllib.request

import botocore.exceptions
import pytest

from harness import s3

OBJECTS = 300
SITE = """\
listeners: { http: { address: "127.0.0.1:@PORT@" } }
access_log: off
buckets: { media: {} }
sites:
  site: { domains: localhost, bucket: { name: media } }
  objects: { domains: "127.0.0.1", s3: {} }
"""


@pytest.fixture
def store():
    with s3.service(top="buckets: { media: {} }") as service:
        for number in range(OBJECTS):
            service.client.put_object(Bucket="media", Key=f"key-{number:04}", Body=_content(number))
        yield service


def _content(number):
    return f"the content of {number}".encode()


def _unserved(store):
    """How many objects are answered by a fault; the others must be what they were."""
    count = 0
    for number in range(OBJECTS):
        try:
            answer = store.client.get_object(Bucket="media", Key=f"key-{number:04}")
            assert answer["Body"].read() == _content(number)
        except botocore.exceptions.ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status in (500, 503), error.response
            count += 1
    return count


def _flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("key", ["key-0000", "key-0150", "key-0299"])
def test_a_flipped_bit_of_the_index_is_never_believed(store, key):
    assert store.edge.stop() == 0
    path = pathlib.Path(store.edge.folder) / ".weir/edge/store/index.db"
    at = path.read_bytes().index(key.encode()) + 5
    _flip(path, at)
    before = len(store.edge.log())
    store.edge.start()
    assert _unserved(store) > 0
    assert "the store's index: " in store.edge.log()[before:]
    assert store.edge.stop() == 0
    _flip(path, at)
    store.edge.start()
    assert _unserved(store) == 0


def _truncate(index):
    index.write_bytes(index.read_bytes()[:10_000])


def _make_folder(index):
    index.unlink()
    index.mkdir()


@pytest.mark.parametrize("damage, reason", [(_truncate, "it is damaged"),
                                            (_make_folder, "it is no regular file")])
def test_a_store_that_cannot_be_opened_is_told_at_once(damage, reason):
    with s3.service(text=SITE) as service:
        assert service.edge.stop() == 0
        damage(pathlib.Path(service.edge.folder) / ".weir/edge/store/index.db")
        service.edge.start()
        # Less than the twenty seconds that another process would be waited for.
        client = service.connect(read_timeout=10)
        with s3.refused("ServiceUnavailable", 503):
            client.list_objects_v2(Bucket="media")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://localhost:{service.edge.port}/a", timeout=10)
        assert caught.value.code == 503
        assert f"the store's index, index.db, cannot be opened: {reason}" in service.edge.log()


BLOCK = 64 * 1024


@pytest.fixture
def large():
    """An object of several blocks, and the file that its content lies in."""
    with s3.service(text=SITE) as service:
        service.client.put_object(Bucket="media", Key="large", Body=bytes(range(256)) * 4096,
                                  ContentType="text/plain")
        folder = pathlib.Path(service.edge.folder) / ".weir/edge/store/blobs"
        [blob] = [path for path in folder.rglob("*") if path.is_file()]
        yield service, blob


def _is_refused_in_xml(service, **arguments):
    with s3.refused("InternalError", 500) as caught:
        service.client.get_object(Bucket="media", Key="large", **arguments)
    answer = caught.value.response
    assert "damaged" in answer["Error"]["Message"], answer
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/xml", answer


def test_a_damaged_first_block_is_answered_as_s3_does(large):
    service, blob = large
    _flip(blob, 10)
    _is_refused_in_xml(service)
    _is_refused_in_xml(service, Range="bytes=5-9")
    # Blocks that are whole are served.
    answer = service.client.get_object(Bucket="media", Key="large", Range=f"bytes={BLOCK}-")
    assert answer["Body"].read() == (bytes(range(256)) * 4096)[BLOCK:]
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://localhost:{service.edge.port}/large", timeout=20)
    assert caught.value.code == 500
    assert "its checksum does not hold" in service.edge.log()


def test_a_content_that_is_gone_is_no_missing_bucket(large):
    service, blob = large
    blob.unlink()
    _is_refused_in_xml(service)


def test_damage_behind_what_was_sent_ends_the_connection(large):
    service, blob = large
    _flip(blob, 10 * BLOCK + 1)
    answer = service.client.get_object(Bucket="media", Key="large")
    with pytest.raises((http.client.HTTPException, botocore.exceptions.HTTPClientError,
                        botocore.exceptions.ResponseStreamingError)):
        answer["Body"].read()
