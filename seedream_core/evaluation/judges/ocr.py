"""Judge of written text: whether OCR finds the strings that a prompt quotes in the picture (extra `ocr`).

A string counts if the recognised text contains it, spaces and case ignored; the score is the share of strings found.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le

from seedream_core.evaluation.judges import Atom, Judge, Judgement
from seedream_core.evaluation.suites import SuiteItem
from seedream_core.workflow.host import Host

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.evaluation.judges import Look

QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|「([^」]+)」|『([^』]+)』')


@dataclass(frozen=True, kw_only=True)
class OcrJudge(Judge):
    min_confidence: Annotated[float, Ge(0), Le(1)] = 0.5
    "recognised lines below this confidence are ignored"

    def applies(self, item: SuiteItem) -> bool:
        return bool(quoted(item.prompt))

    def start(self, host: Host) -> "Look":
        from seedream_core.data.captioning.captioners.strings import in_order
        from seedream_core.data.curation.scorers import ocr
        from seedream_core.extras import extra

        engine = extra("rapidocr", "ocr", "judge ocr").RapidOCR(
            params={"Global.log_level": "error", "Global.text_score": self.min_confidence}
        )

        def look(item: SuiteItem, picture: "np.ndarray") -> Judgement:
            lines = in_order(ocr.read(engine, picture))
            written = _plain("".join(line["text"] for line in lines))
            found = {text: _plain(text) in written for text in quoted(item.prompt)}
            missing = [text for text, there in found.items() if not there]
            return Judgement(
                tuple(Atom("ocr", "text", text, float(there)) for text, there in found.items()),
                sum(found.values()) / len(found),
                f"not written: {', '.join(missing)}" if missing else None,
            )

        return look


def quoted(prompt: str) -> list[str]:
    """The strings in double or corner quotes, each once, in order."""
    strings = (next(filter(None, match.groups())).strip() for match in QUOTED.finditer(prompt))
    return list(dict.fromkeys(text for text in strings if _plain(text)))


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()
