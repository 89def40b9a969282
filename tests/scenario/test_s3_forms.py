"""POST Object: files that a browser sends by a form that somebody else has signed."""
import base64
import datetime
import hmac
import http.client
import json
import re
import urllib.parse

import pytest

from harness import s3

BOUNDARY = "----form4711"


@pytest.fixture(scope="module")
def store():
    with s3.service(top="buckets: { media: {} }") as service:
        yield service


def _form(store, key="up/${filename}", fields=None, conditions=None, expires=60):
    made = store.client.generate_presigned_post("media", key, Fields=fields,
                                                Conditions=conditions, ExpiresIn=expires)
    return made["fields"]


def _signed(store, conditions):
    """The fields of a form for "${filename}", with these conditions and those of a signature."""
    day = datetime.datetime.now(datetime.timezone.utc)
    said = {"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-date": f"{day:%Y%m%dT%H%M%SZ}",
            "x-amz-credential": f"{store.access_key}/{day:%Y%m%d}/us-east-1/s3/aws4_request"}
    policy = {"expiration": "2999-01-01T00:00:00Z",
              "conditions": conditions + [{name: value} for name, value in said.items()]}
    text = base64.b64encode(json.dumps(policy).encode())
    key = ("AWS4" + store.secret_key).encode()
    for part in (f"{day:%Y%m%d}", "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return {"key": "${filename}", **said, "policy": text.decode(),
            "x-amz-signature": hmac.digest(key, text, "sha256").hex()}


def _encode(fields, content, name="a.txt"):
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
             for field, value in fields.items()]
    head = (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: text/plain\r\n\r\n")
    return "".join(parts).encode() + head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def _send(store, body, content_type=f"multipart/form-data; boundary={BOUNDARY}"):
    connection = http.client.HTTPConnection("127.0.0.1", store.edge.port, timeout=20)
    connection.request("POST", "/media", body=body, headers={"Content-Type": content_type})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def _code(content):
    return re.search(rb"<Code>(\w+)</Code>", content)[1].decode()


@pytest.mark.parametrize("length", [0, 5, 70_000, 3_000_000])
def test_a_form_makes_an_object(store, length):
    content = bytes(i % 251 for i in range(length)) + b"\r\n--" + BOUNDARY[:5].encode()
    answer, _ = _send(store, _encode(_form(store), content, name=f"f {length}"))
    assert answer.status == 204
    got = store.client.get_object(Bucket="media", Key=f"up/f {length}")
    assert got["Body"].read() == content
    assert answer.headers["ETag"] == got["ETag"]


def test_fields_are_kept_and_answers_chosen(store):
    fields = {"Content-Type": "image/x", "x-amz-meta-who": "me", "success_action_status": "201"}
    conditions = [{name: value} for name, value in fields.items()]
    answer, content = _send(store, _encode(_form(store, "k1", fields, conditions), b"x"))
    assert answer.status == 201 and b"<Key>k1</Key>" in content
    head = store.client.head_object(Bucket="media", Key="k1")
    assert (head["ContentType"], head["Metadata"]) == ("image/x", {"who": "me"})
    place = {"success_action_redirect": "http://app.example/done?x=1"}
    answer, _ = _send(store, _encode(_form(store, "k 2", place, [place]), b"x"))
    assert answer.status == 303
    target = urllib.parse.urlsplit(answer.headers["Location"])
    query = urllib.parse.parse_qs(target.query)
    assert (target.netloc, query["x"], query["bucket"], query["key"]) == (
        "app.example", ["1"], ["media"], ["k 2"])


def test_a_form_says_what_a_request_would(store):
    anybody = store.connect(False)
    tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    fields = {"acl": "public-read", "tagging": tags, "x-amz-checksum-crc32": "jNwWgw=="}
    conditions = [{name: value} for name, value in fields.items()]
    answer, content = _send(store, _encode(_form(store, "said", fields, conditions), b"x"))
    assert answer.status == 204, content
    assert anybody.get_object(Bucket="media", Key="said")["Body"].read() == b"x"
    assert store.client.get_object_tagging(Bucket="media", Key="said")["TagSet"] == [
        {"Key": "a", "Value": "b"}]
    head = store.client.head_object(Bucket="media", Key="said", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] == "jNwWgw=="
    assert _code(_send(store, _encode(_form(store, "said", fields, conditions), b"y"))[1]) == (
        "BadDigest")


def test_the_policy_means_the_bucket_and_the_whole_name(store):
    good = [{"bucket": "media"}, ["starts-with", "$key", "up"]]
    for conditions, name, status in ((good, "up.txt", 204), (good, "down.txt", 403),
                                     (good[1:], "up.txt", 403)):
        answer, content = _send(store, _encode(_signed(store, conditions), b"x", name))
        assert answer.status == status, content


@pytest.mark.parametrize("change, code", [
    ({"key": "elsewhere"}, "AccessDenied"), ({"extra": "1"}, "AccessDenied"),
    ({"x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
    ({"x-amz-credential": f"WEIRAAAAAAAAAAAAAAAA/{datetime.date.today():%Y%m%d}/us-east-1/s3/"
                          "aws4_request"}, "InvalidAccessKeyId"),
    ({"policy": "e30="}, "SignatureDoesNotMatch")])
def test_forms_that_were_changed(store, change, code):
    answer, content = _send(store, _encode({**_form(store), **change}, b"x"))
    assert _code(content) == code and answer.status == 403, content


def test_a_key_that_nobody_could_name_again_is_refused(store):
    answer, content = _send(store, _encode(_form(store, "up/a\0b", conditions=[
        ["starts-with", "$key", "up/"]]), b"x"))
    assert answer.status == 400 and b"<Code>InvalidArgument</Code>" in content, content


def test_a_form_ends_and_bounds_its_file(store):
    answer, content = _send(store, _encode(_form(store, expires=-1), b"x"))
    assert answer.status == 403 and b"Policy expired" in content
    bounds = [["content-length-range", 2, 4]]
    for body, code in ((b"x", "EntityTooSmall"), (b"xxxxx", "EntityTooLarge")):
        answer, content = _send(store, _encode(_form(store, "k", None, bounds), body))
        assert _code(content) == code and answer.status == 400
    assert _send(store, _encode(_form(store, "k", None, bounds), b"xxx"))[0].status == 204


def test_what_is_no_form(store):
    fields = _form(store)
    assert _code(_send(store, b"{}", "application/json")[1]) == "RequestIsNotMultiPartContent"
    assert _code(_send(store, b"nothing of it")[1]) == "MalformedPOSTRequest"
    whole = _encode(fields, b"x")
    assert _code(_send(store, whole[:-20])[1]) == "MalformedPOSTRequest"
    without = "".join(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'
                      "\r\n" for name, value in fields.items()) + f"--{BOUNDARY}--\r\n"
    assert _code(_send(store, without.encode())[1]) == "IncorrectNumberOfFilesInPostRequest"
    nobody = {"key": "anonymous"}
    assert _code(_send(store, _encode(nobody, b"x"))[1]) == "AccessDenied"
    large = {**fields, "x-ignore-me": "x" * 21000}
    assert _code(_send(store, _encode(large, b"x"))[1]) == "MaxPostPreDataLengthExceededError"
