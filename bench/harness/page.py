"""The page and its plots, from the results alone: the same results give the same bytes."""

import json
import pathlib

from . import micro, plot
from .figures import Spread, ratios, values_of, verdict
from .rounds import AGAIN

VERDICTS = {"aim": "yes, and the aim", "met": "yes", "missed": "**no**", "": "", "not measured": "**not measured**"}

# Beyond this, what was measured is partly somebody else's work.
DISTURBED_SHARE = 0.1

HEAD = """# Benchmarks

Written by `make bench` from [the raw results](results); `bench/run.py --page` writes it again without measuring. What is
asked and who is compared stands in [bench/](../bench/README.md), one folder a question, one file a contender.

- Each ratio is taken within one round, from servers started fresh, one after the other; the order turns each round. Shown
  are the median of the rounds' ratios and both quartiles. A bar is met when the median reaches it.
- Before that, Quipu is measured against itself in the same way (A/A): a difference smaller than that spread says nothing.
- Servers and clients share the machine, so a rate is partly the client's; *server CPU* is user and system time of all
  processes of the server, divided by the events that it acknowledged.
- Nothing is dropped: a sample that failed is listed.
"""


def number(value, form):
    return "" if value is None else form.format(value)


def spread_text(spread, form):
    if spread is None:
        return "none"
    return f"{form.format(spread.median)} ({form.format(spread.low)} – {form.format(spread.high)})"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def bar_name(question, bar):
    """What a bar divides by what: the rival's title, or both metrics where a subject is compared with itself."""
    titles = {subject.name: subject.title for subject in question.subjects}
    if bar.over[1] == bar.under[1]:
        return f"{titles[bar.over[0]]} / {titles[bar.under[0]]}"
    return f"{question.metrics[bar.over[1]][0]} / {question.metrics[bar.under[1]][0]}"


def same_spread(question, result, bar):
    """A against A by the same measure; None where the bar compares no two subjects."""
    first = question.subjects[0].name
    if bar.over[1] != bar.under[1]:
        return None
    again = type(bar)(bar.case, bar.client, (first, bar.over[1]), (first + AGAIN, bar.over[1]))
    return Spread.of(ratios(result["same"], again).values())


def bar_rows(question, result):
    for bar in question.bars:
        spread = Spread.of(ratios(result["samples"], bar).values())
        same = same_spread(question, result, bar)
        demand = "≤ " if bar.less_is_better else "≥ "
        yield (question.cases[bar.case], question.clients[bar.client],
               bar_name(question, bar) + ("" if bar.over[1] == "rate" or bar.over[1] != bar.under[1]
                                          else f", {question.metrics[bar.over[1]][0]}"),
               spread_text(spread, "{:.2f}"), spread_text(same, "{:.2f}") if same else "",
               number(bar.at_least, demand + "{:g}"), number(bar.aim, demand + "{:g}"), VERDICTS[verdict(bar, spread)])


def absolute_rows(question, result):
    for case in question.cases:
        for client in question.clients:
            for subject in question.subjects:
                spreads = [Spread.of(values_of(result["samples"], subject.name, case, client, metric).values())
                           for metric in question.metrics]
                if any(spreads):
                    yield (question.cases[case], question.clients[client], subject.title,
                           *(spread_text(spread, form) if spread else "" for spread, (_, form)
                             in zip(spreads, question.metrics.values(), strict=True)))


def settings_text(settings):
    """Settings on one line, in the server's own words."""
    if not settings:
        return "its defaults"
    words = []
    for key, value in settings.items():
        words.append(f"`{key}: {'; '.join(value) if isinstance(value, list) else value}`" if value != "" else f'`{key}: ""`')
    return ", ".join(words)


def rounds_of(samples):
    return len({sample["round"] for sample in samples})


def under_what(question, result):
    """Where, when and how this question was measured."""
    versions, place = result["versions"], result["machine"]
    placed = "servers on processor 0, clients on processor 1" if result["pinned"] else "not pinned"
    stolen = max((sample["stolen"] for sample in result["samples"] + result["same"]), default=0)
    lines = [
        f"Measured {result['date']} at commit `{result['commit']}`: {rounds_of(result['samples'])} rounds, A/A "
        f"{rounds_of(result['same'])}; {placed}; at most {stolen:.1%} of processor time stolen.",
        f"{place['processors']} × {place['processor']}, {place['memory_gib']} GiB, {place['system']}, {place['kernel']}, "
        f"data on {place['file_system']}, huge pages {place['huge_pages']}.",
        f"{versions['quipu']}; {versions['compiler']}; Redis {versions['redis']}, redis-benchmark "
        f"{versions['redis-benchmark']}; nginx {versions['nginx']}; wrk {versions['wrk']}.",
    ]
    lines += [f"{subject.title}: {settings_text(result['settings'][subject.name])}." for subject in question.subjects]
    others = [sample["values"]["others"] for sample in result["samples"] + result["same"] if "others" in sample["values"]]
    if others:
        disturbed = sum(share > DISTURBED_SHARE for share in others)
        lines.append(f"Other programs took {Spread.of(others).median:.1%} of processor time, at most {max(others):.1%}"
                     + (f"; **{disturbed} of {len(others)} samples had more than {DISTURBED_SHARE:.0%} taken**." if disturbed
                        else "."))
    failed = [sample for sample in result["samples"] + result["same"] if sample.get("failed")]
    lines += [f"**Failed**: round {sample['round']}, {sample['subject']}, {sample['case']}, {sample['client']}: "
              f"{' '.join(sample['failed'].split())}" for sample in failed]
    return "\n".join(f"- {line}" for line in lines)


def question_text(question, result):
    """The section of one question."""
    parts = [f"## {question.title}", question.about, f"![Ratios of every round](benchmarks/{question.name}.svg)"]
    parts.append(table(("work", "client", "ratio of", "median (quartiles)", "A/A", "bar", "aim", "met"),
                       bar_rows(question, result)))
    parts.append(table(("work", "client", "server", *(title for title, _ in question.metrics.values())),
                       absolute_rows(question, result)))
    return "\n\n".join(parts + [under_what(question, result)])


def plot_rows(question, result):
    """What the plot shows of each bar: its label, every round's ratio, the spread, what was demanded."""
    for bar in question.bars:
        found = list(ratios(result["samples"], bar).values())
        yield plot.Row(f"{question.cases[bar.case]}, {question.clients[bar.client]}, {bar_name(question, bar)}", found,
                       Spread.of(found), bar.at_least, bar.aim)


def write_result(out, result):
    """One line a sample, so that a difference between two runs can be read."""
    path = pathlib.Path(out) / "results" / f"{result['question']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    lists = ("same", "samples")
    head = json.dumps({key: value for key, value in result.items() if key not in lists}, indent=1, ensure_ascii=False)
    text = head[:-2]
    for key in lists:
        text += f',\n "{key}": [\n' + ",\n".join("  " + json.dumps(sample, ensure_ascii=False)
                                                for sample in result[key]) + "\n ]"
    path.write_text(text + "\n}\n", encoding="utf-8")


def read_result(out, question):
    """What write_result() left; None where there is nothing."""
    path = pathlib.Path(out) / "results" / f"{question.name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def texts(out, questions):
    """path below `out` -> text, of the page and the plots, from the results that are there."""
    out = pathlib.Path(out)
    found, sections = {}, []
    for question in questions:
        result = read_result(out, question)
        if result is None:
            continue
        sections.append(question_text(question, result))
        found[f"benchmarks/{question.name}.svg"] = plot.svg(question.title, list(plot_rows(question, result)))
    measured = micro.read_result(out)
    if measured is not None:
        sections.append(micro.text(measured))
    found["benchmarks.md"] = "\n\n".join([HEAD.rstrip("\n"), *sections]) + "\n"
    return found


def write(out, questions):
    for name, text in texts(out, questions).items():
        path = pathlib.Path(out) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
