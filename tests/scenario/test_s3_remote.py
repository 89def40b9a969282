"""Buckets at another endpoint: one Weir is the endpoint of a second one, which clients talk to."""
import base64
import binascii
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

from harness import certificates, curl, raw, s3, wait

PART = 5 << 20

FILE = """\
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }} }}
workers: 2
access_log: {{ format: json, path: access.log }}
buckets:
{buckets}
sites:
  objects: {{ domains: ["127.0.0.1"], s3: {{}} }}
{sites}
"""

BUCKET = """\
  {name}: {{ public: {public}, backend: {{ s3: {{ endpoint: "{endpoint}", bucket: {bucket},
             access_key: "env:REMOTE_ACCESS_KEY", secret_key: "file:secret", style: {style}{more} }} }} }}
"""

SITES = """\
  site: {{ domains: site.localhost, bucket: {{ name: near, error_page: /404.html }} }}
  spa: {{ domains: spa.localhost, bucket: {{ name: near, prefix: "v1/", fallback: /index.html }} }}
"""


def _bucket(endpoint, name, bucket, public="false", style="path", more=""):
    return BUCKET.format(name=name, endpoint=endpoint, bucket=bucket, public=public, style=style,
                         more=more)


def _front(keys, buckets, sites=""):
    """A Weir whose buckets are those of an endpoint at which it has these keys."""
    return s3.service(text=FILE.format(buckets=buckets, sites=sites.format()),
                      environment={"REMOTE_ACCESS_KEY": keys[0]},
                      files={"secret": keys[1].encode() + b"\n"})


@pytest.fixture(scope="module")
def far():
    """The other endpoint. It has a bucket `near` too, which is not the one of that name in front."""
    with s3.service(top="buckets: { far: {}, near: {}, same: {} }") as service:
        service.client.put_object(Bucket="near", Key="wrong", Body=b"wrong")
        yield service


@pytest.fixture(scope="module")
def front(far):
    buckets = (_bucket(far.url, "near", "far", public="true") + _bucket(far.url, "same", "same") +
               "  disk: {}\n")
    with _front((far.access_key, far.secret_key), buckets, SITES) as service:
        yield service


@pytest.fixture
def client(front):
    return front.client


def _request(front, method, target, body=b"", headers=None):
    parts = urllib.parse.urlsplit(target)
    connection = http.client.HTTPConnection("127.0.0.1", front.edge.port, timeout=20)
    connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body=body,
                       headers=headers or {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_objects_go_there_and_come_back(far, client):
    for size in (0, 1, 4095, 4096, 4097, 70_000, 3_000_000):
        body = os.urandom(size)
        answer = client.put_object(Bucket="near", Key=f"sizes/{size}", Body=body,
                                   ContentType="text/x", Metadata={"colour": "red"})
        assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        assert far.client.get_object(Bucket="far", Key=f"sizes/{size}")["Body"].read() == body
        answer = client.get_object(Bucket="near", Key=f"sizes/{size}")
        assert answer["Body"].read() == body
        assert (answer["ContentType"], answer["Metadata"]) == ("text/x", {"colour": "red"})
    head = client.head_object(Bucket="near", Key="sizes/4096")
    assert head["ContentLength"] == 4096
    answer = client.get_object(Bucket="near", Key="sizes/70000", Range="bytes=10-19")
    assert answer["ContentRange"] == "bytes 10-19/70000" and len(answer["Body"].read()) == 10
    with s3.refused("304", 304):
        client.get_object(Bucket="near", Key="sizes/1", IfNoneMatch=head["ETag"] and "*")
    with s3.refused("PreconditionFailed", 412):
        client.get_object(Bucket="near", Key="sizes/1", IfMatch='"other"')
    with s3.refused("NoSuchKey", 404) as caught:
        client.get_object(Bucket="near", Key="none")
    assert caught.value.response["Error"]["Key"] == "none"
    client.delete_object(Bucket="near", Key="sizes/1")
    with s3.refused("NoSuchKey", 404):
        far.client.get_object(Bucket="far", Key="sizes/1")
    assert far.client.list_objects_v2(Bucket="near")["KeyCount"] == 1


@pytest.mark.parametrize("key", ["a b", "a+b", "ä/ö", "a//b", "../up", "%41", "q?x=1&y", "a'(b)*!~"])
def test_keys_are_any_bytes(far, client, key):
    client.put_object(Bucket="near", Key=key, Body=key.encode())
    assert far.client.get_object(Bucket="far", Key=key)["Body"].read() == key.encode()
    assert client.get_object(Bucket="near", Key=key)["Body"].read() == key.encode()
    client.delete_object(Bucket="near", Key=key)


def test_lists_tell_the_own_name(client):
    for number in range(5):
        client.put_object(Bucket="near", Key=f"list/{number}/<x>", Body=b"x")
    answer = client.list_objects_v2(Bucket="near", Prefix="list/", MaxKeys=2)
    assert (answer["Name"], answer["KeyCount"], answer["IsTruncated"]) == ("near", 2, True)
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket="near", Prefix="list/", PaginationConfig={"PageSize": 2})
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == [
        f"list/{number}/<x>" for number in range(5)]
    answer = client.list_objects(Bucket="near", Prefix="list/", Delimiter="/")
    assert (answer["Name"], answer["CommonPrefixes"]) == ("near", [{"Prefix": "list/"}]) or (
        answer["Name"] == "near" and len(answer["CommonPrefixes"]) == 5)
    assert client.list_object_versions(Bucket="near", Prefix="list/")["Name"] == "near"
    gone = client.delete_objects(Bucket="near", Delete={"Objects": [
        {"Key": f"list/{number}/<x>"} for number in range(5)]})
    assert len(gone["Deleted"]) == 5
    assert client.list_objects_v2(Bucket="near", Prefix="list/")["KeyCount"] == 0


def test_uploads_in_parts(far, front, client):
    upload = client.create_multipart_upload(Bucket="near", Key="parts/a b")
    assert (upload["Bucket"], upload["Key"]) == ("near", "parts/a b")
    uploads = client.list_multipart_uploads(Bucket="near")
    assert (uploads["Bucket"], len(uploads["Uploads"])) == ("near", 1)
    bodies = [os.urandom(PART), os.urandom(1000)]
    parts = []
    for number, body in enumerate(bodies, 1):
        answer = client.upload_part(Bucket="near", Key="parts/a b", UploadId=upload["UploadId"],
                                    PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    listed = client.list_parts(Bucket="near", Key="parts/a b", UploadId=upload["UploadId"])
    assert listed["Bucket"] == "near" and len(listed["Parts"]) == 2
    done = client.complete_multipart_upload(Bucket="near", Key="parts/a b",
                                            UploadId=upload["UploadId"],
                                            MultipartUpload={"Parts": parts})
    assert done["Bucket"] == "near"
    assert done["Location"] == f"{front.url}/near/parts/a%20b"
    assert far.client.get_object(Bucket="far", Key="parts/a b")["Body"].read() == b"".join(bodies)
    upload = client.create_multipart_upload(Bucket="near", Key="parts/b")
    client.abort_multipart_upload(Bucket="near", Key="parts/b", UploadId=upload["UploadId"])
    assert "Uploads" not in client.list_multipart_uploads(Bucket="near")


def test_copies_stay_at_one_endpoint(far, client):
    client.put_object(Bucket="near", Key="copy me", Body=b"copied")
    client.copy_object(Bucket="near", Key="twice", CopySource={"Bucket": "near", "Key": "copy me"})
    client.copy_object(Bucket="same", Key="third", CopySource={"Bucket": "near", "Key": "twice"})
    assert far.client.get_object(Bucket="far", Key="twice")["Body"].read() == b"copied"
    assert far.client.get_object(Bucket="same", Key="third")["Body"].read() == b"copied"
    client.put_object(Bucket="disk", Key="d", Body=b"d")
    for source, target in (("near", "disk"), ("disk", "near")):
        key = "twice" if source == "near" else "d"
        with s3.refused("NotImplemented", 501) as caught:
            client.copy_object(Bucket=target, Key="x", CopySource={"Bucket": source, "Key": key})
        assert "get the object and put it" in caught.value.response["Error"]["Message"]


def test_what_is_set_there(client):
    client.put_bucket_versioning(Bucket="same", VersioningConfiguration={"Status": "Enabled"})
    assert client.get_bucket_versioning(Bucket="same")["Status"] == "Enabled"
    one = client.put_object(Bucket="same", Key="v", Body=b"1", Tagging="a=1")["VersionId"]
    client.put_object(Bucket="same", Key="v", Body=b"2")
    assert client.get_object(Bucket="same", Key="v", VersionId=one)["Body"].read() == b"1"
    assert client.get_object_tagging(Bucket="same", Key="v", VersionId=one)["TagSet"] == [
        {"Key": "a", "Value": "1"}]
    assert client.get_bucket_location(Bucket="same")["LocationConstraint"] is None


def test_its_life_and_rights_are_the_files(client):
    assert {bucket["Name"] for bucket in client.list_buckets()["Buckets"]} == {
        "disk", "near", "same"}
    client.head_bucket(Bucket="near")
    with s3.refused("BucketAlreadyOwnedByYou", 409):
        client.create_bucket(Bucket="near")
    with s3.refused("MethodNotAllowed", 405):
        client.delete_bucket(Bucket="near")
    with s3.refused("NotImplemented", 501):
        client.put_bucket_policy(Bucket="near", Policy=json.dumps({"Version": "2012-10-17"}))
    with s3.refused("AccessControlListNotSupported", 400):
        client.put_object(Bucket="near", Key="x", Body=b"", ACL="public-read")


def test_who_asks_is_weirs_to_know(far, front, client):
    client.put_object(Bucket="near", Key="a", Body=b"hello")
    client.put_object(Bucket="same", Key="a", Body=b"secret")
    reader = front.connect(keys=front.add_key("reader", "--bucket", "near", "--read"))
    assert reader.get_object(Bucket="near", Key="a")["Body"].read() == b"hello"
    assert [bucket["Name"] for bucket in reader.list_buckets()["Buckets"]] == ["near"]
    nobody = front.connect(keys=False)
    assert nobody.get_object(Bucket="near", Key="a")["Body"].read() == b"hello"
    for call in (lambda: reader.put_object(Bucket="near", Key="b", Body=b""),
                 lambda: reader.get_object(Bucket="same", Key="a"),
                 lambda: reader.copy_object(Bucket="near", Key="b",
                                            CopySource={"Bucket": "same", "Key": "a"}),
                 lambda: nobody.list_objects_v2(Bucket="near"),
                 lambda: nobody.put_object(Bucket="near", Key="b", Body=b""),
                 lambda: nobody.get_object(Bucket="same", Key="a")):
        with s3.refused("AccessDenied", 403):
            call()
    with s3.refused("InvalidRequest", 400):
        nobody.get_object(Bucket="near", Key="a", ResponseContentType="text/html")
    with s3.refused("InvalidAccessKeyId", 403): # the key there is none here
        front.connect(keys=(far.access_key, far.secret_key)).get_object(Bucket="near", Key="a")


def test_presigned_requests(far, front, client):
    url = client.generate_presigned_url("put_object", Params={"Bucket": "near", "Key": "p q"})
    assert _request(front, "PUT", url, b"presigned")[0].status == 200
    url = client.generate_presigned_url("get_object", Params={
        "Bucket": "near", "Key": "p q", "ResponseContentType": "text/y"})
    answer, content = _request(front, "GET", url)
    assert (answer.status, content, answer.headers["Content-Type"]) == (200, b"presigned", "text/y")
    assert far.client.get_object(Bucket="far", Key="p q")["Body"].read() == b"presigned"
    assert _request(front, "GET", url.replace("p%20q", "p%20r"))[0].status == 403


def _signed(front, key, payload, headers):
    """The fields of a PUT to `near`, signed with this x-amz-content-sha256."""
    request = botocore.awsrequest.AWSRequest(
        "PUT", f"{front.url}/near/{key}", headers={"X-Amz-Content-SHA256": payload, **headers})
    credentials = botocore.credentials.Credentials(front.access_key, front.secret_key)
    auth = botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1")
    auth.payload = lambda request: payload
    auth.add_auth(request)
    return dict(request.headers.items())


def _trailed(front, key, body, crc):
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part)
                      for part in (body[i:i + 65536] for i in range(0, len(body), 65536)))
    coded = chunks + b"0\r\nx-amz-checksum-crc32:" + crc + b"\r\n\r\n"
    headers = _signed(front, key, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", {
        "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(body)),
        "x-amz-trailer": "x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm": "CRC32"})
    return _request(front, "PUT", f"/near/{key}", coded, headers)


@pytest.mark.parametrize("size", [0, 5, 300_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_checksums_behind_bodies_arrive(far, front, size):
    body = os.urandom(size)
    crc = base64.b64encode(binascii.crc32(body).to_bytes(4, "big"))
    answer, content = _trailed(front, f"chunks-{size}", body, crc)
    assert answer.status == 200, content
    assert answer.headers["x-amz-checksum-crc32"] == crc.decode()
    there = far.client.get_object(Bucket="far", Key=f"chunks-{size}", ChecksumMode="ENABLED")
    assert there["Body"].read() == body and "ContentEncoding" not in there
    assert there["ChecksumCRC32"] == crc.decode()
    answer, content = _trailed(front, f"bad-{size}", body, base64.b64encode(b"1234"))
    assert answer.status == 400 and b"BadDigest" in content
    with s3.refused("NoSuchKey"):
        far.client.get_object(Bucket="far", Key=f"bad-{size}")


def test_checksums_behind_bodies_stay_here_where_they_are_unknown_there(far):
    """As with Ceph before 19, which refuses a body in that form."""
    bucket = _bucket(far.url, "near", "far", more=", trailing_checksums: false")
    with _front((far.access_key, far.secret_key), bucket) as front:
        for size in (0, 5, 300_000, (1 << 20) + 1):
            body = os.urandom(size)
            crc = base64.b64encode(binascii.crc32(body).to_bytes(4, "big"))
            answer, content = _trailed(front, f"plain-{size}", body, crc)
            assert answer.status == 200, content
            there = far.client.get_object(Bucket="far", Key=f"plain-{size}", ChecksumMode="ENABLED")
            assert there["Body"].read() == body and "ContentEncoding" not in there
            assert there.get("ChecksumCRC32") != crc.decode()
            answer, content = _trailed(front, f"bad-{size}", body, base64.b64encode(b"1234"))
            assert answer.status == 400 and b"BadDigest" in content
            with s3.refused("NoSuchKey"):
                far.client.get_object(Bucket="far", Key=f"bad-{size}")


def _chain(front, headers, parts):
    """The body of a PUT in chunks, each signed over the one before."""
    date, day = headers["X-Amz-Date"], headers["X-Amz-Date"][:8]
    key = f"AWS4{front.secret_key}".encode()
    for word in (day, "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = headers["Authorization"].rpartition("Signature=")[2]
    body = b""
    for part in (*parts, b""):
        text = "\n".join(("AWS4-HMAC-SHA256-PAYLOAD", date, f"{day}/us-east-1/s3/aws4_request",
                          signature, hashlib.sha256().hexdigest(), hashlib.sha256(part).hexdigest()))
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(part), signature.encode(), part)
    return body


def test_bodies_in_signed_chunks_arrive_plain(far, front):
    parts = [os.urandom(65536), os.urandom(65536), os.urandom(100)]
    headers = _signed(front, "signed", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", {
        "Content-Encoding": "aws-chunked,gzip",
        "x-amz-decoded-content-length": str(sum(map(len, parts)))})
    body = _chain(front, headers, parts)
    answer, content = _request(front, "PUT", "/near/signed", body, headers)
    assert answer.status == 200, content
    there = far.client.get_object(Bucket="far", Key="signed")
    assert there["Body"].read() == b"".join(parts) and there["ContentEncoding"] == "gzip"
    forged = body[:100] + b"?" + body[101:]
    answer, content = _request(front, "PUT", "/near/signed", forged, headers)
    assert answer.status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in content
    assert "refuses the key" not in front.edge.log()
    assert far.client.get_object(Bucket="far", Key="signed")["Body"].read() == b"".join(parts)


@pytest.mark.parametrize("size", [5, 5000, 3_000_000])
def test_a_body_that_was_not_signed_is_no_object(far, front, size):
    body = os.urandom(size)
    headers = _signed(front, f"forged-{size}", hashlib.sha256(b"other").hexdigest(), {})
    answer, content = _request(front, "PUT", f"/near/forged-{size}", body, headers)
    assert answer.status == 400 and b"XAmzContentSHA256Mismatch" in content
    with s3.refused("NoSuchKey"):
        far.client.get_object(Bucket="far", Key=f"forged-{size}")


def test_a_body_that_is_cut_short_leaves_nothing(far, front, client):
    url = urllib.parse.urlsplit(client.generate_presigned_url(
        "put_object", Params={"Bucket": "near", "Key": "cut"}))
    with raw.connect(front.edge.port) as connection:
        connection.send(f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n"
                        "Content-Length: 1000000\r\n\r\n".encode() + b"x" * 700_000)
    with s3.refused("NoSuchKey", 404):
        far.client.get_object(Bucket="far", Key="cut")
    assert client.list_objects_v2(Bucket="near", Prefix="cut")["KeyCount"] == 0


def test_connections_there_are_kept_and_dead_ones_replaced():
    with s3.service(top="buckets: { far: {} }") as far:
        with _front((far.access_key, far.secret_key), _bucket(far.url, "near", "far")) as front:
            front.client.put_object(Bucket="near", Key="a", Body=b"1")
            for _ in range(20):
                with s3.refused("NoSuchKey", 404):
                    front.client.get_object(Bucket="near", Key="none")
            assert far.edge.stop() == 0
            far.edge.start()
            assert front.client.get_object(Bucket="near", Key="a")["Body"].read() == b"1"
            lines = front.edge.access_log(22)
            assert lines[0]["group"] == "bucket near" and "127.0.0.1" in lines[0]["target"]


@pytest.fixture
def broken(backends):
    """An endpoint that goes wrong by the key that is asked for; a front of it."""
    answers = {
        "head": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234",
        "noise": b"no HTTP\r\n\r\n",
        "busy": b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: 36"
                b"\r\n\r\n<Error><Code>SlowDown</Code></Error>",
    }

    def handler(request, connection):
        connection.send(answers[request.target.rpartition("/")[2]])
        connection.close()
    backend = backends.serve(handler)
    sites = "  site: {{ domains: site.localhost, bucket: near }}\n"
    with _front(("AKIATHERE", "secret"), _bucket(f"http://{backend.address}", "near", "far"),
                sites) as front:
        yield front, backend


def test_an_endpoint_that_breaks(broken):
    front, backend = broken
    for key in ("head", "noise"):
        with s3.refused("ServiceUnavailable", 503):
            front.client.get_object(Bucket="near", Key=key)
        assert _get(front, "site", f"/{key}").status in (502, 503)
    with pytest.raises(Exception, match="bytes read|IncompleteRead"):
        front.client.get_object(Bucket="near", Key="cut")["Body"].read()
    with s3.refused("SlowDown", 503):
        front.client.get_object(Bucket="near", Key="busy")
    assert _get(front, "site", "/busy").status == 503
    request = backend.requests[0]
    assert request.get("Authorization").startswith("AWS4-HMAC-SHA256 Credential=AKIATHERE/")
    for name in ("X-Forwarded-For", "Via", "Cookie", "Expect"):
        assert request.get(name) is None


def test_a_key_that_is_wrong_there(far):
    with _front((far.access_key, "x" * 40), _bucket(far.url, "near", "far")) as front:
        with s3.refused("SignatureDoesNotMatch", 403) as caught:
            front.client.list_objects_v2(Bucket="near")
        assert far.access_key not in json.dumps(caught.value.response)
        front.edge.wait_for_log("refuses the key that the file has for it: SignatureDoesNotMatch")
        assert "x" * 40 not in front.edge.log()


def test_an_endpoint_that_is_down():
    with s3.service(top="buckets: { far: {} }") as far:
        with _front((far.access_key, far.secret_key), _bucket(far.url, "near", "far")) as front:
            front.client.put_object(Bucket="near", Key="a", Body=b"1")
            assert far.edge.stop() == 0
            with s3.refused("ServiceUnavailable", 503) as caught:
                front.client.get_object(Bucket="near", Key="a")
            assert "refused" in caught.value.response["Error"]["Message"]
            with s3.refused("ServiceUnavailable", 503):
                front.client.put_object(Bucket="near", Key="a", Body=os.urandom(300_000))
            front.edge.wait_for_log('the bucket "near" is not at hand')
            assert front.edge.access_log(2)[-1]["reason"] == "the target refused the connection"
            far.edge.start()
            wait.until(lambda: _is_served(front), "the endpoint to be used again")


def _is_served(front):
    try:
        return front.client.get_object(Bucket="near", Key="a")["Body"].read() == b"1"
    except front.client.exceptions.ClientError:
        return False


def test_no_store_is_opened_for_nothing(far):
    with _front((far.access_key, far.secret_key), _bucket(far.url, "near", "far")) as front:
        assert not (front.edge.folder / ".weir/edge/store").exists()
        assert [bucket["Name"] for bucket in front.client.list_buckets()["Buckets"]] == ["near"]
        with s3.refused("NoSuchBucket", 404):
            front.client.list_objects_v2(Bucket="other")
        with s3.refused("NotImplemented", 501):
            front.client.create_bucket(Bucket="other")
        status = json.dumps(front.edge.status())
        assert far.secret_key not in status and far.access_key not in status


def test_the_host_style(far):
    endpoint = f"http://s3.localhost:{far.edge.port}"
    buckets = _bucket(endpoint, "near", "far", style="virtual")
    with _front((far.access_key, far.secret_key), buckets) as front:
        front.client.put_object(Bucket="near", Key="by host", Body=b"1")
        assert front.client.list_objects_v2(Bucket="near", Prefix="by")["Name"] == "near"
    assert far.client.get_object(Bucket="far", Key="by host")["Body"].read() == b"1"


TLS = """\
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }},
              https: {{ address: "127.0.0.1:@PORT2@", tls: {{ certificate: {0}, key: {1} }} }} }}
workers: 1
access_log: off
buckets: {{ far: {{}} }}
sites: {{ objects: {{ domains: ["127.0.0.1", localhost], s3: {{}} }} }}
"""


def test_an_endpoint_by_tls():
    with contextlib.closing(certificates.Authority()) as authority:
        chain, key = authority.make("localhost")
        with s3.service(text=TLS.format(chain, key)) as far:
            keys, endpoint = (far.access_key, far.secret_key), f"https://localhost:{far.edge.ports['PORT2']}"
            believed = _bucket(endpoint, "near", "far").replace(
                "style: path", f'style: path, ca: "{authority.certificate}"')
            with _front(keys, believed) as front:
                body = os.urandom(100_000)
                front.client.put_object(Bucket="near", Key="a", Body=body)
                assert front.client.get_object(Bucket="near", Key="a")["Body"].read() == body
                answer, _ = _trailed(front, "b", b"hello", base64.b64encode(
                    binascii.crc32(b"hello").to_bytes(4, "big")))
                assert answer.status == 200
            with _front(keys, _bucket(endpoint, "near", "far")) as front:
                with s3.refused("ServiceUnavailable", 503):
                    front.client.get_object(Bucket="near", Key="a")
                front.edge.wait_for_log("certificate")


def test_a_reload_reads_keys_anew_and_opens_the_store(far):
    buckets = _bucket(far.url, "near", "far")
    with _front((far.access_key, "x" * 40), buckets) as front:
        with s3.refused("SignatureDoesNotMatch", 403):
            front.client.put_object(Bucket="near", Key="a", Body=b"1")
        (front.edge.folder / "secret").write_text(far.secret_key)
        front.edge.signal(signal.SIGHUP)
        wait.until(lambda: _can_put(front, "near"), "the new key to be used")
        front.edge.write(FILE.format(buckets=buckets + "  disk: {}\n", sites=""))
        front.edge.signal(signal.SIGHUP)
        wait.until(lambda: _can_put(front, "disk"), "the store to be opened")
        assert _can_put(front, "near")


def _can_put(front, bucket):
    try:
        return front.client.put_object(Bucket=bucket, Key="a", Body=b"1")["ETag"]
    except (front.client.exceptions.ClientError, botocore.exceptions.HTTPClientError):
        return False


def _run(front, folder, *command):
    kept = {name: value for name, value in os.environ.items() if not name.endswith("CA_BUNDLE")}
    result = subprocess.run(list(map(str, command)), cwd=folder, text=True, capture_output=True,
                            env={**kept, **front.environment()}, stdin=subprocess.DEVNULL,
                            timeout=50 * wait.patience())
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def test_aws_cli_and_rclone(front, client, tmp_path):
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "a b+c&ü.txt").write_text("odd name")
    (dist / "large.bin").write_bytes(os.urandom(12_000_000))

    def aws(*arguments):
        return _run(front, tmp_path, "/usr/bin/aws", "--endpoint-url", front.url, "s3", *arguments)
    aws("sync", dist, "s3://near/cli", "--no-progress")
    assert aws("sync", dist, "s3://near/cli", "--no-progress") == ""
    aws("cp", "s3://near/cli/large.bin", "s3://same/large.bin", "--no-progress")
    aws("sync", "s3://near/cli", tmp_path / "back", "--no-progress")
    assert (tmp_path / "back/large.bin").read_bytes() == (dist / "large.bin").read_bytes()
    aws("rm", "--recursive", "s3://near/cli")
    remote = f":s3,provider=Other,env_auth=true,endpoint='{front.url}':near/rclone"
    _run(front, tmp_path, "/usr/bin/rclone", "sync", dist, remote)
    _run(front, tmp_path, "/usr/bin/rclone", "check", dist, remote, "--download")
    _run(front, tmp_path, "/usr/bin/rclone", "purge", remote)
    assert client.list_objects_v2(Bucket="near", Prefix="rclone/")["KeyCount"] == 0


def _get(front, site, path, *arguments):
    return curl.get(f"http://{site}.localhost:{front.edge.port}{path}", "--resolve",
                    f"{site}.localhost:{front.edge.port}:127.0.0.1", *arguments)


@contextlib.contextmanager
def _pages(client):
    pages = (("index.html", "home", "text/html"), ("404.html", "gone", "text/html"),
             ("docs/index.html", "docs", "text/html"), ("a b.txt", "0123456789", "text/plain"),
             ("untyped.css", "a{}", None), ("v1/index.html", "app", "text/html"))
    for key, content, kind in pages:
        client.put_object(Bucket="near", Key=key, Body=content,
                          **({"ContentType": kind} if kind else {}))
    client.put_object(Bucket="near", Key="sign", Body=b"", WebsiteRedirectLocation="/docs/")
    yield


def test_a_site_of_such_a_bucket(front, client):
    with _pages(client):
        answer = _get(front, "site", "/")
        assert (answer.status, answer.body, answer.get("content-type")) == (
            200, b"home", "text/html")
        assert answer.get("x-amz-request-id") is None
        etag = answer.get("etag")
        assert _get(front, "site", "/", "-H", f"If-None-Match: {etag}").status == 304
        answer = _get(front, "site", "/a%20b.txt", "-H", "Range: bytes=2-4")
        assert (answer.status, answer.body) == (206, b"234")
        assert _get(front, "site", "/a%20b.txt", "-H", "Range: bytes=10-").status == 416
        assert _get(front, "site", "/a%20b.txt", "-H", 'If-Match: "x"').status == 412
        assert _get(front, "site", "/a%20b.txt", "-I").get("content-length") == "10"
        assert _get(front, "site", "/untyped.css").get("content-type").startswith("text/css")
        answer = _get(front, "site", "/docs")
        assert (answer.status, answer.get("location")) == (301, "/docs/")
        answer = _get(front, "site", "/sign")
        assert (answer.status, answer.get("location")) == (301, "/docs/")
        answer = _get(front, "site", "/none")
        assert (answer.status, answer.body) == (404, b"gone")
        assert _get(front, "site", "/", "-X", "POST").status == 405
        answer = _get(front, "spa", "/users/7", "-H", "Accept: text/html")
        assert (answer.status, answer.body) == (200, b"app")
        assert "no-cache" in answer.get("cache-control")
        assert _get(front, "spa", "/users/7", "-H", "Accept: application/json").status == 404
