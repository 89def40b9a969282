"""The S3 API by boto3: objects, their conditions, ranges, metadata, tags, copies and versions."""
import base64
import datetime
import hashlib
import zlib

import pytest

from harness import s3

KIB, MIB = 1024, 1024 * 1024


@pytest.fixture(scope="module")
def store():
    with s3.service() as service:
        yield service


@pytest.fixture
def bucket(store):
    return store.bucket()


@pytest.fixture
def client(store):
    return store.client


def _pattern(length, seed=1):
    return bytes((i * 31 + seed * 7 + (i >> 8)) & 0xff for i in range(length))


@pytest.mark.parametrize("length", [0, 1, 4 * KIB, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1,
                                    256 * KIB, 3 * MIB + 17])
def test_what_is_put_is_got_whatever_its_length(client, bucket, length):
    content = _pattern(length)
    put = client.put_object(Bucket=bucket, Key="a", Body=content)
    assert put["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    got = client.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == content
    assert (got["ContentLength"], got["ETag"]) == (length, put["ETag"])
    head = client.head_object(Bucket=bucket, Key="a")
    assert (head["ContentLength"], head["ETag"]) == (length, put["ETag"])
    assert head["AcceptRanges"] == "bytes"


@pytest.mark.parametrize("key", ["a b+c%d&e=f?g#h", "ä/ö/日本", "a//b", "a/../b", "./x", "~tilde",
                                 "dir/", "*", "a'b\"c<d>", "x" * 1024, "per%2Fcent"])
def test_keys_are_bytes(client, bucket, key):
    client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    listed = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert [entry["Key"] for entry in listed] == [key]
    client.delete_object(Bucket=bucket, Key=key)
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)


def test_a_key_of_1025_bytes_is_too_long(client, bucket):
    with s3.refused("KeyTooLongError", 400):
        client.put_object(Bucket=bucket, Key="x" * 1025, Body=b"")


def test_what_is_not_there_has_its_own_code(client, bucket):
    with s3.refused("NoSuchKey", 404):
        client.get_object(Bucket=bucket, Key="none")
    with s3.refused("NoSuchBucket", 404):
        client.get_object(Bucket="no-such-bucket", Key="none")
    with s3.refused("NoSuchBucket", 404):
        client.put_object(Bucket="no-such-bucket", Key="none", Body=b"x")
    with s3.refused("404", 404):
        client.head_object(Bucket=bucket, Key="none")
    client.delete_object(Bucket=bucket, Key="none")


def test_an_object_keeps_what_was_said_of_it(client, bucket):
    expires = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    client.put_object(
        Bucket=bucket, Key="a", Body=b"x", ContentType="text/plain; charset=utf-8",
        CacheControl="max-age=60", ContentDisposition='attachment; filename="a"',
        ContentEncoding="gzip", ContentLanguage="de", Expires=expires,
        Metadata={"one": "1", "two-three": "zwei"}, StorageClass="STANDARD_IA",
        WebsiteRedirectLocation="/other")
    for got in (client.head_object(Bucket=bucket, Key="a"), client.get_object(Bucket=bucket, Key="a")):
        assert got["ContentType"] == "text/plain; charset=utf-8"
        assert got["CacheControl"] == "max-age=60"
        assert got["ContentDisposition"] == 'attachment; filename="a"'
        assert got["ContentEncoding"] == "gzip"
        assert got["ContentLanguage"] == "de"
        assert got["Metadata"] == {"one": "1", "two-three": "zwei"}
        assert got["StorageClass"] == "STANDARD_IA"
        assert got["WebsiteRedirectLocation"] == "/other"
    client.put_object(Bucket=bucket, Key="a", Body=b"y")
    got = client.head_object(Bucket=bucket, Key="a")
    assert (got["ContentType"], got["Metadata"]) == ("binary/octet-stream", {})


def test_metadata_has_its_limit(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"", Metadata={"a": "x" * 2047})
    with s3.refused("MetadataTooLarge", 400):
        client.put_object(Bucket=bucket, Key="a", Body=b"", Metadata={"a": "x" * 2048})


@pytest.mark.parametrize("asked, expected, content_range", [
    ("bytes=0-0", b"0", "bytes 0-0/10"), ("bytes=2-4", b"234", "bytes 2-4/10"),
    ("bytes=7-", b"789", "bytes 7-9/10"), ("bytes=-2", b"89", "bytes 8-9/10"),
    ("bytes=5-100", b"56789", "bytes 5-9/10")])
def test_ranges(client, bucket, asked, expected, content_range):
    client.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    got = client.get_object(Bucket=bucket, Key="a", Range=asked)
    assert got["Body"].read() == expected
    assert got["ContentRange"] == content_range
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_ranges_across_the_blocks_of_a_large_object(client, bucket):
    content = _pattern(1 * MIB + 333)
    client.put_object(Bucket=bucket, Key="a", Body=content)
    for first, last in ((65535, 65536), (0, 262144), (100000, 700000), (MIB, MIB + 332)):
        got = client.get_object(Bucket=bucket, Key="a", Range=f"bytes={first}-{last}")
        assert got["Body"].read() == content[first:last + 1]


def test_a_range_outside_is_refused(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    with s3.refused("InvalidRange", 416):
        client.get_object(Bucket=bucket, Key="a", Range="bytes=10-")


def test_conditions_of_reads(client, bucket):
    etag = client.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]
    modified = client.head_object(Bucket=bucket, Key="a")["LastModified"]
    before, after = (modified + datetime.timedelta(hours=hours) for hours in (-1, 1))
    read = {"Bucket": bucket, "Key": "a"}
    client.get_object(**read, IfMatch=etag)
    client.get_object(**read, IfNoneMatch='"other"')
    client.get_object(**read, IfModifiedSince=before)
    client.get_object(**read, IfUnmodifiedSince=after)
    for call in (client.get_object, client.head_object):
        code = "PreconditionFailed" if call == client.get_object else "412"
        with s3.refused(code, 412):
            call(**read, IfMatch='"other"')
        with s3.refused(code, 412):
            call(**read, IfUnmodifiedSince=before)
        with s3.refused("304", 304):
            call(**read, IfNoneMatch=etag)
        with s3.refused("304", 304):
            call(**read, IfModifiedSince=after)


def test_the_query_overrides_fields(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"x", ContentType="text/plain")
    got = client.get_object(Bucket=bucket, Key="a", ResponseContentType="application/json",
                            ResponseCacheControl="no-cache", ResponseContentLanguage="fr",
                            ResponseContentDisposition="inline", ResponseContentEncoding="x")
    assert (got["ContentType"], got["CacheControl"], got["ContentLanguage"],
            got["ContentDisposition"], got["ContentEncoding"]) == (
                "application/json", "no-cache", "fr", "inline", "x")


def test_conditions_of_writes(client, bucket):
    write = {"Bucket": bucket, "Key": "a", "Body": b"x"}

    def with_header(name, value):
        def add(request, **_):
            request.headers.add_header(name, value)
        client.meta.events.register_first("before-sign.s3.PutObject", add)
        try:
            return client.put_object(**write)
        finally:
            client.meta.events.unregister("before-sign.s3.PutObject", add)
    with s3.refused("NoSuchKey", 404):
        with_header("If-Match", '"x"')
    etag = with_header("If-None-Match", "*")["ETag"]
    with s3.refused("PreconditionFailed", 412):
        with_header("If-None-Match", "*")
    with s3.refused("PreconditionFailed", 412):
        with_header("If-Match", '"other"')
    with_header("If-Match", etag)


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_checked_and_kept(client, bucket, algorithm):
    content = b"hello, checksums"
    sums = {"CRC32": base64.b64encode(zlib.crc32(content).to_bytes(4, "big")),
            "SHA1": base64.b64encode(hashlib.sha1(content).digest()),
            "SHA256": base64.b64encode(hashlib.sha256(content).digest())}
    name = f"Checksum{algorithm}"
    good = sums[algorithm].decode()
    put = client.put_object(Bucket=bucket, Key="a", Body=content, **{name: good})
    assert put[name] == good
    got = client.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert (got["Body"].read(), got[name]) == (content, good)
    assert name not in client.head_object(Bucket=bucket, Key="a")
    with s3.refused("BadDigest", 400):
        client.put_object(Bucket=bucket, Key="a", Body=content + b"!", **{name: good})
    with s3.refused("InvalidRequest", 400):
        client.put_object(Bucket=bucket, Key="a", Body=content, **{name: "abc"})
    client.put_object(Bucket=bucket, Key="b", Body=content, ChecksumAlgorithm=algorithm)
    got = client.head_object(Bucket=bucket, Key="b", ChecksumMode="ENABLED")
    assert got[name] == good


def test_content_md5_is_checked(client, bucket):
    good = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    client.put_object(Bucket=bucket, Key="a", Body=b"x", ContentMD5=good)
    with s3.refused("BadDigest", 400):
        client.put_object(Bucket=bucket, Key="a", Body=b"y", ContentMD5=good)
    with s3.refused("InvalidDigest", 400):
        client.put_object(Bucket=bucket, Key="a", Body=b"y", ContentMD5="abc")
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"


def test_many_are_deleted_at_once(client, bucket):
    keys = [f"k{number:04}" for number in range(1000)]
    for key in keys[:20]:
        client.put_object(Bucket=bucket, Key=key, Body=b"")
    result = client.delete_objects(Bucket=bucket,
                                   Delete={"Objects": [{"Key": key} for key in keys]})
    assert sorted(entry["Key"] for entry in result["Deleted"]) == keys
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="a", Body=b"")
    result = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}], "Quiet": True})
    assert "Deleted" not in result and "Errors" not in result
    with s3.refused("MalformedXML", 400):
        client.delete_objects(Bucket=bucket,
                              Delete={"Objects": [{"Key": f"{n}"} for n in range(1001)]})


def test_many_are_deleted_but_for_those_that_have_a_fault(client, bucket):
    good = [f"k{number:03}" for number in range(100)]
    long = [f"{number:03}".ljust(1025, "x") for number in range(100)]
    for key in good[:10]:
        client.put_object(Bucket=bucket, Key=key, Body=b"")
    mixed = [{"Key": key} for pair in zip(long, good) for key in pair]
    result = client.delete_objects(Bucket=bucket, Delete={"Objects": mixed})
    assert [entry["Key"] for entry in result["Deleted"]] == good
    assert [(entry["Key"], entry["Code"]) for entry in result["Errors"]] == [
        (key, "KeyTooLongError") for key in long]
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)


def test_tags(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"x", Tagging="one=1&two=zwei%20")
    assert client.head_object(Bucket=bucket, Key="a").get("TagCount", 2) == 2
    tags = client.get_object_tagging(Bucket=bucket, Key="a")["TagSet"]
    assert tags == [{"Key": "one", "Value": "1"}, {"Key": "two", "Value": "zwei "}]
    client.put_object_tagging(Bucket=bucket, Key="a",
                              Tagging={"TagSet": [{"Key": "three", "Value": "3"}]})
    assert client.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [
        {"Key": "three", "Value": "3"}]
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"
    client.delete_object_tagging(Bucket=bucket, Key="a")
    assert client.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == []
    with s3.refused("InvalidTag", 400):
        client.put_object_tagging(Bucket=bucket, Key="a", Tagging={
            "TagSet": [{"Key": str(number), "Value": ""} for number in range(11)]})
    with s3.refused("NoSuchKey", 404):
        client.get_object_tagging(Bucket=bucket, Key="none")


@pytest.mark.parametrize("length", [5, 3 * MIB])
def test_copies(store, client, bucket, length):
    other = store.bucket()
    content = _pattern(length)
    client.put_object(Bucket=bucket, Key="a b", Body=content, ContentType="text/x", Tagging="t=1",
                      Metadata={"m": "1"})
    source = {"Bucket": bucket, "Key": "a b"}
    result = client.copy_object(Bucket=other, Key="c", CopySource=source)
    assert result["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    client.delete_object(Bucket=bucket, Key="a b")
    got = client.get_object(Bucket=other, Key="c")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (
        content, "text/x", {"m": "1"})
    assert client.get_object_tagging(Bucket=other, Key="c")["TagSet"] == [{"Key": "t", "Value": "1"}]
    source = {"Bucket": other, "Key": "c"}
    with s3.refused("InvalidRequest", 400):
        client.copy_object(Bucket=other, Key="c", CopySource=source)
    client.copy_object(Bucket=other, Key="c", CopySource=source, MetadataDirective="REPLACE",
                       ContentType="text/y", Metadata={"n": "2"})
    got = client.head_object(Bucket=other, Key="c")
    assert (got["ContentType"], got["Metadata"]) == ("text/y", {"n": "2"})
    with s3.refused("PreconditionFailed", 412):
        client.copy_object(Bucket=other, Key="d", CopySource=source, CopySourceIfMatch='"no"')
    with s3.refused("NoSuchKey", 404):
        client.copy_object(Bucket=other, Key="d", CopySource={"Bucket": other, "Key": "none"})


def test_versions(client, bucket):
    assert "Status" not in client.get_bucket_versioning(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="a", Body=b"before")
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    one = client.put_object(Bucket=bucket, Key="a", Body=b"one")["VersionId"]
    two = client.put_object(Bucket=bucket, Key="a", Body=b"two")["VersionId"]
    for version, content in ((one, b"one"), (two, b"two"), ("null", b"before")):
        got = client.get_object(Bucket=bucket, Key="a", VersionId=version)
        assert (got["Body"].read(), got["VersionId"]) == (content, version)
    marker = client.delete_object(Bucket=bucket, Key="a")
    assert marker["DeleteMarker"] is True
    with s3.refused("NoSuchKey", 404) as caught:
        client.get_object(Bucket=bucket, Key="a")
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true"
    with s3.refused("MethodNotAllowed", 405):
        client.get_object(Bucket=bucket, Key="a", VersionId=marker["VersionId"])
    listed = client.list_object_versions(Bucket=bucket)
    assert [entry["VersionId"] for entry in listed["Versions"]] == [two, one, "null"]
    assert [entry["IsLatest"] for entry in listed["Versions"]] == [False] * 3
    assert [entry["VersionId"] for entry in listed["DeleteMarkers"]] == [marker["VersionId"]]
    gone = client.delete_object(Bucket=bucket, Key="a", VersionId=marker["VersionId"])
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, marker["VersionId"])
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"two"
    client.delete_object(Bucket=bucket, Key="a", VersionId=two)
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"one"
    with s3.refused("NoSuchVersion", 404):
        client.get_object(Bucket=bucket, Key="a", VersionId=two)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert client.put_object(Bucket=bucket, Key="a", Body=b"after")["VersionId"] == "null"
    listed = client.list_object_versions(Bucket=bucket)
    assert [entry["VersionId"] for entry in listed["Versions"]] == ["null", one]
    assert client.get_object(Bucket=bucket, Key="a", VersionId="null")["Body"].read() == b"after"


def test_attributes(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"hello", ChecksumAlgorithm="SHA256")
    got = client.get_object_attributes(
        Bucket=bucket, Key="a",
        ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass", "ObjectParts"])
    assert got["ETag"] == hashlib.md5(b"hello").hexdigest()
    assert got["ObjectSize"] == 5
    assert got["Checksum"]["ChecksumSHA256"] == base64.b64encode(
        hashlib.sha256(b"hello").digest()).decode()
    assert got["StorageClass"] == "STANDARD"


def test_what_the_store_does_is_counted(store):
    bucket = store.bucket()
    before = store.edge.metrics()
    for number in range(5):
        store.client.put_object(Bucket=bucket, Key=f"counted/{number}", Body=b"x")
    store.client.get_object(Bucket=bucket, Key="counted/0")
    after = store.edge.metrics()
    grown = {name: after[name] - before[name] for name in after if name.startswith("weir_store_")}
    assert grown["weir_store_changes_total"] == 5
    assert 1 <= grown["weir_store_batches_total"] <= 5
    assert grown["weir_store_syncs_total"] >= grown["weir_store_batches_total"]
    assert grown["weir_store_memory_hits_total"] >= 1
    assert after["weir_store_room_bytes"] > 0
    assert after["weir_store_damaged_reads_total"] == 0
