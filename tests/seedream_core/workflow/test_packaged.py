"""The packaged model and its parts have names; a folder of the same name comes first."""

from seedream_core.workflow import artifact
from seedream_core.workflow.packaged import packaged


def test_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert artifact.read(packaged("packaged"), "generator")
    assert artifact.read(packaged("packaged/autoencoder"), "autoencoder") and artifact.read(
        packaged("packaged/text"), "text_encoder"
    )
    assert packaged("packaged/nothing") is None and packaged("runs/packaged") is None
    (tmp_path / "packaged").mkdir()
    assert packaged("packaged") is None
