"""The base class of text browsers."""

from __future__ import annotations

from abc import ABC, abstractmethod

__all__ = ["AbstractMarkdownBrowser"]


class AbstractMarkdownBrowser(ABC):
    """A browser that shows pages as Markdown, in viewports of a limited size."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The address of the page."""

    @abstractmethod
    def set_address(self, uri_or_path: str) -> None:
        """Go to an address."""

    @property
    @abstractmethod
    def viewport(self) -> str:
        """The part of the page that is shown."""

    @property
    @abstractmethod
    def page_content(self) -> str:
        """The whole page."""

    @abstractmethod
    def page_down(self) -> None:
        """Show the next part of the page."""

    @abstractmethod
    def page_up(self) -> None:
        """Show the previous part of the page."""

    @abstractmethod
    def visit_page(self, path_or_uri: str) -> str:
        """Go to an address and return the first part of its page."""

    @abstractmethod
    def open_local_file(self, local_path: str) -> str:
        """Open a file and return its first part."""

    @abstractmethod
    def find_on_page(self, query: str) -> str | None:
        """Show the next part of the page that has some words, and return it; None if there is none."""

    @abstractmethod
    def find_next(self) -> str | None:
        """Repeat the last search, from the next part of the page."""
