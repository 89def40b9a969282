"""curl, as a user runs it."""
import dataclasses
import re
import subprocess
import tempfile

from . import wait


@dataclasses.dataclass
class Answer:
    code: int                  # curl's exit code, 0 for success
    status: int                # 0 without a response
    headers: list              # (name in lower case, value), of the last response
    body: bytes
    error: str                 # curl's own words

    def get(self, name, default=None):
        values = [value for key, value in self.headers if key == name.lower()]
        return values[0] if values else default

    @property
    def text(self):
        return self.body.decode()


def get(url, *arguments):
    """Runs curl with the arguments given; any method, any option of curl's."""
    seconds = wait.DEADLINE_S * wait.patience()
    with tempfile.NamedTemporaryFile("rb") as head, tempfile.NamedTemporaryFile("rb") as body:
        result = subprocess.run(
            ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", str(int(seconds)),
             "--dump-header", head.name, "--output", body.name, "--write-out", "%{http_code}",
             *arguments, url],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        blocks = [block for block in head.read().decode("latin-1").split("\r\n\r\n")
                  if block.startswith("HTTP/")]
        lines = blocks[-1].split("\r\n")[1:] if blocks else []
        headers = [(name.lower(), value.strip())
                   for name, _, value in (line.partition(":") for line in lines)]
        status = re.fullmatch(r"\d+", result.stdout.strip())
        return Answer(result.returncode, int(status[0]) if status else 0, headers, body.read(),
                      result.stderr.strip())
