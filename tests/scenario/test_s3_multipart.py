"""The S3 API by boto3: uploads in parts."""
import base64
import hashlib
import zlib

import pytest

from harness import s3

MIB = 1024 * 1024
PART = 5 * MIB


@pytest.fixture(scope="module")
def store():
    with s3.service() as service:
        yield service


@pytest.fixture
def client(store):
    return store.client


@pytest.fixture
def bucket(store):
    return store.bucket()


def _content(length, seed):
    return bytes([seed]) * length


def _upload(client, bucket, parts, **arguments):
    """Begins and sends; what CompleteMultipartUpload takes."""
    upload = client.create_multipart_upload(Bucket=bucket, Key="a", **arguments)["UploadId"]
    done = []
    for number, content in enumerate(parts, 1):
        answer = client.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=number,
                                    Body=content)
        done.append({"PartNumber": number, "ETag": answer["ETag"]})
    return upload, done


def _complete(client, bucket, upload, parts):
    return client.complete_multipart_upload(Bucket=bucket, Key="a", UploadId=upload,
                                            MultipartUpload={"Parts": parts})


def test_parts_become_an_object(client, bucket):
    contents = [_content(PART, 1), _content(PART + 7, 2), b"end"]
    upload, parts = _upload(client, bucket, contents, ContentType="text/x", Metadata={"m": "1"},
                            Tagging="t=1")
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)
    result = _complete(client, bucket, upload, parts)
    digests = b"".join(hashlib.md5(content).digest() for content in contents)
    assert result["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert (result["Bucket"], result["Key"]) == (bucket, "a")
    got = client.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == b"".join(contents)
    assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("text/x", {"m": "1"},
                                                                  result["ETag"])
    got = client.get_object(Bucket=bucket, Key="a", Range=f"bytes={PART - 2}-{PART + 1}")
    assert got["Body"].read() == b"\1\1\2\2"
    got = client.get_object(Bucket=bucket, Key="a", PartNumber=3)
    assert (got["Body"].read(), got["PartsCount"]) == (b"end", 3)
    with s3.refused("InvalidPartNumber", 416):
        client.get_object(Bucket=bucket, Key="a", PartNumber=4)


def test_completing_again_says_the_same(client, bucket):
    upload, parts = _upload(client, bucket, [_content(PART, 1), b"end"])
    first, again = (_complete(client, bucket, upload, parts) for _ in range(2))
    assert (first["ETag"], first["Location"]) == (again["ETag"], again["Location"])
    for wrong in ([parts[0]], [{"PartNumber": 1, "ETag": "x" * 70}]):
        with s3.refused("NoSuchUpload", 404):
            _complete(client, bucket, upload, wrong)
    client.put_object(Bucket=bucket, Key="a", Body=b"other")
    with s3.refused("NoSuchUpload", 404):
        _complete(client, bucket, upload, parts)


def test_an_error_with_nothing_to_continue(client, bucket):
    """Old clients misread what comes next when an Expect without a body is answered at once."""
    upload, _ = _upload(client, bucket, [b"x"])
    with s3.refused("InvalidArgument", 400):
        client.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=0, Body=b"")
    client.put_object(Bucket=bucket, Key="b", Body=b"b")
    assert client.get_object(Bucket=bucket, Key="b")["Body"].read() == b"b"


def test_a_part_is_replaced_and_others_left_out(client, bucket):
    upload, parts = _upload(client, bucket, [b"one", b"two", b"three"])
    answer = client.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=2, Body=b"TWO")
    listed = client.list_parts(Bucket=bucket, Key="a", UploadId=upload)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(1, 3), (2, 3), (3, 5)]
    with s3.refused("InvalidPart", 400):
        _complete(client, bucket, upload, [parts[1]])
    _complete(client, bucket, upload, [{"PartNumber": 2, "ETag": answer["ETag"]}])
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"TWO"


def test_what_cannot_be_completed(client, bucket):
    upload, parts = _upload(client, bucket, [b"small", b"end"])
    with s3.refused("EntityTooSmall", 400):
        _complete(client, bucket, upload, parts)
    with s3.refused("InvalidPartOrder", 400):
        _complete(client, bucket, upload, parts[::-1])
    with s3.refused("InvalidPart", 400):
        _complete(client, bucket, upload, [{"PartNumber": 9, "ETag": parts[0]["ETag"]}])
    with s3.refused("MalformedXML", 400):
        _complete(client, bucket, upload, [])
    for number in (0, 10001):
        with s3.refused("InvalidArgument", 400):
            client.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=number, Body=b"")
    with s3.refused("NoSuchUpload", 404):
        client.upload_part(Bucket=bucket, Key="b", UploadId=upload, PartNumber=1, Body=b"")
    with s3.refused("NoSuchUpload", 404):
        client.upload_part(Bucket=bucket, Key="a", UploadId="0" * 32, PartNumber=1, Body=b"")
    client.abort_multipart_upload(Bucket=bucket, Key="a", UploadId=upload)
    with s3.refused("NoSuchUpload", 404):
        client.abort_multipart_upload(Bucket=bucket, Key="a", UploadId=upload)
    with s3.refused("NoSuchUpload", 404):
        client.list_parts(Bucket=bucket, Key="a", UploadId=upload)


def test_uploads_are_listed_in_pages(client, bucket):
    made = [(key, client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"])
            for key in ("b/1", "a", "b/2", "a", "c")]
    for size in (1, 2, 1000):
        found, marker = [], {}
        while True:
            page = client.list_multipart_uploads(Bucket=bucket, MaxUploads=size, **marker)
            found += [(entry["Key"], entry["UploadId"]) for entry in page.get("Uploads", [])]
            if not page["IsTruncated"]:
                break
            marker = {"KeyMarker": page["NextKeyMarker"],
                      "UploadIdMarker": page["NextUploadIdMarker"]}
        assert found == sorted(made)
    page = client.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [entry["Prefix"] for entry in page["CommonPrefixes"]] == ["b/"]
    assert [entry["Key"] for entry in page["Uploads"]] == ["a", "a", "c"]
    page = client.list_multipart_uploads(Bucket=bucket, Prefix="b/")
    assert [entry["Key"] for entry in page["Uploads"]] == ["b/1", "b/2"]


def test_parts_are_listed_in_pages(client, bucket):
    upload, _ = _upload(client, bucket, [b"x"] * 5)
    page = client.list_parts(Bucket=bucket, Key="a", UploadId=upload, MaxParts=2)
    assert [part["PartNumber"] for part in page["Parts"]] == [1, 2]
    assert (page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 2)
    page = client.list_parts(Bucket=bucket, Key="a", UploadId=upload, PartNumberMarker=3)
    assert [part["PartNumber"] for part in page["Parts"]] == [4, 5]


def test_parts_are_copied(client, bucket):
    content = _content(PART, 1) + _content(PART, 2)
    client.put_object(Bucket=bucket, Key="source", Body=content)
    source = {"Bucket": bucket, "Key": "source"}
    upload = client.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    parts = []
    for number, asked in enumerate((f"bytes=0-{PART - 1}", f"bytes={PART}-{PART + 9}"), 1):
        answer = client.upload_part_copy(Bucket=bucket, Key="a", UploadId=upload, CopySource=source,
                                         PartNumber=number, CopySourceRange=asked)
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    _complete(client, bucket, upload, parts)
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == content[:PART + 10]
    with s3.refused("InvalidRange", 416):
        client.upload_part_copy(
            Bucket=bucket, Key="a", PartNumber=1, CopySource=source,
            UploadId=client.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"],
            CopySourceRange=f"bytes=0-{2 * PART}")


def test_sums_of_sums(client, bucket):
    contents = [_content(PART, 1), b"end"]
    upload = client.create_multipart_upload(Bucket=bucket, Key="a",
                                            ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, content in enumerate(contents, 1):
        answer = client.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=number,
                                    Body=content, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": answer["ETag"],
                      "ChecksumSHA256": answer["ChecksumSHA256"]})
    result = _complete(client, bucket, upload, parts)
    digests = b"".join(hashlib.sha256(content).digest() for content in contents)
    expected = base64.b64encode(hashlib.sha256(digests).digest()).decode() + "-2"
    assert result["ChecksumSHA256"] == expected
    got = client.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert got["ChecksumSHA256"] == expected


def test_a_sum_of_the_whole_is_joined_from_its_parts(client, bucket):
    contents = [_content(PART, 1), _content(PART, 2), b"end"]

    def full_object(request, **_):
        request.headers.add_header("x-amz-checksum-type", "FULL_OBJECT")
    client.meta.events.register_first("before-sign.s3.CreateMultipartUpload", full_object)
    try:
        upload = client.create_multipart_upload(Bucket=bucket, Key="a",
                                                ChecksumAlgorithm="CRC32")["UploadId"]
    finally:
        client.meta.events.unregister("before-sign.s3.CreateMultipartUpload", full_object)
    parts = []
    for number, content in enumerate(contents, 1):
        answer = client.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=number,
                                    Body=content, ChecksumAlgorithm="CRC32")
        parts.append({"PartNumber": number, "ETag": answer["ETag"],
                      "ChecksumCRC32": answer["ChecksumCRC32"]})
    result = _complete(client, bucket, upload, parts)
    whole = zlib.crc32(b"".join(contents)).to_bytes(4, "big")
    assert result["ChecksumCRC32"] == base64.b64encode(whole).decode()
