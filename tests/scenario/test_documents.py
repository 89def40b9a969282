"""
Every example of weir.yaml in the documents passes `weir check`, and links lead somewhere.

A block is a whole file when it has one of the keys of TOP at the left margin; such a block must be right as
it stands. Other blocks are parts, and are put where their first line says that they belong: items of a list
are rules of a site, `rules:` stands in one, `build:` and the like in a service (WRAPPED). Groups that a part
forwards to, but does not show, are added. A block that is no weir.yaml at all has another language than yaml.

Folders, files, variables and certificates that a block names are made; /srv and /etc/weir lie in the test's own folder.
"""
import re
import textwrap

import pytest

from harness import certificates, documents
from harness.weir import ROOT

TOP = ("app", "sites", "listeners", "target_groups", "services", "user", "access_log", "tracing", "email",
       "acme", "forward_proxies", "buckets", "store", "webhooks")
WHOLE = re.compile(rf"^({'|'.join(TOP)}):", re.MULTILINE)
# The beginning of a part, the lines before it, how far it is indented there.
WRAPPED = [
    (r"- ", "sites:\n  part:\n    rules:\n", 6),
    (r"(rules|response_headers|errors):", "sites:\n  part:\n", 4),
    (r"build:", "services:\n  part:\n    command: ./part\n", 4),
]
VARIABLE = re.compile(r"\benv:(\w+)")
HEREDOC = re.compile(r"<<'YAML'\n(.*?)^YAML$", re.MULTILINE | re.DOTALL)
GROUP = re.compile(r"\b(?:forward|mirror|to): ([a-z][\w-]*)")
FOLDER = re.compile(r"(?:files|root|directory): ([\w./-]+)")
FILE = re.compile(r"[\w./-]+\.(?:htpasswd|html|password|secret)\b")
PEM = re.compile(r"[\w./-]+\.(?:pem|key)\b")
NAME = re.compile(r"(?:\*\.)?\b[a-z][a-z-]*(?:\.[a-z-]+)+\b")


def examples():
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        found += documents.blocks(path, "yaml")
        for block in documents.blocks(path, "sh"):
            found += [documents.Block(path, block.line, "yaml", text)
                      for text in HEREDOC.findall(block.text)]
    return found


def completed(block):
    """The block as a whole file."""
    if WHOLE.search(block.text):
        return block.text
    part = textwrap.dedent(block.text)
    beginning = re.sub(r"\A(\s*#.*\n)*", "", part)
    for pattern, before, indentation in WRAPPED:
        if re.match(pattern, beginning):
            groups = "".join(f'  {name}: ["127.0.0.1:9"]\n' for name in sorted(set(GROUP.findall(part))))
            return (before + textwrap.indent(part, " " * indentation) +
                    (f"target_groups:\n{groups}" if groups else ""))
    raise AssertionError(f"{block} is neither a whole file nor a part that WRAPPED knows")


def make_what_it_names(folder, text):
    for name in FOLDER.findall(text):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in FILE.findall(text):
        if name.startswith("/") and not name.startswith(str(folder)):
            continue  # the path of a URL
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        users = "".join(f"{user}:$2y$04${'a' * 53}\n" for user in ("ada", "ci"))
        (folder / name).write_text(users if name.endswith("htpasswd") else "<p>")


@pytest.fixture(scope="module")
def authority():
    made = certificates.Authority()
    yield made
    made.close()


def make_certificates(folder, text, authority):
    """One that is for all that looks like a name, and an authority too, under each name of a file."""
    files = set(PEM.findall(text))
    if not files:
        return
    names = sorted(set(NAME.findall(text)) - files)
    content = b"".join(path.read_bytes() for path in authority.make(*names))
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("block", examples(), ids=str)
def test_an_example_passes_the_check(weir, tmp_path, monkeypatch, authority, block):
    text = completed(block)
    for name in VARIABLE.findall(text):
        monkeypatch.setenv(name, "example")
    for place in ("/srv/", "/etc/weir/"):
        text = text.replace(place, f"{tmp_path}{place}")
    make_what_it_names(tmp_path, text)
    make_certificates(tmp_path, text, authority)
    (tmp_path / "weir.yaml").write_text(text)
    result = weir.run("check", folder=tmp_path)
    assert result.code == 0, f"{result.stderr}\n{text}"


def test_there_are_examples_in_most_documents():
    assert len({block.path for block in examples()}) > 8


LINK = re.compile(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)")


def anchors(text):
    """As GitHub makes them of headings."""
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))],
                         ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for name, anchor in LINK.findall(path.read_text()):
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), name
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text()), f"{name}#{anchor}"
