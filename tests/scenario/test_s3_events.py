"""Events of buckets at a webhook: which are told, what they say, and that none is lost."""
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import signal
import ssl
import threading
import urllib.parse

import pytest
import urllib3

from harness import backends as backends_module, certificates, s3, wait

FILE = """\
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }} }}
workers: 2
access_log: off
buckets: {{ media: {{}} }}
webhooks:
  app: {{ url: "http://{first}/hook?a=b", secret: "file:secret.txt" }}
  other: "http://{second}/"
sites: {{ objects: {{ domains: "127.0.0.1", s3: {{ region: {region} }} }} }}
"""
SECRET = b"asecretofsomelength"


class Receiver:
    """Keeps the messages that it takes; answers with `status`."""

    def __init__(self, backends):
        self.status = 200
        self.taken = []
        self.refused = 0
        self.backend = backends.serve(self._take)

    def _take(self, request, _connection):
        if self.status >= 300:
            self.refused += 1
        else:
            self.taken.append((request, json.loads(request.body)))
        return backends_module.Response(b"", self.status)

    def records(self):
        return [message["Records"][0] for _, message in list(self.taken) if "Records" in message]

    def told(self):
        """(event name, key) of all, in the order of their arrival."""
        return [(record["eventName"], urllib.parse.unquote_plus(record["s3"]["object"]["key"]))
                for record in self.records()]

    def expect(self, *events):
        wait.until(lambda: len(self.told()) >= len(events), lambda: f"{events}: {self.told()}")
        assert self.told() == list(events)


@pytest.fixture
def receivers(backends):
    return Receiver(backends), Receiver(backends)


@pytest.fixture
def service(receivers):
    first, second = receivers
    text = FILE.format(first=first.backend.address, second=second.backend.address,
                       region="eu-test-1")
    with s3.service(text=text, files={"secret.txt": SECRET + b"\n"}) as made:
        made.region = "eu-test-1"
        made.client = made.connect()
        yield made


def ask_for(service, *events, bucket="media", webhook="app", **more):
    service.client.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"TopicConfigurations": [
            {"TopicArn": f"arn:weir:webhook:::{webhook}", "Events": list(events)} | more]})


def metric(service, name, webhook="app"):
    return service.edge.metrics()[f'{name}{{webhook="{webhook}"}}']


ALL = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:LifecycleExpiration:*")


def test_every_kind_of_write_is_told(service, receivers):
    client, receiver = service.client, receivers[0]
    ask_for(service, *ALL, Id="all")
    client.put_object(Bucket="media", Key="a b/ü+.txt", Body=b"hello")
    client.copy_object(Bucket="media", Key="copy", CopySource="media/a b/ü+.txt")
    upload = client.create_multipart_upload(Bucket="media", Key="parts")["UploadId"]
    part = client.upload_part(Bucket="media", Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
    client.complete_multipart_upload(
        Bucket="media", Key="parts", UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    form = client.generate_presigned_post("media", "form")
    answer = urllib3.PoolManager().request("POST", form["url"],
                                           fields=form["fields"] | {"file": ("f", b"form")})
    assert answer.status == 204
    client.put_object_tagging(Bucket="media", Key="copy",
                              Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    client.delete_object_tagging(Bucket="media", Key="copy")
    client.delete_object(Bucket="media", Key="form")
    client.delete_objects(Bucket="media", Delete={"Objects": [{"Key": "copy"}, {"Key": "parts"}]})
    receiver.expect(
        ("ObjectCreated:Put", "a b/ü+.txt"), ("ObjectCreated:Copy", "copy"),
        ("ObjectCreated:CompleteMultipartUpload", "parts"), ("ObjectCreated:Post", "form"),
        ("ObjectTagging:Put", "copy"), ("ObjectTagging:Delete", "copy"),
        ("ObjectRemoved:Delete", "form"), ("ObjectRemoved:Delete", "copy"),
        ("ObjectRemoved:Delete", "parts"))
    assert not receivers[1].taken


def test_a_message_says_what_s3s_does_and_is_signed(service, receivers):
    receiver = receivers[0]
    ask_for(service, *ALL, Id="all")
    answer = service.client.put_object(Bucket="media", Key="a b/c", Body=b"hello")
    receiver.expect(("ObjectCreated:Put", "a b/c"))
    test = receiver.taken[0][1]
    assert test["Event"] == "s3:TestEvent" and test["Bucket"] == "media"
    request, message = receiver.taken[1]
    assert (request.method, request.target) == ("POST", "/hook?a=b")
    assert request.get("Content-Type") == "application/json"
    digest = hmac.new(SECRET, request.body, hashlib.sha256).hexdigest()
    assert request.get("X-Weir-Signature") == f"sha256={digest}"
    [record] = message["Records"]
    assert record["eventVersion"] == "2.1" and record["eventSource"] == "aws:s3"
    assert record["awsRegion"] == "eu-test-1"
    assert record["userIdentity"] == {"principalId": "main"}
    assert record["requestParameters"] == {"sourceIPAddress": "127.0.0.1"}
    assert record["responseElements"]["x-amz-request-id"] == answer["ResponseMetadata"]["RequestId"]
    assert record["s3"]["configurationId"] == "all"
    assert record["s3"]["bucket"]["name"] == "media"
    assert record["s3"]["bucket"]["arn"] == "arn:aws:s3:::media"
    told = record["s3"]["object"]
    assert told["key"] == "a+b/c" and told["size"] == 5 and "versionId" not in told
    assert told["eTag"] == answer["ETag"].strip('"') and len(told["sequencer"]) == 16


def test_versions_and_markers_are_told(service, receivers):
    client, receiver = service.client, receivers[0]
    client.put_bucket_versioning(Bucket="media", VersioningConfiguration={"Status": "Enabled"})
    ask_for(service, *ALL)
    version = client.put_object(Bucket="media", Key="a")["VersionId"]
    marker = client.delete_object(Bucket="media", Key="a")["VersionId"]
    client.delete_object(Bucket="media", Key="a", VersionId=version)
    receiver.expect(("ObjectCreated:Put", "a"), ("ObjectRemoved:DeleteMarkerCreated", "a"),
                    ("ObjectRemoved:Delete", "a"))
    assert [record["s3"]["object"]["versionId"] for record in receiver.records()] == [
        version, marker, version]


def test_an_expiry_is_told(service, receivers):
    client, receiver = service.client, receivers[0]
    ask_for(service, "s3:LifecycleExpiration:*")
    client.put_object(Bucket="media", Key="old")
    client.put_bucket_lifecycle_configuration(
        Bucket="media", LifecycleConfiguration={"Rules": [
            {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""},
             "Expiration": {"Date": "2020-01-01T00:00:00Z"}}]})
    receiver.expect(("LifecycleExpiration:Delete", "old"))
    assert receiver.records()[0]["awsRegion"] == "eu-test-1"


def test_filters_choose_what_is_told(service, receivers):
    client, receiver = service.client, receivers[0]
    ask_for(service, "s3:ObjectCreated:*", Filter={"Key": {"FilterRules": [
        {"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".jpg"}]}})
    for key in ("in/a.png", "out/a.jpg", "in/a.jpg"):
        client.put_object(Bucket="media", Key=key)
    client.delete_object(Bucket="media", Key="in/a.jpg")
    client.put_object(Bucket="media", Key="in/b.jpg")
    url = client.generate_presigned_url("put_object", {"Bucket": "media", "Key": "in/b.jpg"})
    refused = urllib3.PoolManager().request("PUT", url, headers={"If-None-Match": "*"})
    assert refused.status == 412
    client.put_object(Bucket="media", Key="in/last.jpg")
    receiver.expect(("ObjectCreated:Put", "in/a.jpg"), ("ObjectCreated:Put", "in/b.jpg"),
                    ("ObjectCreated:Put", "in/last.jpg"))


def test_a_webhook_that_is_not_there_is_refused(service):
    with s3.refused("InvalidArgument", 400):
        ask_for(service, "s3:ObjectCreated:*", webhook="nobody")


def test_the_queue_is_no_bucket_of_a_client(service):
    client = service.client
    client.put_object(Bucket="media", Key="a")
    assert [one["Name"] for one in client.list_buckets()["Buckets"]] == ["media"]
    url = f"{service.url}/.weir-events?list-type=2"
    assert urllib3.PoolManager().request("GET", url).status == 400


def test_a_webhook_that_fails_is_told_when_it_recovers(service, receivers):
    client, (receiver, other) = service.client, receivers
    service.client.put_bucket_notification_configuration(
        Bucket="media", NotificationConfiguration={"TopicConfigurations": [
            {"TopicArn": f"arn:weir:webhook:::{name}", "Events": ["s3:ObjectCreated:*"]}
            for name in ("app", "other")]})
    wait.until(lambda: receiver.taken, "the test message")
    receiver.status = 503
    keys = [f"k{number}" for number in range(40)]
    for key in keys:
        client.put_object(Bucket="media", Key=key)
    other.expect(*(("ObjectCreated:Put", key) for key in keys))
    wait.until(lambda: receiver.refused, "a try that fails")
    assert metric(service, "weir_events_waiting") == 40
    assert metric(service, "weir_event_failures_total") >= 1
    receiver.status = 204
    receiver.expect(*(("ObjectCreated:Put", key) for key in keys))
    wait.until(lambda: metric(service, "weir_events_waiting") == 0, "an empty queue")
    assert metric(service, "weir_events_delivered_total") == 41
    assert metric(service, "weir_events_dropped_total") == 0


def _kill(edge):
    pids = [edge.status()["pid"], edge.process.pid]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    edge.kill()
    wait.until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "the end of both")


@pytest.mark.limit(120)
def test_what_was_acknowledged_is_told_whatever_dies(service, receivers):
    receiver = receivers[0]
    ask_for(service, "s3:ObjectCreated:*")
    acknowledged = []

    def write(number, round_):
        client = service.connect()
        try:
            for count in range(1000):
                key = f"{round_}/{number}/{count}"
                client.put_object(Bucket="media", Key=key, Body=b"x")
                acknowledged.append(key)
        except Exception:  # noqa: BLE001 - whatever the kill looks like from here
            return

    for round_ in range(3):
        receiver.status = 503 if round_ == 1 else 200
        threads = [threading.Thread(target=write, args=(number, round_)) for number in range(3)]
        done = len(acknowledged) + 50
        for thread in threads:
            thread.start()
        wait.until(lambda: len(acknowledged) >= done, "writes")  # noqa: B023
        _kill(service.edge)
        for thread in threads:
            thread.join(30 * wait.patience())
        service.edge.start()
    receiver.status = 200
    wait.until(lambda: {key for _, key in receiver.told()} >= set(acknowledged),
               lambda: f"{set(acknowledged) - {key for _, key in receiver.told()}}", 60)


def _written(service, first, second, workers=2):
    text = FILE.format(first=first.backend.address, second=second.backend.address,
                       region="eu-test-1")
    service.edge.write(text.replace("workers: 2", f"workers: {workers}"))


def _reload(service):
    result = service._programs.run("reload", "-f", service.edge.file)
    assert result.code == 0, result.stderr


def _put(client, *keys):
    for key in keys:
        client.put_object(Bucket="media", Key=key)
    return [("ObjectCreated:Put", key) for key in keys]


def test_what_waits_follows_its_webhook_through_reloads(service, receivers):
    client, (receiver, other) = service.client, receivers
    ask_for(service, "s3:ObjectCreated:*")
    wait.until(lambda: receiver.taken, "the test message")
    receiver.status = 503
    expected = _put(client, "a", "b")
    wait.until(lambda: receiver.refused, "a try that fails")
    _written(service, other, receiver)  # `app` is elsewhere now
    _reload(service)
    expected += _put(client, "c")
    other.expect(*expected)
    assert receiver.told() == []
    other.status = 503
    expected += _put(client, "d")
    text = open(service.edge.file, encoding="utf-8").read()
    service.edge.write(text.replace("  app:", "  # app:"))
    _reload(service)
    _put(client, "untold")
    other.status = 200
    service.edge.write(text)
    _reload(service)
    expected += _put(client, "e")
    other.expect(*expected)


def test_what_waits_is_told_by_the_next_edge(service, receivers):
    client, (receiver, other) = service.client, receivers
    ask_for(service, "s3:ObjectCreated:*")
    wait.until(lambda: receiver.taken, "the test message")
    receiver.status = 503
    expected = _put(client, *(f"before/{number}" for number in range(20)))
    opened = service.edge.log().count("the object store is open")
    _written(service, receiver, other, workers=1)
    service.edge.signal(signal.SIGHUP)
    wait.until(lambda: service.edge.log().count("the object store is open") > opened,
               lambda: f"another edge:\n{service.edge.log()}")
    expected += _put(client, "after")
    receiver.status = 200
    wait.until(lambda: set(receiver.told()) >= set(expected), lambda: f"{receiver.told()}", 60)
    # Once at least, and in order but for what is told twice.
    first = list(dict.fromkeys(receiver.told()))
    assert first == expected


@contextlib.contextmanager
def _secure_receiver(authority):
    """The port and the messages of a webhook by TLS."""
    taken = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.make("localhost"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # a handshake that the other side gives up
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], taken
        server.shutdown()


def test_a_webhook_by_tls_is_verified():
    authority, stranger = certificates.Authority(), certificates.Authority("Another one")
    try:
        with _secure_receiver(authority) as (port, taken):
            hook = 'webhooks: {{ app: {{ url: "https://localhost:{}/", ca: "{}" }} }}\n'
            wrong, right = (hook.format(port, one.certificate) for one in (stranger, authority))
            with s3.service(top="buckets: { media: {} }\n" + wrong) as service:
                ask_for(service, "s3:ObjectCreated:*")
                _put(service.client, "a", "b")
                service.edge.wait_for_log("certificate")
                wait.until(lambda: metric(service, "weir_event_failures_total") >= 1, "a failure")
                assert taken == [] and metric(service, "weir_events_waiting") == 3
                text = open(service.edge.file, encoding="utf-8").read()
                service.edge.write(text.replace(wrong, right))
                _reload(service)
                wait.until(lambda: len(taken) == 3, lambda: f"{taken}", 60)
                assert [one["Records"][0]["s3"]["object"]["key"] for one in taken[1:]] == ["a", "b"], taken
    finally:
        authority.close()
        stranger.close()
