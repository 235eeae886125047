"""Which folder of src/ may include which: the table in src/README.md is the law, this reads it."""

import re

from .sources import Finding, includes

TABLE_PAGE = "src/README.md"
ROW = re.compile(r"^\|\s*`(?P<folder>[a-z_]+)/`\s*\|(?P<what>[^|]*)\|(?P<may>[^|]*)\|(?P<start>[^|]*)\|\s*$")

# They cost seconds of compile time in every file that sees them: in a .cc they cost it once.
HEAVY = re.compile(r"^(boost/(asio|beast)|rocksdb/|simdjson|CLI/|toml\+\+|toml\.hpp|nlohmann/|spdlog/|prometheus/)")
# Headers that only the .cc files of their own part include, and that hold an object of a heavy library.
OWN_HEAVY = {"src/net/tcp_connection.h"}


def read_table(text):
    """folder -> (the folders it may include, the file to start reading at)."""
    table = {}
    for line in text.splitlines():
        match = ROW.match(line)
        if match:
            may = set(re.findall(r"`([a-z_]+)`", match["may"]))
            if match["may"].strip() == "everything":
                may = {"*"}
            start = re.search(r"`([^`]+)`", match["start"])
            table[match["folder"]] = (may, start[1] if start else None)
    return table


def check(tree):
    if TABLE_PAGE not in tree:
        yield Finding(TABLE_PAGE, 0, "is missing: it says which folder may include which")
        return
    table = read_table(tree.text(TABLE_PAGE))
    yield from _check_table(tree, table)
    for path in tree.paths("src/", (".h", ".cc")):
        folder = path.split("/")[1]
        if folder not in table:
            yield Finding(path, 0, f"its folder is not in the table of {TABLE_PAGE}")
            continue
        allowed, _ = table[folder]
        for line, system, target in includes(tree.text(path)):
            if system and path.endswith(".h") and path not in OWN_HEAVY and HEAVY.match(target):
                yield Finding(path, line, f"<{target}> is slow to compile: include it in a .cc file")
            if system:
                continue
            if "/" not in target or f"src/{target}" not in tree:
                yield Finding(path, line, f'"{target}" is no file of src/: write "folder/file.h", or <...> for a library')
                continue
            other = target.split("/")[0]
            if other != folder and other not in allowed and "*" not in allowed:
                yield Finding(path, line, f"src/{folder} may not include src/{other} ({TABLE_PAGE})")


def _check_table(tree, table):
    folders = {path.split("/")[1] for path in tree.paths("src/") if path.count("/") > 1}
    for folder in sorted(set(table) - folders):
        yield Finding(TABLE_PAGE, 0, f"names {folder}/, which does not exist")
    for folder, (may, start) in table.items():
        if start and f"src/{folder}/{start}" not in tree and folder in folders:
            yield Finding(TABLE_PAGE, 0, f"sends readers to {folder}/{start}, which does not exist")
        for other in may - {"*"} - set(table):
            yield Finding(TABLE_PAGE, 0, f"lets {folder}/ include {other}/, which it does not describe")
    yield from _check_cycles(table)


def _check_cycles(table):
    """A folder may not, over others, be allowed to include itself."""
    for folder in table:
        seen, todo = set(), [other for other in table[folder][0] if other != "*"]
        while todo:
            other = todo.pop()
            if other == folder:
                yield Finding(TABLE_PAGE, 0, f"{folder}/ may include itself over other folders: a cycle")
                break
            if other not in seen and other in table:
                seen.add(other)
                todo.extend(table[other][0] - {"*"})


def check_dead_headers(tree):
    """A header that nothing includes is dead."""
    included = {target for path in tree.paths(suffixes=(".h", ".cc")) for _, _, target in includes(tree.text(path))}
    for path in tree.paths("src/", ".h"):
        if path.removeprefix("src/") not in included:
            yield Finding(path, 0, "no file includes it: a dead header")


def check_folder_readmes(tree, lines_max=15):
    """Each folder of src/ has a short README."""
    for folder in sorted({path.split("/")[1] for path in tree.paths("src/") if path.count("/") > 1}):
        page = f"src/{folder}/README.md"
        if page not in tree:
            yield Finding(page, 0, "is missing: what the folder is for, in at most 15 lines")
        elif len(tree.text(page).splitlines()) > lines_max:
            yield Finding(page, 0, f"has more than {lines_max} lines; details belong in docs/ or in a header")
