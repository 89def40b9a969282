"""
An ACME authority to be tried: Debian's pebble, with a name server of its own that leads every name
to this machine (pebble-challtestsrv). Certificates of its own site are made by openssl.

    with acme.Authority(http_port=…, lifetime_s=60, environment={"PEBBLE_WFE_NONCEREJECT": "30"}) as a:
        a.directory, a.ca      for weir.yaml
        a.root()               the PEM of the root that signs, for clients
        a.set_txt / a.lead     DNS records
"""
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request

from . import ports, wait

PEBBLE = "/usr/bin/pebble"
NAMES = "/usr/bin/pebble-challtestsrv"


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    def __init__(self, http_port=1, tls_port=1, lifetime_s=None, environment=None, binding=None,
                 ocsp_url=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-pebble-"))
        self.http_port, self.tls_port = http_port, tls_port
        self.port, self._management, self._dns, self._records = (ports.free() for _ in range(4))
        self.directory = f"https://127.0.0.1:{self.port}/dir"  # localhost needs /etc/hosts
        self.ca = self.folder / "ca.pem"
        self._lifetime_s, self._binding, self._ocsp_url = lifetime_s, binding, ocsp_url
        self._environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0",
                             **(environment or {})}
        self._programs = []

    def __enter__(self):
        self._make_certificates()
        self._start(NAMES, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
                    "-dns01", f"127.0.0.1:{self._dns}", "-http01", "", "-https01", "",
                    "-tlsalpn01", "", "-management", f"127.0.0.1:{self._records}")
        self.start()
        return self

    def __exit__(self, *_):
        for program in self._programs:
            program.kill()
            program.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        config = {"listenAddress": f"127.0.0.1:{self.port}",
                  "managementListenAddress": f"127.0.0.1:{self._management}",
                  "certificate": str(self.folder / "site.pem"),
                  "privateKey": str(self.folder / "site.key"),
                  "httpPort": self.http_port, "tlsPort": self.tls_port,
                  "ocspResponderURL": self._ocsp_url}
        if self._lifetime_s:
            config["certificateValidityPeriod"] = self._lifetime_s
        if self._binding:
            config["externalAccountBindingRequired"] = True
            config["externalAccountMACKeys"] = self._binding
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": config}))
        self._pebble = self._start(PEBBLE, "-config", self.folder / "pebble.json",
                                   "-dnsserver", f"127.0.0.1:{self._dns}")
        wait.until(self._answers, lambda: f"pebble to answer:\n{self.log()}", deadline_s=20)

    def stop(self):
        """Nobody answers there until start(); what it knew is forgotten."""
        self._pebble.kill()
        self._pebble.wait()
        self._programs.remove(self._pebble)

    def _start(self, program, *arguments):
        output = open(self.folder / (pathlib.Path(program).name + ".txt"), "a")
        started = subprocess.Popen([program, *map(str, arguments)], stdout=output, stderr=output,
                                   stdin=subprocess.DEVNULL, env=self._environment)
        output.close()
        self._programs.append(started)
        return started

    def _make_certificates(self):
        folder = self.folder
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", folder / "ca.key", "-out", self.ca, "-subj", "/CN=the authority's own",
                 "-days", "2")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", folder / "site.key", "-out", folder / "site.csr", "-subj", "/CN=x")
        (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        _openssl("x509", "-req", "-in", folder / "site.csr", "-CA", self.ca, "-CAkey",
                 folder / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", folder / "names",
                 "-out", folder / "site.pem")

    def _get(self, port, path):
        context = ssl.create_default_context(cafile=str(self.ca))
        with urllib.request.urlopen(f"https://127.0.0.1:{port}{path}", context=context,
                                    timeout=5) as answer:
            return answer.read()

    def _answers(self):
        try:
            return self._get(self.port, "/dir")
        except OSError:
            return None

    def root(self):
        """A file with the root of what it signs since its start."""
        path = self.folder / "root.pem"
        path.write_bytes(self._get(self._management, "/roots/0"))
        return path

    def intermediate(self):
        path = self.folder / "intermediate.pem"
        path.write_bytes(self._get(self._management, "/intermediates/0"))
        return path

    def intermediate_key(self):
        path = self.folder / "intermediate.key"
        path.write_bytes(self._get(self._management, "/intermediate-keys/0"))
        return path

    def log(self):
        return (self.folder / "pebble.txt").read_text(errors="replace")

    def orders(self):
        """How many orders it has taken."""
        return self.log().count("Added order")

    def _record(self, path, **document):
        request = urllib.request.Request(f"http://127.0.0.1:{self._records}{path}",
                                         json.dumps(document).encode())
        urllib.request.urlopen(request, timeout=5).read()

    def records_url(self):
        """Where a hook adds and removes TXT records: /set-txt and /clear-txt."""
        return f"http://127.0.0.1:{self._records}"
