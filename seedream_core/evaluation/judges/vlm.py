"""Judge that asks a vision-language model the yes-or-no questions of a prompt (VQAScore, arXiv:2404.01291).

An atom's score is the probability of the expected answer against the other one, from the logits of the first token of
the reply. No text is generated, so every question has an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedream_core.errors import UserError
from seedream_core.evaluation.judges import Atom, Judge, Judgement
from seedream_core.evaluation.suites import SuiteItem
from seedream_core.workflow.config import OUTSIDE
from seedream_core.workflow.host import Host

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.evaluation.judges import Look

YES = ("Yes", "yes", " Yes", " yes", "是")
NO = ("No", "no", " No", " no", "否", "不")


@dataclass(frozen=True, kw_only=True)
class VlmJudge(Judge):
    path: str = field(metadata=OUTSIDE)
    "folder of an image-text-to-text model with its processor; code in the folder is never run"
    request: str = "{question} Answer yes or no."
    "the text that the model gets; {question} is replaced by the question"

    def __post_init__(self) -> None:
        if "{question}" not in self.request:
            raise ValueError("request: {question} is missing, so the model would not be asked the question")

    def applies(self, item: SuiteItem) -> bool:
        return bool(item.questions)

    def start(self, host: Host) -> "Look":
        import torch
        from PIL import Image

        from seedream_core.data.captioning.captioners.vlm import load_vlm

        model, processor, device = load_vlm(Path(self.path), host, "judge vlm")
        yes, no = _answer_tokens(processor.tokenizer)

        def probability_of_yes(picture: "np.ndarray", question: str) -> float:
            request = self.request.replace("{question}", question)
            talk = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": request}]}]
            prompt = processor.apply_chat_template(talk, add_generation_prompt=True)
            given = processor(text=[prompt], images=[Image.fromarray(picture)], return_tensors="pt").to(
                device, model.dtype
            )
            with torch.inference_mode():
                logits = model(**given).logits[0, -1].double()
            return float(torch.sigmoid(logits[yes].logsumexp(0) - logits[no].logsumexp(0)))

        def look(item: SuiteItem, picture: "np.ndarray") -> Judgement:
            atoms = []
            for question in item.questions:
                chance = probability_of_yes(picture, question.text)
                answer = "yes" if question.answer else "no"
                atoms.append(
                    Atom("vlm", "question", f"{question.text} {answer}", chance if question.answer else 1 - chance)
                )
            wrong = [atom.asked for atom in atoms if atom.score < 0.5]
            score = sum(atom.score for atom in atoms) / len(atoms)
            return Judgement(tuple(atoms), score, f"answered otherwise: {'; '.join(wrong)}" if wrong else None)

        return look


def _answer_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """First tokens of replies that mean yes, and of those that mean no; tokens that begin both are left out."""

    def first(words: Iterable[str]) -> set[int]:
        return {ids[0] for word in words if (ids := tokenizer.encode(word, add_special_tokens=False))}

    yes, no = first(YES), first(NO)
    if not yes - no or not no - yes:
        raise UserError("judge vlm: this model's tokens do not distinguish yes from no", "name another model")
    return sorted(yes - no), sorted(no - yes)
