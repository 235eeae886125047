"""Tables of texts that users may choose are hashed by a seed that they do not know: else who knows the hash makes every
look-up as slow as the table is large."""

import re

from .sources import Finding, without_comments_and_strings

TABLE = re.compile(r"\b(?:unordered_(?:flat_|node_)?(?:multi)?(?:map|set)|concurrent_flat_(?:map|set))\s*<\s*(?:const\s+)?"
                   r"(?:std::(?:pmr::)?)?(?P<key>string(?:_view)?)\b(?=\s*[,>])")
PLAIN_HASH = re.compile(r"\b(?:std|boost)::hash\s*<\s*(?:std::(?:pmr::)?)?string(?:_view)?\s*>")
HASHER = re.compile(r"\bSeededHasher\b")

# On the table's line or the one before it: why its names do not come from users.
NOT_FROM_USERS = re.compile(r"//\s*Not fed by users: \S")


def check(tree):
    for path in tree.paths("src/", (".h", ".cc")):
        text = tree.text(path)
        lines = text.splitlines()
        code = without_comments_and_strings(text)
        for match in TABLE.finditer(code):
            if not HASHER.search(_arguments(code, code.index("<", match.start()))):
                yield from _unless_excused(path, lines, code, match, f"a table by {match['key']} without SeededHasher")
        for match in PLAIN_HASH.finditer(code):
            yield from _unless_excused(path, lines, code, match, f"{match[0]}: its seed is known; use SeededHasher")


def _unless_excused(path, lines, code, match, what):
    number = code.count("\n", 0, match.start()) + 1
    if not any(NOT_FROM_USERS.search(line) for line in lines[max(number - 2, 0):number]):
        yield Finding(path, number, f"{what}: users may choose names that collide (base/hash.h); where they can not, say "
                                    "why behind `// Not fed by users: `")


def _arguments(code, begin):
    """What stands between the `<` at `begin` and its `>`."""
    depth = 0
    for at in range(begin, len(code)):
        if code[at] in "<(":
            depth += 1
        elif code[at] in ">)":
            depth -= 1
            if depth == 0:
                return code[begin:at]
    return code[begin:]
