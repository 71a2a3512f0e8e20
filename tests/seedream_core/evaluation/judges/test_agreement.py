"""Agreement is the dual encoder's own, and the picture and the prompt both matter."""

import numpy as np
import pytest
import toy_encoder

from seedream_core.errors import UserError
from seedream_core.evaluation.judges import Judge
from seedream_core.evaluation.suites import SuiteItem
from seedream_core.models.dual_encoder.artifact import load
from seedream_core.workflow.host import Host


def test_the_score_is_the_encoders_agreement(tmp_path):
    folder = toy_encoder.make_encoder(tmp_path / "encoder")
    judge = Judge.find("agreement")(path=str(folder))
    look, encoder = judge.start(Host()), load(folder)
    pictures = [np.random.default_rng(seed).integers(0, 256, (48, 48, 3), np.uint8) for seed in range(2)]
    scores = []
    for prompt in toy_encoder.TEXTS[:2]:
        for picture in pictures:
            item = SuiteItem("prompts", 0, prompt, 0)
            assert judge.applies(item)
            found = look(item, picture)
            assert found.score == pytest.approx(encoder.agreement(encoder.images([picture]), [[prompt]])[0])
            assert [(atom.kind, atom.asked, atom.score) for atom in found.atoms] == [("agreement", prompt, found.score)]
            scores.append(found.score)
    assert len(set(scores)) == 4 and all(0 < score < 1 for score in scores)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="judge agreement: .*gone is not a folder"):
        Judge.find("agreement")(path=str(tmp_path / "gone")).start(Host())
