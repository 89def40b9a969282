"""Code blocks of the documents: those that a reader would copy."""
import dataclasses
import pathlib
import re

from .weir import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass
class Block:
    path: pathlib.Path
    line: int                  # of its first line in the document
    language: str
    text: str

    def __str__(self):
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def blocks(path, *languages):
    """The fenced blocks of a document in these languages, in their order."""
    document = path.read_text()
    return [Block(path, document.count("\n", 0, match.start()) + 2, match[1], match[2])
            for match in _BLOCK.finditer(document) if match[1] in languages]


def with_replaced(text, replacements):
    """`text` with each key replaced by its value; each must stand there."""
    for old, new in replacements.items():
        assert old in text, f"{old!r} is not in the document any more"
        text = text.replace(old, str(new))
    return text
