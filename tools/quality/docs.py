"""Pages that lead somewhere: a title, links that resolve, and a way to find each page."""

import posixpath
import re

from .sources import Finding

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]*`")
CITED_PAGE = re.compile(r"(?<![\w/.-])(docs/[\w./-]+\.(?:md|json))")
INDEX = "docs/README.md"


def _blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def anchors(text):
    """The names that headings get, as code hosts make them."""
    found = set()
    for heading in re.findall(r"^#+\s+(.*?)\s*$", FENCE.sub(_blank, text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def links(text):
    """(line, target) of every link that is not in code."""
    text = CODE.sub(_blank, FENCE.sub(_blank, text))
    for match in LINK.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[1]


def check(tree):
    pages = tree.paths(suffixes=".md")
    linked = set()
    for page in pages:
        text = tree.text(page)
        if not text.startswith("# "):
            yield Finding(page, 1, "has no title: the first line is `# What the page is about`")
        for line, target in links(text):
            if re.match(r"^(https?:|mailto:)", target):
                continue
            path, _, anchor = target.partition("#")
            resolved = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
            if resolved not in tree and not tree.paths(resolved.rstrip("/") + "/"):
                yield Finding(page, line, f"a broken link: {target}")
            elif anchor and resolved.endswith(".md") and anchor not in anchors(tree.text(resolved)):
                yield Finding(page, line, f"a link to a heading that is not there: {target}")
            if page == INDEX:
                linked.add(resolved)
    for page in tree.paths("docs/", ".md"):
        folders = {page[:end] for end in range(len(page)) if page[end] == "/"}
        if page != INDEX and page not in linked and not folders & linked:
            yield Finding(page, 0, f"cannot be found: {INDEX} has no link to it or to its folder")
    yield from _check_cited(tree)


def _check_cited(tree):
    """Sources send readers to pages; these must be there."""
    for path in tree.paths(suffixes=(".h", ".cc", ".py", ".cmake", ".sruja")):
        if path.startswith("test/tools/"):
            continue
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            for cited in CITED_PAGE.findall(line):
                if cited not in tree:
                    yield Finding(path, number, f"cites {cited}, which does not exist")
