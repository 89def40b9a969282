"""Signatures of AWS version 4, as a client makes them: presigned paths, and the fields of a request."""
import hashlib
import hmac
import time
import urllib.parse

REGION = "us-east-1"


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Signer:
    """Of one key, for one host."""

    def __init__(self, access_key, secret_key, host):
        self._host = host
        self._time = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self._scope = f"{self._time[:8]}/{REGION}/s3/aws4_request"
        self._credential = f"{access_key}/{self._scope}"
        self._key = ("AWS4" + secret_key).encode()
        for part in self._scope.split("/"):
            self._key = _hmac(self._key, part)

    def _sign(self, method, path, query, fields, payload):
        lines = "".join(f"{name}:{value}\n" for name, value in fields)
        names = ";".join(name for name, _ in fields)
        request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}"
        digest = hashlib.sha256(request.encode()).hexdigest()
        return _hmac(self._key, f"AWS4-HMAC-SHA256\n{self._time}\n{self._scope}\n{digest}").hex()

    def presigned(self, method, path):
        """The path with its query."""
        query = urllib.parse.urlencode({
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": self._credential,
            "X-Amz-Date": self._time, "X-Amz-Expires": "86400", "X-Amz-SignedHeaders": "host"})
        signature = self._sign(method, path, query, [("host", self._host)], "UNSIGNED-PAYLOAD")
        return f"{path}?{query}&X-Amz-Signature={signature}"

    def fields(self, method, path, query, body):
        """The header fields that sign a request with that body."""
        payload = hashlib.sha256(body).hexdigest()
        fields = [("host", self._host), ("x-amz-content-sha256", payload),
                  ("x-amz-date", self._time)]
        signature = self._sign(method, path, query, fields, payload)
        names = ";".join(name for name, _ in fields)
        return dict(fields) | {"Authorization": (
            f"AWS4-HMAC-SHA256 Credential={self._credential}, SignedHeaders={names}, "
            f"Signature={signature}")}
