"""A page as an agent sees it, and the scripts that find this out in the page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Element:
    """An element of a page that can be used.

    Attributes:
        ref: The name by which `BrowserSession.click` and others know it; valid until the page is looked at again.
        role: Its role, such as "link" or "button".
        name: Its label.
    """

    ref: str
    role: str
    name: str


@dataclass(frozen=True)
class PageView:
    """A page as it is at one moment.

    Attributes:
        address: Its address.
        title: Its title.
        status: The HTTP status of the response; None if there is none, as after a click.
        html: What a reader sees of it, as HTML. Invisible elements are left out.
        elements: The elements that can be used.
        download: The file that the address led to in place of a page; None for a page.
        refused: The reasons why the page's requests were refused since the last view.
        notes: Sentences about things that happened: a dialog, a browser that was started again.
    """

    address: str
    title: str
    status: int | None = None
    html: str = field(default="", repr=False)
    elements: tuple[Element, ...] = ()
    download: Path | None = None
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


USABLE_ROLES = frozenset(
    (
        "button",
        "checkbox",
        "combobox",
        "link",
        "menuitem",
        "option",
        "radio",
        "searchbox",
        "slider",
        "switch",
        "tab",
        "textbox",
    )
)
ELEMENT_LINE = re.compile(r"""^\s*-\s+'?([a-z]+)(?:\s+"((?:[^"\\]|\\.)*)")?([^:]*\[ref=(\w+)\])""")


def parse_elements(snapshot: str) -> tuple[Element, ...]:
    r"""Return the elements of a page's accessibility snapshot that can be used.

    >>> parse_elements('- main [ref=e1]:\n  - link "Next page" [ref=e2] [cursor=pointer]:\n    - /url: /next')
    (Element(ref='e2', role='link', name='Next page'),)
    """
    elements = []
    for line in snapshot.splitlines():
        match = ELEMENT_LINE.match(line)
        if match is not None and match[1] in USABLE_ROLES:
            elements.append(Element(match[4], match[1], (match[2] or "").replace('\\"', '"')))
    return tuple(elements)


VISIBLE_HTML = """
() => {
  const root = document.documentElement;
  const copy = root.cloneNode(true);
  const originals = [root, ...root.querySelectorAll("*")], copies = [copy, ...copy.querySelectorAll("*")];
  const background = (element) => {
    for (let other = element; other; other = other.parentElement) {
      const style = getComputedStyle(other);
      if (style.backgroundImage !== "none") return null;
      if (!/^rgba\\(.*, 0\\)$|^transparent$/.test(style.backgroundColor)) return style.backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const isHidden = (element) => {
    const style = getComputedStyle(element);
    if (style.display === "none" || style.visibility !== "visible" || Number(style.opacity) === 0) return true;
    if (!hasText(element)) return false;
    const box = element.getBoundingClientRect();
    if (parseFloat(style.fontSize) < 2 || box.right + scrollX < 0 || box.bottom + scrollY < 0) return true;
    if (style.overflow !== "visible" && (box.width < 2 || box.height < 2)) return true;
    return style.color === background(element);
  };
  const kept = new Set(["HTML", "HEAD", "TITLE", "META", "BODY"]);
  originals.forEach((element, index) => {
    if (!kept.has(element.tagName) && !document.head?.contains(element) && isHidden(element)) copies[index].remove();
  });
  return copy.outerHTML;
}
"""
"""Returns the HTML of the page without the elements that nobody sees. It changes nothing in the page."""
