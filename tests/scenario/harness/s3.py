"""An edge with the S3 API, keys for it, and boto3 clients that talk to it."""
import contextlib
import json

import boto3
import botocore.client
import botocore.exceptions
import pytest

from . import certificates
from . import weir as weir_module

FILE = """\
listeners: {{ http: {{ address: "127.0.0.1:@PORT@"{tls} }} }}
workers: 2
access_log: off
{top}
sites:
  objects:
    domains: ["s3.localhost", "*.s3.localhost", "127.0.0.1", "localhost"]
    s3: {{ domain: s3.localhost }}
"""


class Service:
    """`weir edge` with the S3 API and a key, `main`, that may do all. With an `authority` it is
    reached over https at localhost."""

    def __init__(self, programs, top="", text=None, authority=None, **edge):
        self._programs = programs
        self.region = "us-east-1"  # of the action in the file
        self.authority = authority
        self.edge = programs.edge(text or FILE.format(top=top, tls=_tls(authority)), **edge)
        self.access_key, self.secret_key = self.add_key("main")
        self.client = self.connect()

    def add_key(self, name, *arguments):
        result = self._programs.run("s3", "key", "add", name, "--json", *arguments,
                                    "-f", self.edge.file)
        assert result.code == 0, result.stderr
        key = json.loads(result.stdout)
        return key["access_key"], key["secret_key"]

    @property
    def host(self):
        return f"{'localhost' if self.authority else '127.0.0.1'}:{self.edge.port}"

    @property
    def url(self):
        return f"{'https' if self.authority else 'http'}://{self.host}"

    def connect(self, keys=None, **config):
        """A client; keys=None: those of `main`; False: none."""
        settings = {"s3": {"addressing_style": "path"}, "retries": {"max_attempts": 0},
                    "signature_version": "s3v4"} | config
        if keys is False:
            settings["signature_version"] = botocore.UNSIGNED
        access_key, secret_key = keys or (self.access_key, self.secret_key)
        return boto3.client(
            "s3", endpoint_url=self.url, region_name=self.region, aws_access_key_id=access_key,
            aws_secret_access_key=secret_key, verify=str(self.authority.certificate)
            if self.authority else None, config=botocore.client.Config(**settings))

    def bucket(self, **arguments):
        """A new one; its name."""
        self._count = getattr(self, "_count", 0) + 1
        name = f"bucket-{self._count}"
        self.client.create_bucket(Bucket=name, **arguments)
        return name

    def environment(self):
        """For command lines of AWS."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
                "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


def _tls(authority):
    if authority is None:
        return ""
    certificate, key = authority.make("localhost")
    return f", tls: {{ certificate: {certificate}, key: {key} }}"


@contextlib.contextmanager
def secure_service(top=""):
    """Over https, with an authority that only its clients know."""
    authority = certificates.Authority()
    try:
        with service(top, authority=authority) as made:
            yield made
    finally:
        authority.close()


@contextlib.contextmanager
def service(top="", text=None, **edge):
    """`edge`: as Programs.edge has it."""
    programs = weir_module.Programs()
    try:
        yield Service(programs, top, text, **edge)
    finally:
        problems = programs.finish()
        if problems:
            pytest.fail("\n\n".join(problems), pytrace=False)


@contextlib.contextmanager
def refused(code, status=None):
    """The block ends in an error of that code."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        yield caught
    answer = caught.value.response
    assert answer["Error"]["Code"] == code, answer
    if status is not None:
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status, answer
