"""A folder of PDFs gives the figures in them with their captions, and a row for every file, page or figure that cannot
be had.
"""

import io

import numpy as np
import pytest
from PIL import Image

from seedream_core.data.images.pictures import normalise
from seedream_core.data.sources import pdf
from seedream_core.errors import UserError

pytest.importorskip("pypdfium2")

UNICODE = (
    b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def 1 begincodespacerange "
    b"<0000> <ffff> "
    b"endcodespacerange 1 beginbfrange <0000> <ffff> <0000> endbfrange endcmap end end"
)


def stream(head: str, data: bytes) -> bytes:
    return f"<< {head} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def document(*pages: bytes, images: tuple[bytes, ...] = (), box: str = "0 0 600 800", trailer: str = "") -> bytes:
    """A PDF with a content stream for each page; every page has all the images (/I0, /I1, …), Helvetica (/F) and
    Chinese (/Z).
    """
    first = 8
    named = " ".join(f"/I{number} {first + number} 0 R" for number in range(len(images)))
    at = [first + len(images) + 2 * number for number in range(len(pages))]
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{' '.join(f'{one} 0 R' for one in at)}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Font /Subtype /Type0 /BaseFont /None /Encoding /Identity-H /DescendantFonts [5 0 R] /ToUnicode "
        b"7 0 R >>",
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /None /CIDSystemInfo << /Registry (Adobe) /Ordering "
        b"(Identity) /Supplement 0 >> "
        b"/FontDescriptor 6 0 R /DW 1000 >>",
        b"<< /Type /FontDescriptor /FontName /None /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 /Ascent 800 "
        b"/Descent 0 /CapHeight 700 /StemV 80 >>",
        stream("", UNICODE),
        *images,
    ]
    for number, content in enumerate(pages):
        bodies.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents {at[number] + 1} 0 R "
            f"/Resources << /Font << /F 3 0 R /Z 4 0 R >> /XObject << {named} >> >> >>".encode()
        )
        bodies.append(stream("", content))
    out, places = io.BytesIO(b"%PDF-1.4\n"), []
    out.seek(0, io.SEEK_END)
    for number, body in enumerate(bodies, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n".encode() + body + b"\nendobj\n")
    start = out.tell()
    out.write(f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n".encode())
    out.write(b"".join(f"{place:010d} 00000 n \n".encode() for place in places))
    out.write(f"trailer << /Size {len(bodies) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF".encode())
    return out.getvalue()


def raw(width: int, height: int, shade: int, claimed: int = 0) -> bytes:
    sides = f"/Width {claimed or width} /Height {claimed or height}"
    head = f"/Type /XObject /Subtype /Image {sides} /ColorSpace /DeviceRGB /BitsPerComponent 8"
    return stream(head, bytes([shade, 0, 0]) * (width * height))


def jpeg(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=95)
    space = {"L": "Gray", "RGB": "RGB", "CMYK": "CMYK"}[picture.mode]
    return stream(
        f"/Type /XObject /Subtype /Image /Width {picture.width} /Height {picture.height} /ColorSpace /Device{space} "
        f"/BitsPerComponent 8 /Filter /DCTDecode",
        data.getvalue(),
    )


def show(number: int, x: int, y: int, width: int = 200, height: int = 150) -> bytes:
    return f"q {width} 0 0 {height} {x} {y} cm /I{number} Do Q\n".encode()


def write(text: str, x: int, y: int) -> bytes:
    if text.isascii():
        return f"BT /F 10 Tf {x} {y} Td ({text}) Tj ET\n".encode()
    return f"BT /Z 10 Tf {x} {y} Td <{text.encode('utf-16-be').hex()}> Tj ET\n".encode()


def found(folder, source, **options) -> dict[str, tuple]:
    """Name -> size, captions and colour of the first pixel of every figure."""
    one, rows = source("pdf", folder, **options), {}
    for item in one.listing().items:
        given = one.read(item)
        picture = Image.open(io.BytesIO(normalise(given.picture).data)).convert("RGB")
        rows[item.name] = (picture.size, given.captions, picture.getpixel((0, 0)))
    return rows


def test_figures_come_with_their_nearest_captions(tmp_path, source):
    page = (
        show(0, 50, 600)
        + write("Figure 1: A red plate.", 50, 585)
        + show(1, 50, 300)
        + write("Fig. 2. A darker plate, seen", 50, 285)
        + write("from above. More text follows.", 50, 273)
        + write("As Figure 1: shows, nothing.", 50, 100)
        + show(2, 350, 600)
    )
    chinese = show(0, 50, 600) + write("图3：红色的板。", 50, 585) + show(1, 50, 60) + write("表1 没有", 50, 400)
    (tmp_path / "书").mkdir()
    (tmp_path / "书" / "a.pdf").write_bytes(
        document(page, chinese, images=(raw(200, 150, 200), raw(240, 180, 90), raw(40, 30, 3)))
    )
    (tmp_path / "notes.txt").write_text("no")
    rows = found(tmp_path, source)
    assert rows == {
        "书/a.pdf#1.1": ((200, 150), {"en": {"short": "A red plate."}}, (200, 0, 0)),
        "书/a.pdf#1.2": (
            (240, 180),
            {"en": {"short": "A darker plate, seen from above. More text follows."}},
            (90, 0, 0),
        ),
        "书/a.pdf#2.1": ((200, 150), {"zh": {"short": "红色的板。"}}, (200, 0, 0)),
        "书/a.pdf#2.2": ((240, 180), {}, (90, 0, 0)),
    }
    listing = source("pdf", tmp_path).listing()
    assert listing.ignored == {".txt": 1, "small figure": 1} and listing.lost == []
    assert "书/a.pdf#1.3" in found(tmp_path, source, min_side=30)


def test_a_plain_jpeg_keeps_its_bytes_and_others_are_drawn(tmp_path, source):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)).resize(
        (200, 150), Image.Resampling.BICUBIC
    )
    data = document(
        show(0, 0, 0),
        show(1, 0, 0),
        b"q -200 0 0 150 300 0 cm /I0 Do Q",
        images=(jpeg(noise), jpeg(noise.convert("CMYK"))),
    )
    (tmp_path / "a.pdf").write_bytes(data)
    one = source("pdf", tmp_path)
    raws = {item.name: one.read(item).picture for item in one.listing().items}
    assert raws["a.pdf#1.1"] in data and raws["a.pdf#1.1"].startswith(b"\xff\xd8")
    assert raws["a.pdf#2.1"].startswith(b"\x89PNG")
    upright, turned = (
        np.asarray(Image.open(io.BytesIO(raws[name])).convert("RGB")).astype(int) for name in ("a.pdf#1.1", "a.pdf#3.1")
    )
    assert (
        turned.shape == upright.shape
        and np.abs(turned[:, ::-1] - upright).mean() < 12 < np.abs(turned - upright).mean()
    )


def test_what_pillow_writes_is_read(tmp_path, source):
    pages = [Image.new("RGB", (200, 180), (number * 60, 9, 9)) for number in range(3)]
    pages[0].save(tmp_path / "scan.pdf", save_all=True, append_images=pages[1:])
    sizes = {name: size for name, (size, _, _) in found(tmp_path, source).items()}
    assert sizes == {f"scan.pdf#{page}.1": (200, 180) for page in (1, 2, 3)}


def test_hostile_files_are_reported_and_lose_nothing_else(tmp_path, source, reasons, monkeypatch):
    whole = document(show(0, 50, 600), images=(raw(130, 130, 7),))
    (tmp_path / "good.pdf").write_bytes(whole)
    (tmp_path / "cut.pdf").write_bytes(whole[:40])
    (tmp_path / "empty.pdf").write_bytes(b"")
    (tmp_path / "none.pdf").write_bytes(b"GIF89a" * 100)
    secret = f"/ID [<00><00>] /Encrypt << /Filter /Standard /V 1 /R 2 /O <{'41' * 32}> /U <{'42' * 32}> /P -4 >>"
    (tmp_path / "secret.pdf").write_bytes(document(show(0, 50, 600), images=(raw(130, 130, 7),), trailer=secret))
    (tmp_path / "bomb.pdf").write_bytes(document(show(0, 50, 600), images=(raw(10, 10, 7, claimed=60000),)))
    (tmp_path / "page.pdf").write_bytes(
        document(show(0, 50, 600), images=(raw(130, 130, 9),), box="0 0 99999999 99999999")
    )
    (tmp_path / "link.pdf").symlink_to(tmp_path / "good.pdf")
    (tmp_path / "many.pdf").write_bytes(document(show(0, 50, 600) * 4, show(0, 0, 0), images=(raw(130, 130, 5),)))
    monkeypatch.setattr(pdf, "FIGURES", 3)
    lost = reasons(source("pdf", tmp_path))
    assert (
        lost.pop("secret.pdf") == "the file is encrypted"
        and lost.pop("bomb.pdf#1.1") == "too large: 60000×60000 pixels, over 64 million"
    )
    assert lost.pop("many.pdf#1") == "cannot be read: page 1: more than 3 figures" and "symbolic link" in lost.pop(
        "link.pdf"
    )
    assert set(lost) == {"cut.pdf", "empty.pdf", "none.pdf"} and all(
        "no PDF that can be read" in reason for reason in lost.values()
    )
    assert list(found(tmp_path, source)) == ["good.pdf#1.1", "many.pdf#2.1", "page.pdf#1.1"]


def test_limits_of_files_and_pages(tmp_path, source, reasons, monkeypatch):
    (tmp_path / "a.pdf").write_bytes(document(b"", b"", b""))
    monkeypatch.setattr(pdf, "PAGES", 2)
    assert reasons(source("pdf", tmp_path)) == {"a.pdf": "too large: 3 pages, over 2"}
    monkeypatch.setattr(pdf, "FILE_BYTES", 100)
    assert "bytes, over 100" in reasons(source("pdf", tmp_path))["a.pdf"]


def test_without_pypdfium2_one_message_says_what_to_install(tmp_path, source, monkeypatch):
    pdf._pdfium.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "pypdfium2", None)
    with pytest.raises(UserError, match="pip install 'seedream"):
        source("pdf", tmp_path).listing()


def test_a_pdf_goes_through_ingest(tmp_path):
    from seedream_core.stages.data.ingest import IngestStage
    from seedream_core.workflow.config import parse
    from seedream_core.workflow.host import Host

    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    page = show(0, 50, 600) + write("Figure 1: A red plate.", 50, 585)
    (tmp_path / "in" / "a.pdf").write_bytes(document(page, images=(raw(160, 130, 200),)))
    metrics = parse(IngestStage, {"source": {"name": "pdf", "path": str(tmp_path / "in")}}).run(
        tmp_path / "out", Host()
    )
    assert metrics["kept"] == 1
