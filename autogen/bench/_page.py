"""The report of a benchmark as one page of HTML.

Answers are untrusted. The template escapes every value, and the page's own policy allows only its style, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING

from ..agentchat._diagrams.story import make_printable

if TYPE_CHECKING:
    from jinja2 import Environment


def render_report(report: object) -> str:
    """Render the page of a `Report`."""
    from markupsafe import Markup

    environment = _make_environment()
    assert environment.loader is not None
    # Not rendered: the hash in the page's policy is that of the file.
    style = environment.loader.get_source(environment, "report.css")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        report=report, style=Markup(style), style_hash=f"'sha256-{digest}'"
    )


@cache
def _make_environment() -> Environment:
    # Imported where it is used: most programs need no page.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        finalize=_clean,
        loader=PackageLoader("autogen.bench", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _format_percent
    return environment


def _format_percent(rate: float) -> str:
    return f"{rate:.1%}"


def _clean(value: object) -> object:
    """Replace characters that are invisible, or that change the direction of the text around them."""
    return "\t".join(map(make_printable, value.split("\t"))) if type(value) is str else value
