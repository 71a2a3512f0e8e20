"""The optimiser of a training: AdamW, or Muon (Jordan 2024) for hidden matrices with AdamW for the rest; clips
gradients and skips non-finite ones.

Clipping, the learning rate and the guard against non-finite gradients live in `step`, so that automatic and manual
optimisation get the same, and Lightning counts one step whichever members are inside. The learning rate is a pure
function of the step: nothing of it needs to be saved.
"""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from seedream_core.training.muon import Muon
from seedream_core.workflow.host import Train


def learning_rate(train: Train, step: int) -> float:
    """The rate of the update that makes step `step + 1`: linear warm-up, then constant, cosine or linear decay."""
    if step < train.warmup:
        return train.lr * (step + 1) / train.warmup
    if train.schedule == "constant":
        return train.lr
    done = min(1.0, (step - train.warmup) / max(1, train.steps - train.warmup))
    left = 0.5 * (1 + math.cos(math.pi * done)) if train.schedule == "cosine" else 1 - done
    return train.lr * (train.final_lr + (1 - train.final_lr) * left)


def is_matrix(module: nn.Module, parameter: Tensor) -> bool:
    """Weights that multiply activations: the ones to decay."""
    return parameter.ndim >= 2 and not isinstance(module, nn.Embedding)


def is_hidden(name: str, module: nn.Module, parameter: Tensor) -> bool:
    """Linear maps inside numbered blocks: the ones Muon is for. Inputs, outputs and embeddings have a scale of their
    own, which orthogonal updates would overrule."""
    return (
        isinstance(module, nn.Linear)
        and parameter.ndim == 2
        and min(parameter.shape) >= 32
        and any(part.isdigit() for part in name.split("."))
    )


class SkipNonFinite(Optimizer):
    """Members that share the parameters of one training; one `step` clips, sets the rate and skips bad gradients."""

    def __init__(self, root: nn.Module, train: Train) -> None:
        self.train = train
        self.steps = 0
        self.bad_in_row = 0
        matrices: list[nn.Parameter] = []
        hidden: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        seen: set[int] = set()
        for prefix, module in root.named_modules():
            for name, parameter in module.named_parameters(recurse=False):
                if not parameter.requires_grad or id(parameter) in seen:
                    continue
                seen.add(id(parameter))
                if train.optimizer == "muon" and is_hidden(f"{prefix}.{name}", module, parameter):
                    hidden.append(parameter)
                else:
                    (matrices if is_matrix(module, parameter) else rest).append(parameter)
        groups = [{"params": matrices, "weight_decay": train.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        # fused: on one CPU core 2.9 ms for 5M parameters, where foreach takes 11.1 and the plain loop 9.6
        self.members: list[Optimizer] = [
            AdamW([group for group in groups if group["params"]], lr=train.lr, betas=train.betas, fused=True)
        ]
        if hidden:
            self.members.append(Muon(hidden, train.lr, train.weight_decay))
        super().__init__([{"params": matrices + rest + hidden}], {"lr": train.lr})

    def parameters(self) -> Iterable[Tensor]:
        return self.param_groups[0]["params"]

    @property
    def lr(self) -> float:
        """The rate of the last update."""
        return learning_rate(self.train, max(0, self.steps - 1))

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # Gradients are already the mean over ranks, so a bad one on any rank makes this norm bad on every rank:
        # all of them skip together without another message.
        norm = nn.utils.clip_grad_norm_(self.parameters(), self.train.clip, foreach=True)
        if torch.isfinite(norm):
            self.bad_in_row = 0
            for member in self.members:
                for group in member.param_groups:
                    group["lr"] = learning_rate(self.train, self.steps)
                member.step()
        else:
            self.bad_in_row += 1
        self.steps += 1
        return loss

    def state_dict(self) -> dict:
        return {
            "steps": self.steps,
            "bad_in_row": self.bad_in_row,
            "members": [member.state_dict() for member in self.members],
        }

    def load_state_dict(self, state_dict: dict) -> None:
        self.steps, self.bad_in_row = state_dict["steps"], state_dict["bad_in_row"]
        for member, state in zip(self.members, state_dict["members"], strict=True):
            member.load_state_dict(state)
