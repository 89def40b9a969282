"""Server access logs: a line for each request of a bucket, as objects of another one."""
import base64
import hashlib
import json
import re
import shlex
import signal

import pytest
import requests

from harness import wait
from harness import s3 as s3_harness
from harness.s3 import refused

FILE = """\
listeners: { http: { address: "127.0.0.1:@PORT@" } }
workers: 2
access_log: off
buckets: { pages: {} }
sites:
  objects: { domains: ["s3.localhost", "127.0.0.1"], s3: { domain: s3.localhost } }
  site: { domains: [site.localhost], bucket: pages }
"""
SERVICE = {"Service": "logging.s3.amazonaws.com"}
FIELDS = ("owner bucket time ip requester request_id operation key uri status error bytes size total "
          "turn_around referrer agent version host_id signature cipher authentication host tls "
          "access_point list").split()


@pytest.fixture(scope="module")
def s3():
    with s3_harness.service(text=FILE) as service:
        service.other = service.connect(service.add_key("other", "--owner", "olga"))
        service.id = service.client.list_buckets()["Owner"]["ID"]
        service.other_id = service.other.list_buckets()["Owner"]["ID"]
        yield service


@pytest.fixture
def client(s3):
    return s3.client


def _policy(target, prefix="*", source=None, owner=None, **changes):
    condition = {}
    if source:
        condition["ArnLike"] = {"aws:SourceArn": f"arn:aws:s3:::{source}"}
    if owner:
        condition["StringEquals"] = {"aws:SourceAccount": owner}
    statement = {"Effect": "Allow", "Principal": SERVICE, "Action": ["s3:PutObject"],
                 "Resource": f"arn:aws:s3:::{target}/{prefix}", "Condition": condition} | changes
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _enabled(target, prefix="log/", **more):
    return {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": prefix} | more}


def _log(client, source, target, prefix="log/", keys=None, **more):
    """`keys`: what is inside of TargetObjectKeyFormat, which boto3 of Debian 12 does not know."""
    def add(params, **_):
        end = b"</LoggingEnabled>"
        body = params["body"].replace(
            end, b"<TargetObjectKeyFormat>%s</TargetObjectKeyFormat>%s" % (keys.encode(), end))
        params["body"] = body
        params["headers"]["Content-MD5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
    if keys:
        client.meta.events.register("before-call.s3.PutBucketLogging", add)
    try:
        client.put_bucket_logging(Bucket=source,
                                  BucketLoggingStatus=_enabled(target, prefix, **more))
    finally:
        if keys:
            client.meta.events.unregister("before-call.s3.PutBucketLogging", add)


def _document(client, source):
    """As it is told."""
    url = client.generate_presigned_url("get_bucket_logging", Params={"Bucket": source})
    return requests.get(url, timeout=10).text


SIMPLE = "<SimplePrefix></SimplePrefix>"


def _partitioned(by):
    return (f"<PartitionedPrefix><PartitionDateSource>{by}</PartitionDateSource>"
            "</PartitionedPrefix>")


@pytest.fixture
def logged(s3):
    """A bucket whose log goes to another one: the names of both."""
    source, target = s3.bucket(), s3.bucket()
    s3.client.put_bucket_policy(Bucket=target, Policy=_policy(target, source=source, owner=s3.id))
    _log(s3.client, source, target)
    return source, target


def _keys(client, target):
    return [item["Key"] for item in client.list_objects_v2(Bucket=target).get("Contents", [])]


def _parse(line):
    values = shlex.split(line.replace("[", '"').replace("]", '"'))
    assert len(values) == len(FIELDS), line
    return dict(zip(FIELDS, values))


def _lines(client, target):
    text = "".join(client.get_object(Bucket=target, Key=key)["Body"].read().decode()
                   for key in _keys(client, target))
    return [_parse(line) for line in text.splitlines()]


def _flush(s3):
    """A graceful stop writes what waits."""
    s3.edge.stop()
    s3.edge.start()


def _of(lines, operation):
    return [line for line in lines if line["operation"] == operation]


def test_the_settings_are_told_as_they_were_said(s3, client, logged):
    source, target = logged
    got = client.get_bucket_logging(Bucket=source)
    assert got["LoggingEnabled"] == _enabled(target)["LoggingEnabled"]
    grants = [{"Grantee": {"ID": s3.other_id, "Type": "CanonicalUser"}, "Permission": "READ"}]
    _log(client, source, target, "", TargetGrants=grants)
    assert client.get_bucket_logging(Bucket=source)["LoggingEnabled"] == _enabled(
        target, "", TargetGrants=grants)["LoggingEnabled"]
    for keys in (SIMPLE, _partitioned("EventTime"), _partitioned("DeliveryTime")):
        _log(client, source, target, keys=keys)
        assert f"<TargetObjectKeyFormat>{keys}</TargetObjectKeyFormat>" in _document(client, source)
    _log(client, source, target, keys="<PartitionedPrefix/>")
    assert _partitioned("DeliveryTime") in _document(client, source)
    client.put_bucket_logging(Bucket=source, BucketLoggingStatus={})
    assert "LoggingEnabled" not in client.get_bucket_logging(Bucket=source)


def test_settings_that_make_no_sense(s3, client, logged):
    source, target = logged
    with refused("NoSuchBucket", 404):
        _log(client, "nowhere-at-all", target)
    with refused("InvalidTargetBucketForLogging", 400):
        _log(client, source, "nowhere-at-all")
    with refused("InvalidArgument", 400):
        _log(client, source, source)
    with refused("InvalidArgument", 400):
        _log(client, source, target, "p" * 900)
    for keys in (_partitioned("kaboom"), SIMPLE + _partitioned("EventTime"), "<Other/>"):
        with refused("MalformedXML", 400):
            _log(client, source, target, keys=keys)
    with refused("UnresolvableGrantByEmailAddress", 400):
        _log(client, source, target, TargetGrants=[{"Permission": "READ", "Grantee": {
            "EmailAddress": "a@example.org", "Type": "AmazonCustomerByEmail"}}])
    with refused("MalformedXML", 400):
        _log(client, source, target, TargetGrants=[{"Permission": "READ_ACP", "Grantee": {
            "ID": s3.id, "Type": "CanonicalUser"}}])
    client.put_bucket_ownership_controls(Bucket=target, OwnershipControls={
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    with refused("AccessControlListNotSupported", 400):
        _log(client, source, target, TargetGrants=[{"Permission": "READ", "Grantee": {
            "ID": s3.id, "Type": "CanonicalUser"}}])
    got = client.get_bucket_logging(Bucket=source)
    assert got["LoggingEnabled"] == _enabled(target)["LoggingEnabled"]


@pytest.mark.parametrize("changes", [
    {"Principal": {"AWS": "*"}}, {"Principal": "*"},
    {"Principal": {"Service": "logging.s3.amazonaws.comkaboom"}}, {"Action": ["s3:GetObject"]},
    {"Resource": "kaboom"}, {"source": "kaboom"}, {"owner": "kaboom"}, {"Effect": "Deny"}])
def test_the_target_lets_the_service_in_by_its_policy(s3, client, changes):
    source, target = s3.bucket(), s3.bucket()
    with refused("AccessDenied", 403):
        _log(client, source, target)
    says = {"source": source, "owner": s3.id} | changes
    if "Resource" in says:
        says["Resource"] = f"arn:aws:s3:::{target}/{says['Resource']}"
    client.put_bucket_policy(Bucket=target, Policy=_policy(target, "log/", **says))
    with refused("AccessDenied", 403):
        _log(client, source, target)
    client.put_bucket_policy(Bucket=target,
                             Policy=_policy(target, "log/", source=source, owner=s3.id))
    _log(client, source, target)
    with refused("AccessDenied", 403):
        _log(client, source, target, "elsewhere/")


def test_the_target_lets_the_service_in_by_its_list(s3, client):
    source, target = s3.bucket(), s3.bucket()
    group = "uri=http://acs.amazonaws.com/groups/s3/LogDelivery"
    client.put_bucket_acl(Bucket=target, GrantWrite=group, GrantReadACP=group)
    _log(client, source, target)
    client.put_object(Bucket=source, Key="a", Body=b"x")
    _flush(s3)
    assert _of(_lines(client, target), "REST.PUT.OBJECT")


def test_only_the_owner_of_a_bucket_has_it_logged(s3, client, logged):
    source, target = logged
    client.put_bucket_policy(Bucket=source, Policy=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Resource": f"arn:aws:s3:::{source}",
            "Action": ["s3:PutBucketLogging", "s3:GetBucketLogging"]}]}))
    with refused("AccessDenied", 403):
        _log(s3.other, source, target)
    with refused("AccessDenied", 403):
        s3.other.put_bucket_logging(Bucket=source, BucketLoggingStatus={})
    assert "LoggingEnabled" in s3.other.get_bucket_logging(Bucket=source)


def test_another_owners_bucket_has_to_mean_the_source(s3, client):
    target = s3.bucket()
    s3.other.create_bucket(Bucket="of-olga")
    client.put_bucket_policy(Bucket=target, Policy=_policy(target))
    with refused("AccessDenied", 403):
        _log(s3.other, "of-olga", target)
    client.put_bucket_policy(Bucket=target, Policy=_policy(target, owner=s3.other_id))
    _log(s3.other, "of-olga", target)
    s3.other.put_object(Bucket="of-olga", Key="hers", Body=b"x")
    _flush(s3)
    line = _of(_lines(client, target), "REST.PUT.OBJECT")[0]
    assert (line["owner"], line["bucket"], line["key"]) == (s3.other_id, "of-olga", "hers")
    assert line["requester"] == f"arn:aws:iam::{s3.other_id}:user/other"


def test_lines_come_after_a_while_without_anybody_asking(client, logged):
    source, target = logged
    for n in range(5):
        client.put_object(Bucket=source, Key=f"a{n}", Body=b"x" * n)
    wait.until(lambda: _keys(client, target), "the log's object", deadline_s=20)
    keys = _keys(client, target)
    assert len(keys) == 1
    assert re.fullmatch(r"log/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}", keys[0])
    lines = _of(_lines(client, target), "REST.PUT.OBJECT")
    assert [(line["key"], line["size"]) for line in lines] == [
        ("a0", "0"), ("a1", "1"), ("a2", "2"), ("a3", "3"), ("a4", "4")]
    head = client.head_object(Bucket=target, Key=keys[0])
    assert head["ContentType"] == "text/plain"


def test_a_line_says_what_was_asked_and_answered(s3, client, logged):
    source, target = logged
    client.put_object(Bucket=source, Key="a b/ü%.txt", Body=b"0123456789", ACL="public-read")
    signed = client.generate_presigned_url("get_object",
                                           Params={"Bucket": source, "Key": "a b/ü%.txt"})
    requests.get(signed, headers={"User-Agent": 'a "quoted" agent\\', "Referer": "http://x/?token=t",
                                  "Range": "bytes=2-5"}, timeout=10)
    requests.get(signed.split("?")[0], timeout=10)
    with refused("NoSuchKey", 404):
        client.get_object(Bucket=source, Key="gone")
    requests.get(signed.replace("X-Amz-Signature=", "X-Amz-Signature=0"), timeout=10)
    _flush(s3)
    lines = _lines(client, target)
    put = _of(lines, "REST.PUT.OBJECT")[0]
    assert put["key"] == "a%20b/%C3%BC%25.txt" and put["uri"].startswith(f"PUT /{source}/a%20b/")
    assert put["uri"].endswith(" HTTP/1.1")
    assert (put["owner"], put["bucket"], put["ip"]) == (s3.id, source, "127.0.0.1")
    assert put["requester"] == f"arn:aws:iam::{s3.id}:user/main"
    assert (put["status"], put["error"], put["size"], put["bytes"]) == ("200", "-", "10", "-")
    assert (put["signature"], put["authentication"], put["list"]) == ("SigV4", "AuthHeader", "-")
    assert (put["tls"], put["cipher"], put["version"]) == ("-", "-", "-")
    assert put["host"] == s3.host and re.fullmatch("[0-9a-f]{16}", put["request_id"])
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", put["time"])
    assert int(put["total"]) >= int(put["turn_around"]) >= 0
    ranged, anonymous, gone, wrong = _of(lines, "REST.GET.OBJECT")
    assert (ranged["status"], ranged["bytes"], ranged["size"]) == ("206", "4", "10")
    assert ranged["authentication"] == "QueryString"
    assert ranged["agent"] == "a %22quoted%22 agent%5C"
    assert ranged["referrer"] == "http://x/?token=REDACTED"
    assert "X-Amz-Signature=REDACTED" in ranged["uri"]
    assert (anonymous["requester"], anonymous["authentication"], anonymous["signature"],
            anonymous["list"], anonymous["bytes"]) == ("-", "-", "-", "Yes", "10")
    assert (gone["status"], gone["error"], gone["key"], gone["size"]) == (
        "404", "NoSuchKey", "gone", "-")
    assert (wrong["status"], wrong["error"], wrong["requester"]) == (
        "403", "SignatureDoesNotMatch", "-")


def test_operations_have_the_names_of_s3(s3, client, logged):
    source, target = logged
    names = {"Bucket": source, "Key": "a"}
    client.put_object(**names, Body=b"x")
    client.head_object(**names)
    client.get_object_attributes(**names, ObjectAttributes=["ETag"])
    client.put_object_tagging(**names, Tagging={"TagSet": []})
    client.get_object_acl(**names)
    client.copy_object(Bucket=source, Key="copy", CopySource=f"{source}/a")
    client.list_objects_v2(Bucket=source)
    client.list_object_versions(Bucket=source)
    client.get_bucket_location(Bucket=source)
    client.get_bucket_logging(Bucket=source)
    upload = {"Bucket": source, "Key": "parts", "UploadId": client.create_multipart_upload(
        Bucket=source, Key="parts")["UploadId"]}
    client.list_multipart_uploads(Bucket=source)
    part = client.upload_part(**upload, PartNumber=1, Body=b"part")
    client.upload_part_copy(**upload, PartNumber=2, CopySource=f"{source}/a")
    client.list_parts(**upload)
    client.complete_multipart_upload(**upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    client.delete_object(**names)
    client.delete_objects(Bucket=source, Delete={"Objects": [{"Key": "copy"}, {"Key": "parts"}]})
    _flush(s3)
    said = [(line["operation"], line["key"], line["status"]) for line in _lines(client, target)]
    assert said == [
        ("REST.PUT.OBJECT", "a", "200"), ("REST.HEAD.OBJECT", "a", "200"),
        ("REST.GET.OBJECT_ATTRIBUTES", "a", "200"), ("REST.PUT.OBJECT_TAGGING", "a", "200"),
        ("REST.GET.ACL", "a", "200"), ("REST.COPY.OBJECT_GET", "a", "200"),
        ("REST.COPY.OBJECT", "copy", "200"), ("REST.GET.BUCKET", "-", "200"),
        ("REST.GET.BUCKETVERSIONS", "-", "200"), ("REST.GET.LOCATION", "-", "200"),
        ("REST.GET.LOGGING_STATUS", "-", "200"), ("REST.POST.UPLOADS", "parts", "200"),
        ("REST.GET.UPLOADS", "-", "200"), ("REST.PUT.PART", "parts", "200"),
        ("REST.COPY.PART_GET", "a", "200"), ("REST.COPY.PART", "parts", "200"),
        ("REST.GET.UPLOAD", "parts", "200"), ("REST.POST.UPLOAD", "parts", "200"),
        ("REST.DELETE.OBJECT", "a", "204"), ("BATCH.DELETE.OBJECT", "copy", "204"),
        ("BATCH.DELETE.OBJECT", "parts", "204"), ("REST.POST.MULTI_OBJECT_DELETE", "-", "200")]


def test_versions_are_named(s3, client, logged):
    source, target = logged
    client.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Enabled"})
    version = client.put_object(Bucket=source, Key="a", Body=b"x")["VersionId"]
    client.get_object(Bucket=source, Key="a", VersionId=version)
    client.delete_object(Bucket=source, Key="a", VersionId=version)
    _flush(s3)
    lines = [line for line in _lines(client, target) if line["key"] == "a"]
    assert [line["version"] for line in lines] == [version] * 3


def test_who_was_let_in_by_a_list_is_told(s3, client, logged):
    source, target = logged
    client.put_bucket_acl(Bucket=source, ACL="public-read")
    s3.other.list_objects_v2(Bucket=source)
    client.put_bucket_policy(Bucket=source, Policy=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Resource": f"arn:aws:s3:::{source}",
            "Action": "s3:ListBucket"}]}))
    s3.other.list_objects_v2(Bucket=source)
    _flush(s3)
    assert [line["list"] for line in _of(_lines(client, target), "REST.GET.BUCKET")] == ["Yes", "-"]


@pytest.mark.parametrize("prefix", ["log/", ""])
@pytest.mark.parametrize("by", ["EventTime", "DeliveryTime"])
def test_keys_may_be_partitioned(s3, client, logged, prefix, by):
    source, target = logged
    _log(client, source, target, prefix, keys=_partitioned(by))
    client.put_object(Bucket=source, Key="a", Body=b"x")
    _flush(s3)
    time = "00-00-00" if by == "EventTime" else r"\d\d-\d\d-\d\d"
    pattern = (f"{prefix}{s3.id}/us-east-1/{source}/" r"(\d{4})/(\d\d)/(\d\d)/\1-\2-\3-"
               f"{time}-[0-9A-F]{{16}}")
    assert any(re.fullmatch(pattern, key) for key in _keys(client, target)), _keys(client, target)


def test_buckets_with_the_same_settings_share_an_object(s3, client):
    target, sources = s3.bucket(), [s3.bucket() for _ in range(3)]
    client.put_bucket_policy(Bucket=target, Policy=_policy(target, owner=s3.id))
    for source in sources:
        _log(client, source, target)
        client.put_object(Bucket=source, Key="a", Body=b"x")
    _flush(s3)
    assert len(_keys(client, target)) == 1
    assert sorted(line["bucket"] for line in _of(_lines(client, target), "REST.PUT.OBJECT")) == \
        sorted(sources)


def test_what_is_read_of_the_log_is_logged_but_its_writing_is_not(s3, client, logged):
    source, target = logged
    last = s3.bucket()
    client.put_bucket_policy(Bucket=last, Policy=_policy(last, owner=s3.id))
    _log(client, target, last)
    client.put_object(Bucket=source, Key="a", Body=b"x")
    _flush(s3)
    assert _of(_lines(client, target), "REST.PUT.OBJECT")
    _flush(s3)
    said = {line["operation"] for line in _lines(client, last)}
    assert said == {"REST.GET.BUCKET", "REST.GET.OBJECT"}


def test_visitors_of_a_site_are_logged(s3, client):
    target = s3.bucket()
    client.put_bucket_policy(Bucket=target, Policy=_policy(target, owner=s3.id))
    client.put_object(Bucket="pages", Key="index.html", Body=b"<p>")
    _log(client, "pages", target)
    for path in ("/", "/gone"):
        requests.get(s3.url + path, headers={"Host": "site.localhost"}, timeout=10)
    _flush(s3)
    lines = _of(_lines(client, target), "WEBSITE.GET.OBJECT")
    assert [(line["key"], line["status"], line["error"], line["bytes"], line["size"])
            for line in lines] == [("index.html", "200", "-", "3", "3"),
                                   ("gone", "404", "NoSuchKey", lines[1]["bytes"], "-")]
    assert {line["requester"] for line in lines} == {"-"}
    client.put_bucket_logging(Bucket="pages", BucketLoggingStatus={})


def test_nothing_is_written_where_it_is_no_longer_allowed(s3, client, logged):
    source, target = logged
    client.put_object(Bucket=source, Key="a", Body=b"x")
    client.delete_bucket_policy(Bucket=target)
    _flush(s3)
    assert _keys(client, target) == []
    s3.edge.wait_for_log("does not let logging.s3.amazonaws.com put objects there")


def test_a_denial_of_some_keys_holds(s3, client, logged):
    source, target = logged
    policy = json.loads(_policy(target, source=source))
    policy["Statement"].append({"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
                                "Resource": f"arn:aws:s3:::{target}/log/2*"})
    client.put_bucket_policy(Bucket=target, Policy=json.dumps(policy))
    client.put_object(Bucket=source, Key="a", Body=b"x")
    _flush(s3)
    assert _keys(client, target) == []


def test_lines_that_are_lost_are_counted(s3, client, logged):
    source, target = logged
    before = s3.edge.metrics()["weir_bucket_log_dropped_total"]
    client.put_object(Bucket=source, Key="a", Body=b"x")
    client.delete_bucket(Bucket=target)
    wait.until(lambda: s3.edge.metrics()["weir_bucket_log_dropped_total"] > before,
               "a line to be lost", deadline_s=20)
    s3.edge.wait_for_log("there is no such bucket")


def test_what_waits_is_written_when_another_edge_takes_over(s3, client, logged):
    source, target = logged
    client.put_object(Bucket=source, Key="a", Body=b"x")
    opened = s3.edge.log().count("the object store is open")
    s3.edge.write(FILE.replace("workers: 2", "workers: 1"))
    s3.edge.signal(signal.SIGHUP)
    wait.until(lambda: s3.edge.log().count("the object store is open") > opened, "another edge")
    assert _of(_lines(client, target), "REST.PUT.OBJECT")


def test_logging_ends_when_it_is_turned_off(s3, client, logged):
    source, target = logged
    client.put_bucket_logging(Bucket=source, BucketLoggingStatus={})
    client.put_object(Bucket=source, Key="unseen", Body=b"x")
    _flush(s3)
    assert [line["operation"] for line in _lines(client, target)] == ["REST.PUT.LOGGING_STATUS"]


def test_objects_of_the_log_are_as_their_bucket_wants_them(s3, client, logged):
    source, target = logged
    client.put_bucket_encryption(Bucket=target, ServerSideEncryptionConfiguration={
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms",
                                                          "KMSMasterKeyID": "logs"}}]})
    client.put_bucket_versioning(Bucket=target, VersioningConfiguration={"Status": "Enabled"})
    _log(client, source, target, "open/", TargetGrants=[{"Permission": "READ", "Grantee": {
        "ID": s3.other_id, "Type": "CanonicalUser"}}])
    client.put_object(Bucket=source, Key="a", Body=b"x")
    _flush(s3)
    key = [name for name in _keys(client, target) if name.startswith("open/")][0]
    got = s3.other.get_object(Bucket=target, Key=key)
    assert (got["SSEKMSKeyId"], len(got["VersionId"])) == ("logs", 16)
    assert b"REST.PUT.OBJECT" in got["Body"].read()


def test_a_quota_holds_for_logs_too():
    with s3_harness.service("buckets: { small: { quota: 100 } }") as s3:
        source = s3.bucket()
        s3.client.put_bucket_policy(Bucket="small", Policy=_policy("small"))
        _log(s3.client, source, "small")
        s3.client.put_object(Bucket=source, Key="a", Body=b"x")
        _flush(s3)
        assert _keys(s3.client, "small") == []
        s3.edge.wait_for_log("has reached its quota")


def test_many_lines_at_once_are_all_there(s3, client, logged):
    source, target = logged
    url = client.generate_presigned_url("get_object", Params={"Bucket": source, "Key": "a"})
    client.put_object(Bucket=source, Key="a", Body=b"x")
    agent = "agent " * 500
    with requests.Session() as session:
        for _ in range(400):
            session.get(url, headers={"User-Agent": agent}, timeout=10)
    _flush(s3)
    assert len(_keys(client, target)) > 1  # a page is bounded
    assert len(_of(_lines(client, target), "REST.GET.OBJECT")) == 400
