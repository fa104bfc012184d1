"""BLEU over target tokens, from the results of several sizes, and what ten times as many would give if it went on so.

    python benchmarks/real_transfer/curve.py runs/real/{medium,long,longest}/results.json --out runs/real/curve

Writes OUT.json and OUT.png and prints a table. A line through the points, BLEU over the logarithm of the tokens, is
fitted for each domain and kind of language and read off at ten times the tokens of the last point. That is an
extrapolation, not a measurement; its interval is what leaving out each point in turn makes of it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from tables import AFTER, DOMAINS, KINDS, kind_of, matches

from anyglot.errors import UserError

Point = tuple[int, float]  # target tokens, mean BLEU over languages
Group = tuple[str, str]  # domain, kind of language


def points_of(paths: Sequence[Path], line: str) -> dict[Group, list[Point]]:
    """Group that every size scored -> a point for each, a mean over its seeds, in order of the tokens.

    Raises:
        UserError: A file lacks the line.
    """
    points: dict[Group, list[Point]] = defaultdict(list)
    for path in paths:
        document = json.loads(path.read_text(encoding="utf-8"))
        seeds = [name for name in document["scores"] if name.rpartition("-")[0] == line]
        if not seeds:
            raise UserError(f"{path} has no scores of the line {line}; it has {', '.join(document['scores'])}.")
        tokens = round(mean(tokens_of(document["runs"], name) for name in seeds))
        for domain in DOMAINS:
            for kind in KINDS:
                values = [
                    bleu_of(told)
                    for name in seeds
                    for test, told in document["scores"][name].items()
                    if matches(test, domain) and kind_of(test) == kind
                ]
                if values:
                    points[domain, kind].append((tokens, mean(values)))
    return {group: sorted(found) for group, found in points.items() if len(found) == len(paths)}


def tokens_of(runs: dict[str, Any], name: str) -> int:
    """Target tokens of a run and of the one it started from."""
    line, _, seed = name.rpartition("-")
    own = int(runs[name]["training"]["target_tokens"])
    return own + (tokens_of(runs, f"{AFTER[line]}-{seed}") if line in AFTER else 0)


def bleu_of(told: str) -> float:
    """The figure in "BLEU 14.92 [11.82, 18.21]; chrF++ ..."."""
    name, value = told.split()[:2]
    if name != "BLEU":
        raise UserError(f"'{told}' does not begin with BLEU.")
    return float(value)


def extrapolated(points: Sequence[Point], tokens: float) -> float:
    """The least-squares line of BLEU over the logarithm of the tokens, at `tokens`."""
    places = [math.log10(each) for each, _ in points]
    values = [value for _, value in points]
    center, height = mean(places), mean(values)
    steepness = sum((x - center) * (y - height) for x, y in zip(places, values, strict=True))
    steepness /= sum((x - center) ** 2 for x in places)
    return height + steepness * (math.log10(tokens) - center)


def spread(points: Sequence[Point], tokens: float) -> tuple[float, float]:
    """Lowest and highest extrapolation when each point is left out in turn; of two points, the value itself."""
    parts = [[*points[:left], *points[left + 1 :]] for left in range(len(points))] if len(points) > 2 else [points]
    values = [extrapolated(part, tokens) for part in parts]
    return min(values), max(values)


def draw(points: dict[Group, list[Point]], path: Path, tokens: float) -> None:
    """One panel with a line for each group, dashed where it is extrapolated."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for number, ((domain, kind), found) in enumerate(points.items()):
        color, style = f"C{number // len(KINDS)}", "o-" if kind == "zero-shot" else "s-"
        label = f"{domain}, {kind}"
        axes.plot(*zip(*found, strict=True), style, color=color, label=label, alpha=1 if kind == "zero-shot" else 0.5)
        if kind == "zero-shot":
            axes.plot([found[-1][0], tokens], [found[-1][1], extrapolated(found, tokens)], ":", color=color)
    axes.set(xscale="log", xlabel="target tokens, both stages", ylabel="BLEU, mean over languages", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Read the arguments, fit, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="results.json of two sizes or more")
    parser.add_argument("--line", default="both", help="which line of the tables")
    parser.add_argument("--out", type=Path, required=True, help="where .json and .png go")
    arguments = parser.parse_args()
    if len(arguments.results) < 2:
        parser.error("a curve takes the results of two sizes or more")
    points = points_of(arguments.results, arguments.line)
    tokens = 10 * max(place for place, _ in points[DOMAINS[0], KINDS[0]])
    print("| domain | |" + "".join(f" {place:,} |" for place, _ in points[DOMAINS[0], KINDS[0]]) + f" {tokens:,} |")
    print("|---|---|" + "---:|" * (len(arguments.results) + 1))
    told = []
    for (domain, kind), found in points.items():
        value, (low, high) = extrapolated(found, tokens), spread(found, tokens)
        print(
            f"| {domain} | {kind} |"
            + "".join(f" {y:.1f} |" for _, y in found)
            + f" {value:.1f} [{low:.1f}, {high:.1f}] |"
        )
        further = {"tokens": tokens, "BLEU": round(value, 2), "low": round(low, 2), "high": round(high, 2)}
        told.append({"domain": domain, "kind": kind, "points": found, "extrapolated": further})
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    draw(points, arguments.out.with_suffix(".png"), tokens)


if __name__ == "__main__":
    main()
