"""The files that the rules look at, and what a rule says when it does not like one."""

import dataclasses
import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

CPP_SUFFIXES = (".h", ".cc")
COMMENT_OR_STRING = re.compile(
    r'R"(?P<tag>[^()\\ ]{0,16})\(.*?\)(?P=tag)"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Finding:
    """One place that breaks a rule. `line` counts from 1; 0 means the whole file."""

    path: str
    line: int
    what: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}" if self.line else f"{self.path}: {self.what}"


class Tree:
    """A set of files by relative path: the repository, or a made-up one in a test."""

    def __init__(self, files):
        self._files = files  # path -> callable that returns its bytes

    @staticmethod
    def of_repository(root=ROOT):
        """What git tracks or would track; what is ignored is nobody's business."""
        # A checkout may belong to another user, as in many CI machines; reading its list of files is harmless.
        listing = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z", "--cached",
                                  "--others", "--exclude-standard"], capture_output=True, check=True).stdout.decode()
        paths = sorted({path for path in listing.split("\0") if path and (root / path).is_file()})
        return Tree({path: functools.partial(pathlib.Path.read_bytes, root / path) for path in paths})

    @staticmethod
    def of_texts(texts):
        return Tree({path: functools.partial(str.encode, text) for path, text in texts.items()})

    def __contains__(self, path):
        return path in self._files

    def paths(self, under="", suffixes=None):
        return [path for path in self._files
                if path.startswith(under) and (suffixes is None or path.endswith(suffixes))]

    def bytes(self, path):
        return self._files[path]()

    def text(self, path):
        return self.bytes(path).decode("utf-8", errors="replace")

    def is_text(self, path):
        return b"\0" not in self.bytes(path)[:8192]


def without_comments_and_strings(code):
    """The code with comments and literals blanked, every line where it was."""
    return COMMENT_OR_STRING.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), code)


def without_comments(code):
    """The code with comments blanked and literals kept, every line where it was."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0]) if match[0].startswith("/") else match[0]
    return COMMENT_OR_STRING.sub(blank, code)


def includes(code):
    """(line, is_system, path) of every #include that is not commented out."""
    code = without_comments(code)
    for match in INCLUDE.finditer(code):
        yield code.count("\n", 0, match.start()) + 1, match[1] == "<", match[2]
