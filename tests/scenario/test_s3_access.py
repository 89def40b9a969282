"""Owners, access control lists, ownership controls: who may do what in whose bucket."""
import json

import pytest

from harness import s3 as s3_harness
from harness.s3 import refused

ALL = "http://acs.amazonaws.com/groups/global/AllUsers"
KNOWN = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"


@pytest.fixture(scope="module")
def s3():
    with s3_harness.service() as service:
        service.other = service.connect(service.add_key("other", "--owner", "olga"))
        service.anybody = service.connect(False)
        service.id = _owner(service.client)["ID"]
        service.other_id = _owner(service.other)["ID"]
        yield service


def _owner(client):
    return client.list_buckets()["Owner"]


def _grants(answer):
    return sorted((grant["Permission"], grant["Grantee"].get("URI") or grant["Grantee"]["ID"])
                  for grant in answer["Grants"])


def _read(client, bucket, key):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_owners_have_an_id_and_a_name_and_see_their_buckets_alone(s3):
    mine = s3.bucket()
    s3.other.create_bucket(Bucket="of-olga")
    assert _owner(s3.other)["DisplayName"] == "olga" and s3.id != s3.other_id
    assert [b["Name"] for b in s3.other.list_buckets()["Buckets"]] == ["of-olga"]
    names = [b["Name"] for b in s3.client.list_buckets()["Buckets"]]
    assert mine in names and "of-olga" not in names
    with refused("BucketAlreadyExists", 409):
        s3.other.create_bucket(Bucket=mine)
    with refused("BucketAlreadyOwnedByYou", 409):
        s3.client.create_bucket(Bucket=mine)
    for call in (s3.other.list_objects_v2, s3.other.delete_bucket, s3.other.get_bucket_acl,
                 s3.other.get_bucket_versioning):
        with refused("AccessDenied", 403):
            call(Bucket=mine)
    with refused("AccessDenied", 403):
        s3.client.put_object(Bucket="of-olga", Key="a", Body=b"a")


def test_a_key_of_the_same_owner_is_in_his_buckets(s3):
    second = s3.connect(s3.add_key("second", "--owner", "olga"))
    s3.other.create_bucket(Bucket="of-both")
    second.put_object(Bucket="of-both", Key="a", Body=b"a")
    assert _read(s3.other, "of-both", "a") == b"a"


@pytest.mark.parametrize("word, may_list, may_write, knows_all", [
    ("private", False, False, False), ("public-read", True, False, True),
    ("public-read-write", True, True, True), ("authenticated-read", True, False, False)])
def test_a_word_says_what_others_may_in_a_bucket(s3, word, may_list, may_write, knows_all):
    bucket = s3.bucket(ACL=word)
    s3.client.put_object(Bucket=bucket, Key="mine", Body=b"a")
    for client, lists, writes in ((s3.other, may_list, may_write),
                                  (s3.anybody, knows_all, may_write)):
        for may, call in ((lists, lambda c=client: c.list_objects_v2(Bucket=bucket)),
                          (lists, lambda c=client: c.list_objects(Bucket=bucket)),
                          (writes, lambda c=client: c.put_object(Bucket=bucket, Key="k")),
                          (writes, lambda c=client: c.delete_object(Bucket=bucket, Key="k")),
                          (False, lambda c=client: _read(c, bucket, "mine")),
                          (False, lambda c=client: c.put_bucket_acl(Bucket=bucket, ACL=word))):
            if may:
                call()
            else:
                with refused("AccessDenied", 403):
                    call()


def test_a_word_says_who_may_read_an_object(s3):
    bucket = s3.bucket()
    for word, known, anybody in (("private", False, False), ("public-read", True, True),
                                 ("authenticated-read", True, False)):
        s3.client.put_object(Bucket=bucket, Key="a", Body=b"a", ACL=word)
        for client, may in ((s3.other, known), (s3.anybody, anybody), (s3.client, True)):
            if may:
                assert _read(client, bucket, "a") == b"a"
            else:
                with refused("AccessDenied", 403):
                    _read(client, bucket, "a")
    s3.client.put_object_acl(Bucket=bucket, Key="a", ACL="private")
    with refused("AccessDenied", 403):
        _read(s3.other, bucket, "a")
    with refused("AccessDenied", 403):
        _read(s3.anybody, bucket, "absent")
    with refused("InvalidArgument", 400):
        s3.client.put_object(Bucket=bucket, Key="a", ACL="publik")


def test_a_list_is_told_as_it_was_said(s3):
    bucket = s3.bucket(ACL="public-read")
    assert _grants(s3.client.get_bucket_acl(Bucket=bucket)) == [("FULL_CONTROL", s3.id),
                                                                ("READ", ALL)]
    owner = {"ID": s3.id, "DisplayName": "weir"}
    grants = [{"Grantee": {"Type": "CanonicalUser", "ID": s3.other_id}, "Permission": "READ"},
              {"Grantee": {"Type": "Group", "URI": KNOWN}, "Permission": "READ_ACP"}]
    s3.client.put_bucket_acl(Bucket=bucket,
                             AccessControlPolicy={"Owner": owner, "Grants": grants})
    answer = s3.client.get_bucket_acl(Bucket=bucket)
    assert answer["Owner"] == owner
    assert answer["Grants"][0]["Grantee"] == {"Type": "CanonicalUser", "ID": s3.other_id,
                                              "DisplayName": "olga"}
    s3.other.list_objects(Bucket=bucket)
    assert _grants(s3.other.get_bucket_acl(Bucket=bucket)) == sorted(
        [("READ", s3.other_id), ("READ_ACP", KNOWN)])
    with refused("AccessDenied"):
        s3.other.put_object(Bucket=bucket, Key="a")
    with refused("AccessDenied"):
        s3.client.put_bucket_acl(Bucket=bucket, AccessControlPolicy={
            "Owner": {"ID": s3.other_id}, "Grants": grants})
    grants[0]["Grantee"]["ID"] = "nobody"
    with refused("InvalidArgument", 400):
        s3.client.put_bucket_acl(Bucket=bucket,
                                 AccessControlPolicy={"Owner": owner, "Grants": grants})
    with refused("UnresolvableGrantByEmailAddress", 400):
        s3.client.put_bucket_acl(Bucket=bucket, GrantRead="emailAddress=a@example.com")


def test_headers_grant(s3):
    bucket = s3.bucket(GrantWrite=f"id={s3.other_id}", GrantReadACP=f'uri="{ALL}"')
    s3.other.put_object(Bucket=bucket, Key="hers", Body=b"a")
    assert s3.anybody.get_bucket_acl(Bucket=bucket)["Owner"]["ID"] == s3.id
    s3.client.put_object(Bucket=bucket, Key="a", Body=b"a", GrantFullControl=f"id={s3.other_id}")
    assert _grants(s3.client.get_object_acl(Bucket=bucket, Key="a")) == [
        ("FULL_CONTROL", s3.other_id)]
    s3.other.put_object_acl(Bucket=bucket, Key="a", ACL="public-read")
    assert _read(s3.anybody, bucket, "a") == b"a"
    with refused("InvalidRequest", 400):
        s3.client.put_object(Bucket=bucket, Key="a", ACL="private", GrantRead=f"id={s3.id}")


def test_an_object_is_its_writers(s3):
    bucket = s3.bucket(ACL="public-read-write")
    s3.other.put_object(Bucket=bucket, Key="a", Body=b"a")
    answer = s3.other.get_object_acl(Bucket=bucket, Key="a")
    assert answer["Owner"] == {"ID": s3.other_id, "DisplayName": "olga"}
    assert _grants(answer) == [("FULL_CONTROL", s3.other_id)]
    [entry] = s3.client.list_objects(Bucket=bucket)["Contents"]
    assert entry["Owner"]["ID"] == s3.other_id
    s3.other.put_object(Bucket=bucket, Key="b", ACL="bucket-owner-full-control")
    assert _grants(s3.other.get_object_acl(Bucket=bucket, Key="b")) == sorted(
        [("FULL_CONTROL", s3.other_id), ("FULL_CONTROL", s3.id)])
    s3.client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={
        "Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]})
    s3.other.put_object(Bucket=bucket, Key="c", ACL="bucket-owner-full-control")
    assert s3.client.get_object_acl(Bucket=bucket, Key="c")["Owner"]["ID"] == s3.id


def test_copies_and_parts_have_lists_of_their_own(s3):
    bucket = s3.bucket(ACL="public-read-write")
    s3.client.put_object(Bucket=bucket, Key="a", Body=b"a", ACL="public-read")
    s3.other.create_bucket(Bucket="copies")
    s3.other.copy_object(Bucket="copies", Key="a", CopySource=f"{bucket}/a")
    with refused("AccessDenied"):
        _read(s3.anybody, "copies", "a")
    with refused("AccessDenied"):
        s3.client.copy_object(Bucket=bucket, Key="b", CopySource="copies/a")
    upload = s3.client.create_multipart_upload(Bucket=bucket, Key="p", ACL="public-read")
    names = {"Bucket": bucket, "Key": "p", "UploadId": upload["UploadId"]}
    part = s3.client.upload_part(**names, PartNumber=1, Body=b"p")
    s3.client.complete_multipart_upload(**names, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert _read(s3.anybody, bucket, "p") == b"p"


def test_a_list_belongs_to_a_version(s3):
    bucket = s3.bucket()
    s3.client.put_bucket_versioning(Bucket=bucket,
                                    VersioningConfiguration={"Status": "Enabled"})
    first, second = (s3.client.put_object(Bucket=bucket, Key="a", Body=body)["VersionId"]
                     for body in (b"1", b"2"))
    s3.client.put_object_acl(Bucket=bucket, Key="a", VersionId=first, ACL="public-read")
    assert s3.anybody.get_object(Bucket=bucket, Key="a", VersionId=first)["Body"].read() == b"1"
    with refused("AccessDenied"):
        s3.anybody.get_object(Bucket=bucket, Key="a", VersionId=second)
    with refused("AccessDenied"):
        _read(s3.anybody, bucket, "a")


def test_an_owner_that_is_enforced_takes_no_lists(s3):
    bucket = s3.bucket(ObjectOwnership="BucketOwnerEnforced")
    rule = s3.client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rule == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    for call in (lambda: s3.client.put_bucket_acl(Bucket=bucket, ACL="public-read"),
                 lambda: s3.client.put_object(Bucket=bucket, Key="a", ACL="public-read")):
        with refused("AccessControlListNotSupported", 400):
            call()
    s3.client.put_object(Bucket=bucket, Key="a", ACL="bucket-owner-full-control")
    with refused("InvalidBucketAclWithObjectOwnership", 400):
        s3.client.create_bucket(Bucket="both", ACL="public-read",
                                ObjectOwnership="BucketOwnerEnforced")
    public = s3.bucket(ACL="public-read")
    with refused("InvalidBucketAclWithObjectOwnership", 400):
        s3.client.put_bucket_ownership_controls(Bucket=public, OwnershipControls={
            "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})


def test_public_lists_are_blocked_or_ignored(s3):
    bucket = s3.bucket(ACL="public-read")
    s3.client.put_object(Bucket=bucket, Key="a", Body=b"a", ACL="public-read")
    s3.client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={
        "IgnorePublicAcls": True})
    for call in (lambda: s3.anybody.list_objects(Bucket=bucket),
                 lambda: _read(s3.anybody, bucket, "a")):
        with refused("AccessDenied"):
            call()
    s3.client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={
        "BlockPublicAcls": True})
    assert _read(s3.anybody, bucket, "a") == b"a"
    for call in (lambda: s3.client.put_bucket_acl(Bucket=bucket, ACL="public-read"),
                 lambda: s3.client.put_object(Bucket=bucket, Key="b", ACL="authenticated-read")):
        with refused("AccessDenied"):
            call()


def test_a_policy_may_name_an_owner_and_ask_for_grants(s3):
    bucket = s3.bucket()

    def allow(**more):
        s3.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"],
                "Resource": f"arn:aws:s3:::{bucket}/*", **more}]}))
    allow(Principal={"CanonicalUser": s3.other_id})
    s3.other.put_object(Bucket=bucket, Key="a", Body=b"a")
    with refused("AccessDenied"):
        _read(s3.anybody, bucket, "a")
    grant = f"id={s3.id}"
    allow(Principal="*", Condition={"StringEquals": {"s3:x-amz-grant-full-control": grant}})
    s3.other.put_object(Bucket=bucket, Key="b", GrantFullControl=grant)
    with refused("AccessDenied"):
        s3.other.put_object(Bucket=bucket, Key="b")
    allow(Principal="*")
    s3.client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={
        "RestrictPublicBuckets": True})
    s3.client.put_object(Bucket=bucket, Key="mine", Body=b"a")
    with refused("AccessDenied"):
        _read(s3.other, bucket, "mine")


def test_many_are_deleted_by_those_who_may_write(s3):
    bucket = s3.bucket(ACL="public-read-write")
    private = s3.bucket()
    for name in (bucket, private):
        s3.client.put_object(Bucket=name, Key="a", Body=b"a")
    what = {"Objects": [{"Key": "a"}]}
    assert s3.other.delete_objects(Bucket=bucket, Delete=what)["Deleted"] == [{"Key": "a"}]
    [error] = s3.other.delete_objects(Bucket=private, Delete=what)["Errors"]
    assert (error["Key"], error["Code"]) == ("a", "AccessDenied")
