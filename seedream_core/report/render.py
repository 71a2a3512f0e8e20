"""Renders a page from its template into one file with styles and script inside."""

from pathlib import Path
from typing import Any

from seedream_core.report import charts

HERE = Path(__file__).parent


def render(template: str, context: dict[str, Any]) -> str:
    """The page as HTML; a name that the context lacks is an error, and texts are escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "brief": brief, "megabytes": megabytes, "number": number}
    style, script = (Markup((HERE / name).read_text(encoding="utf-8")) for name in ("style.css", "script.js"))
    page = environment.get_template(template).render(context, style=style, script=script)
    return page.encode("utf-8", "replace").decode()  # a file name may hold a lone surrogate


def percent(share: float) -> str:
    """`97.3%`, or `97%` where the decimal is 0."""
    return f"{100 * share:.1f}".removesuffix(".0") + "%"


def brief(seconds: float) -> str:
    """A short time: `84 ms`, `1.2 s`."""
    return f"{1000 * seconds:.0f} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def megabytes(size: float) -> str:
    return f"{size:.2f} MB" if size < 10 else f"{size:.4g} MB"


def number(value: float | None) -> str:
    return "—" if value is None else charts.number(value)
