"""The S3 API by boto3: what a bucket is set to, policies, CORS and object lock."""
import concurrent.futures
import datetime
import http.client
import json
import re

import pytest

from harness import s3, wait


@pytest.fixture(scope="module")
def store():
    with s3.service(top="buckets: { elsewhere: {} }") as service:
        yield service


@pytest.fixture
def client(store):
    return store.client


@pytest.fixture
def bucket(store):
    return store.bucket()


def _ask(store, method, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", store.edge.port, timeout=20)
    connection.request(method, path,
                       headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_what_is_not_set_has_its_own_code(client, bucket):
    for call, code in ((client.get_bucket_policy, "NoSuchBucketPolicy"),
                       (client.get_bucket_cors, "NoSuchCORSConfiguration"),
                       (client.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
                       (client.get_bucket_website, "NoSuchWebsiteConfiguration"),
                       (client.get_bucket_tagging, "NoSuchTagSet"),
                       (client.get_public_access_block, "NoSuchPublicAccessBlockConfiguration"),
                       (client.get_bucket_ownership_controls, "OwnershipControlsNotFoundError"),
                       (client.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"),
                       (client.get_bucket_encryption,
                        "ServerSideEncryptionConfigurationNotFoundError"),
                       (client.get_bucket_replication, "ReplicationConfigurationNotFoundError")):
        with s3.refused(code, 404):
            call(Bucket=bucket)
    assert client.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "LoggingEnabled" not in client.get_bucket_logging(Bucket=bucket)
    answer = client.get_bucket_notification_configuration(Bucket=bucket)
    assert "TopicConfigurations" not in answer
    grants = client.get_bucket_acl(Bucket=bucket)["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]


def test_documents_are_kept_and_taken_away(client, bucket):
    client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    assert client.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "1"}]
    client.delete_bucket_tagging(Bucket=bucket)
    with s3.refused("NoSuchTagSet", 404):
        client.get_bucket_tagging(Bucket=bucket)
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"},
            "Expiration": {"Days": 1}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 3}}
    client.put_bucket_lifecycle_configuration(Bucket=bucket,
                                              LifecycleConfiguration={"Rules": [rule]})
    assert client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]
    website = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "404.html"}}
    client.put_bucket_website(Bucket=bucket, WebsiteConfiguration=website)
    got = client.get_bucket_website(Bucket=bucket)
    assert (got["IndexDocument"], got["ErrorDocument"]) == (website["IndexDocument"],
                                                            website["ErrorDocument"])
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True,
             "RestrictPublicBuckets": False}
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    got = client.get_public_access_block(Bucket=bucket)
    assert got["PublicAccessBlockConfiguration"] == block
    with s3.refused("MalformedXML", 400):
        client.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": [{"Status": "Maybe", "Filter": {},
                                                              "Expiration": {"Days": 1}}]})
    assert client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]


def test_lifecycle_rules_are_carried_out(store, client, bucket):
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    for key in ("tmp/a", "tmp/b", "kept"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    client.put_object(Bucket=bucket, Key="tmp/tagged", Body=b"x", Tagging="keep=no")
    client.put_object(Bucket=bucket, Key="other/tagged", Body=b"x", Tagging="keep=no")
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
        {"ID": "tmp", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Date": past}},
        {"ID": "tag", "Status": "Enabled", "Filter": {"Tag": {"Key": "keep", "Value": "no"}},
         "Expiration": {"Date": past}},
        {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": "kept"},
         "Expiration": {"Date": past}}]})

    def keys():
        return [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
    wait.until(lambda: keys() == ["kept"], lambda: f"the rest to go: {keys()}")


def test_lifecycle_rules_leave_versions(client, bucket):
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        client.put_object(Bucket=bucket, Key="a", Body=b"x")
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
        {"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Date": past}}]})
    wait.until(lambda: "Contents" not in client.list_objects_v2(Bucket=bucket), "a delete marker")
    listed = client.list_object_versions(Bucket=bucket)
    assert (len(listed["Versions"]), len(listed["DeleteMarkers"])) == (2, 1)


def _policy(bucket, *statements):
    filled = [{"Effect": "Allow", "Principal": "*", **statement,
               "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}
              for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": filled})


def test_a_policy_lets_everybody_read(store, client, bucket):
    nobody = store.connect(keys=False)
    client.put_object(Bucket=bucket, Key="a", Body=b"x")
    with s3.refused("AccessDenied", 403):
        nobody.get_object(Bucket=bucket, Key="a")
    client.put_bucket_policy(Bucket=bucket, Policy=_policy(bucket, {"Action": "s3:GetObject"}))
    assert nobody.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"
    assert client.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    with s3.refused("AccessDenied", 403):
        nobody.list_objects_v2(Bucket=bucket)
    with s3.refused("AccessDenied", 403):
        nobody.put_object(Bucket=bucket, Key="a", Body=b"y")
    client.delete_bucket_policy(Bucket=bucket)
    with s3.refused("AccessDenied", 403):
        nobody.get_object(Bucket=bucket, Key="a")


def test_a_policy_grants_and_denies_by_key(store, client, bucket):
    guest = store.connect(keys=store.add_key(f"guest-{bucket}", "--bucket", "elsewhere"))
    client.put_object(Bucket=bucket, Key="a", Body=b"x")
    with s3.refused("AccessDenied", 403):
        guest.get_object(Bucket=bucket, Key="a")
    client.put_bucket_policy(Bucket=bucket, Policy=_policy(
        bucket, {"Principal": {"AWS": f"guest-{bucket}"}, "Action": ["s3:GetObject", "s3:ListBucket"]},
        {"Effect": "Deny", "Action": "s3:PutObject"}))
    assert guest.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"
    assert len(guest.list_objects_v2(Bucket=bucket)["Contents"]) == 1
    with s3.refused("AccessDenied", 403):
        guest.delete_object(Bucket=bucket, Key="a")
    with s3.refused("AccessDenied", 403):
        client.put_object(Bucket=bucket, Key="b", Body=b"")
    client.delete_bucket_policy(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="b", Body=b"")


def test_a_policy_that_denies_all_can_be_taken_away(client, bucket):
    client.put_bucket_policy(Bucket=bucket,
                             Policy=_policy(bucket, {"Effect": "Deny", "Action": "s3:*"}))
    with s3.refused("AccessDenied", 403):
        client.list_objects_v2(Bucket=bucket)
    client.delete_bucket_policy(Bucket=bucket)
    client.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("text", ["{", "[]", '{"Statement": []}',
                                  '{"Version": "2012-10-17", "Statement": {"Effect": "Perhaps"}}'])
def test_policies_that_are_none(client, bucket, text):
    with s3.refused("MalformedPolicy", 400):
        client.put_bucket_policy(Bucket=bucket, Policy=text)


def test_cors(store, client, bucket):
    assert _ask(store, "OPTIONS", f"/{bucket}/a", Origin="https://x.org",
                Access_Control_Request_Method="GET")[0].status == 403
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [
        {"AllowedOrigins": ["https://*.org"], "AllowedMethods": ["GET", "PUT"],
         "AllowedHeaders": ["x-*"], "ExposeHeaders": ["etag"], "MaxAgeSeconds": 60}]})
    answer, _ = _ask(store, "OPTIONS", f"/{bucket}/a", Origin="https://x.org",
                     Access_Control_Request_Method="PUT", Access_Control_Request_Headers="x-a")
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://x.org"
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "x-a"
    assert answer.headers["Access-Control-Max-Age"] == "60"
    for headers in ({"Origin": "https://x.com", "Access_Control_Request_Method": "GET"},
                    {"Origin": "https://x.org", "Access_Control_Request_Method": "DELETE"},
                    {"Origin": "https://x.org", "Access_Control_Request_Method": "GET",
                     "Access_Control_Request_Headers": "y"}):
        answer, content = _ask(store, "OPTIONS", f"/{bucket}/a", **headers)
        assert answer.status == 403 and b"AccessForbidden" in content
    answer, _ = _ask(store, "GET", f"/{bucket}/a", Origin="https://x.org")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://x.org"
    assert answer.headers["Access-Control-Expose-Headers"] == "etag"
    assert "Access-Control-Allow-Origin" not in _ask(store, "GET", f"/{bucket}/a")[0].headers


@pytest.fixture
def locked(store):
    return store.bucket(ObjectLockEnabledForBucket=True)


def _in(**duration):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**duration)


def test_a_lock_keeps_a_version(client, locked):
    assert client.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    until = _in(days=1)
    version = client.put_object(Bucket=locked, Key="a", Body=b"x", ObjectLockMode="GOVERNANCE",
                                ObjectLockRetainUntilDate=until)["VersionId"]
    named = {"Bucket": locked, "Key": "a", "VersionId": version}
    head = client.head_object(Bucket=locked, Key="a")
    assert head["ObjectLockMode"] == "GOVERNANCE"
    assert abs(head["ObjectLockRetainUntilDate"] - until) < datetime.timedelta(seconds=2)
    with s3.refused("AccessDenied", 403):
        client.delete_object(**named)
    result = client.delete_objects(Bucket=locked, Delete={"Objects": [
        {"Key": "a", "VersionId": version}]})
    assert [error["Code"] for error in result["Errors"]] == ["AccessDenied"]
    client.delete_object(Bucket=locked, Key="a")
    assert client.get_object(**named)["Body"].read() == b"x"
    client.delete_object(**named, BypassGovernanceRetention=True)
    with s3.refused("NoSuchVersion", 404):
        client.get_object(**named)


def test_retention_becomes_longer_only(client, locked):
    version = client.put_object(Bucket=locked, Key="a", Body=b"x")["VersionId"]
    with s3.refused("NoSuchObjectLockConfiguration", 404):
        client.get_object_retention(Bucket=locked, Key="a")

    def retain(mode, **duration):
        client.put_object_retention(Bucket=locked, Key="a", Retention={
            "Mode": mode, "RetainUntilDate": _in(**duration)})
    retain("GOVERNANCE", days=2)
    retain("GOVERNANCE", days=3)
    with s3.refused("AccessDenied", 403):
        retain("GOVERNANCE", days=1)
    retain("COMPLIANCE", days=4)
    with s3.refused("AccessDenied", 403):
        client.put_object_retention(
            Bucket=locked, Key="a", BypassGovernanceRetention=True,
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": _in(days=5)})
    with s3.refused("InvalidArgument", 400):
        retain("COMPLIANCE", days=-1)
    assert client.get_object_retention(Bucket=locked, Key="a")["Retention"]["Mode"] == "COMPLIANCE"
    with s3.refused("AccessDenied", 403):
        client.delete_object(Bucket=locked, Key="a", VersionId=version,
                             BypassGovernanceRetention=True)


def test_a_hold_has_no_end(client, locked):
    version = client.put_object(Bucket=locked, Key="a", Body=b"x",
                                ObjectLockLegalHoldStatus="ON")["VersionId"]
    assert client.get_object_legal_hold(Bucket=locked, Key="a")["LegalHold"]["Status"] == "ON"
    with s3.refused("AccessDenied", 403):
        client.delete_object(Bucket=locked, Key="a", VersionId=version)
    client.put_object_legal_hold(Bucket=locked, Key="a", LegalHold={"Status": "OFF"})
    client.delete_object(Bucket=locked, Key="a", VersionId=version)


def test_an_answer_tells_which_rule_will_take_the_object(client, bucket):
    rule = {"ID": "a rule", "Status": "Enabled", "Expiration": {"Days": 1},
            "Filter": {"And": {"Prefix": "tmp/", "Tags": [{"Key": "keep", "Value": "no"}]}}}
    client.put_bucket_lifecycle_configuration(Bucket=bucket,
                                              LifecycleConfiguration={"Rules": [rule]})
    made = client.put_object(Bucket=bucket, Key="tmp/a", Body=b"x", Tagging="keep=no")
    found = re.fullmatch(r'expiry-date="(.*) 00:00:00 GMT", rule-id="a%20rule"', made["Expiration"])
    day = datetime.datetime.strptime(found[1], "%a, %d %b %Y")
    assert 0 < (day - datetime.datetime.utcnow()).total_seconds() <= 2 * 86400
    assert client.head_object(Bucket=bucket, Key="tmp/a")["Expiration"] == made["Expiration"]
    for key, tags in (("tmp/b", "keep=yes"), ("c", "keep=no")):
        assert "Expiration" not in client.put_object(Bucket=bucket, Key=key, Tagging=tags)


def test_object_lock_may_be_enabled_where_versions_are(client, bucket):
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled"})
    client.put_object(Bucket=bucket, Key="a", Body=b"x", ObjectLockLegalHoldStatus="ON")
    assert client.head_object(Bucket=bucket, Key="a")["ObjectLockLegalHoldStatus"] == "ON"
    with s3.refused("InvalidBucketState", 409):
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def test_the_status_tells_whether_a_bucket_is_public(client, bucket):
    def is_public():
        return client.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]
    assert not is_public()
    client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert is_public()
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={
        "IgnorePublicAcls": True})
    assert not is_public()
    client.put_bucket_policy(Bucket=bucket, Policy=_policy(bucket, {"Action": "s3:GetObject"}))
    assert is_public()


def test_what_is_off_may_be_said_to_be_off(client, bucket):
    client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    client.put_bucket_request_payment(Bucket=bucket,
                                      RequestPaymentConfiguration={"Payer": "BucketOwner"})
    with s3.refused("NotImplemented", 501):
        client.put_bucket_request_payment(Bucket=bucket,
                                          RequestPaymentConfiguration={"Payer": "Requester"})


def test_a_bucket_has_a_rule_for_new_objects(client, locked, bucket):
    config = {"ObjectLockEnabled": "Enabled",
              "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}
    client.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=config)
    got = client.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert got == config
    client.put_object(Bucket=locked, Key="a", Body=b"x")
    assert client.head_object(Bucket=locked, Key="a")["ObjectLockMode"] == "COMPLIANCE"
    with s3.refused("InvalidBucketState", 409):
        client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=config)
    with s3.refused("InvalidBucketState", 409):
        client.put_bucket_versioning(Bucket=locked, VersioningConfiguration={"Status": "Suspended"})
    with s3.refused("InvalidRequest", 400):
        client.put_object(Bucket=bucket, Key="a", Body=b"x", ObjectLockLegalHoldStatus="ON")
    with s3.refused("InvalidRequest", 400):
        client.get_object_retention(Bucket=bucket, Key="a")


def test_what_is_set_at_once_is_all_kept(store, client, bucket):
    clients = [store.connect() for _ in range(4)]
    for turn in range(8):
        calls = [
            lambda one: one.put_bucket_tagging(Bucket=bucket, Tagging={
                "TagSet": [{"Key": "turn", "Value": str(turn)}]}),
            lambda one: one.put_bucket_cors(Bucket=bucket, CORSConfiguration={
                "CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": [f"http://{turn}"]}]}),
            lambda one: one.put_bucket_website(Bucket=bucket, WebsiteConfiguration={
                "IndexDocument": {"Suffix": f"{turn}.html"}}),
            lambda one: one.put_bucket_acl(
                Bucket=bucket, ACL=("private", "public-read")[turn % 2])]
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            for done in [pool.submit(call, one) for call, one in zip(calls, clients)]:
                done.result()
        assert client.get_bucket_tagging(Bucket=bucket)["TagSet"][0]["Value"] == str(turn)
        rules = client.get_bucket_cors(Bucket=bucket)["CORSRules"]
        assert rules[0]["AllowedOrigins"] == [f"http://{turn}"]
        website = client.get_bucket_website(Bucket=bucket)
        assert website["IndexDocument"]["Suffix"] == f"{turn}.html"
        assert len(client.get_bucket_acl(Bucket=bucket)["Grants"]) == 1 + turn % 2
