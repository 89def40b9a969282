"""The S3 API by boto3: buckets and their listings."""
import concurrent.futures

import botocore.exceptions
import pytest

from harness import s3


@pytest.fixture(scope="module")
def store():
    with s3.service(top='buckets: { declared: {}, kept: { versioning: true }, bounded: { quota: 1MiB }, '
                        'shared: { quota: 1000000 } }') as service:
        yield service


@pytest.fixture
def client(store):
    return store.client


@pytest.fixture
def bucket(store):
    return store.bucket()


def _fill(client, bucket, *keys):
    for key in keys:
        client.put_object(Bucket=bucket, Key=key, Body=key.encode())


def _keys(answer):
    return [entry["Key"] for entry in answer.get("Contents", [])]


def _prefixes(answer):
    return [entry["Prefix"] for entry in answer.get("CommonPrefixes", [])]


def test_buckets_of_the_file_are_there(client):
    names = [entry["Name"] for entry in client.list_buckets()["Buckets"]]
    assert {"declared", "kept"} <= set(names)
    assert client.get_bucket_versioning(Bucket="kept")["Status"] == "Enabled"


def test_a_quota_bounds_a_bucket(client):
    write = {"Bucket": "bounded", "Key": "a"}
    client.put_object(**write, Body=b"x" * 1_000_000)
    with s3.refused("InsufficientStorage", 507):
        client.put_object(Bucket="bounded", Key="b", Body=b"x" * 100_000)
    client.put_object(**write, Body=b"y" * 1_000_000)
    with s3.refused("InsufficientStorage", 507):
        client.copy_object(Bucket="bounded", Key="b", CopySource=write)
    client.delete_object(**write)
    client.put_object(Bucket="bounded", Key="b", Body=b"x" * 1_000_000)


def _is_taken(write, **arguments):
    try:
        write(**arguments)
        return True
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "InsufficientStorage", error.response
        return False


def _end_upload(client, key, body):
    of = {"Bucket": "shared", "Key": key}
    upload = of | {"UploadId": client.create_multipart_upload(**of)["UploadId"]}
    part = client.upload_part(**upload, PartNumber=1, Body=body)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(**upload, MultipartUpload=parts)


def test_a_quota_holds_for_all_writers_together(store, client):
    """Thirty objects by three ways at once, of which ten fit."""
    body = b"x" * 100_000
    client.put_object(Bucket="declared", Key="source", Body=body)

    def write(number):
        own = store.connect()
        key = f"object-{number}"
        if number % 3 == 0:
            return _is_taken(own.put_object, Bucket="shared", Key=key, Body=body)
        if number % 3 == 1:
            return _is_taken(own.copy_object, Bucket="shared", Key=key,
                             CopySource={"Bucket": "declared", "Key": "source"})
        return _is_taken(_end_upload, client=own, key=key, body=body)

    with concurrent.futures.ThreadPoolExecutor(15) as pool:
        taken = list(pool.map(write, range(30)))
    listed = client.list_objects_v2(Bucket="shared")["Contents"]
    assert sum(entry["Size"] for entry in listed) == 1_000_000
    assert sorted(_keys({"Contents": listed})) == sorted(
        f"object-{number}" for number, is_taken in enumerate(taken) if is_taken)


def test_a_bucket_is_made_and_removed(client):
    client.create_bucket(Bucket="made")
    client.head_bucket(Bucket="made")
    assert client.get_bucket_location(Bucket="made")["LocationConstraint"] is None
    with s3.refused("BucketAlreadyOwnedByYou", 409):
        client.create_bucket(Bucket="made")
    client.put_object(Bucket="made", Key="a", Body=b"")
    with s3.refused("BucketNotEmpty", 409):
        client.delete_bucket(Bucket="made")
    client.delete_object(Bucket="made", Key="a")
    client.delete_bucket(Bucket="made")
    with s3.refused("404", 404):
        client.head_bucket(Bucket="made")
    with s3.refused("NoSuchBucket", 404):
        client.delete_bucket(Bucket="made")


@pytest.mark.parametrize("name", ["ab", "Upper", "under_score", "-a-", "a..b", "192.168.1.1",
                                  "x" * 64])
def test_names_that_are_none(store, name):
    client = store.connect()
    client.meta.events.unregister("before-parameter-build.s3",
                                  __import__("botocore.handlers").handlers.validate_bucket_name)
    with s3.refused("InvalidBucketName", 400):
        client.create_bucket(Bucket=name)


def test_an_empty_list(client, bucket):
    for call in (client.list_objects, client.list_objects_v2):
        answer = call(Bucket=bucket)
        assert _keys(answer) == [] and answer["IsTruncated"] is False
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    with s3.refused("NoSuchBucket", 404):
        client.list_objects_v2(Bucket="no-such-bucket")


def test_prefix_and_delimiter(client, bucket):
    _fill(client, bucket, "a", "b/1", "b/2", "b/c/3", "ba", "c/", "d")
    for call in (client.list_objects, client.list_objects_v2):
        answer = call(Bucket=bucket, Delimiter="/")
        assert (_keys(answer), _prefixes(answer)) == (["a", "ba", "d"], ["b/", "c/"])
        answer = call(Bucket=bucket, Delimiter="/", Prefix="b/")
        assert (_keys(answer), _prefixes(answer)) == (["b/1", "b/2"], ["b/c/"])
        assert _keys(call(Bucket=bucket, Prefix="b")) == ["b/1", "b/2", "b/c/3", "ba"]
        answer = call(Bucket=bucket, Delimiter="a")
        assert (_keys(answer), _prefixes(answer)) == (["b/1", "b/2", "b/c/3", "c/", "d"],
                                                      ["a", "ba"])
        assert _keys(call(Bucket=bucket, Prefix="zz")) == []
    assert client.list_objects_v2(Bucket=bucket, Delimiter="/")["KeyCount"] == 5


@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pages_join_to_the_whole(client, bucket, delimiter, size):
    _fill(client, bucket, "a", "b/1", "b/2", "b0", "c/1", "c/2/x", "d", "\xff", "\xff\xff/a")
    whole = client.list_objects_v2(Bucket=bucket, Delimiter=delimiter)
    expected = sorted(_keys(whole) + _prefixes(whole))
    for name in ("list_objects", "list_objects_v2"):
        found = []
        pages = client.get_paginator(name).paginate(
            Bucket=bucket, Delimiter=delimiter, PaginationConfig={"PageSize": size})
        for page in pages:
            entries = _keys(page) + _prefixes(page)
            assert len(entries) <= size
            found += sorted(entries)
        assert found == expected


def test_where_a_list_begins(client, bucket):
    _fill(client, bucket, "a", "b", "c")
    assert _keys(client.list_objects(Bucket=bucket, Marker="a")) == ["b", "c"]
    assert _keys(client.list_objects(Bucket=bucket, Marker="aa")) == ["b", "c"]
    assert _keys(client.list_objects_v2(Bucket=bucket, StartAfter="b")) == ["c"]
    assert _keys(client.list_objects_v2(Bucket=bucket, MaxKeys=0)) == []
    assert client.list_objects_v2(Bucket=bucket, MaxKeys=0)["IsTruncated"] is False
    with s3.refused("InvalidArgument", 400):
        client.list_objects_v2(Bucket=bucket, ContinuationToken="!")
    with s3.refused("InvalidArgument", 400):
        client.list_objects_v2(Bucket=bucket, MaxKeys=-1)


def test_entries_tell_of_their_objects(client, bucket):
    put = client.put_object(Bucket=bucket, Key="a", Body=b"hello", StorageClass="STANDARD_IA")
    head = client.head_object(Bucket=bucket, Key="a")
    [entry] = client.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"]
    assert (entry["Size"], entry["ETag"], entry["StorageClass"]) == (5, put["ETag"], "STANDARD_IA")
    assert entry["LastModified"].replace(microsecond=0) == head["LastModified"]
    assert entry["Owner"]["ID"]
    assert "Owner" not in client.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert client.list_objects(Bucket=bucket)["Contents"][0]["Owner"]["ID"] == entry["Owner"]["ID"]


def test_versions_in_pages(client, bucket):
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in "abab":
        client.put_object(Bucket=bucket, Key=key, Body=b"")
    client.delete_object(Bucket=bucket, Key="a")
    expected = [("a", True), ("a", False), ("a", False), ("b", True), ("b", False)]
    for size in (1, 2, 10):
        found, marker = [], {}
        while True:
            page = client.list_object_versions(Bucket=bucket, MaxKeys=size, **marker)
            entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
            assert len(entries) <= size
            found += [(entry["Key"], entry["VersionId"], entry["IsLatest"]) for entry in entries]
            if not page["IsTruncated"]:
                break
            marker = {"KeyMarker": page["NextKeyMarker"],
                      "VersionIdMarker": page["NextVersionIdMarker"]}
        assert len({entry[:2] for entry in found}) == 5
        assert sorted((key, latest) for key, _, latest in found) == sorted(expected)
    page = client.list_object_versions(Bucket=bucket, Prefix="b")
    assert {entry["Key"] for entry in page["Versions"]} == {"b"}


def test_a_thousand_and_one(client, bucket):
    _fill(client, bucket, *(f"k{number:05}" for number in range(1001)))
    first = client.list_objects_v2(Bucket=bucket)
    assert (len(first["Contents"]), first["IsTruncated"]) == (1000, True)
    rest = client.list_objects_v2(Bucket=bucket, ContinuationToken=first["NextContinuationToken"])
    assert (_keys(rest), rest["IsTruncated"]) == (["k01000"], False)
