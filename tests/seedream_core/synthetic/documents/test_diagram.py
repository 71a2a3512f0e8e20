"""Diagrams hold together: one start and end, trees without a second parent, lines between different nodes that
exist.
"""

from seedream_core.synthetic.documents import make
from seedream_core.synthetic.documents.diagram import Diagram
from seedream_core.synthetic.documents.pen import latin


def diagrams(count: int = 60):
    return [
        make(Diagram(), ("diagrams", index), (512, 480), 0.12 + 0.12 * (index % 3), latin()) for index in range(count)
    ]


def test_what_is_joined_exists_and_is_one_whole():
    kinds = {}
    for figure in diagrams():
        content = figure.content
        kinds[content["type"]] = kinds.get(content["type"], 0) + 1
        names = [name for group in content["nodes"].values() for name in group]
        edges = [(one, other) for one, other, _ in content["edges"]]
        assert (
            len(set(names)) == len(names)
            and all(one != other for one, other in edges)
            and len(set(edges)) == len(edges)
        )
        assert {name for edge in edges for name in edge} <= set(names)
        if content["type"] == "tree diagram":
            assert len(edges) == len(names) - 1 and len({other for _, other in edges}) == len(edges)
        if content["type"] == "flow chart":
            assert content["nodes"]["oval"] == ["Start", "End"] and edges[0][0] == "Start" and edges[-1][1] == "End"
            asked = content["nodes"].get("diamond", [])
            assert all(
                sorted(mark for one, _, mark in content["edges"] if one == name) == ["no", "yes"] for name in asked
            )
    assert len(kinds) == 3 and min(kinds.values()) >= 5


def test_a_caption_is_read_back():
    caption = (
        'A flow chart with 3 nodes, titled "Plan", on a white background. Nodes: oval "Start", "End"; diamond "Ok; '
        'really?". '
        'Arrows: "Start" to "Ok; really?"; "Ok; really?" to "End" marked "yes".'
    )
    assert Diagram.read(caption) == {
        "type": "flow chart",
        "title": "Plan",
        "nodes": {"oval": ["Start", "End"], "diamond": ["Ok; really?"]},
        "edges": [["Start", "Ok; really?", ""], ["Ok; really?", "End", "yes"]],
    }
