"""Wireframes of both screens hold every element; what comes first in the caption stands on top."""

from seedream_core.synthetic.documents import make
from seedream_core.synthetic.documents.pen import latin
from seedream_core.synthetic.documents.wireframe import ELEMENTS, REGIONS, SCREENS, STATES, Wireframe


def test_every_element_region_and_state_is_drawn():
    seen = {"screen": set(), "region": set(), "element": set(), "state": {""}}
    for index in range(60):
        size = ((320, 512), (512, 352))[index % 2]
        figure = make(Wireframe(), ("wires", index), size, 0.25 + 0.1 * (index % 4), latin())
        seen["screen"].add(figure.content["screen"])
        written = dict(figure.texts)
        for section in figure.content["sections"]:
            seen["region"].add(section["region"])
            seen["element"] |= {element for element, _, _ in section["items"]}
            seen["state"] |= {state for _, _, state in section["items"]}
        title = figure.content["sections"][0]["items"][0][1]
        assert written[title][1] <= 0.2 * size[1]
    assert seen["screen"] == set(SCREENS) and seen["region"] == set(REGIONS)
    assert seen["element"] == set(ELEMENTS) and seen["state"] == {"", *STATES}


def test_a_caption_is_read_back():
    caption = (
        'A wireframe of a web page titled "Shop", on a white background. Top bar: title "Shop", link "Home, etc". '
        'Column 2, switches: switch "Sync" on. Column 2, article: heading "Tea", text line, text line. Column 3, '
        "banner: image."
    )
    assert Wireframe.read(caption) == {
        "screen": "web page",
        "sections": [
            {"region": "top bar", "column": 0, "items": [["title", "Shop", ""], ["link", "Home, etc", ""]]},
            {"region": "switches", "column": 2, "items": [["switch", "Sync", "on"]]},
            {
                "region": "article",
                "column": 2,
                "items": [["heading", "Tea", ""], ["text line", "", ""], ["text line", "", ""]],
            },
            {"region": "banner", "column": 3, "items": [["image", "", ""]]},
        ],
    }
