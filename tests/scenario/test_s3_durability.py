"""
What S3 has acknowledged survives SIGKILL at any moment: writers do all kinds of writes, each on names of
its own, the processes are killed, and after the next start every name is compared with what was
acknowledged; of the one request that was under way either nothing may be there, or all of it.

The seed is told with each failure; WEIR_SEED repeats it.
"""
import hashlib
import os
import random
import signal
import threading

import botocore.exceptions
import pytest

from harness import s3, wait

FILE = """\
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }} }}
workers: 2
access_log: off
buckets: {{ plain: {{}}, kept: {{ versioning: true }} }}
sites: {{ objects: {{ domains: "127.0.0.1", s3: {{}} }} }}
"""
WRITERS = 4
KEYS = 6


class NoAnswer(Exception):
    """The connection was reset behind a status line: botocore takes that for an empty head."""


def _whole(parsed, **_):
    if "x-amz-request-id" not in parsed["ResponseMetadata"]["HTTPHeaders"]:
        raise NoAnswer


BROKEN = (NoAnswer, botocore.exceptions.HTTPClientError, botocore.exceptions.ClientError,
          botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectionClosedError)


def _content(rng):
    size = rng.choice([0, 1, 100, 4000, 4000, 4000, 65536, 65537, 200_000])
    return rng.randbytes(size)


class Object:
    """What is known of a version; None stands for no object, or a delete marker."""

    def __init__(self, content, meta=None, tags=None):
        self.digest = hashlib.md5(content).hexdigest()
        self.size = len(content)
        self.meta = meta or {}
        self.tags = tags or {}

    def same(self, **changed):
        other = Object(b"")
        other.__dict__.update(self.__dict__, **changed)
        return other

    def __eq__(self, other):
        return isinstance(other, Object) and self.__dict__ == other.__dict__

    def __repr__(self):
        return f"<{self.size} bytes {self.digest[:8]} {self.meta} {self.tags}>"


class Writer:
    """One client, the only one that writes its names."""

    def __init__(self, service, number, seed):
        self.number = number
        self.client = service.connect()
        self.client.meta.events.register("after-call.s3", _whole)
        self.rng = random.Random(f"{seed} {number}")
        self.plain = {}      # name → Object
        self.versions = {}   # name → [(version id, Object or None)], latest first
        self.under_way = None   # (bucket, {name: what it may be instead})
        self.done = 0

    def _name(self):
        return f"w{self.number}/k{self.rng.randrange(KEYS)}"

    def _put(self, bucket, name):
        content = _content(self.rng)
        meta, tags = {"n": str(self.done)}, {"t": str(self.rng.randrange(9))}
        self.under_way = (bucket, {name: Object(content, meta, tags)})
        answer = self.client.put_object(Bucket=bucket, Key=name, Body=content, Metadata=meta,
                                        Tagging=f"t={tags['t']}")
        self._acknowledge(answer)

    def _parts(self, bucket, name):
        contents = [_content(self.rng) or b"x"]
        self.under_way = (bucket, {name: Object(contents[0], {"p": str(self.done)})})
        upload = self.client.create_multipart_upload(Bucket=bucket, Key=name,
                                                     Metadata={"p": str(self.done)})["UploadId"]
        part = self.client.upload_part(Bucket=bucket, Key=name, UploadId=upload, PartNumber=1,
                                       Body=contents[0])
        if self.rng.random() < 0.2:
            self.client.abort_multipart_upload(Bucket=bucket, Key=name, UploadId=upload)
            return
        answer = self.client.complete_multipart_upload(
            Bucket=bucket, Key=name, UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        self._acknowledge(answer)

    def _delete(self, bucket, name):
        self.under_way = (bucket, {name: None})
        self._acknowledge(self.client.delete_object(Bucket=bucket, Key=name))

    def _delete_many(self, bucket, name):
        names = sorted({name, self._name(), self._name()})
        self.under_way = (bucket, dict.fromkeys(names))
        answer = self.client.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": one} for one in names]})
        markers = {entry["Key"]: entry.get("DeleteMarkerVersionId") for entry in answer["Deleted"]}
        assert sorted(markers) == names, answer
        for one in names:
            self._take(bucket, one, markers[one], None)

    def _copy(self, bucket, name):
        source = self.rng.choice(sorted(self.plain) or [None])
        if source is None:
            return
        self.under_way = (bucket, {name: self.plain[source].same(meta={"c": str(self.done)})})
        answer = self.client.copy_object(
            Bucket=bucket, Key=name, CopySource={"Bucket": "plain", "Key": source},
            MetadataDirective="REPLACE", Metadata={"c": str(self.done)})
        self._acknowledge(answer)

    def _tag(self, bucket, name):
        if name not in self.plain:
            return
        tags = {"again": str(self.done)}
        self.under_way = ("plain", {name: self.plain[name].same(tags=tags)})
        self.client.put_object_tagging(Bucket="plain", Key=name, Tagging={
            "TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]})
        self._acknowledge({})

    def _remove_version(self, bucket, name):
        versions = self.versions.get(name)
        if not versions:
            return
        at = self.rng.randrange(len(versions))
        self.under_way = ("gone", {name: versions[at][0]})
        self.client.delete_object(Bucket="kept", Key=name, VersionId=versions[at][0])
        del versions[at]

    def _take(self, bucket, name, version, what):
        if bucket == "kept":
            self.versions.setdefault(name, []).insert(0, (version, what))
        elif what is None:
            self.plain.pop(name, None)
        else:
            self.plain[name] = what

    def _acknowledge(self, answer):
        bucket, changes = self.under_way
        [(name, what)] = changes.items()
        self._take(bucket, name, answer.get("VersionId"), what)

    def work(self):
        """Until a request fails, which the kill is to blame for."""
        operations = [self._put] * 6 + [self._parts, self._delete, self._delete_many, self._copy,
                                        self._tag, self._remove_version]
        try:
            while True:
                self.under_way = None
                self.rng.choice(operations)(self.rng.choice(["plain", "kept"]), self._name())
                self.done += 1
        except BROKEN:
            pass

    # After the start.

    def _read(self, bucket, name, **version):
        try:
            answer = self.client.get_object(Bucket=bucket, Key=name, **version)
            content = answer["Body"].read()
            tags = self.client.get_object_tagging(Bucket=bucket, Key=name, **version)["TagSet"]
        except self.client.exceptions.NoSuchKey:
            return None
        return Object(content, answer["Metadata"], {tag["Key"]: tag["Value"] for tag in tags})

    def _listed(self):
        page = self.client.list_objects_v2(Bucket="plain", Prefix=f"w{self.number}/")
        return {entry["Key"]: entry["Size"] for entry in page.get("Contents", [])}

    def check_plain(self):
        bucket, changes = self.under_way or (None, {})
        for number in range(KEYS):
            name = f"w{self.number}/k{number}"
            known = self.plain.get(name)
            found = self._read("plain", name)
            if found != known:
                assert bucket == "plain" and name in changes and found == changes[name], (
                    f"{name}: {known} was acknowledged, {found} is there, under way was "
                    f"{self.under_way}")
                self._take("plain", name, None, found)
        assert self._listed() == {name: what.size for name, what in self.plain.items()}

    def _found_versions(self):
        page = self.client.list_object_versions(Bucket="kept", Prefix=f"w{self.number}/")
        assert not page["IsTruncated"]
        found = {}
        for entry in page.get("Versions", []):
            what = self._read("kept", entry["Key"], VersionId=entry["VersionId"])
            found.setdefault(entry["Key"], []).append((entry["VersionId"], what))
        for entry in page.get("DeleteMarkers", []):
            found.setdefault(entry["Key"], []).append((entry["VersionId"], None))
        return {name: sorted(versions, key=lambda one: one[0], reverse=True)
                for name, versions in found.items()}

    def check_versions(self):
        bucket, changes = self.under_way or (None, {})
        found = self._found_versions()
        for name in sorted({*found, *self.versions}):
            known, there = self.versions.get(name, []), found.get(name, [])
            if there == known:
                continue
            if bucket == "kept" and name in changes and len(there) == len(known) + 1:
                assert there[1:] == known and there[0][1] == changes[name], (name, known, there)
            else:
                gone = changes.get(name) if bucket == "gone" else None
                assert gone and there == [one for one in known if one[0] != gone], (
                    name, known, there, self.under_way)
            self.versions[name] = there

    def shrink(self):
        """Few versions, so that looking at all of them stays quick."""
        for name, versions in self.versions.items():
            for version, _ in versions[3:]:
                self.client.delete_object(Bucket="kept", Key=name, VersionId=version)
            del versions[3:]


def _kill(edge):
    """The supervisor and the edge, at once."""
    pids = [edge.status()["pid"], edge.process.pid]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    edge.kill()
    wait.until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "the end of both")


def _round(service, writers, operations):
    """Killed after so many more were acknowledged, in the middle of the next ones."""
    done = sum(writer.done for writer in writers) + operations
    threads = [threading.Thread(target=writer.work) for writer in writers]
    for thread in threads:
        thread.start()
    wait.until(lambda: sum(writer.done for writer in writers) >= done, "the writers' work")
    _kill(service.edge)
    for thread in threads:
        thread.join(30 * wait.patience())
        assert not thread.is_alive()
    service.edge.start()
    for writer in writers:
        writer.check_plain()
        writer.check_versions()
        writer.shrink()


def _rounds(count):
    seed = os.environ.get("WEIR_SEED") or str(random.randrange(1 << 32))
    print(f"WEIR_SEED={seed}")
    moments = random.Random(seed)
    with s3.service(text=FILE.format()) as service:
        writers = [Writer(service, number, seed) for number in range(WRITERS)]
        for _ in range(count):
            _round(service, writers, moments.randrange(150))
        assert sum(writer.done for writer in writers) > 20 * count


@pytest.mark.limit(180)
def test_what_was_acknowledged_survives_kills():
    _rounds(15)


@pytest.mark.soak
@pytest.mark.limit(7200)
def test_what_was_acknowledged_survives_2000_kills():
    _rounds(2000)
