"""The arithmetic: medians, quartiles, ratios round by round, and whether a bar is met. Pure."""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Bar:
    """One line of what a question must show: `over`'s metric divided by `under`'s, in the same round.

    `over` and `under` are (subject, metric). `at_least` and `aim` are what the median must reach: from above, or from
    below where `less_is_better`; None is no demand.
    """

    case: str
    client: str
    over: tuple
    under: tuple
    at_least: float | None = None
    aim: float | None = None
    less_is_better: bool = False


@dataclasses.dataclass(frozen=True)
class Spread:
    """A middle and its quartiles, over how many values."""

    median: float
    low: float
    high: float
    count: int

    @staticmethod
    def of(values):
        """None where there are no values."""
        ordered = sorted(values)
        if not ordered:
            return None
        if len(ordered) == 1:
            return Spread(ordered[0], ordered[0], ordered[0], 1)
        low, middle, high = statistics.quantiles(ordered, n=4, method="inclusive")
        return Spread(middle, low, high, len(ordered))


def values_of(samples, subject, case, client, metric):
    """round -> value, of the samples that came out well and have this metric."""
    return {sample["round"]: sample["values"][metric] for sample in samples
            if (sample["subject"], sample["case"], sample["client"]) == (subject, case, client)
            and not sample.get("failed") and sample["values"].get(metric) is not None}


def ratios(samples, bar):
    """round -> ratio, for the rounds in which both sides came out well. A divisor of zero is no ratio."""
    over = values_of(samples, bar.over[0], bar.case, bar.client, bar.over[1])
    under = values_of(samples, bar.under[0], bar.case, bar.client, bar.under[1])
    return {number: over[number] / under[number] for number in sorted(over) if under.get(number)}


def reaches(value, demand, less_is_better):
    """Whether a value is on the right side of a demand; None where there is no demand or no value."""
    if demand is None or value is None:
        return None
    return value <= demand if less_is_better else value >= demand


def verdict(bar, spread):
    """"aim", "met" or "missed"; "" where nothing was demanded, "not measured" where there is nothing to judge."""
    if bar.at_least is None and bar.aim is None:
        return ""
    if spread is None:
        return "not measured"
    if reaches(spread.median, bar.aim, bar.less_is_better):
        return "aim"
    return "met" if reaches(spread.median, bar.at_least, bar.less_is_better) else "missed"


def order_of(subjects, number):
    """Which subject goes first: forwards in even rounds, backwards in odd ones."""
    return list(subjects) if number % 2 == 0 else list(reversed(subjects))
