"""POST Object: files that a browser sends by a form that somebody else has signed."""
import datetime
import http.client
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


@pytest.mark.parametrize("change, code", [
    ({"key": "elsewhere"}, "AccessDenied"), ({"extra": "1"}, "AccessDenied"),
    ({"x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
    ({"x-amz-credential": f"WEIRAAAAAAAAAAAAAAAA/{datetime.date.today():%Y%m%d}/us-east-1/s3/"
                          "aws4_request"}, "InvalidAccessKeyId"),
    ({"policy": "e30="}, "SignatureDoesNotMatch")])
def test_forms_that_were_changed(store, change, code):
    answer, content = _send(store, _encode({**_form(store), **change}, b"x"))
    assert _code(content) == code and answer.status == 403, content


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
