"""Text browsers: pages in parts, search, downloads, and addresses of strangers."""

import asyncio
import json
import random
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sites import redirect, serve_site

from autogen.browser_utils import (
    BingMarkdownSearch,
    BraveSearch,
    CallableSearch,
    LocalSearch,
    RequestsMarkdownBrowser,
    SearchResult,
    SearxngSearch,
    SimpleTextBrowser,
    TavilySearch,
)
from autogen.browser_utils._pages import split_page
from autogen.fetching import FetchPolicy

INSIDE = FetchPolicy(allow_private=True)


@pytest.fixture
def site():
    with serve_site() as site:
        yield site


def make_browser(**options):
    return RequestsMarkdownBrowser(**{"policy": INSIDE, **options})


def test_an_empty_browser():
    browser = make_browser()
    assert (browser.address, browser.viewport, browser.page_content) == ("about:blank", "", "")
    assert (browser.page_title, browser.viewport_pages, browser.find_next()) == (None, [(0, 0)], None)


def test_a_page_is_shown_as_markdown(call, site):
    site.routes["/a/page"] = (
        "<title>The\n title</title><h1>Head</h1><p>Some <b>text</b>.</p><a href=/b>link</a><script>x</script>"
    )
    browser = make_browser(requests_get_kwargs={"headers": {"X-One": "1"}})
    view = call(browser.visit_page, site.url("/a/page"))
    assert view == browser.viewport == browser.page_content == "# Head\n\nSome **text**.\n\n[link](/b)"
    assert (browser.page_title, browser.address) == ("The title", site.url("/a/page"))
    assert site.requests[0][2]["x-one"] == "1"
    call(browser.visit_page, "other")
    call(browser.visit_page, "search: x")
    call(browser.visit_page, "/third")
    assert site.paths == ["/a/page", "/a/other", "/third"]
    assert [address for address, _ in browser.history][2:] == ["search: x", site.url("/third")]


def test_the_start_page_is_fetched_when_it_is_looked_at(site):
    site.routes["/"] = "<p>start</p>"
    browser = make_browser(start_page=site.url())
    assert not site.requests
    assert browser.viewport == "start"
    assert len(site.requests) == 1


def test_pages_are_shown_in_parts(site):
    words = [f"word{number}" for number in range(500)]
    site.routes["/"] = f"<p>{' '.join(words)}</p>"
    browser = make_browser(viewport_size=100)
    browser.visit_page(site.url())
    assert len(browser.viewport_pages) > 30
    parts = []
    for number in range(len(browser.viewport_pages)):
        assert browser.viewport_current_page == number
        parts.append(browser.viewport)
        browser.page_down()
    assert "".join(parts) == browser.page_content
    assert browser.viewport == parts[-1]
    for _ in range(100):
        browser.page_up()
    assert browser.viewport == parts[0]


@given(st.text(alphabet="ab \n", max_size=300), st.integers(1, 50))
def test_parts_touch_and_break_at_white_space(text, size):
    parts = split_page(text, size)
    assert "".join(text[start:end] for start, end in parts) == text
    assert parts[0][0] == 0
    for (_, end), (start, _) in pairwise(parts):
        assert end == start
        assert text[end - 1].isspace() or not text[end - size : end].split() or " " not in text[end - size : end]
    assert all(end - start <= 2 * size for start, end in parts)


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("apple", 0),
        ("APPLE pie", 0),
        ("apple, pie!", 0),
        ("appl* p*e", 0),
        ("cherry", 2),
        ("cherry * cake", 2),
        ("banana*", 1),
        ("app", None),
        ("pie apple", None),
        ("*", None),
        ("", None),
        ("!?", None),
        ("a" + "*a" * 200, None),
    ],
)
def test_words_are_found(site, query, part):
    site.routes["/"] = "<p>" + "x" * 40 + " apple pie " + "y" * 60 + " bananas " + "z" * 90 + " cherry and other cake</p>"
    browser = make_browser(viewport_size=60)
    browser.visit_page(site.url())
    found = browser.find_on_page(query)
    assert (browser.viewport_current_page if found is not None else None) == part
    assert found in (None, browser.viewport)


def test_the_same_search_means_next(site):
    site.routes["/"] = "<p>" + f"{'x' * 50} apple {'y' * 50} pear " * 3 + "</p>"
    browser = make_browser(viewport_size=50)
    browser.visit_page(site.url())
    count = len(browser.viewport_pages)
    hits = [
        number for number, (start, end) in enumerate(browser.viewport_pages) if "apple" in browser.page_content[start:end]
    ]
    seen = []
    for _ in range(len(hits) + 1):
        assert browser.find_on_page("apple")
        seen.append(browser.viewport_current_page)
    assert seen == [*hits, hits[0]]
    assert browser.find_on_page("plum") is None
    assert browser.viewport_current_page == hits[0]
    assert browser.find_next() is None
    assert count > len(hits)


def test_errors_are_pages(call, site):
    browser = make_browser()
    assert call(browser.visit_page, site.url("/none")) == "## Error 404\n\nnothing"
    assert browser.page_title == "Error 404"
    site.routes["/"] = (500, {"Content-Type": "application/octet-stream"}, b"\0")
    assert call(browser.visit_page, site.url()) == "## Error 500\n\n"
    assert call(browser.visit_page, "http://127.0.0.1:22/").startswith(
        "## Request Exception\n\nhttp://127.0.0.1:22/ is not fetched"
    )
    assert browser.page_title == "Request Exception"
    assert "Traceback" not in browser.page_content


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "FILE:/etc/passwd", "http://169.254.169.254/", "http://[", "javascript:1"]
)
def test_addresses_that_lead_inside_are_refused(call, site, address):
    browser = make_browser(policy=None)
    assert "is not fetched" in call(browser.visit_page, address)
    browser = make_browser()
    site.routes["/"] = redirect(address)
    assert browser.visit_page(site.url()).startswith("## Request Exception")
    assert "root:" not in browser.page_content


def test_files_and_folders_of_the_program(call, tmp_path):
    Path(tmp_path, "a.html").write_text("<title>A</title><p>text of a")
    Path(tmp_path, "b|c.txt").write_text("text")
    browser = make_browser()
    view = call(browser.open_local_file, str(tmp_path))
    assert browser.page_title == f"Index of {tmp_path}"
    assert ".. (parent directory)" in view
    assert "| 4 |" in view
    assert call(browser.open_local_file, str(tmp_path / "a.html")) == "text of a"
    # The program has opened it; a link in it is a page's.
    assert "is not fetched" in call(browser.visit_page, (tmp_path / "a.html").as_uri())
    assert call(make_browser(policy=FetchPolicy(allow_file=True)).visit_page, tmp_path.as_uri()) == view
    assert "Request Exception" in call(browser.open_local_file, str(tmp_path / "none"))


def test_downloads(call, site, tmp_path):
    content = random.Random(0).randbytes(1000)
    site.routes |= {
        path: (200, {"Content-Type": "application/x-own"}, content) for path in ("/file.bin", "/a/..%2f..%2fevil", "/")
    }
    folder = tmp_path / "downloads"
    browser = make_browser(downloads_folder=folder)
    for name in ("file.bin", "file__1.bin", "file__2.bin"):
        assert call(browser.visit_page, site.url("/file.bin")) == f"# Download complete\n\nSaved file to '{folder / name}'"
        assert (folder / name).read_bytes() == content
    assert browser.page_title == "Download complete"
    call(browser.visit_page, site.url("/a/..%2f..%2fevil"))
    call(browser.visit_page, site.url("/"))
    assert {path.name for path in folder.iterdir()} == {"file.bin", "file__1.bin", "file__2.bin", "evil", "download"}
    assert {path.name for path in tmp_path.iterdir()} == {"downloads"}
    browser = make_browser()
    assert "no downloads_folder" in call(browser.visit_page, site.url("/file.bin"))


def test_search_results_are_one_page(call):
    results = [
        SearchResult("A [title]\nof two lines", "http://a.test/", "Text.", "2026-01-01"),
        {"title": "", "url": "http://b.test/"},
    ]
    browser = make_browser(search_engine=CallableSearch(lambda query: results), viewport_size=10)
    view = call(browser.visit_page, "search: some words")
    assert browser.page_title == "some words - Search"
    assert len(browser.viewport_pages) == 1
    assert view == (
        "A web search for 'some words' found 2 results:\n\n## Web Results\n"
        "1. [A title of two lines](http://a.test/)\nDate published: 2026-01-01\nText.\n\n2. [http://b.test/](http://b.test/)"
    )


def test_search_back_ends_over_http(site):
    rows = [{"title": "T", "url": "http://t.test/", "content": "C", "description": "C"}]
    seen = {}

    def answer(body):
        def handle(handler):
            seen[handler.path.partition("?")[0]] = (dict(handler.headers), handler.path, handler.body)
            return 200, {"Content-Type": "application/json"}, body

        return handle

    site.routes |= {
        "/search": answer(json.dumps({"results": rows}).encode()),
        "/tavily": answer(json.dumps({"results": rows}).encode()),
    }
    site.routes |= {
        "/brave": answer(json.dumps({"web": {"results": rows}}).encode()),
        "/odd": answer(b'["odd"]'),
        "/bad": answer(b"<"),
    }
    engines = [
        SearxngSearch(site.url()),
        BraveSearch("key-1", url=site.url("/brave")),
        TavilySearch("key-2", url=site.url("/tavily")),
    ]
    for engine in engines:
        assert engine.results("a b") == [SearchResult("T", "http://t.test/", "C")]
    assert "q=a+b" in seen["/search"][1] or "q=a%20b" in seen["/search"][1]
    assert seen["/brave"][0]["x-subscription-token"] == "key-1"
    assert seen["/tavily"][0]["authorization"] == "Bearer key-2"
    assert BraveSearch("k", url=site.url("/odd")).results("x") == []
    assert "did not answer in JSON" in BraveSearch("k", url=site.url("/bad")).search("x")
    assert "HTTP status 404" in BraveSearch("secret", url=site.url("/none")).search("x")


def test_searches_without_a_back_end(monkeypatch):
    monkeypatch.delenv("AUTOGEN_SEARCH", raising=False)
    assert "No web search is configured" in BingMarkdownSearch().search("x")
    with pytest.warns(UserWarning, match="ended in August 2025"):
        BingMarkdownSearch("key")
    with serve_site() as site:
        site.routes["/search"] = (200, {"Content-Type": "application/json"}, b'{"results": []}')
        monkeypatch.setenv("AUTOGEN_SEARCH", f"searxng:{site.url()}")
        assert "found 0 results" in BingMarkdownSearch().search("x")
    monkeypatch.setenv("AUTOGEN_SEARCH", "altavista")
    with pytest.raises(ValueError, match="AUTOGEN_SEARCH must be"):
        BingMarkdownSearch().search("x")


@pytest.mark.parametrize("query", ['"', "tea OR", "tea*", "NEAR(", "", "☕", "tea'; DROP TABLE pages"])
def test_local_search_takes_any_query(query):
    search = LocalSearch({"http://a.test/": ("Tea", "Making tea at home.")})
    assert isinstance(search.search(query), str)
    assert [result.url for result in search.results("the teas")] == ["http://a.test/"]


def test_the_older_class(site):
    site.routes["/"] = "<p>page</p>"
    browser = SimpleTextBrowser(site.url(), 1000, None, None, {"timeout": 5}, policy=INSIDE)
    assert browser.viewport == "page"


def test_arguments():
    with pytest.raises(ValueError, match="viewport_size must be"):
        make_browser(viewport_size=0)
    with pytest.warns(UserWarning, match="'verify' in requests_get_kwargs"):
        make_browser(requests_get_kwargs={"verify": False})


def test_async_callers_do_not_wait_for_each_other(site):
    """Both requests have to be there before either is answered."""
    barrier = threading.Barrier(2)
    site.routes["/"] = lambda handler: (barrier.wait(60), "<p>met</p>")[1]

    async def visit_both():
        return await asyncio.gather(*(make_browser().a_visit_page(site.url()) for _ in range(2)))

    assert asyncio.run(visit_both()) == ["met", "met"]
