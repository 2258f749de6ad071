"""Web pages as Markdown with underlined headings, as 0.2 wrote them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..browser_utils._html import get_title, parse_html, render_markdown, tidy_markdown

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

WIKIPEDIA = re.compile(r"([\w-]+\.)?wikipedia\.org", re.IGNORECASE)


def render_page(html: str, url: str | None = None) -> str:
    """Return a page as Markdown: its title as the first heading, and the text that a reader would see.

    Args:
        html: The page.
        url: Its address; of a page of Wikipedia, the article alone is returned.

    Raises:
        ImportError: if the extra is not installed.
    """
    soup = parse_html(html)
    title = get_title(soup)
    body: BeautifulSoup | Tag = soup
    if url and WIKIPEDIA.fullmatch(_get_host(url)):
        article, heading = soup.find("div", {"id": "mw-content-text"}), soup.find(class_="mw-page-title-main")
        body = soup if article is None else article
        title = " ".join(heading.get_text().split()) if heading is not None else title
    for tag in soup.find_all("title"):
        tag.extract()
    text = render_markdown(body, heading_style="underlined")
    return tidy_markdown(f"# {title}\n\n{text}" if title else text)


def _get_host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
