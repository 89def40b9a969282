"""Access control lists: what they let whom do, and what they are told as."""
import pytest

from harness import s3

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"


@pytest.fixture(scope="module")
def store():
    with s3.service(top="buckets: { elsewhere: {} }") as service:
        service.nobody = service.connect(False)
        service.other = service.connect(service.add_key("other", "--bucket", "elsewhere"))
        yield service


@pytest.fixture
def client(store):
    return store.client


def _grants(answer):
    return sorted((grant["Grantee"].get("URI") or grant["Grantee"]["ID"], grant["Permission"])
                  for grant in answer["Grants"])


def _owner(client):
    return client.list_buckets()["Owner"]["ID"]


def _may(call, **arguments):
    """Is it done, or AccessDenied?"""
    try:
        call(**arguments)
        return True
    except s3.botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] in ("AccessDenied", "403"), error
        return False


@pytest.mark.parametrize("word, others", [
    ("private", []), ("public-read", [(ALL_USERS, "READ")]),
    ("public-read-write", [(ALL_USERS, "READ"), (ALL_USERS, "WRITE")]),
    ("authenticated-read", [(AUTHENTICATED, "READ")])])
def test_canned_lists_of_buckets(store, client, word, others):
    owner = (_owner(client), "FULL_CONTROL")
    made, put = store.bucket(ACL=word), store.bucket()
    client.put_bucket_acl(Bucket=put, ACL=word)
    for bucket in (made, put):
        assert _grants(client.get_bucket_acl(Bucket=bucket)) == sorted([owner, *others])
        client.put_object(Bucket=bucket, Key="a", Body=b"a")
        reads = {"private": [], "authenticated-read": [store.other]}.get(
            word, [store.other, store.nobody])
        for somebody in (store.other, store.nobody):
            assert _may(somebody.list_objects_v2, Bucket=bucket) == (somebody in reads)
            assert _may(somebody.put_object, Bucket=bucket, Key="b", Body=b"b") == (
                word == "public-read-write")
            assert _may(somebody.delete_object, Bucket=bucket, Key="b") == (
                word == "public-read-write")
            assert not _may(somebody.get_object, Bucket=bucket, Key="a")
            assert not _may(somebody.get_bucket_acl, Bucket=bucket)
            assert not _may(somebody.put_bucket_acl, Bucket=bucket, ACL="private")
    client.put_bucket_acl(Bucket=put, ACL="private")
    assert not _may(store.nobody.list_objects_v2, Bucket=put)


def test_an_object_has_its_own(store, client):
    bucket = store.bucket()
    client.put_object(Bucket=bucket, Key="a", Body=b"a", ACL="public-read", Metadata={"x": "y"})
    client.put_object(Bucket=bucket, Key="b", Body=b"b")
    got = store.nobody.get_object(Bucket=bucket, Key="a")
    assert (got["Body"].read(), got["Metadata"]) == (b"a", {"x": "y"})
    assert _may(store.nobody.head_object, Bucket=bucket, Key="a")
    assert not _may(store.nobody.get_object, Bucket=bucket, Key="b")
    assert not _may(store.nobody.get_object, Bucket=bucket, Key="none")
    assert not _may(store.nobody.get_object_acl, Bucket=bucket, Key="a")
    client.put_object_acl(Bucket=bucket, Key="b", ACL="authenticated-read")
    assert _may(store.other.get_object, Bucket=bucket, Key="b")
    assert not _may(store.nobody.get_object, Bucket=bucket, Key="b")
    assert _grants(client.get_object_acl(Bucket=bucket, Key="b")) == sorted([
        (_owner(client), "FULL_CONTROL"), (AUTHENTICATED, "READ")])
    assert client.get_object(Bucket=bucket, Key="b")["Body"].read() == b"b"
    # A copy is private, and so is what is put anew.
    client.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "a"})
    client.put_object(Bucket=bucket, Key="a", Body=b"a")
    assert not _may(store.nobody.get_object, Bucket=bucket, Key="c")
    assert not _may(store.nobody.get_object, Bucket=bucket, Key="a")
    upload = client.create_multipart_upload(Bucket=bucket, Key="m", ACL="public-read")["UploadId"]
    part = client.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"m")
    client.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert store.nobody.get_object(Bucket=bucket, Key="m")["Body"].read() == b"m"


def test_each_version_has_its_own(store, client):
    bucket = store.bucket()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = client.put_object(Bucket=bucket, Key="a", Body=b"1")["VersionId"]
    second = client.put_object(Bucket=bucket, Key="a", Body=b"2")["VersionId"]
    client.put_object_acl(Bucket=bucket, Key="a", VersionId=first, ACL="public-read")
    assert _may(store.nobody.get_object, Bucket=bucket, Key="a", VersionId=first)
    assert not _may(store.nobody.get_object, Bucket=bucket, Key="a", VersionId=second)
    assert not _may(store.nobody.get_object, Bucket=bucket, Key="a")


def test_grants_name_keys(store, client):
    bucket = store.bucket()
    client.put_object(Bucket=bucket, Key="a", Body=b"a", GrantRead="id=other",
                      GrantReadACP=f'uri="{AUTHENTICATED}"')
    assert store.other.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"
    assert _grants(store.other.get_object_acl(Bucket=bucket, Key="a")) == sorted([
        ("other", "READ"), (AUTHENTICATED, "READ_ACP")])
    assert not _may(store.nobody.get_object, Bucket=bucket, Key="a")
    policy = client.get_bucket_acl(Bucket=bucket)
    policy = {"Owner": policy["Owner"], "Grants": policy["Grants"] + [
        {"Grantee": {"Type": "CanonicalUser", "ID": "other"}, "Permission": "FULL_CONTROL"}]}
    client.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy)
    for call, arguments in ((store.other.list_objects_v2, {}),
                            (store.other.put_object, {"Key": "b", "Body": b"b"}),
                            (store.other.get_bucket_acl, {})):
        assert _may(call, Bucket=bucket, **arguments)
    assert ("other", "FULL_CONTROL") in _grants(store.other.get_bucket_acl(Bucket=bucket))


@pytest.mark.parametrize("arguments, code", [
    ({"GrantRead": "id=nobody-knows"}, "InvalidArgument"),
    ({"GrantRead": "emailAddress=a@example.com"}, "UnresolvableGrantByEmailAddress"),
    ({"GrantRead": 'uri="http://example.com/all"'}, "InvalidArgument"),
    ({"GrantRead": "id=other", "ACL": "private"}, "InvalidRequest"),
    ({"ACL": "public"}, "InvalidArgument")])
def test_wrong_lists_change_nothing(store, client, arguments, code):
    bucket = store.bucket()
    client.put_object(Bucket=bucket, Key="a", Body=b"a")
    with s3.refused(code, 400):
        client.put_object_acl(Bucket=bucket, Key="a", **arguments)
    with s3.refused(code, 400):
        client.put_object(Bucket=bucket, Key="a", Body=b"b", **arguments)
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"
    assert _grants(client.get_object_acl(Bucket=bucket, Key="a")) == [
        (_owner(client), "FULL_CONTROL")]


def test_whoever_owns_the_bucket_may_enforce_it(store, client):
    with s3.refused("InvalidBucketAclWithObjectOwnership", 400):
        store.bucket(ObjectOwnership="BucketOwnerEnforced", ACL="public-read")
    bucket = store.bucket(ACL="public-read")
    client.put_object(Bucket=bucket, Key="a", Body=b"a", ACL="public-read")
    client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    assert not _may(store.nobody.get_object, Bucket=bucket, Key="a")
    assert not _may(store.nobody.list_objects_v2, Bucket=bucket)
    assert len(client.get_object_acl(Bucket=bucket, Key="a")["Grants"]) == 1
    for call in (client.put_object_acl, client.put_object):
        with s3.refused("AccessControlListNotSupported", 400):
            call(Bucket=bucket, Key="a", ACL="public-read")
    client.put_object(Bucket=bucket, Key="a", Body=b"a", ACL="bucket-owner-full-control")


def test_public_access_is_blocked(store, client):
    bucket = store.bucket()
    client.put_object(Bucket=bucket, Key="a", Body=b"a", ACL="public-read")

    def block(**switches):
        client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={
            "BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False,
            "RestrictPublicBuckets": False} | switches)
    block(BlockPublicAcls=True)
    for call in (client.put_object_acl, client.put_object):
        assert not _may(call, Bucket=bucket, Key="a", ACL="public-read")
    assert _may(store.nobody.get_object, Bucket=bucket, Key="a")
    block(IgnorePublicAcls=True)
    assert not _may(store.nobody.get_object, Bucket=bucket, Key="a")
    assert _may(client.put_object_acl, Bucket=bucket, Key="a", ACL="public-read")


def test_a_denial_of_the_policy_wins(store, client):
    bucket = store.bucket()
    client.put_object(Bucket=bucket, Key="a", Body=b"a", ACL="public-read")
    client.put_bucket_policy(Bucket=bucket, Policy=s3.json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    assert not _may(store.nobody.get_object, Bucket=bucket, Key="a")


def test_a_bucket_is_made_with_all_that_is_said(store, client):
    bucket = store.bucket(ACL="public-read", ObjectLockEnabledForBucket=True,
                          ObjectOwnership="BucketOwnerPreferred")
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert client.get_object_lock_configuration(Bucket=bucket)
    assert len(client.get_bucket_acl(Bucket=bucket)["Grants"]) == 2
    rules = client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerPreferred"}]
