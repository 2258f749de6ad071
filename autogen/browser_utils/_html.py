"""HTML as Markdown: the text that a reader of the page would see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from .._extras import require

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

MAX_HTML = 2_000_000  # characters; more takes minutes
# Elements that indent the lines of their text, each again: a text within hundreds of them would take minutes.
INDENTING_TAGS: Final = ("blockquote", "dd", "dl", "li", "ol", "pre", "table", "td", "th", "ul")
MAX_INDENTS = 16
MAX_WEIGHT = 60_000_000  # characters, each counted once for each element around it
CUT_NOTE = "\n\n(The page goes on; only its first {:,} characters of HTML were read.)"
INVISIBLE_TAGS: Final = ("script", "style", "noscript", "template", "iframe", "object", "svg")
# Text that a reader doesn't see, and a model would.
INVISIBLE_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0*\.?0+\s*(;|$)|font-size\s*:\s*0(px|em|rem|pt|%)?\s*(!|;|$)"
    r"|(left|top|text-indent)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
# Links that a reader can't follow.
SCRIPT_LINK = re.compile(r"\s*(javascript|vbscript|data)\s*:", re.IGNORECASE)
DATA_HEAD = re.compile(r"\s*data:[\w.+/;=-]{0,100},", re.IGNORECASE)
MISSING = "Reading web pages"


def parse_html(html: str) -> BeautifulSoup:
    """Parse HTML, and leave out all that a reader doesn't see.

    Raises:
        ImportError: if the extra is not installed.
    """
    bs4 = require("bs4", extra="web", feature=MISSING)
    require("lxml", extra="web", feature=MISSING)
    soup: BeautifulSoup = bs4.BeautifulSoup(html[:MAX_HTML], "lxml")
    for text in soup.find_all(string=lambda text: isinstance(text, bs4.element.PreformattedString)):
        # Comments and the like.
        text.extract()
    for tag in soup.find_all(is_invisible):
        tag.extract()
    for tag in soup.find_all(INDENTING_TAGS):
        # Outer elements come first, so only those that are left are counted.
        if sum(parent.name in INDENTING_TAGS for parent in tag.parents) > MAX_INDENTS:
            tag.name = "div"
    for tag in soup.find_all(href=SCRIPT_LINK):
        tag["href"] = ""
    for tag in soup.find_all(src=DATA_HEAD):
        head = DATA_HEAD.match(str(tag["src"]))
        tag["src"] = f"{head[0]}..." if head is not None else ""
    return soup


def is_invisible(tag: Tag) -> bool:
    """Return True for an element that a reader of the page doesn't see."""
    if tag.name in INVISIBLE_TAGS or tag.has_attr("hidden") or str(tag.get("aria-hidden", "")).lower() == "true":
        return True
    return bool(INVISIBLE_STYLE.search(str(tag.get("style", ""))))


def render_markdown(element: BeautifulSoup | Tag, heading_style: Literal["atx", "underlined"] = "atx") -> str:
    """Return the Markdown of an element of a page.

    Args:
        element: The element.
        heading_style: Headings begin with "#", or the first two levels have a line below them.

    Raises:
        ImportError: if the extra is not installed.
    """
    markdownify = require("markdownify", extra="web", feature=MISSING)
    if is_too_deep(element):
        return tidy_markdown(element.get_text("\n"))
    try:
        converter = markdownify.MarkdownConverter(heading_style=heading_style, bullets="-", escape_misc=False)
        text: str = converter.convert_soup(element)
    except RecursionError:
        # Thousands of elements, each inside the other.
        text = element.get_text("\n")
    return tidy_markdown(text)


def is_too_deep(element: BeautifulSoup | Tag) -> bool:
    """Return True if a text is inside so many elements that rendering them would take minutes: each copies its text."""
    weight = 0
    for text in element.find_all(string=True):
        weight += len(text) * sum(1 for _ in text.parents)
        if weight > MAX_WEIGHT:
            return True
    return False


def convert_html(html: str) -> tuple[str | None, str]:
    """Return the title and the Markdown of a page."""
    soup = parse_html(html)
    title = get_title(soup)
    for tag in soup.find_all("title"):
        tag.extract()
    text = render_markdown(soup)
    return title, text + CUT_NOTE.format(MAX_HTML) if len(html) > MAX_HTML else text


def get_title(soup: BeautifulSoup) -> str | None:
    """Return the title of a page as a line; None if it has none."""
    title = soup.find("title")
    return " ".join(title.get_text().split()) or None if title is not None else None


def tidy_markdown(text: str) -> str:
    """Return a text without blanks at the ends of lines, and with at most one empty line in a row."""
    lines = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n")
