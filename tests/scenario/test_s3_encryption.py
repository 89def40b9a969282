"""Objects under a key of the client's (SSE-C): encrypted on the disk, and closed to who lacks it."""
import base64
import hashlib
import pathlib
import stat

import pytest

from harness import curl
from harness import s3 as s3_harness
from harness.s3 import refused

FILE = """\
listeners: { http: { address: "127.0.0.1:@PORT@" } }
workers: 2
access_log: off
buckets: { media: {} }
sites:
  objects: { domains: ["s3.localhost", "127.0.0.1"], s3: { domain: s3.localhost } }
  site: { domains: [site.localhost], bucket: media }
"""
NAMES = ("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5")


def _base64(content):
    return base64.b64encode(content).decode()


def _key(byte):
    key = bytes([byte]) * 32
    return dict(zip(NAMES, ("AES256", _base64(key), _base64(hashlib.md5(key).digest()))))


def _source(key):
    return {f"CopySource{name}": value for name, value in key.items()}


ONE, TWO = _key(1), _key(2)


@pytest.fixture(scope="module")
def s3():
    with s3_harness.service(text=FILE) as service:
        yield service


@pytest.fixture
def client(s3):
    return s3.client


def _bytes(length):
    return bytes(i * 7 % 251 for i in range(length))


def _read(client, key, **more):
    return client.get_object(Bucket="media", Key=key, **more)["Body"].read()


def _on_disk(s3):
    files = [path for path in pathlib.Path(s3.edge.folder).rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


@pytest.mark.parametrize("length", [0, 1, 13, 1000, 65_536, 65_537, 1_000_000])
def test_content_comes_back_under_its_key(client, length):
    content = _bytes(length)
    made = client.put_object(Bucket="media", Key="a", Body=content, **ONE)
    assert made["SSECustomerAlgorithm"] == "AES256"
    assert made["SSECustomerKeyMD5"] == ONE["SSECustomerKeyMD5"]
    assert made["ETag"] != f'"{hashlib.md5(content).hexdigest()}"'
    got = client.get_object(Bucket="media", Key="a", **ONE)
    assert (got["Body"].read(), got["ETag"]) == (content, made["ETag"])
    assert got["SSECustomerKeyMD5"] == ONE["SSECustomerKeyMD5"]
    head = client.head_object(Bucket="media", Key="a", **ONE)
    assert (head["ContentLength"], head["SSECustomerAlgorithm"]) == (length, "AES256")


def test_it_is_encrypted_on_the_disk(s3, client):
    secret = b"nobody should read this " * 5000
    client.put_object(Bucket="media", Key="secret", Body=secret, **ONE)
    client.put_object(Bucket="media", Key="small", Body=b"nor this, by any means", **ONE)
    client.put_object(Bucket="media", Key="plain", Body=b"this may be seen by all")
    found = _on_disk(s3)
    assert b"this may be seen by all" in found
    assert b"nobody should read" not in found and b"nor this, by any" not in found
    assert ONE["SSECustomerKey"].encode() not in found
    assert base64.b64decode(ONE["SSECustomerKey"]) not in found


def test_the_same_content_is_never_the_same_on_the_disk(client):
    tags = [client.put_object(Bucket="media", Key=f"same-{n}", Body=b"x" * 100, **ONE)["ETag"]
            for n in range(2)]
    assert tags[0] != tags[1]


@pytest.mark.parametrize("asked", ["bytes=0-0", "bytes=1-15", "bytes=15-17", "bytes=65530-131080",
                                   "bytes=99990-", "bytes=-7"])
def test_ranges(client, asked):
    content = _bytes(200_000)
    client.put_object(Bucket="media", Key="ranges", Body=content, **ONE)
    client.put_object(Bucket="media", Key="plain-ranges", Body=content)
    assert _read(client, "ranges", Range=asked, **ONE) == _read(client, "plain-ranges", Range=asked)


def test_who_lacks_the_key_is_refused(s3, client):
    client.put_object(Bucket="media", Key="closed", Body=b"x", Tagging="a=b", **ONE)
    for call in (client.get_object, client.head_object):
        for key, status in ((TWO, 400), ({}, 400)):
            with pytest.raises(client.exceptions.ClientError) as caught:
                call(Bucket="media", Key="closed", **key)
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    with refused("InvalidRequest", 400):
        client.get_object_attributes(Bucket="media", Key="closed", ObjectAttributes=["ETag"])
    with refused("InvalidRequest", 400):
        client.copy_object(Bucket="media", Key="b", CopySource="media/closed")
    client.put_object(Bucket="media", Key="open", Body=b"x")
    with refused("InvalidRequest", 400):
        client.get_object(Bucket="media", Key="open", **ONE)
    assert client.get_object_tagging(Bucket="media", Key="closed")["TagSet"]
    client.put_object(Bucket="media", Key="closed.txt", Body=b"x", **ONE)
    answer = curl.get(s3.url + "/closed.txt", "-H", "Host: site.localhost")
    assert answer.status == 403 and answer.body != b"x"


@pytest.mark.parametrize("change, code", [
    ({"SSECustomerAlgorithm": None}, "InvalidArgument"),
    ({"SSECustomerAlgorithm": "AES128"}, "InvalidEncryptionAlgorithmError"),
    ({"SSECustomerKey": None, "SSECustomerKeyMD5": None}, "InvalidArgument"),
    ({"SSECustomerKey": _base64(b"short")}, "InvalidArgument"),
    ({"SSECustomerKeyMD5": TWO["SSECustomerKeyMD5"]}, "InvalidArgument")])
def test_what_is_no_key(client, change, code):
    key = {name: value for name, value in {**ONE, **change}.items() if value is not None}
    with refused(code, 400):
        client.put_object(Bucket="media", Key="a", Body=b"x", **key)


def test_parts_are_under_the_key_of_their_upload(client):
    content = _bytes(5 << 20) + b"the end"
    upload = client.create_multipart_upload(Bucket="media", Key="parts", **ONE)
    assert upload["SSECustomerKeyMD5"] == ONE["SSECustomerKeyMD5"]
    names = {"Bucket": "media", "Key": "parts", "UploadId": upload["UploadId"]}
    for key in ({}, TWO):
        with refused("InvalidRequest", 400):
            client.upload_part(**names, PartNumber=1, Body=b"x", **key)
    client.upload_part(**names, PartNumber=1, Body=b"replaced", **ONE)
    parts = [{"PartNumber": n, "ETag": client.upload_part(**names, PartNumber=n, Body=body,
                                                          **ONE)["ETag"]}
             for n, body in ((1, content[:5 << 20]), (2, content[5 << 20:]))]
    client.complete_multipart_upload(**names, MultipartUpload={"Parts": parts})
    assert _read(client, "parts", **ONE) == content
    assert _read(client, "parts", PartNumber=2, **ONE) == b"the end"
    edge = (5 << 20) - 3
    assert _read(client, "parts", Range=f"bytes={edge}-{edge + 5}", **ONE) == content[edge:edge + 6]
    with refused("InvalidRequest", 400):
        _read(client, "parts", **TWO)


def test_copies_change_the_key(client):
    content = _bytes(100_000)
    client.put_object(Bucket="media", Key="from", Body=content, **ONE)
    copy = {"Bucket": "media", "CopySource": "media/from"}
    client.copy_object(**copy, Key="other-key", **_source(ONE), **TWO)
    client.copy_object(**copy, Key="no-key", **_source(ONE))
    client.copy_object(Bucket="media", Key="again", CopySource="media/no-key", **ONE)
    assert _read(client, "other-key", **TWO) == content
    assert _read(client, "no-key") == content
    assert _read(client, "again", **ONE) == content
    with refused("InvalidRequest", 400):
        client.copy_object(**copy, Key="b", **_source(TWO))
    upload = client.create_multipart_upload(Bucket="media", Key="part-copy", **TWO)
    names = {"Bucket": "media", "Key": "part-copy", "UploadId": upload["UploadId"]}
    part = client.upload_part_copy(**names, PartNumber=1, CopySource="media/from",
                                   CopySourceRange="bytes=7-70006", **_source(ONE), **TWO)
    client.complete_multipart_upload(**names, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]})
    assert _read(client, "part-copy", **TWO) == content[7:70007]


def test_content_under_the_key_of_the_service(s3, client):
    secret = b"the service alone may read this " * 4000
    made = client.put_object(Bucket="media", Key="own", Body=secret, ServerSideEncryption="AES256")
    assert made["ServerSideEncryption"] == "AES256"
    assert made["ETag"] == f'"{hashlib.md5(secret).hexdigest()}"'
    got = client.get_object(Bucket="media", Key="own", Range="bytes=32-63")
    assert (got["Body"].read(), got["ServerSideEncryption"]) == (secret[:32], "AES256")
    assert client.head_object(Bucket="media", Key="own")["ServerSideEncryption"] == "AES256"
    assert b"may read this" not in _on_disk(s3)
    with refused("InvalidRequest", 400):
        client.get_object(Bucket="media", Key="own", **ONE)
    assert curl.get(s3.url + "/own", "-H", "Host: site.localhost").body == secret
    client.copy_object(Bucket="media", Key="own-copy", CopySource="media/own")
    assert "ServerSideEncryption" not in client.head_object(Bucket="media", Key="own-copy")
    assert _read(client, "own-copy") == secret


def test_a_bucket_may_encrypt_what_comes(client):
    client.create_bucket(Bucket="sealed")
    with refused("ServerSideEncryptionConfigurationNotFoundError", 404):
        client.get_bucket_encryption(Bucket="sealed")
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    client.put_bucket_encryption(Bucket="sealed", ServerSideEncryptionConfiguration=rules)
    assert client.get_bucket_encryption(Bucket="sealed")["ServerSideEncryptionConfiguration"] == rules
    assert client.put_object(Bucket="sealed", Key="a", Body=b"a")["ServerSideEncryption"] == "AES256"
    upload = client.create_multipart_upload(Bucket="sealed", Key="p")
    assert upload["ServerSideEncryption"] == "AES256"
    names = {"Bucket": "sealed", "Key": "p", "UploadId": upload["UploadId"]}
    bodies = (_bytes(5 << 20), b"the end")
    parts = [{"PartNumber": n, "ETag": client.upload_part(**names, PartNumber=n, Body=body)["ETag"]}
             for n, body in enumerate(bodies, 1)]
    client.complete_multipart_upload(**names, MultipartUpload={"Parts": parts})
    assert client.get_object(Bucket="sealed", Key="p")["Body"].read() == b"".join(bodies)
    client.put_object(Bucket="sealed", Key="hers", Body=b"a", **ONE)
    assert client.get_object(Bucket="sealed", Key="hers", **ONE)["Body"].read() == b"a"
    copied = client.copy_object(Bucket="sealed", Key="a", CopySource="sealed/a")
    assert copied["ServerSideEncryption"] == "AES256"
    client.delete_bucket_encryption(Bucket="sealed")
    assert "ServerSideEncryption" not in client.put_object(Bucket="sealed", Key="b", Body=b"a")
    assert client.get_object(Bucket="sealed", Key="a")["Body"].read() == b"a"


def test_the_key_of_the_service_outlives_the_edge(s3, client):
    client.put_object(Bucket="media", Key="kept", Body=b"kept", ServerSideEncryption="AES256")
    key = next(pathlib.Path(s3.edge.folder).rglob("service.key"))
    before = key.read_bytes()
    assert len(before) == 32 and stat.S_IMODE(key.stat().st_mode) == 0o600
    s3.edge.stop()
    s3.edge.start()
    assert _read(client, "kept") == b"kept" and key.read_bytes() == before
    assert "was made anew" not in s3.edge.log()
    s3.edge.stop()
    key.unlink()
    s3.edge.start()
    s3.edge.wait_for_log('the file "service.key" was not in the store\'s folder and was made anew')
    with refused("InternalError", 500):
        client.get_object(Bucket="media", Key="kept")
    s3.edge.stop()
    key.write_bytes(before)
    s3.edge.start()
    assert _read(client, "kept") == b"kept"


def test_what_is_no_method_is_refused_rather_than_ignored(client):
    for method in ("ROT13", "aes:kms", ""):
        with refused("InvalidArgument", 400):
            client.put_object(Bucket="media", Key="a", Body=b"x", ServerSideEncryption=method)
    with refused("InvalidArgument", 400):
        client.put_object(Bucket="media", Key="a", Body=b"x", ServerSideEncryption="AES256", **ONE)
