"""Source of figures from PDF files: pictures embedded in the pages, with the nearest "Figure 3: ..." or "图3 ..." as
caption.

Seedream 4.0 takes natural knowledge data from PDFs of textbooks and papers; here pypdfium2 reads them (the extra
`[data]`). Pages are never rendered, so the page size that a file claims has no effect, and the size of a picture is
known before it is decoded.
"""

import atexit
import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge
from PIL import Image

from seedream_core.data.images.pictures import PIXELS
from seedream_core.data.sources import Item, Listing, Lost, Raw, Source, raw_captions
from seedream_core.data.sources.folder import shown, walk
from seedream_core.errors import DataError, UserError

FILE_BYTES = 512 * 2**20
PAGES = 5000
FIGURES = 500
"""Largest number of figures on one page."""
CAPTION = 600
LINES = 4
NEAR = 0.25
"""Largest distance between a caption and its figure, as a share of the page height; a caption farther away belongs to
another figure."""
_LABEL = re.compile(
    r"(?:(?:Figure|Fig\.?|FIGURE|FIG\.?)\s*\d+(?:[.\-–]\d+)*[a-z]?\s*[:.|—–]|图\s*\d+(?:[.\-–]\d+)*\s*[:：.．、]?)\s*(?=\S)"
)
_END = re.compile(r"[.。!?！？]\s*$")


@dataclass(frozen=True, kw_only=True)
class Pdf(Source):
    renamed: ClassVar[Mapping[str, str]] = {"least": "min_side"}
    min_side: Annotated[int, Ge(1)] = 128
    """Smallest length of a figure's shorter side in pixels; smaller ones (icons, rules) are counted as ignored."""

    def listing(self) -> Listing:
        _pdfium()
        _opened.cache_clear()
        listing = Listing()
        for name in walk(self.folder, listing):
            if not name.lower().endswith(".pdf"):
                listing.ignored[Path(name).suffix or "no extension"] += 1
            elif (self.folder / name).is_symlink():
                listing.lost.append(Lost(shown(name), shown(name), "a symbolic link is not followed"))
            else:
                self._list(name, listing)
        return listing

    def _list(self, name: str, listing: Listing) -> None:
        place, stamp = shown(name), self._stamp(name)
        try:
            document = _opened(self.path, name, stamp)
            if len(document) > PAGES:
                raise DataError(f"too large: {len(document)} pages, over {PAGES}")
        except DataError as error:
            listing.lost.append(Lost(place, place, error.message))
            return
        for page in range(len(document)):
            try:
                sizes = [image.get_px_size() for image in _images(document[page])]
            except (DataError, _pdfium().PdfiumError) as error:
                listing.lost.append(Lost(f"{place}#{page + 1}", place, f"cannot be read: page {page + 1}: {error}"))
                continue
            for figure, (width, height) in enumerate(sizes):
                where = f"{place}#{page + 1}.{figure + 1}"
                if min(width, height) < self.min_side:
                    listing.ignored["small figure"] += 1
                elif width * height > PIXELS:
                    listing.lost.append(
                        Lost(where, place, f"too large: {width}×{height} pixels, over {PIXELS // 10**6} million")
                    )
                else:
                    listing.items.append(Item(where, f"{place}: page {page + 1}", [name, page, figure, stamp]))

    def _stamp(self, name: str) -> tuple[int, int]:
        stat = os.lstat(self.folder / name)
        return stat.st_size, stat.st_mtime_ns

    def read(self, item: Item) -> Raw:
        name, number, figure, stamp = item.at
        try:
            page = _opened(self.path, name, tuple(stamp))[number]
            image = _images(page)[figure]
            return Raw(_picture(image), raw_captions.bare(_caption(page, image)))
        except _pdfium().PdfiumError as error:
            raise DataError(f"cannot be read: page {number + 1}, figure {figure + 1}: {error}") from None


@lru_cache(maxsize=1)
def _pdfium() -> Any:
    try:
        import pypdfium2
    except ImportError:
        raise UserError(
            "the source 'pdf' needs pypdfium2, which is not installed", "pip install 'seedream[data]'"
        ) from None
    atexit.register(_opened.cache_clear)  # otherwise pypdfium2 warns about a document left open
    return pypdfium2


@lru_cache(maxsize=1)
def _opened(folder: str, name: str, stamp: tuple[int, int]) -> Any:
    """Opens the document; DataError if it is encrypted, cut short, too large or not a PDF."""
    pdfium = _pdfium()
    if stamp[0] > FILE_BYTES:
        raise DataError(f"too large: {stamp[0]} bytes, over {FILE_BYTES}")
    try:
        return pdfium.PdfDocument(Path(folder, name))
    except pdfium.PdfiumError as error:
        encrypted = "assword" in str(error) or "ecurity" in str(error)
        raise DataError("the file is encrypted" if encrypted else f"no PDF that can be read: {error}") from None
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror or error}") from None


def _images(page: Any) -> list[Any]:
    """The page's embedded pictures in drawing order, including those inside forms."""
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    found = []
    for image in page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE]):
        found.append(image)
        if len(found) > FIGURES:
            raise DataError(f"more than {FIGURES} figures")
    return found


def _picture(image: Any) -> bytes:
    """The original JPEG if it is plain and upright, else a PNG after PDFium has applied masks and colour spaces."""
    matrix = image.get_matrix()
    if image.get_filters() == ["DCTDecode"] and matrix.b == matrix.c == 0 and min(matrix.a, matrix.d) > 0:
        data = bytes(image.get_data())
        with Image.open(io.BytesIO(data)) as picture:
            if picture.format == "JPEG" and picture.mode in ("RGB", "L"):
                return data
    drawn, data = image.get_bitmap(render=True, scale_to_original=True), io.BytesIO()
    if drawn.width * drawn.height > PIXELS:
        raise DataError(f"too large: {drawn.width}×{drawn.height} pixels, over {PIXELS // 10**6} million")
    drawn.to_pil().save(data, "PNG", compress_level=1)
    return data.getvalue()


def _caption(page: Any, image: Any) -> str:
    """The nearest caption above or below the figure, without its number; "" if none is near."""
    _left, bottom, right, top = image.get_bounds()
    best, nearest = "", NEAR * page.get_height()
    for text, (start, low, _, high) in _captions(page):
        away = max(bottom - high, low - top, 0)
        if start < right and away < nearest:
            best, nearest = text, away
    return best


def _captions(page: Any) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    """Lines that begin like a caption, each with the following text up to a full stop, and the position of its first
    letter.
    """
    written = page.get_textpage()
    for start in ("Fig", "图"):
        search = written.search(start)
        while hit := search.get_next():
            index = hit[0]
            if index and written.get_text_range(index - 1, 1).strip():
                continue
            text = written.get_text_range(index, min(CAPTION, written.count_chars() - index))
            if label := _LABEL.match(text):
                yield _sentence(text[label.end() :]), written.get_charbox(index)


def _sentence(text: str) -> str:
    """Joins the lines of a caption, up to the end of a sentence, an empty line, or the fourth line."""
    taken = []
    for line in text.replace("\r", "").split("\n")[:LINES]:
        if not line.strip():
            break
        taken.append(line.strip())
        if _END.search(line):
            break
    joined = " ".join(taken)
    return re.sub("(?<=[\u3400-\u9fff，、。]) (?=[\u3400-\u9fff])", "", joined)
