"""Suite of prompts from a user's file: one JSON object per line, with optional references and yes-or-no questions.

    {"prompt": "a red bus", "seed": 7, "references": ["bus.png"],
     "questions": [{"text": "Is the bus red?", "answer": "yes"}]}

Only `prompt` is required; paths of references start at the file's folder. A .txt file (one prompt per line) or a .csv
file can be used too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedream_core.evaluation.suites import Suite, SuiteItem, SuiteQuestion
from seedream_core.generate import prompts
from seedream_core.workflow.config import OUTSIDE

ANSWERS = {"yes": True, "no": False}


@dataclass(frozen=True, kw_only=True)
class PromptsSuite(Suite):
    path: str = field(metadata=OUTSIDE)
    "a .jsonl file of objects with prompt, and optionally seed, references and questions"

    def items(self, seed: int, width: int, height: int) -> list[SuiteItem]:
        """One item per line; ConfigError with every bad line, by file and line."""
        lines = prompts.read(self.path, _keys(Path(self.path).parent))
        return [
            SuiteItem(
                "prompts", index, line.prompt, seed + index if line.seed is None else line.seed, **(line.extra or {})
            )
            for index, line in enumerate(lines)
        ]


def _keys(folder: Path) -> Mapping[str, Callable[[str, Any], Any]]:
    """The keys of a line beside its prompt, each with the function that checks and converts its value."""

    def references(key: str, value: Any) -> tuple[Path, ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ValueError("expected a list of picture files")
        from PIL import Image

        for one in value:
            try:
                with Image.open(folder / one) as image:
                    image.verify()
            except (OSError, SyntaxError, ValueError) as problem:
                raise ValueError(f"{folder / one}: not a readable picture ({problem})") from None
        return tuple(folder / one for one in value)

    return {"seed": prompts.whole, "references": references, "questions": _questions}


def _questions(key: str, value: Any) -> tuple[SuiteQuestion, ...]:
    form = 'expected a list of {"text": a question, "answer": "yes" or "no"}'
    if not isinstance(value, list):
        raise ValueError(form)
    found = []
    for one in value:
        if not isinstance(one, dict) or set(one) != {"text", "answer"} or not isinstance(one["text"], str):
            raise ValueError(form)
        if not one["text"].strip() or one["answer"] not in ANSWERS:
            raise ValueError(form)
        found.append(SuiteQuestion(one["text"].strip(), ANSWERS[one["answer"]]))
    return tuple(found)
