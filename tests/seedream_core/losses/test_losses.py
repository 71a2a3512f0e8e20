"""Which terms may be trained together."""

import pytest

from seedream_core.losses import Loss, check
from seedream_core.stages.pretrain.mmdit import MmditStage
from seedream_core.workflow.config import ConfigError, parse

FLOW, CONTRAST, DISPERSE = (Loss.find(name) for name in ("flow_matching", "contrastive_flow_matching", "dispersive"))


def test_sensible_terms_are_taken():
    check([FLOW()])
    check([FLOW(), CONTRAST(), DISPERSE(layer=3)], depth=3, batch=2)


@pytest.mark.parametrize(
    ("losses", "limits", "words"),
    [
        ([], {}, "at least one term"),
        ([FLOW(weight=0)], {}, "at least one term"),
        ([FLOW(), DISPERSE(), DISPERSE(layer=1)], {}, "dispersive stands twice"),
        ([FLOW(), DISPERSE(layer=3)], {"depth": 2}, "dispersive reads layer 3, but the network has 2"),
        ([FLOW(), CONTRAST()], {"batch": 1}, "contrastive_flow_matching compares samples, but a device computes 1"),
    ],
)
def test_others_are_refused(losses, limits, words):
    with pytest.raises(ValueError, match=words):
        check(losses, **limits)


def test_a_recipe_names_terms_alone_or_with_options():
    tree = {
        "data": "d", "vae": "v", "text": "t", "net": {"depth": 2}, "train": {"steps": 1},
        "losses": ["flow_matching", {"name": "dispersive", "layer": 2, "weight": 0.5}],
    }  # fmt: skip
    assert parse(MmditStage, tree).losses == (FLOW(), DISPERSE(layer=2, weight=0.5))
    with pytest.raises(ConfigError, match="reads layer 2, but the network has 1"):
        parse(MmditStage, tree | {"net": {"depth": 1}})
