"""The S3 API: who may do what, presigned requests, virtual hosts, and the codes of each refusal."""
import base64
import datetime
import hashlib
import http.client
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from harness import raw, s3


@pytest.fixture(scope="module")
def store():
    top = "buckets: { open: { public: true }, media: {}, other: {} }"
    with s3.service(top=top) as service:
        yield service


@pytest.fixture
def client(store):
    return store.client


def _get(url, method="GET", body=None, headers=None):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, target, body=body,
                       headers={"Host": parts.netloc, **(headers or {})})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_a_wrong_secret_and_an_unknown_key(store):
    wrong = store.connect(keys=(store.access_key, "x" * 40))
    with s3.refused("SignatureDoesNotMatch", 403) as caught:
        wrong.list_buckets()
    assert caught.value.response["Error"]["AWSAccessKeyId"] == store.access_key
    assert "StringToSign" in caught.value.response["Error"]
    unknown = store.connect(keys=("WEIR" + "A" * 16, "x" * 40))
    with s3.refused("InvalidAccessKeyId", 403):
        unknown.list_buckets()


def test_rights_are_by_bucket_and_verb(store, client):
    client.put_object(Bucket="media", Key="a", Body=b"x")
    reader = store.connect(keys=store.add_key("reader", "--bucket", "media", "--read"))
    writer = store.connect(keys=store.add_key("writer", "--bucket", "media"))
    assert reader.get_object(Bucket="media", Key="a")["Body"].read() == b"x"
    assert [entry["Name"] for entry in reader.list_buckets()["Buckets"]] == ["media"]
    for call in (lambda: reader.put_object(Bucket="media", Key="b", Body=b""),
                 lambda: reader.delete_object(Bucket="media", Key="a"),
                 lambda: reader.get_object(Bucket="other", Key="a"),
                 lambda: writer.list_objects_v2(Bucket="other"),
                 lambda: writer.create_bucket(Bucket="new-bucket")):
        with s3.refused("AccessDenied", 403):
            call()
    writer.put_object(Bucket="media", Key="b", Body=b"")
    with s3.refused("AccessDenied", 403):
        writer.copy_object(Bucket="media", Key="c", CopySource={"Bucket": "other", "Key": "a"})


def test_without_a_key_only_what_is_public(store, client):
    client.put_object(Bucket="open", Key="a", Body=b"hello")
    client.put_object(Bucket="media", Key="a", Body=b"secret")
    nobody = store.connect(keys=False)
    assert nobody.get_object(Bucket="open", Key="a")["Body"].read() == b"hello"
    for call in (lambda: nobody.list_objects_v2(Bucket="open"),
                 lambda: nobody.put_object(Bucket="open", Key="b", Body=b""),
                 lambda: nobody.delete_object(Bucket="open", Key="a"),
                 lambda: nobody.get_object(Bucket="media", Key="a"),
                 lambda: nobody.get_object(Bucket="media", Key="none"),
                 nobody.list_buckets):
        with s3.refused("AccessDenied", 403):
            call()
    with s3.refused("InvalidRequest", 400):
        nobody.get_object(Bucket="open", Key="a", ResponseContentType="text/html")


def test_presigned_requests(store, client):
    url = client.generate_presigned_url("put_object", Params={"Bucket": "media", "Key": "p q"})
    assert _get(url, "PUT", b"presigned")[0].status == 200
    url = client.generate_presigned_url(
        "get_object", Params={"Bucket": "media", "Key": "p q", "ResponseContentType": "text/x"})
    answer, content = _get(url)
    assert (answer.status, content, answer.headers["Content-Type"]) == (200, b"presigned", "text/x")
    assert _get(url, "DELETE")[0].status == 403
    answer, content = _get(url.replace("p%20q", "other"))
    assert answer.status == 403 and b"SignatureDoesNotMatch" in content
    answer, content = _get(url + "&extra=1")
    assert answer.status == 403 and b"SignatureDoesNotMatch" in content


def _presign(store, moment, expires):
    """As it would have been made at that moment."""
    credentials = botocore.credentials.Credentials(store.access_key, store.secret_key)
    auth = botocore.auth.S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=expires)
    request = botocore.awsrequest.AWSRequest("GET", f"{store.url}/media/a")
    real = botocore.auth.datetime

    class Datetime(real.datetime):
        @classmethod
        def utcnow(cls):
            return moment
    botocore.auth.datetime = type("module", (), {"datetime": Datetime, "timedelta": real.timedelta})
    try:
        auth.add_auth(request)
    finally:
        botocore.auth.datetime = real
    return request.url


def test_presigned_requests_end(store, client):
    client.put_object(Bucket="media", Key="a", Body=b"x")
    now = datetime.datetime.utcnow()
    assert _get(_presign(store, now - datetime.timedelta(seconds=50), 60))[0].status == 200
    answer, content = _get(_presign(store, now - datetime.timedelta(seconds=70), 60))
    assert answer.status == 403 and b"Request has expired" in content
    answer, content = _get(_presign(store, now + datetime.timedelta(hours=1), 60))
    assert answer.status == 403 and b"not yet valid" in content
    answer, content = _get(_presign(store, now, 604801))
    assert answer.status == 400 and b"AuthorizationQueryParametersError" in content


def test_virtual_hosts(store, client):
    client.put_object(Bucket="media", Key="v/a", Body=b"virtual")
    virtual = store.connect(s3={"addressing_style": "virtual"})
    url = virtual.generate_presigned_url("get_object", Params={"Bucket": "media", "Key": "v/a"})
    parts = urllib.parse.urlsplit(url)
    headers = {"Host": f"media.s3.localhost:{store.edge.port}"}
    answer, content = _get(f"http://127.0.0.1:{store.edge.port}/a",
                           headers={"Host": f"open.s3.localhost:{store.edge.port}"})
    assert answer.status in (200, 404), content
    credentials = botocore.credentials.Credentials(store.access_key, store.secret_key)
    auth = botocore.auth.S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=60)
    request = botocore.awsrequest.AWSRequest("GET", f"http://{headers['Host']}/v/a")
    auth.add_auth(request)
    parts = urllib.parse.urlsplit(request.url)
    answer, content = _get(f"{store.url}{parts.path}?{parts.query}", headers=headers)
    assert (answer.status, content) == (200, b"virtual")


@pytest.mark.parametrize("authorization, code, status", [
    ("Basic eA==", "InvalidArgument", 400),
    ("AWS WEIRAAAAAAAAAAAAAAAA:x", "InvalidRequest", 400),
    ("AWS4-HMAC-SHA256 nonsense", "AuthorizationHeaderMalformed", 400)])
def test_credentials_that_are_none(store, authorization, code, status):
    answer, content = _get(f"{store.url}/media/a", headers={"Authorization": authorization})
    assert (answer.status, f"<Code>{code}</Code>".encode() in content) == (status, True), content


def test_the_region_and_the_clock_are_checked(store):
    elsewhere = store.connect()
    elsewhere.meta.events.register("before-sign.s3", lambda request, **_: request.context.update(
        signing={**request.context["signing"], "region": "eu-west-1"}))
    with s3.refused("AuthorizationHeaderMalformed", 400) as caught:
        elsewhere.list_buckets()
    assert caught.value.response["Error"]["Region"] == "us-east-1"


def test_methods_that_are_none(store):
    answer, content = _get(f"{store.url}/media/a", "PATCH")
    assert answer.status == 405 and b"MethodNotAllowed" in content


def test_an_empty_body_is_continued_as_s3_does(store, client):
    """botocore mistakes the next response on the connection otherwise."""
    url = urllib.parse.urlsplit(
        client.generate_presigned_url("put_object", Params={"Bucket": "media", "Key": "empty"}))
    with raw.connect(store.edge.port) as connection:
        for _ in range(2):
            connection.send(f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n"
                            "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n".encode())
            answer = connection.response("PUT")
            assert (answer.status, [status for status, _ in answer.informational]) == (200, [100])
    for number in range(4):
        answer = client.put_object(Bucket="media", Key="a", Body=b"x" * (number % 2))
        assert answer["ETag"]


def test_sums_that_contradict_each_other_are_refused(store, client):
    """By a presigned request, as its Content-MD5 needs no signature."""
    url = client.generate_presigned_url("put_object", Params={"Bucket": "media", "Key": "twice"})
    right = base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    connection = http.client.HTTPConnection("127.0.0.1", store.edge.port, timeout=20)
    connection.putrequest("PUT", url.split(store.host, 1)[1], skip_host=True)
    for name, value in (("Host", store.host), ("Content-Length", "5"), ("Content-MD5", right),
                        ("Content-MD5", base64.b64encode(b"x" * 16).decode())):
        connection.putheader(name, value)
    connection.endheaders(b"hello")
    answer = connection.getresponse()
    assert (answer.status, b"<Code>InvalidDigest</Code>" in answer.read()) == (400, True)
    connection.close()
    with s3.refused("NoSuchKey", 404):
        client.get_object(Bucket="media", Key="twice")


@pytest.mark.parametrize("length", [(5 << 30) + 1, 6 << 40])
def test_a_body_that_is_too_long_is_refused_as_s3_does(store, client, length):
    """Before it is sent: what the head announces is enough."""
    url = client.generate_presigned_url("put_object", Params={"Bucket": "media", "Key": "long"})
    connection = http.client.HTTPConnection("127.0.0.1", store.edge.port, timeout=20)
    connection.putrequest("PUT", url.split(store.host, 1)[1], skip_host=True)
    connection.putheader("Host", store.host)
    connection.putheader("Content-Length", str(length))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, b"<Code>EntityTooLarge</Code>" in answer.read()) == (400, True)
    connection.close()


def test_a_body_that_is_cut_short_leaves_nothing(store, client):
    url = urllib.parse.urlsplit(
        client.generate_presigned_url("put_object", Params={"Bucket": "media", "Key": "cut"}))
    with raw.connect(store.edge.port) as connection:
        connection.send(f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n"
                        "Content-Length: 100000\r\n\r\n".encode() + b"x" * 70000)
    with s3.refused("NoSuchKey", 404):
        client.get_object(Bucket="media", Key="cut")
