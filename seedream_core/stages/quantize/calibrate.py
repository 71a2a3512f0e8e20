"""Post-training quantisation to W4A8: widths by measured sensitivity under a size budget (Seedream 4.0's adaptive 4/8
bit).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.models.autoencoder import check_latents
from seedream_core.workflow.config import parse
from seedream_core.workflow.host import Host
from seedream_core.workflow.stage import Generator, Latents, Stage

Time = Annotated[float, Gt(0), Le(1)]


@dataclass(frozen=True, kw_only=True)
class CalibrateStage(Stage):
    makes: ClassVar[str] = "generator"
    model: Generator
    """The network to quantise: a student, since the steps it takes are those that must stay exact."""
    data: Latents
    """Pictures that the network's answers are compared on."""
    budget: Annotated[float, Gt(0), Le(1)] = 0.32
    """Largest network file, as a share of all its tensors in bf16."""
    samples: Annotated[int, Ge(1)] = 40
    """Pictures to measure layers on, and as many others to report the velocity's error on."""
    times: tuple[Time, ...] = (1.0, 0.8, 0.6, 0.4, 0.2)
    """Where on the way from noise (1) to data the velocity is compared."""
    compensate: bool = True
    """Rounding that makes up for its own errors, rather than to the nearest."""
    tune: Annotated[int, Ge(0)] = 100
    """Updates of scales and biases towards the original's answers."""
    tune_rate: Annotated[float, Gt(0)] = 3e-3
    """Largest change of a scale in one update, as a fraction of it."""
    captions: CaptionMix = CaptionMix(dropout=0.0)
    """Which caption a picture shows at a step."""
    bundle: bool = False
    """Copy the autoencoder and the text encoder in, so that this artifact needs no other."""
    seed: Annotated[int, Ge(0)] = 0
    """Of pictures, captions, noise and times."""

    def __post_init__(self) -> None:
        if not self.times:
            raise ValueError("times: at least one is needed")

    def facts(self, inputs: Mapping[str, dict]) -> dict:
        model, data = inputs["model"], inputs["data"]
        if model.get("format") == "w4a8":
            raise ValueError("model: it is quantised already; name the network that it was made from")
        check_latents(data, "model", model)
        trained = ("images", "flops")  # what the model's own training took, not this step
        kept = {name: value for name, value in model.items() if name not in trained}
        return kept | {"format": "w4a8", "flops": self._passes(model) * model.get("flops_per_image_evaluation", 0)}

    def _passes(self, model: Mapping[str, Any]) -> int:
        """Forward passes of one sample: each layer alone in two widths, updates of scales, the error at each time."""
        import torch

        from seedream_core.models.dit import DitConfig
        from seedream_core.quant import calibration, w4a8

        if "net" not in model:
            return 0
        with torch.device("meta"):
            network = parse(DitConfig, model["net"]).build(channels=model["channels"], text_width=model["text_width"])
        alone = 2 + 2 * len(w4a8.linears(network))
        return self.samples * (alone + 2 * len(self.times)) + self.tune * calibration.ROWS * 4

    def expected_seconds(self, inputs: Mapping[str, dict], host: Host) -> float | None:
        from seedream_core.quant import calibration
        from seedream_core.training import rehearsal

        model = inputs["model"]
        if "net" not in model:
            return None
        return self._passes(model) * rehearsal.velocity_to_answer(
            model, calibration.ROWS, replace(host, precision="f32")
        )

    def run(self, out: Path, host: Host) -> dict:
        import copy

        import torch

        from seedream_core import progress
        from seedream_core.data.loading import latents
        from seedream_core.generate import vocabulary
        from seedream_core.pipeline import generator
        from seedream_core.quant import calibration, save_quantised, sensitivity, tuning, w4a8

        host.limit_threads()
        loaded = generator.load(self.model)
        original = loaded.network.requires_grad_(False)
        latents.check_made_by(self.data, loaded.spec.autoencoder.digest)
        questions = calibration.CalibrationData(loaded, self.data, self.captions, self.seed, kept_back=self.samples)
        measure = calibration.ask(questions.inputs(0, self.samples, self.times))
        with torch.no_grad(), progress.track("layers", 2 * len(w4a8.linears(original))) as bar:
            table = sensitivity.options(original, measure, compensate=self.compensate, done=bar.advance)
        chosen = sensitivity.within(original, table, self.budget)
        weights = {name: option.weight for name, option in chosen.items() if option.weight}
        network = w4a8.quantise(copy.deepcopy(original), weights)
        with progress.track("scales", self.tune) as bar:
            tuning.tune_scales(
                network,
                original,
                lambda step: calibration.ask(questions.inputs(1 + step, calibration.ROWS)),
                self.tune,
                self.tune_rate,
                after=lambda step: bar.advance(),
            )
        size = save_quantised(out / "network", network, loaded.config)
        (out / "logs").mkdir(exist_ok=True)
        sensitivity.write(out / "logs" / "sensitivity.jsonl", table, chosen)
        generator.write_spec(out, replace(generator.rebase(loaded.spec, self.model, out), format="w4a8"))
        vocabulary.inherit(self.model, out)
        if self.bundle:
            generator.bundle(out, out)
        written, _ = generator.load_network(out)
        at = {t: questions.exam((t,)) for t in self.times}
        errors = calibration.velocity_errors(written, original, at)
        return {
            "file_ratio": size / (2 * sum(tensor.numel() for tensor in original.state_dict().values())),
            "network_bytes": size,
            "velocity_error": max(errors.values()),
            "velocity_errors": {str(t): error for t, error in errors.items()},
            "bits": {str(bits): sum(option.bits == bits for option in chosen.values()) for bits in (4, 8, 16)},
        }
