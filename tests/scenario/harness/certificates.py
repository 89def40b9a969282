"""Certificates of an authority made on the spot, and TLS clients that tell what they were shown."""
import pathlib
import socket
import ssl
import subprocess
import tempfile

from . import wait


def _openssl(*arguments):
    result = subprocess.run(["openssl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


class Authority:
    """Its certificate is `.certificate`, a path. What it makes lies in `.folder`."""

    def __init__(self, name="Test authority"):
        self._folder = tempfile.TemporaryDirectory(prefix="weir-certificates-")
        self.folder = pathlib.Path(self._folder.name)
        self.certificate, self._key = self.folder / "ca.pem", self.folder / "ca.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", self._key, "-out", self.certificate, "-days", "30", "-subj",
                 f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")
        self._count = 0

    def make(self, *names, kind="ecdsa", days=10, subject="/CN=server", begins=None, ends=None):
        """Paths of a new certificate and its key. Without names it is a client's. `begins` and
        `ends` are as 20200101000000Z."""
        self._count += 1
        base = self.folder / f"{self._count}"
        key, request, chain = (base.with_suffix(end) for end in (".key", ".csr", ".pem"))
        curve = ["-pkeyopt", "ec_paramgen_curve:P-256"]
        _openssl("req", "-newkey", *(["ec", *curve] if kind == "ecdsa" else ["rsa:2048"]),
                 "-nodes", "-keyout", key, "-out", request, "-subj", subject)
        extensions = base.with_suffix(".ext")
        extensions.write_text(
            "basicConstraints=CA:FALSE\n" +
            ("subjectAltName=" + ",".join(f"DNS:{name}" for name in names) if names else
             "extendedKeyUsage=clientAuth") + "\n")
        if begins or ends:
            database = base.with_suffix(".db")
            database.write_text("")
            config = base.with_suffix(".cnf")
            config.write_text(
                f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\nnew_certs_dir={self.folder}\n"
                f"serial={base}.serial\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=optional\n"
                "organizationName=optional\n")
            _openssl("ca", "-batch", "-config", config, "-create_serial", "-rand_serial", "-in",
                     request, "-cert", self.certificate, "-keyfile", self._key, "-out", chain,
                     "-notext", "-extfile", extensions, "-startdate", begins or "20200101000000Z",
                     "-enddate", ends or "20991231000000Z")
        else:
            _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key,
                     "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", chain)
        return chain, key

    def close(self):
        self._folder.cleanup()


def context(authority=None, client=None, version=None):
    """A client's: it believes `authority`, or anybody; shows `client`, a pair of paths."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = authority is not None
    if authority is None:
        made.verify_mode = ssl.CERT_NONE
    else:
        made.load_verify_locations(authority.certificate)
    if client:
        made.load_cert_chain(*client)
    if version:
        made.minimum_version = made.maximum_version = version
    return made


def connect(port, name=None, using=None, session=None):
    """A TLS connection that asks for `name`; None asks for nobody."""
    plain = socket.create_connection(("127.0.0.1", port),
                                     timeout=wait.DEADLINE_S * wait.patience())
    try:
        return (using or context()).wrap_socket(plain, server_hostname=name, session=session)
    except BaseException:
        plain.close()
        raise


def serial(port, name=None, using=None):
    """The serial number of what is shown: two certificates never share one."""
    with connect(port, name, using) as connection:
        der = connection.getpeercert(binary_form=True)
    return serial_of_der(der)


def serial_of_der(der):
    result = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-serial"], input=der,
                            stdout=subprocess.PIPE, check=True)
    return result.stdout.decode().strip()


def serial_of(chain):
    return _openssl("x509", "-in", chain, "-noout", "-serial").strip()


def ask(connection, host, target="/", headers=()):
    """One request on a TLS connection that stays open: status, header text, body."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", *[f"{a}: {b}" for a, b in headers]]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        assert part, received
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                  if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        part = connection.recv(65536)
        assert part, received
        body += part
    return int(head.split(b" ")[1]), head.decode(), body.decode()
