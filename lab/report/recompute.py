"""How a reader who trusts nothing gets the same figures out of the document."""

from lab.report.markup import Markup, tag
from lab.report.reading import Comparison

_PERCENTILES = """\
import json
from hdrh.histogram import HdrHistogram      # pip install hdrhistogram

document = json.load(open("results.json"))
for one in document["rounds"]:
    h = HdrHistogram.decode(one["load"]["histogram"])    # microseconds, of accepted orders
    print(one["scenario"], one["wiring"], one["round"], h.get_value_at_percentile(99) / 1000, "ms")"""

_CONFIRMED = """\
jq -r '.rounds[] | [.scenario, .wiring, .round, 100 * (.outcomes.confirmed // 0) / .load.offered] | @tsv' \\
    results.json"""


def recompute(found: Comparison) -> Markup:
    """Commands that need nothing of ours, and the one that makes this page again."""
    command = str(found.conditions.get("command") or "shop compare")
    return tag(
        "section",
        tag("h2", "How to recompute this"),
        tag(
            "p",
            "Everything here comes from results.json, which holds every round with its raw histograms. Confirmed %:",
        ),
        _code(_CONFIRMED, "confirmed % of every round"),
        tag("p", "Percentiles, from the raw histograms (HdrHistogram V2, base64, three significant digits):"),
        _code(_PERCENTILES, "p99 of every round"),
        tag(
            "p",
            "A figure is the median over the valid rounds of its wiring, its range the lowest and the highest of them. "
            "From five rounds each on, two wirings are held against each other by an exact two-sided test at 5 %: "
            "rank-sum (Wilcoxon, Mann and Whitney), from eight rounds on signed-rank over rounds of one number, which "
            "are neighbours in time. p is corrected for the number of figures that are tested together (Bonferroni), "
            "not for the number of wirings. Below five rounds only whether the ranges overlap is told.",
        ),
        tag("p", "This page again, and the measurement again on a machine of your own:"),
        _code(f"shop report results.json\n{command}", "this page, and the measurement, again"),
        id="recompute",
    )


def _code(text: str, label: str) -> Markup:
    """Code that scrolls in its own box."""
    return tag("pre", tag("code", text), tabindex="0", role="region", aria_label=label)
