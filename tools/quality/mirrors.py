"""How the code stands beside projects that engineers hold up. Shown, never enforced."""

import re

from .sources import without_comments_and_strings

CORE = ("src/base/", "src/event/", "src/aggregate/", "src/engine/", "src/ingest/", "src/query/")


def function_lengths(code):
    """Lines of each function that begins at the left margin; the formatter puts its closing brace there too."""
    lengths, began = [], None
    for number, line in enumerate(without_comments_and_strings(code).splitlines(), 1):
        if began is None and re.match(r"^[A-Za-z_:~\[].*", line) and not re.match(
                r"^(namespace|class|struct|enum|union|using|template|extern|typedef|public|private)\b", line):
            began = number
        if began is not None and line.rstrip().endswith(";") and not line.startswith((" ", "}")):
            began = None
        if began is not None and (line.startswith("}") or (began == number and line.rstrip().endswith("}"))):
            lengths.append(number - began + 1)
            began = None
    return lengths


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0


def lines_of(tree, paths):
    return sum(tree.text(path).count("\n") for path in paths)


def report(tree):
    """Lines to print: ours, and an anchor to compare with."""
    sources = tree.paths("src/", ".cc")
    headers = tree.paths("src/", ".h")
    tests = [path for path in tree.paths("test/") if path.endswith((".cc", ".h", ".py", ".resp", ".http"))]
    lengths = [length for path in sources for length in function_lengths(tree.text(path))]
    core = [path for path in sources + headers if path.startswith(CORE)]
    checks = sum(tree.text(path).count("QUIPU_CHECK(") for path in core)
    core_lines = max(1, lines_of(tree, core))
    in_long = sum(length for length in lengths if length > 70) / max(1, sum(lengths))
    sizes = [lines_of(tree, [path]) for path in sources]
    header_sizes = [lines_of(tree, [path]) for path in headers]
    product = max(1, lines_of(tree, sources + headers))
    crowded = {}
    for path in sources + headers:
        folder = path.split("/")[1]
        crowded[folder] = crowded.get(folder, 0) + 1
    yield f"source files  median {percentile(sizes, .5)}, p90 {percentile(sizes, .9)} lines (leveldb 156, 565)"
    yield f"headers       median {percentile(header_sizes, .5)}, p90 {percentile(header_sizes, .9)} lines (leveldb 83, 223)"
    yield (f"functions     median {percentile(lengths, .5)}, p90 {percentile(lengths, .9)} lines; "
           f"{in_long:.0%} of code in functions over 70 (leveldb 6, 30, 17 %)")
    yield f"checks        {1000 * checks / core_lines:.1f} per 1000 lines of the core (leveldb 16, tigerbeetle 68)"
    yield f"tests         {lines_of(tree, tests) / product:.2f} lines a line of source (redpanda 0.79, duckdb 1.12)"
    largest = sorted(((lines_of(tree, [path]), path) for path in sources + headers), reverse=True)[:3]
    yield "largest       " + ", ".join(f"{path} {size}" for size, path in largest)
    full = [f"{folder} {count}" for folder, count in sorted(crowded.items()) if count > 25]
    if full:
        yield "over 25 files " + ", ".join(full)
