"""The report of an evaluation: scores and the steps behind them as one self-contained page in Chinese and English, and
as JSON.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedream_core.logs import read_rows
from seedream_core.progress import duration
from seedream_core.report import charts
from seedream_core.report.lineage import Lineage, LineageStep, trace
from seedream_core.report.pictures import embed
from seedream_core.report.render import render
from seedream_core.report.words import chinese

HERO = 10
FEW = 12
MOST_GRIDS = 12

KINDS = {
    "one": ("one object", "一个物体"),
    "several": ("two to four alike", "二至四个相同物体"),
    "pair": ("two, related", "两个物体及方位"),
}
LANGUAGES = {"en": ("English", "英文"), "zh": ("Chinese", "中文")}
FATES = {"kept": ("kept", "保留"), "dropped": ("dropped", "舍弃"), "quarantined": ("quarantined", "隔离")}
CURVES = {
    "loss": ("Loss", "损失"),
    "lr": ("Learning rate", "学习率"),
    "images_per_second": ("Pictures per second", "每秒图片数"),
}
SUMMARY = ("name", "evaluations", "accuracy_seen", "accuracy_held_out", "seconds_per_image", "megabytes")


@dataclass(frozen=True)
class Page:
    html: str
    summary: list[dict[str, Any]]


def build(folder: Path, pictures: Path | None = None) -> Page:
    """The page of a scores artifact; it begins with pictures of an images artifact, where one is given."""
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    lineage = trace(folder, *([pictures] if pictures else []))
    context = _context(folder, scores, lineage)
    return Page(render("page.html", context | (_opening(pictures) if pictures else _picked(context))), summary(scores))


def summary(scores: dict) -> list[dict[str, Any]]:
    """One row per compared model: accuracies from 0 to 1, megabytes of the network's file."""

    def row(rung: dict) -> tuple:
        share = {name: (rung["accuracy"].get(name) or {}).get("share") for name in ("seen", "held_out")}
        return (
            rung["name"],
            rung["evaluations"],
            share["seen"],
            share["held_out"],
            rung["seconds_per_image"],
            rung["megabytes"]["network"],
        )

    return [dict(zip(SUMMARY, row(rung), strict=True)) for rung in scores["rungs"]]


def _context(folder: Path, scores: dict, lineage: Lineage) -> dict[str, Any]:
    scores_step = next(step for step in lineage.steps if step.folder == folder)
    by_digest = {step.manifest.digest: step.name for step in lineage.steps}

    def made_by(digest: str, otherwise: str) -> str:
        return by_digest.get(digest, otherwise)

    rungs = [_rung(rung, made_by(scores["models"][rung["model"]]["digest"], rung["model"])) for rung in scores["rungs"]]
    seen = [(rung["name"], charts.Whisker.of(rung["seen"])) for rung in rungs]
    training = [step for step in lineage.steps if len(step.log()) > 1]
    autoencoder = scores["autoencoder"]
    return {
        "scores_step": scores_step.name,
        "known": {step.name for step in lineage.steps},
        "rungs": rungs,
        "slowest": max(rung["seconds"] for rung in rungs),
        "largest": max(rung["network"] for rung in rungs),
        "any_held_out": any(rung["held_out"] for rung in rungs),
        "renders": scores["renders"] | scores["renders"]["distance"],
        "autoencoder": autoencoder
        | autoencoder["distance"]
        | {"step": made_by(autoencoder["digest"], Path(autoencoder["path"]).name)},
        "intervals": charts.intervals(
            [(name, whisker, charts.Whisker.of(rung["held_out"])) for (name, whisker), rung in zip(seen, rungs)]
        ),
        "scatter": charts.scatter([(name, rung["seconds"], whisker) for (name, whisker), rung in zip(seen, rungs)]),
        "breakdown": _breakdown(scores["rungs"]),
        "comparisons": _comparisons(scores["comparisons"]),
        "rows": _side_by_side(folder, [rung["name"] for rung in rungs]),
        "runs": [_run(step) for step in training],
        "viewer": [viewer for step in training if (viewer := _grids(step))],
        "funnels": [funnel for step in lineage.steps if (funnel := _funnel(step))],
        "steps": _costs(lineage.steps),
        "duration": duration(sum(step.manifest.seconds for step in lineage.steps)),
        "lost": lineage.lost,
        "counts": scores["prompts"],
        "speed": scores["speed"],
        "versions": scores_step.manifest.versions,
    }


def _rung(rung: dict, step: str) -> dict[str, Any]:
    return rung["distance"] | {
        **{key: rung[key] for key in ("name", "steps", "solver", "guidance", "evaluations", "format")},
        "step": step,
        "guided": rung["guidance"] != 1,
        "seen": rung["accuracy"]["seen"],
        "held_out": rung["accuracy"].get("held_out"),
        "seconds": rung["seconds_per_image"],
        "per_second": rung["images_per_second"],
        "network": rung["megabytes"]["network"],
        "total": rung["megabytes"]["total"],
    }


def _side_by_side(folder: Path, names: list[str]) -> list[dict[str, Any]]:
    """One row per prompt that has pictures, one cell per model."""
    table: dict[tuple[str, int], dict[str, dict]] = {}
    for verdict in read_rows(folder / "verdicts.jsonl"):
        if verdict["picture"]:
            table.setdefault((verdict["set"], verdict["index"]), {})[verdict["rung"]] = verdict
    side = []
    for cells in table.values():
        first = next(iter(cells.values()))
        right = {cell["right"] for cell in cells.values()}
        side.append(
            {
                **{key: first[key] for key in ("set", "prompt", "language", "seed")},
                "kind": KINDS[first["kind"]],
                "differ": len(right) > 1,
                "wrong": False in right,
                "first": first["index"] < (2 * FEW // 3 if first["set"] == "seen" else FEW // 3),
                "cells": [_cell(folder, cells[name]) if name in cells else None for name in names],
            }
        )
    return side


def _cell(folder: Path, verdict: dict) -> dict[str, Any]:
    reason = verdict["reason"] and (verdict["reason"], chinese(verdict["reason"]))
    return {"image": embed(folder / verdict["picture"]), "right": verdict["right"], "reason": reason}


def _picked(context: dict[str, Any]) -> dict[str, Any]:
    """Pictures of the last model, right ones where there are any, kinds and languages in turn."""
    shown = [row for row in context["rows"] if row["cells"][-1]]
    right = [row for row in shown if row["cells"][-1]["right"]]
    turns: Counter[tuple] = Counter()
    ranked = []
    for row in right or shown:
        group = (row["kind"], row["language"])
        ranked.append((turns[group], len(ranked), row))
        turns[group] += 1
    chosen = [row for _, _, row in sorted(ranked, key=lambda item: item[:2])[:HERO]]
    hero = [{"image": row["cells"][-1]["image"], "prompt": row["prompt"]} for row in chosen]
    return {"hero": hero, "hero_step": context["rungs"][-1]["step"], "picked": bool(right)}


def _opening(folder: Path) -> dict[str, Any]:
    """The first pictures of an images artifact."""
    shots = read_rows(folder / "prompts.jsonl")[:HERO]
    hero = [{"image": embed(folder / "images" / shot["file"]), "prompt": shot["prompt"]} for shot in shots]
    return {"hero": hero, "hero_step": folder.name, "picked": False}


def _breakdown(rungs: list[dict]) -> list[dict[str, Any]]:
    """For each set of prompts, a table of rates: models down, kinds and languages across."""
    cells = {
        (rung["name"], *(part[key] for key in ("set", "kind", "language"))): part
        for rung in rungs
        for part in rung["breakdown"]
    }
    tables = []
    for set_ in dict.fromkeys(key[1] for key in cells):
        columns = [
            (kind, language)
            for kind in KINDS
            for language in LANGUAGES
            if any(key[1:] == (set_, kind, language) for key in cells)
        ]
        tables.append(
            {
                "set": set_,
                "kinds": [
                    {"label": KINDS[kind], "span": span} for kind, span in Counter(kind for kind, _ in columns).items()
                ],
                "languages": [LANGUAGES[language] for _, language in columns],
                "rows": [
                    {"name": rung["name"], "cells": [cells.get((rung["name"], set_, *column)) for column in columns]}
                    for rung in rungs
                ],
            }
        )
    return tables


def _comparisons(pairs: list[dict]) -> list[dict[str, Any]]:
    """For each set of prompts, a triangle of comparisons: from the model of the row to that of the column."""
    cells = {(pair["set"], pair["first"], pair["second"]): pair for pair in pairs}
    firsts, seconds = (list(dict.fromkeys(pair[side] for pair in pairs)) for side in ("first", "second"))
    return [
        {
            "set": set_,
            "columns": seconds,
            "rows": [
                {"name": first, "cells": [cells.get((set_, first, second)) for second in seconds]} for first in firsts
            ],
        }
        for set_ in dict.fromkeys(pair["set"] for pair in pairs)
    ]


def _run(step: LineageStep) -> dict[str, Any]:
    log, curves = step.log(), []
    for key, (en, zh) in CURVES.items():
        points = [(row["step"], row[key]) for row in log if isinstance(row.get(key), (int, float))]
        if svg := charts.curve(points):
            curves.append({"en": en, "zh": zh, "svg": svg, "last": charts.number(points[-1][1])})
    return {"name": step.name, "stage": step.manifest.stage, "curves": curves}


def _grids(step: LineageStep) -> dict[str, Any] | None:
    """Sample grids over training, at most a dozen, the first and the last among them."""
    paths = sorted((step.folder / "samples").glob("step_*.png"))
    if len(paths) > MOST_GRIDS:
        paths = [paths[round(i * (len(paths) - 1) / (MOST_GRIDS - 1))] for i in range(MOST_GRIDS)]
    pictures = [{"step": int(re.sub(r"\D", "", path.stem)), "uri": embed(path).uri} for path in paths]
    return {"name": step.name, "pictures": pictures} if pictures else None


def _funnel(step: LineageStep) -> dict[str, Any] | None:
    fates = step.fates()
    total = fates.total()
    if not total:
        return None
    sums = {fate: sum(count for (f, _), count in fates.items() if f == fate) for fate in FATES}
    return {
        "step": step.name,
        "total": total,
        "bars": [
            {"fate": fate, "label": FATES[fate], "count": count, "share": count / total} for fate, count in sums.items()
        ],
        "reasons": [
            {"fate": FATES[fate], "reason": reason, "count": count}
            for (fate, reason), count in _by_reason(fates).most_common()
            if fate != "kept"
        ],
    }


def _by_reason(fates: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Reasons without the values of single samples: `sharpness 0.8 is under 2` becomes `sharpness … is under 2`."""
    merged: Counter[tuple[str, str]] = Counter()
    for (fate, reason), count in fates.items():
        found, limit = re.fullmatch(r"(.*?)((?: under | over ).*)?", reason, re.DOTALL).groups(default="")
        merged[fate, re.sub(r"[\w.-]*\d[\w.%-]*", "…", found) + limit] += count
    return merged


def _costs(steps: tuple[LineageStep, ...]) -> list[dict[str, Any]]:
    longest = max(step.manifest.seconds for step in steps) or 1
    table = []
    for step in steps:
        facts, seconds = step.manifest.facts, step.manifest.seconds
        flops = facts.get("flops")
        table.append(
            {
                "name": step.name,
                "stage": step.manifest.stage,
                "inputs": step.inputs,
                "duration": duration(seconds),
                "share": seconds / longest,
                "parameters": facts.get("parameters"),
                "images": facts.get("images"),
                "flops": flops,
                "speed": flops / seconds if flops and seconds else None,
                "megabytes": step.megabytes,
                "digest": step.manifest.digest,
            }
        )
    return table
