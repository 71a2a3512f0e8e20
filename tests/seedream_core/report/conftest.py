"""A finished run made by hand: scenes, curate, autoencoder, two generators and their scores, no network involved."""

import functools
import json
import math
from pathlib import Path

import pytest

from seedream_core.evaluation.metrics.paired import compare
from seedream_core.evaluation.metrics.rate import Rate
from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.prompts import evaluation_prompts
from seedream_core.synthetic.scenes.render import png, render
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow import artifact

RUNGS = (
    # name, model, format, steps, guidance, evaluations, seconds, images/s, megabytes, every n-th picture wrong
    ("base, 50 steps", "base", "bf16", 50, 4.0, 100, 0.92, 3.1, 11.8, 9),
    ("sft, 50 steps", "sft", "bf16", 50, 4.0, 100, 0.94, 3.0, 11.8, 12),
    ("student, 4", "student", "bf16", 4, 1.0, 4, 0.061, 60.2, 11.8, 14),
    ("student, 2", "student", "bf16", 2, 1.0, 2, 0.044, 96.0, 11.8, 7),
    ("W4A8, 4", "w4a8", "w4a8", 4, 1.0, 4, 0.058, 61.0, 3.5, 11),
)
HOSTILE = '<script>alert("x")</script> & a red star'


def build_run(root: Path, *, seen: int = 24, held_out: int = 12, shown: int = 9, log_rows: int = 60) -> Path:
    """The folder of the scores."""
    scenes = made(root / "scenes", "shards", "data/synthetic", {}, {"samples": 1000}, 4.2)
    fates = (
        [("kept", "")] * 960
        + [("dropped", f"sharpness 0.{i:02d} is under 1.00") for i in range(30)]
        + [("quarantined", "not a picture")] * 10
    )
    curated = made(
        root / "curated",
        "shards",
        "data/curate",
        {"data": scenes},
        {"samples": 960},
        6.0,
        files={
            "fates.jsonl": "".join(
                json.dumps({"key": f"k{i}", "source": "s", "fate": f, "reason": r, "stage": "data/curate"}) + "\n"
                for i, (f, r) in enumerate(fates)
            )
        },
    )
    vae = made(
        root / "vae",
        "autoencoder",
        "pretrain/autoencoder",
        {"data": curated},
        trained(900_000, 2e13),
        240,
        log=log_rows,
    )
    latents = made(root / "latents", "latents", "data/encode", {"data": curated, "vae": vae}, {"samples": 960}, 9)
    base = made(
        root / "base",
        "generator",
        "pretrain/mmdit",
        {"data": latents},
        trained(5_900_000, 3e14),
        700,
        log=log_rows,
        grids=15,
    )
    sft = made(
        root / "sft",
        "generator",
        "posttrain/sft",
        {"model": base, "data": latents},
        trained(5_900_000, 4e13),
        90,
        log=log_rows,
        grids=3,
    )
    student = made(
        root / "student",
        "generator",
        "distill/student",
        {"model": sft, "data": latents},
        trained(5_900_000, 9e13),
        180,
        log=log_rows,
    )
    w4a8 = made(root / "w4a8", "generator", "quantize/calibrate", {"model": student}, {"parameters": 5_900_000}, 20)
    models = {"base": base, "sft": sft, "student": student, "w4a8": w4a8}
    return scores(root / "scores", models, vae, seen, held_out, shown)


def made(folder, kind, stage, inputs, facts, seconds, *, log=0, grids=0, files=None):
    folder.mkdir(parents=True)
    for name, text in ({"weights.txt": folder.name} | (files or {})).items():
        (folder / name).write_text(text)
    if log:
        rows = [
            {
                "step": 20 * i,
                "loss": 2 * math.exp(-i / 9) + 0.2 + 0.05 * math.sin(7 * i),
                "lr": 1e-3 * min(1, i / 5) * (1 - i / log / 1.1),
                "images_per_second": 300 + 9 * math.sin(i),
                "gflops": 180 + 5 * math.cos(i),
                "seconds": 3.0 * i,
            }
            for i in range(1, log + 1)
        ]
        write(folder / "logs/metrics.jsonl", ("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 99').encode())
    for grid in range(1, grids + 1):
        write(folder / f"samples/step_{500 * grid:06d}.png", picture(grid, 256))
    sources = {
        name: [{"path": f"../{source.name}", "digest": artifact.read(source).digest}] for name, source in inputs.items()
    }
    artifact.finish(
        folder, kind=kind, stage=stage, fingerprint="0" * 64, inputs=sources, facts=facts, metrics={}, seconds=seconds
    )
    return folder


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def trained(parameters, flops):
    return {"parameters": parameters, "flops": flops, "images": 64_000}


def picture(index, size=64):
    world = World(width=size, height=size)
    return png(render(world.sample(5, index), size, size))


def scores(folder, models, vae, seen, held_out, shown):
    world, rights, rungs, verdicts = World(), {}, [], []
    prompts = {"seen": evaluation_prompts(seen, 0)}
    if held_out:
        prompts["held_out"] = evaluation_prompts(held_out, 0, held_out=True)
    for r, (name, model, form, steps, guidance, evaluations, seconds, rate, size, wrong) in enumerate(RUNGS):
        rights[name] = {
            s: [(i + r) % (wrong if s == "seen" else 4) != 3 for i in range(len(prompts[s]))] for s in prompts
        }
        breakdown = []
        for s in prompts:
            for kind in ("one", "several", "pair"):
                for language in ("en", "zh"):
                    chosen = [
                        ok for ok, p in zip(rights[name][s], prompts[s]) if (p.kind, p.language) == (kind, language)
                    ]
                    if chosen:
                        breakdown.append(
                            {"set": s, "kind": kind, "language": language, **Rate(sum(chosen), len(chosen)).to_json()}
                        )
            for i, (p, ok) in enumerate(zip(prompts[s], rights[name][s])):
                file = f"pictures/{r:02d}/{s}_{i:05d}.png" if i < shown else None
                if file:
                    scene = world.arrange(p.asked, Rng("picture", r, s, i)) if ok else world.sample(r, i)
                    write(folder / file, png(render(scene, 64, 64)))
                verdicts.append(
                    {
                        "rung": name,
                        "set": s,
                        "index": i,
                        "seed": i,
                        "prompt": HOSTILE if s == "held_out" and i == 1 else p.text,
                        "language": p.language,
                        "kind": p.kind,
                        "right": ok,
                        "reason": None if ok else "red star, not blue heart",
                        "picture": file,
                    }
                )
        rungs.append(
            {
                "name": name,
                "model": model,
                "format": form,
                "steps": steps,
                "guidance": guidance,
                "solver": "euler",
                "evaluations": evaluations,
                "seconds_per_image": seconds,
                "images_per_second": rate,
                "breakdown": breakdown,
                "accuracy": {s: Rate(sum(ok), len(ok)).to_json() for s, ok in rights[name].items()},
                "distance": {"frechet": 0.3 + 0.1 * r, "kernel": 0.002 * r, "kernel_deviation": 0.0004},
                "megabytes": {"network": size, "autoencoder": 3.2, "text": 4.1, "total": size + 7.3},
            }
        )
    names = list(rights)
    tree = {
        "format": 1,
        "seed": 0,
        "prompts": {"seen": seen, "held_out": held_out},
        "models": {
            key: {"path": str(path), "digest": artifact.read(path).digest, "stage": "x", "facts": {}}
            for key, path in models.items()
        },
        "rungs": rungs,
        "comparisons": [
            {"first": a, "second": b, "set": s} | compare(rights[a][s], rights[b][s]).to_json()
            for i, a in enumerate(names)
            for b in names[i + 1 :]
            for s in prompts
        ],
        "renders": {
            "accuracy": Rate(seen, seen).to_json(),
            "distance": {"frechet": 0.11, "kernel": -0.0001, "kernel_deviation": 0.0003},
        },
        "autoencoder": {
            "path": str(vae),
            "digest": artifact.read(vae).digest,
            "psnr": 33.1,
            "accuracy": Rate(seen - 1, seen).to_json(),
            "distance": {"frechet": 0.14, "kernel": 0.0001, "kernel_deviation": 0.0003},
        },
        "speed": {"repeats": 7, "batch": 32, "precision": "bf16", "threads": 2, "machine": "A processor"},
    }
    artifact.write_atomic(folder / "scores.json", json.dumps(tree))
    artifact.write_atomic(
        folder / "verdicts.jsonl", "".join(json.dumps(v, ensure_ascii=False) + "\n" for v in verdicts)
    )
    inputs = {
        "models": [{"path": f"../{m.name}", "digest": artifact.read(m).digest} for m in models.values()],
        "vae": [{"path": f"../{vae.name}", "digest": artifact.read(vae).digest}],
    }
    artifact.finish(
        folder,
        kind="scores",
        stage="eval/bench",
        fingerprint="0" * 64,
        inputs=inputs,
        facts={},
        metrics={},
        seconds=130,
    )
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Read only."""
    return build_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def make_run(tmp_path):
    return functools.partial(build_run, tmp_path)
