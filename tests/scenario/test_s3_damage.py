"""A bit of the index that has flipped: what cannot be trusted is not served, and the log tells it."""
import pathlib

import botocore.exceptions
import pytest

from harness import s3

OBJECTS = 300


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
