"""The tools of a web surfer: a browser, with the pages marked as text from outside."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Protocol

from ..._steps import gather, run_sync, wrap_in_thread
from ..._untrusted import mark_untrusted
from ...browser_utils import AbstractMarkdownBrowser
from ...browser_utils._pages import split_page

LINE = "=" * 23
MAX_TITLE = 120  # characters
PART_SIZE = 24_000  # characters: some 6,000 tokens
MAX_PARTS = 40
MAX_ANSWERS = 100
RESULT_LINK = re.compile(r"\]\((https?://[^\s)]+)\)")

NOTES_PROMPT = (
    "Below is part {number} of {count} of a web page. Write down all that matters in it for this request, with its figures "
    "and names, in a few sentences; write NOTHING if there is nothing.\n\nRequest: {question}\n\n"
)
ANSWER_PROMPT = (
    "Below are {what} of a web page. Answer the request from it alone, and say so if the answer is not there.\n\n"
    "Request: {question}\n\n"
)
SUMMARY_REQUEST = "Summarise the page in one or two paragraphs."

Reader = Callable[[str], str]
"""A function that asks the model that reads pages."""


class PagedBrowser(Protocol):
    """The attributes of a browser that shows pages in parts."""

    page_title: str | None
    viewport_pages: list[tuple[int, int]]
    viewport_current_page: int


TOOL_NAMES = (
    *("informational_web_search", "navigational_web_search", "visit_page", "download_file", "page_up", "page_down"),
    *("find_on_page_ctrl_f", "find_next", "read_page_and_answer", "summarize_page"),
)


class WebTools:
    """The tools of a web surfer. They take turns, because a browser shows one page at a time.

    Args:
        browser: The browser.
        read: Asks the model that reads pages; None if there is none.

    Attributes:
        browser: As above.
        sources: The address and title of each page that was shown since the list was cleared.
    """

    def __init__(self, browser: AbstractMarkdownBrowser, read: Reader | None) -> None:
        self.browser = browser
        self.sources: dict[str, str] = {}
        self._read = read
        self._lock = threading.RLock()
        self._answers: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def list_tools(self) -> list[tuple[Callable[..., str], str]]:
        """Return the tools, each with its description for the model."""
        tools: list[tuple[Callable[..., str], str]] = [
            (self.informational_web_search, "Search the web, and return the list of results."),
            (self.navigational_web_search, "Search the web for a page, and open the first result at once."),
            (self.visit_page, "Open a page at its address, and return its text."),
            (self.download_file, "Download the file at an address, and return its text if it has any."),
            (self.page_up, "Scroll up by one part of the page, and return its text."),
            (self.page_down, "Scroll down by one part of the page, and return its text."),
            (self.find_on_page_ctrl_f, "Scroll to the first part of the page that has some words, as with Ctrl+F."),
            (self.find_next, "Scroll to the next part that has the words of find_on_page_ctrl_f."),
        ]
        if self._read is not None:
            tools += [
                (self.read_page_and_answer, "Read a whole page, and answer a question about it."),
                (self.summarize_page, "Read a whole page, and summarise it."),
            ]
        return tools

    def informational_web_search(self, query: Annotated[str, "The words to search for."]) -> str:
        """Search the web and return the results."""
        with self._lock:
            self.browser.visit_page(f"search: {query}")
            return self.describe_view()

    def navigational_web_search(self, query: Annotated[str, "The words to search for."]) -> str:
        """Search the web and open the first result."""
        with self._lock:
            self.browser.visit_page(f"search: {query}")
            link = RESULT_LINK.search(self.browser.page_content)
            if link is not None:
                self.browser.visit_page(link[1])
            return self.describe_view()

    def visit_page(self, url: Annotated[str, "The address, absolute or relative to the page."]) -> str:
        """Open a page and return its view."""
        with self._lock:
            self.browser.visit_page(url)
            return self.describe_view()

    def download_file(self, url: Annotated[str, "The address, absolute or relative to the page."]) -> str:
        """Download a file and return the view of its text."""
        return self.visit_page(url)

    def page_up(self) -> str:
        """Scroll up and return the view."""
        with self._lock:
            self.browser.page_up()
            return self.describe_view()

    def page_down(self) -> str:
        """Scroll down and return the view."""
        with self._lock:
            self.browser.page_down()
            return self.describe_view()

    def find_on_page_ctrl_f(self, search_string: Annotated[str, "The words to find; `*` stands for any characters."]) -> str:
        """Find words on the page and return the view that has them."""
        with self._lock:
            if self.browser.find_on_page(search_string) is None:
                return f"{self.describe_page()}{LINE}\nThe search string '{search_string}' was not found on this page."
            return self.describe_view()

    def find_next(self) -> str:
        """Find the same words again and return the view that has them."""
        with self._lock:
            if self.browser.find_next() is None:
                return f"{self.describe_page()}{LINE}\nThe search string was not found on this page."
            return self.describe_view()

    def read_page_and_answer(
        self,
        question: Annotated[str, "The question."],
        url: Annotated[str | None, "The address of the page; leave it out for the page that is open."] = None,
    ) -> str:
        """Read a page, all of its parts, and answer a question about it."""
        with self._lock:
            if url is not None and url != self.browser.address:
                self.browser.visit_page(url)
            self._add_source()
            address, content = self.browser.address, self.browser.page_content
            title = self.get_title()
        return f"Address: {address}\n{title}{LINE}\n{self._answer(address, content, question)}"

    def summarize_page(
        self, url: Annotated[str | None, "The address of the page; leave it out for the page that is open."] = None
    ) -> str:
        """Read a page, all of its parts, and summarise it."""
        return self.read_page_and_answer(SUMMARY_REQUEST, url)

    def describe_view(self) -> str:
        """Return the address, the title and the position of the view, and then its text as text from outside."""
        self._add_source()
        return f"{self.describe_page()}{LINE}\n{mark_untrusted(self.browser.viewport, self.browser.address)}"

    def describe_page(self) -> str:
        """Return the lines about the address, the title and the position of the view."""
        position = ""
        pages = getattr(self.browser, "viewport_pages", None)
        if pages:
            current = getattr(self.browser, "viewport_current_page", 0)
            position = f"Viewport position: Showing page {current + 1} of {len(pages)}.\n"
        return f"Address: {self.browser.address}\n{self.get_title()}{position}"

    def get_title(self) -> str:
        """Return the line of the title; empty if the page has none."""
        # The page chooses its title: no line of it may look like another line of ours.
        title = " ".join(str(getattr(self.browser, "page_title", None) or "").split())
        return f"Title: {title[:MAX_TITLE]}\n" if title else ""

    def _add_source(self) -> None:
        address = self.browser.address
        if address.startswith(("http://", "https://")):
            self.sources[address] = self.get_title().removeprefix("Title: ").strip()

    def _answer(self, address: str, content: str, question: str) -> str:
        """Return the answer to a question about a page. A long page is read in parts, and then the notes of all of them."""
        assert self._read is not None
        if not content.strip():
            return "The page is empty."
        key = (address, sha256(content.encode("utf-8", "replace")).hexdigest(), question)
        if key not in self._answers:
            self._answers[key] = self._read_parts(address, content, question)
            while len(self._answers) > MAX_ANSWERS:
                self._answers.popitem(last=False)
        return self._answers[key]

    def _read_parts(self, address: str, content: str, question: str) -> str:
        assert self._read is not None
        parts = [content[start:end] for start, end in split_page(content, PART_SIZE)]
        skipped, parts = len(parts[MAX_PARTS:]), parts[:MAX_PARTS]
        if len(parts) == 1:
            head = ANSWER_PROMPT.replace("{what}", "the whole text").replace("{question}", question)
            return self._read(head + mark_untrusted(parts[0], address))
        prompts = [
            NOTES_PROMPT.replace("{number}", str(number)).replace("{count}", str(len(parts))).replace("{question}", question)
            + mark_untrusted(part, address)
            for number, part in enumerate(parts, 1)
        ]
        notes = run_sync(gather(self._read, wrap_in_thread(self._read), prompts, in_threads=True))
        text = "\n\n".join(note for note in notes if note.strip() and note.strip() != "NOTHING") or "(no notes)"
        head = ANSWER_PROMPT.replace("{what}", "notes on all parts").replace("{question}", question)
        answer = self._read(head + mark_untrusted(text, address))
        return f"{answer}\n\n(The page is longer: {skipped} further parts were not read.)" if skipped else answer
