"""A disk that is full: writes are answered 507, all else goes on, and room that is made is used."""
import os
import pathlib
import subprocess

import pytest

from harness import s3, wait

MIB = 1 << 20
SIZE_MIB = 48


def _can_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"]).returncode == 0


pytestmark = pytest.mark.skipif(not _can_mount(), reason="mounts a file system that is soon full")


@pytest.fixture
def store(tmp_path):
    """An edge whose store lies on a file system of SIZE_MIB, 8 of them in reserve."""
    folder = tmp_path / "store"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "small", folder], check=True)
    try:
        with s3.service(top=f'store: {{ folder: "{folder}", reserve: 8MiB }}\n'
                            "buckets: { media: {} }") as service:
            service.folder = folder
            yield service
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _content(number, size):
    return (b"%08d" % number) * (size // 8)


def _fill(store, size):
    """Objects until one is refused; their number."""
    for number in range(SIZE_MIB * MIB // size + 1):
        try:
            store.client.put_object(Bucket="media", Key=f"{size}/{number}",
                                    Body=_content(number, size))
        except store.client.exceptions.ClientError as error:
            answer = error.response
            assert answer["Error"]["Code"] == "InsufficientStorage", answer
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 507, answer
            return number
    raise AssertionError("the disk was never full")


def _check(store, size, count):
    for number in range(count):
        answer = store.client.get_object(Bucket="media", Key=f"{size}/{number}")
        assert answer["Body"].read() == _content(number, size)


def test_writes_are_refused_while_reads_and_deletes_go_on(store):
    count = _fill(store, MIB)
    assert count >= 16
    _check(store, MIB, count)
    store.client.delete_object(Bucket="media", Key=f"{MIB}/{count - 1}")
    with s3.refused("NoSuchKey", 404):
        store.client.get_object(Bucket="media", Key=f"{MIB}/{count - 1}")
    _check(store, MIB, count - 1)


def test_small_objects_parts_and_copies_are_refused_too(store):
    upload = store.client.create_multipart_upload(Bucket="media", Key="parts")["UploadId"]
    count = _fill(store, 64 * 1024)
    with s3.refused("InsufficientStorage", 507):
        store.client.upload_part(Bucket="media", Key="parts", UploadId=upload, PartNumber=1,
                                 Body=_content(1, MIB))
    store.client.abort_multipart_upload(Bucket="media", Key="parts", UploadId=upload)
    _check(store, 64 * 1024, count)


def test_what_was_acknowledged_is_there_after_a_start_on_a_full_disk(store):
    count = _fill(store, MIB)
    assert store.edge.stop() == 0
    filler = pathlib.Path(store.folder) / "filler"
    with open(filler, "wb") as file:
        try:
            while True:
                file.write(b"x" * 65536)
                file.flush()
        except OSError:
            pass
    store.edge.start()
    _check(store, MIB, count)
    with s3.refused("InsufficientStorage", 507):
        store.client.put_object(Bucket="media", Key="more", Body=b"more")
    filler.unlink()
    store.client.delete_object(Bucket="media", Key=f"{MIB}/0")
    with s3.refused("NoSuchKey", 404):
        store.client.get_object(Bucket="media", Key=f"{MIB}/0")


def _put(store):
    try:
        return store.client.put_object(Bucket="media", Key="again", Body=_content(7, MIB))
    except store.client.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "InsufficientStorage", error.response
        return None


@pytest.mark.soak  # collection waits longer than a drain
@pytest.mark.limit(300)
def test_room_that_deletes_made_is_used(store):
    count = _fill(store, MIB)
    for number in range(8, count):
        store.client.delete_object(Bucket="media", Key=f"{MIB}/{number}")
    wait.until(lambda: _put(store), "room for an object", deadline_s=200, pause_s=1)
    _check(store, MIB, 8)
