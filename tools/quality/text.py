"""What is never right in any file: leftovers, trailing blanks, large blobs."""

import re

from .sources import Finding

BLOB_BYTES_MAX = 256 * 1024

# Put together from pieces, so that this file does not find itself.
LEFTOVER = re.compile("FIX" + "ME|X" + "XX:|<<<<" + "<<< |>>>>" + ">>> ")
UNNUMBERED = re.compile(r"\bTO" + r"DO\b(?!\(#\d+\))")
FOREIGN = re.compile("/" + "work/|/" + "farm/|" + r"\.\./" + "shared|/tmp/" + "build-")

# Bytes there are data: what a peer sends, or what a version of a format looked like.
DATA = re.compile(r"^test/(dialogue/|fuzz/corpus/|.*/golden/)")


def check(tree):
    for path in tree.paths():
        size = len(tree.bytes(path))
        if size > BLOB_BYTES_MAX:
            yield Finding(path, 0, f"{size} bytes; more than {BLOB_BYTES_MAX} belongs outside the repository")
            continue
        if not tree.is_text(path) or path == "LICENSE":
            continue
        text = tree.text(path)
        yield from _check_lines(path, text)
        if text and not text.endswith("\n") and not DATA.match(path):
            yield Finding(path, text.count("\n") + 1, "no newline at the end of the file")


def _check_lines(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if LEFTOVER.search(line):
            yield Finding(path, number, f"a leftover: {LEFTOVER.search(line)[0].strip()}")
        if UNNUMBERED.search(line):
            yield Finding(path, number, "work left open needs the number of its issue: TO" + "DO(#12)")
        if FOREIGN.search(line):
            yield Finding(path, number, f"a path of somebody's machine: {FOREIGN.search(line)[0]}")
        if DATA.match(path):
            continue
        if line != line.rstrip():
            yield Finding(path, number, "blanks or a carriage return at the end of the line")
        if "\t" in line and path.endswith((".h", ".cc", ".py", ".md", ".json", ".cmake")):
            yield Finding(path, number, "a tab; indent by spaces")
