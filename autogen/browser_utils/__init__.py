"""Web pages and documents for agents: text browsers, search, and conversion to Markdown.

>>> from autogen.browser_utils import LocalSearch, RequestsMarkdownBrowser
>>> search = LocalSearch({"http://intern/tea": ("Tea", "How to make tea.")})
>>> print(RequestsMarkdownBrowser(search_engine=search).visit_page("search: tea"))
A local search for 'tea' found 1 results:
<BLANKLINE>
## Web Results
1. [Tea](http://intern/tea)
How to make tea.
"""

from typing import TYPE_CHECKING

from .._lazy_imports import attach as _lazy

# Read by editors and type checkers.
if TYPE_CHECKING:
    from .abstract_markdown_browser import AbstractMarkdownBrowser as AbstractMarkdownBrowser
    from .markdown_search import AbstractMarkdownSearch as AbstractMarkdownSearch
    from .markdown_search import BingMarkdownSearch as BingMarkdownSearch
    from .markdown_search import BraveSearch as BraveSearch
    from .markdown_search import CallableSearch as CallableSearch
    from .markdown_search import DdgsSearch as DdgsSearch
    from .markdown_search import LocalSearch as LocalSearch
    from .markdown_search import SearchResult as SearchResult
    from .markdown_search import SearxngSearch as SearxngSearch
    from .markdown_search import TavilySearch as TavilySearch
    from .mdconvert import DocumentConverterResult as DocumentConverterResult
    from .mdconvert import FileConversionException as FileConversionException
    from .mdconvert import MarkdownConverter as MarkdownConverter
    from .mdconvert import UnsupportedFormatException as UnsupportedFormatException
    from .playwright_markdown_browser import PlaywrightMarkdownBrowser as PlaywrightMarkdownBrowser
    from .requests_markdown_browser import RequestsMarkdownBrowser as RequestsMarkdownBrowser
    from .selenium_markdown_browser import SeleniumMarkdownBrowser as SeleniumMarkdownBrowser
    from .simple_text_browser import SimpleTextBrowser as SimpleTextBrowser

# Read by the interpreter on first use of a name.
_HOME = {
    "AbstractMarkdownBrowser": "abstract_markdown_browser",
    "RequestsMarkdownBrowser": "requests_markdown_browser",
    "SeleniumMarkdownBrowser": "selenium_markdown_browser",
    "PlaywrightMarkdownBrowser": "playwright_markdown_browser",
    "SimpleTextBrowser": "simple_text_browser",
    "AbstractMarkdownSearch": "markdown_search",
    "BingMarkdownSearch": "markdown_search",
    "BraveSearch": "markdown_search",
    "CallableSearch": "markdown_search",
    "DdgsSearch": "markdown_search",
    "LocalSearch": "markdown_search",
    "SearchResult": "markdown_search",
    "SearxngSearch": "markdown_search",
    "TavilySearch": "markdown_search",
    "MarkdownConverter": "mdconvert",
    "UnsupportedFormatException": "mdconvert",
    "FileConversionException": "mdconvert",
    "DocumentConverterResult": "mdconvert",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
