"""Objects under keys with an id (SSE-KMS): what is said of them, what goes with what, what the
disk shows, and what policies may ask for."""
import base64
import hashlib
import json
import pathlib

import botocore.exceptions
import pytest
import requests

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
KEY = "testkey-1"
ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CONTEXT = base64.b64encode(b'{"team": "blue"}').decode()
KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY}
CUSTOMERS = bytes([1]) * 32
SSE_C = {"SSECustomerAlgorithm": "AES256",
         "SSECustomerKey": base64.b64encode(CUSTOMERS).decode(),
         "SSECustomerKeyMD5": base64.b64encode(hashlib.md5(CUSTOMERS).digest()).decode()}
SAID = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled", "SSEKMSEncryptionContext",
        "SSECustomerAlgorithm")


@pytest.fixture(scope="module")
def s3():
    with s3_harness.service(text=FILE) as service:
        yield service


@pytest.fixture
def client(s3):
    return s3.client


@pytest.fixture
def bucket(s3):
    return s3.bucket()


def _said(answer):
    return {name: answer[name] for name in SAID if name in answer}


def _bytes(length):
    return bytes(i * 7 % 251 for i in range(length))


def _on_disk(s3):
    files = [path for path in pathlib.Path(s3.edge.folder).rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


def _call(client, operation, fields, **arguments):
    """With fields that boto3 would not let through, as they are. The error's status and code."""
    def add(params, **_):
        params["headers"].update(fields)
    name = "".join(word.capitalize() for word in operation.split("_"))
    client.meta.events.register(f"before-call.s3.{name}", add)
    try:
        getattr(client, operation)(**arguments)
    except botocore.exceptions.ClientError as error:
        answer = error.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]
    finally:
        client.meta.events.unregister(f"before-call.s3.{name}", add)
    return 200, None


def _rules(**default):
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}


@pytest.mark.parametrize("length", [0, 1, 13, 1000, 65_537, 1_000_000])
def test_content_comes_back_and_tells_of_its_key(client, length):
    content = _bytes(length)
    made = client.put_object(Bucket="media", Key="a", Body=content, **KMS)
    assert _said(made) == KMS
    assert made["ETag"] != f'"{hashlib.md5(content).hexdigest()}"'
    head = client.head_object(Bucket="media", Key="a")
    assert (_said(head), head["ETag"], head["ContentLength"]) == (KMS, made["ETag"], length)
    got = client.get_object(Bucket="media", Key="a")
    assert (_said(got), got["Body"].read()) == (KMS, content)
    attributes = client.get_object_attributes(Bucket="media", Key="a", ObjectAttributes=["ETag"])
    headers = attributes["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == KEY


def test_context_and_bucket_key_are_kept_and_told(s3, client):
    made = client.put_object(Bucket="media", Key="all", Body=b"with all", BucketKeyEnabled=True,
                             SSEKMSEncryptionContext=CONTEXT, ServerSideEncryption="aws:kms",
                             SSEKMSKeyId=ARN)
    said = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": ARN, "BucketKeyEnabled": True}
    assert _said(made) == said | {"SSEKMSEncryptionContext": CONTEXT}
    s3.edge.stop()
    s3.edge.start()
    got = client.get_object(Bucket="media", Key="all")
    assert (_said(got), got["Body"].read()) == (said, b"with all")


def test_without_an_id_it_is_the_default_key(client, bucket):
    made = client.put_object(Bucket=bucket, Key="a", Body=b"x", ServerSideEncryption="aws:kms")
    assert _said(made) == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "aws/s3"}
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"


def test_it_is_encrypted_on_the_disk(s3, client):
    secret = b"nobody should read this either " * 4000
    client.put_object(Bucket="media", Key="secret.txt", Body=secret, **KMS)
    client.put_object(Bucket="media", Key="small", Body=b"nor this, in no way", **KMS)
    found = _on_disk(s3)
    assert b"read this either" not in found and b"nor this, in no way" not in found
    assert curl.get(s3.url + "/secret.txt", "-H", "Host: site.localhost").body == secret
    got = client.get_object(Bucket="media", Key="secret.txt", Range="bytes=31-61")
    assert got["Body"].read() == secret[31:62]


def test_parts_are_under_the_key_of_their_upload(client):
    content = _bytes(5 << 20) + b"the end"
    upload = client.create_multipart_upload(Bucket="media", Key="parts",
                                            SSEKMSEncryptionContext=CONTEXT, **KMS)
    assert _said(upload) == KMS | {"SSEKMSEncryptionContext": CONTEXT}
    names = {"Bucket": "media", "Key": "parts", "UploadId": upload["UploadId"]}
    parts = []
    for number, body in ((1, content[:5 << 20]), (2, content[5 << 20:])):
        part = client.upload_part(**names, PartNumber=number, Body=body)
        assert _said(part) == KMS
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    done = client.complete_multipart_upload(**names, MultipartUpload={"Parts": parts})
    assert _said(done) == KMS and done["ETag"].endswith('-2"')
    again = client.complete_multipart_upload(**names, MultipartUpload={"Parts": parts})
    assert (_said(again), again["ETag"]) == (KMS, done["ETag"])
    got = client.get_object(Bucket="media", Key="parts")
    assert (_said(got), got["Body"].read()) == (KMS, content)
    edge = (5 << 20) - 3
    got = client.get_object(Bucket="media", Key="parts", Range=f"bytes={edge}-{edge + 5}")
    assert got["Body"].read() == content[edge:edge + 6]


def test_completing_tells_of_a_key_of_the_client_that_comes_along(client):
    upload = client.create_multipart_upload(Bucket="media", Key="hers", **SSE_C)
    names = {"Bucket": "media", "Key": "hers", "UploadId": upload["UploadId"]}
    part = client.upload_part(**names, PartNumber=1, Body=b"hers", **SSE_C)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    other = bytes([2]) * 32
    wrong = SSE_C | {"SSECustomerKey": base64.b64encode(other).decode(),
                     "SSECustomerKeyMD5": base64.b64encode(hashlib.md5(other).digest()).decode()}
    with refused("InvalidRequest", 400):
        client.complete_multipart_upload(**names, MultipartUpload=parts, **wrong)
    done = client.complete_multipart_upload(**names, MultipartUpload=parts, **SSE_C)
    assert done["ResponseMetadata"]["HTTPHeaders"][
        "x-amz-server-side-encryption-customer-key-md5"] == SSE_C["SSECustomerKeyMD5"]
    assert client.get_object(Bucket="media", Key="hers", **SSE_C)["Body"].read() == b"hers"


@pytest.mark.parametrize("source", [{}, {"ServerSideEncryption": "AES256"}, KMS, SSE_C])
@pytest.mark.parametrize("target", [{}, {"ServerSideEncryption": "AES256"},
                                    {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": ARN}, SSE_C])
def test_copies_change_the_key(client, source, target):
    content = _bytes(70_000)
    client.put_object(Bucket="media", Key="from", Body=content, **source)
    named = {f"CopySource{name}": value for name, value in source.items()
             if name.startswith("SSECustomer")}
    made = client.copy_object(Bucket="media", Key="to", CopySource="media/from", **named, **target)
    expected = {name: value for name, value in target.items() if name in SAID}
    read = target if "SSECustomerKey" in target else {}
    got = client.get_object(Bucket="media", Key="to", **read)
    assert _said(made) == _said(got) == expected
    assert got["Body"].read() == content


def test_a_copy_onto_itself_may_change_the_key(client):
    client.put_object(Bucket="media", Key="itself", Body=b"x")
    for asked in (KMS, KMS, {"ServerSideEncryption": "AES256"}, {}):
        made = client.copy_object(Bucket="media", Key="itself", CopySource="media/itself", **asked)
        assert _said(made) == asked
    with refused("InvalidRequest", 400):
        client.copy_object(Bucket="media", Key="itself", CopySource="media/itself")
    assert client.get_object(Bucket="media", Key="itself")["Body"].read() == b"x"


def test_a_part_is_copied_from_under_another_key(client):
    content = _bytes(100_000)
    client.put_object(Bucket="media", Key="from", Body=content, **KMS)
    upload = client.create_multipart_upload(Bucket="media", Key="to", SSEKMSKeyId=ARN,
                                            ServerSideEncryption="aws:kms")
    names = {"Bucket": "media", "Key": "to", "UploadId": upload["UploadId"]}
    part = client.upload_part_copy(**names, PartNumber=1, CopySource="media/from",
                                   CopySourceRange="bytes=7-70006")
    client.complete_multipart_upload(**names, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]})
    assert client.get_object(Bucket="media", Key="to")["Body"].read() == content[7:70007]


@pytest.mark.parametrize("fields, code", [
    ({"x-amz-server-side-encryption-aws-kms-key-id": KEY}, "InvalidArgument"),
    ({"x-amz-server-side-encryption-context": CONTEXT}, "InvalidArgument"),
    ({"x-amz-server-side-encryption": "AES256",
      "x-amz-server-side-encryption-aws-kms-key-id": KEY}, "InvalidArgument"),
    ({"x-amz-server-side-encryption": "aes:kms",
      "x-amz-server-side-encryption-aws-kms-key-id": KEY}, "InvalidArgument"),
    ({"x-amz-server-side-encryption": ""}, "InvalidArgument"),
    ({"x-amz-server-side-encryption": "aws:kms:dsse"}, "NotImplemented"),
    ({"x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-aws-kms-key-id": "no key"}, "KMS.NotFoundException"),
    ({"x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-aws-kms-key-id": ""}, "KMS.NotFoundException"),
    ({"x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:s3:::a"}, "KMS.NotFoundException"),
    ({"x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-context": "no base64"}, "InvalidArgument"),
    ({"x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-context": base64.b64encode(b"[1]").decode()},
     "InvalidArgument"),
    ({"x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-bucket-key-enabled": "perhaps"}, "InvalidArgument")])
def test_what_does_not_go_together_is_refused(client, bucket, fields, code):
    status = 501 if code == "NotImplemented" else 400
    for operation in ("put_object", "create_multipart_upload"):
        assert _call(client, operation, fields, Bucket=bucket, Key="a") == (status, code)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("method", [{"ServerSideEncryption": "AES256"}, KMS])
def test_a_key_of_the_client_goes_with_no_other(client, bucket, method):
    for call in (client.put_object, client.create_multipart_upload):
        with refused("InvalidArgument", 400):
            call(Bucket=bucket, Key="a", **method, **SSE_C)


def test_who_reads_says_nothing_of_it(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"x", **KMS)
    for fields in ({"x-amz-server-side-encryption": "aws:kms",
                    "x-amz-server-side-encryption-aws-kms-key-id": KEY},
                   {"x-amz-server-side-encryption": "AES256"},
                   {"x-amz-server-side-encryption-context": CONTEXT}):
        names = {"Bucket": bucket, "Key": "a"}
        assert _call(client, "get_object", fields, **names) == (400, "InvalidArgument")
        assert _call(client, "head_object", fields, **names) == (400, "400")
        assert _call(client, "get_object_attributes", fields, ObjectAttributes=["ETag"],
                     **names) == (400, "InvalidArgument")
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"


def test_a_bucket_may_encrypt_what_comes(client, bucket):
    rules = _rules(SSEAlgorithm="aws:kms", KMSMasterKeyID=KEY)
    rules["Rules"][0]["BucketKeyEnabled"] = True
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)
    got = client.get_bucket_encryption(Bucket=bucket)
    assert got["ServerSideEncryptionConfiguration"] == rules
    said = KMS | {"BucketKeyEnabled": True}
    assert _said(client.put_object(Bucket=bucket, Key="a", Body=b"a")) == said
    assert _said(client.head_object(Bucket=bucket, Key="a")) == said
    made = client.put_object(Bucket=bucket, Key="a", Body=b"a", SSEKMSKeyId=ARN,
                             ServerSideEncryption="aws:kms", BucketKeyEnabled=False)
    assert _said(made) == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": ARN}
    made = client.put_object(Bucket=bucket, Key="a", Body=b"a", ServerSideEncryption="aws:kms")
    assert _said(made) == said
    made = client.put_object(Bucket=bucket, Key="a", Body=b"a", ServerSideEncryption="AES256")
    assert _said(made) == {"ServerSideEncryption": "AES256"}
    assert _said(client.create_multipart_upload(Bucket=bucket, Key="b")) == said
    assert _said(client.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/a")) == said
    client.put_object(Bucket=bucket, Key="hers", Body=b"a", **SSE_C)
    client.delete_bucket_encryption(Bucket=bucket)
    assert _said(client.put_object(Bucket=bucket, Key="b", Body=b"a")) == {}
    with refused("ServerSideEncryptionConfigurationNotFoundError", 404):
        client.get_bucket_encryption(Bucket=bucket)


def test_defaults_that_make_no_sense(client, bucket):
    for code, default in (("KMS.NotFoundException",
                           {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "no key"}),
                          ("InvalidArgument", {"SSEAlgorithm": "AES256", "KMSMasterKeyID": KEY})):
        with refused(code, 400):
            client.put_bucket_encryption(Bucket=bucket,
                                         ServerSideEncryptionConfiguration=_rules(**default))
    with refused("NotImplemented", 501):
        client.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration=_rules(SSEAlgorithm="aws:kms:dsse"))


def _block(client, bucket, kind, inside=""):
    """boto3 of Debian 12 does not know the element."""
    body = ("<ServerSideEncryptionConfiguration><Rule>" + inside + "<BlockedEncryptionTypes>"
            f"<EncryptionType>{kind}</EncryptionType></BlockedEncryptionTypes></Rule>"
            "</ServerSideEncryptionConfiguration>").encode()

    def replace(params, **_):
        params["body"] = body
        params["headers"]["Content-MD5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
    client.meta.events.register("before-call.s3.PutBucketEncryption", replace)
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": []})
    client.meta.events.unregister("before-call.s3.PutBucketEncryption", replace)


def test_a_bucket_may_block_keys_of_clients(client, bucket):
    client.put_object(Bucket=bucket, Key="before", Body=b"x", **SSE_C)
    names = {"Bucket": bucket, "Key": "parts", "UploadId": client.create_multipart_upload(
        Bucket=bucket, Key="parts", **SSE_C)["UploadId"]}
    part = client.upload_part(**names, PartNumber=1, Body=b"x", **SSE_C)
    _block(client, bucket, "SSE-C")
    for call, arguments in ((client.put_object, {"Body": b"x"}),
                            (client.create_multipart_upload, {}),
                            (client.copy_object, {"CopySource": "media/plain"})):
        client.put_object(Bucket="media", Key="plain", Body=b"x")
        with refused("AccessDenied", 403):
            call(Bucket=bucket, Key="a", **arguments, **SSE_C)
    with refused("AccessDenied", 403):
        client.upload_part(**names, PartNumber=1, Body=b"x", **SSE_C)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    for key in ({}, SSE_C):
        with refused("AccessDenied", 403):
            client.complete_multipart_upload(**names, MultipartUpload=parts, **key)
    assert _said(client.put_object(Bucket=bucket, Key="a", Body=b"x")) == {}
    assert client.get_object(Bucket=bucket, Key="before", **SSE_C)["Body"].read() == b"x"
    _block(client, bucket, "NONE", "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256"
           "</SSEAlgorithm></ApplyServerSideEncryptionByDefault>")
    assert _said(client.put_object(Bucket=bucket, Key="a", Body=b"x")) == {
        "ServerSideEncryption": "AES256"}
    client.complete_multipart_upload(**names, MultipartUpload=parts)
    client.put_object(Bucket=bucket, Key="a", Body=b"x", **SSE_C)


def _form(client, bucket, fields):
    made = client.generate_presigned_post(bucket, "form", Fields=fields,
                                          Conditions=[{name: fields[name]} for name in fields])
    return requests.post(made["url"], data=made["fields"], files={"file": b"by a form"}, timeout=10)


def test_a_form_names_a_key(client, bucket):
    fields = {"x-amz-server-side-encryption": "aws:kms",
              "x-amz-server-side-encryption-aws-kms-key-id": KEY}
    answer = _form(client, bucket, fields)
    assert answer.status_code == 204
    assert answer.headers["x-amz-server-side-encryption-aws-kms-key-id"] == KEY
    got = client.get_object(Bucket=bucket, Key="form")
    assert (_said(got), got["Body"].read()) == (KMS, b"by a form")
    assert got["ETag"] != f'"{hashlib.md5(b"by a form").hexdigest()}"'
    assert "<Code>InvalidArgument</Code>" in _form(
        client, bucket, {"x-amz-server-side-encryption-aws-kms-key-id": KEY}).text


def _deny(client, bucket, *conditions):
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
                       "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": condition}
                      for condition in conditions]}))


def test_a_policy_may_insist_on_kms_and_on_a_key(client, bucket):
    method = "s3:x-amz-server-side-encryption"
    key_id = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    _deny(client, bucket, {"StringNotEquals": {method: "aws:kms"}}, {"Null": {method: "true"}})
    for asked in ({}, {"ServerSideEncryption": "AES256"}):
        with refused("AccessDenied", 403):
            client.put_object(Bucket=bucket, Key="a", Body=b"x", **asked)
    assert _said(client.put_object(Bucket=bucket, Key="a", Body=b"x", **KMS)) == KMS
    _deny(client, bucket, {"StringNotEquals": {key_id: KEY}})
    for asked in ({}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": ARN}):
        with refused("AccessDenied", 403):
            client.put_object(Bucket=bucket, Key="a", Body=b"x", **asked)
    client.put_object(Bucket=bucket, Key="a", Body=b"x", **KMS)
    _deny(client, bucket, {"Null": {key_id: "true"}})
    with refused("AccessDenied", 403):
        client.put_object(Bucket=bucket, Key="a", Body=b"x", ServerSideEncryption="aws:kms")
    client.put_object(Bucket=bucket, Key="a", Body=b"x", **KMS)


def test_a_policy_asks_forms_too(client, bucket):
    _deny(client, bucket, {"Null": {"s3:x-amz-server-side-encryption": "true"}})
    assert _form(client, bucket, {}).status_code == 403
    assert _form(client, bucket, {"x-amz-server-side-encryption": "AES256"}).status_code == 204
