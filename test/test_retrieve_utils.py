"""Documents for retrieval: files, formats and chunks."""

import logging
import os
import re
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_documents import PAGE, make_pdf, make_xlsx, write_documents
from sites import serve_site

from autogen import retrieve_utils
from autogen.browser_utils import FileConversionException
from autogen.fetching import FetchPolicy, get_default_policy, set_default_policy
from autogen.retrieve_utils import (
    extract_text_from_pdf,
    get_file_from_url,
    get_files_from_dir,
    is_url,
    parse_html_to_markdown,
    register_reader,
    split_files_to_chunks,
    split_text_to_chunks,
)
from autogen.token_count_utils import count_token

LETTERS = "\n".join("ABCDEFGHIJKLMNOPQRSTUVWXY")


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    return write_documents(tmp_path_factory.mktemp("documents"))


@pytest.fixture
def loopback_policy():
    before = get_default_policy()
    set_default_policy(FetchPolicy(allow_private=True))
    yield
    set_default_policy(before)


# Splitting lines.


@pytest.mark.parametrize("at_empty_lines", [True, False])
@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (0, ["ABCDEFGHI", "JKLMNOPQR", "STUVWXY"]),
        (3, ["ABCDEFGHI", "GHIJKLMNO", "MNOPQRSTU", "STUVWXY"]),
        (100, ["ABCDEFGHI", *("BCDEFGHIJKLMNOPQRSTUVWX"[i : i + 9] for i in range(14)), "PQRSTUVWXY"]),
    ],
)
def test_chunks_of_lines(overlap, expected, at_empty_lines):
    chunks = split_text_to_chunks(LETTERS, 10, must_break_at_empty_line=at_empty_lines, overlap=overlap)
    assert [chunk.replace("\n", "") for chunk in chunks] == expected


def test_a_long_line_makes_long_pieces():
    """In 0.2 nearly all pieces had five letters."""
    text = "A" * 10_000
    chunks = split_text_to_chunks(text, 1_000)
    assert "".join(chunks) == text
    assert len(chunks) < 5
    assert max(map(count_token, chunks)) <= 1_000


def test_one_line_chunks_and_breaks_at_empty_lines():
    lines = [f"line number {number}" for number in range(6)]
    assert split_text_to_chunks("\n".join(lines), 8, "one_line", overlap=2) == [*lines[:4], "\n".join(lines[4:])]
    paragraphs = "\n\n".join("\n".join(lines[i : i + 2]) for i in (0, 2, 4))
    assert split_text_to_chunks(paragraphs, 12) == [
        "\n".join(lines[:2]),
        *("\n" + "\n".join(lines[i : i + 2]) for i in (2, 4)),
    ]
    with pytest.raises(AssertionError, match="bogus"):
        split_text_to_chunks(LETTERS, chunk_mode="bogus")
    with pytest.raises(ValueError, match="max_tokens"):
        split_text_to_chunks(LETTERS, 0)


def test_the_work_grows_with_the_lines_alone(monkeypatch):
    """In 0.2 it grew with their square."""
    counted = []
    monkeypatch.setattr(retrieve_utils, "count_token", lambda text: counted.append(len(text)) or len(text.split()))
    for lines in (1_000, 4_000):
        text = "\n".join(f"line {number} of a text" for number in range(lines))
        counted.clear()
        split_text_to_chunks(text, 100)
        assert sum(counted) <= 2 * len(text)


# Chunks by structure.


def split(tmp_path, name, text, max_tokens=12, **kwargs):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    chunks, sources = split_files_to_chunks([str(path)], max_tokens, **kwargs)
    assert {source.pop("source") for source in sources} <= {str(path)}
    return list(zip(chunks, sources, strict=True))


CODE = '''import os


@wraps
def brew(tea):
    """Make tea."""

    return tea


class Pot:
    size = 2

    def pour(self):
        return self.size
'''


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param(
            "a.md",
            "# Tea\n\nBoil the water.\n\n## Green\n\nWait for two minutes.\n\n## Black #\nWait for four minutes.\n",
            [
                ("# Tea\n\nBoil the water.", "Tea"),
                ("## Green\n\nWait for two minutes.", "Tea > Green"),
                ("## Black #\nWait for four minutes.", "Tea > Black"),
            ],
            id="headings",
        ),
        pytest.param(
            "a.rst",
            "Tea\n===\n\nBoil the water quickly now.\n\nGreen\n-----\n\nWait for two minutes.\n",
            [("Tea\n===\n\nBoil the water quickly now.", "Tea"), ("Green\n-----\n\nWait for two minutes.", "Tea > Green")],
            id="underlined headings",
        ),
        pytest.param(
            "a.md",
            "## Prices\n\n| tea | price |\n| - | - |\n| green | 2 |\n| black | 4 |\n| white | 6 |\n",
            [
                ("## Prices\n\n| tea | price |\n| - | - |\n| green | 2 |\n| black | 4 |", "Prices"),
                ("| tea | price |\n| - | - |\n| white | 6 |", "Prices"),
            ],
            id="tables keep their header",
        ),
        pytest.param(
            "a.md",
            "```python\n# not a heading\none = 1\ntwo = 2\nthree = 3\nfour = 4\n```\n",
            [("```python\n# not a heading\none = 1\ntwo = 2\n```", ""), ("```python\nthree = 3\nfour = 4\n```", "")],
            id="parts of code keep their fences",
        ),
        pytest.param(
            "a.py",
            CODE,
            [
                ('@wraps\ndef brew(tea):\n    """Make tea."""\n\n    return tea', "brew"),
                ("class Pot:\n    size = 2\n\n    def pour(self):\n        return self.size", "Pot"),
            ],
            id="definitions",
        ),
        pytest.param(
            "a.txt",
            "One is a number. Two is a number as well. Three is a number, too.",
            [("One is a number.", ""), ("Two is a number as well.", "")],
            id="sentences",
        ),
        pytest.param("a.jsonl", '{"tea": "green"}\n{"tea": "black"}\n', [('{"tea": "black"}', "")], id="records"),
        pytest.param("a.csv", 'tea,"min|s"\ngreen,2\n', [("| tea | min\\|s |\n| --- | --- |\n| green | 2 |", "")], id="CSV"),
    ],
)
def test_chunks_follow_the_structure(tmp_path, name, text, expected):
    max_tokens = {"a.py": 24, "a.csv": 30, "a.jsonl": 9}.get(name, 30 if "| -" in text else 20 if "```" in text else 12)
    chunks = [(text, source.get("headings", "")) for text, source in split(tmp_path, name, text, max_tokens)]
    assert [chunk for chunk in chunks if chunk in expected] == expected, chunks


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
TEXTS = st.lists(st.lists(WORDS, max_size=30).map(" ".join) | st.just("") | st.just("```") | st.just("# A"), max_size=30)


@pytest.mark.slow
@given(lines=TEXTS, max_tokens=st.integers(16, 60), suffix=st.sampled_from([".md", ".txt", ".py", ".jsonl"]))
def test_nothing_is_lost_and_no_word_is_cut(documents, lines, max_tokens, suffix):
    text = "\n".join(lines)
    folder = Path(documents[suffix]).parent
    chunks = [chunk for chunk, _ in split(folder, f"wild{suffix}", text, max_tokens)]
    words = text.split()
    found = re.split(r"\s+", " ".join(chunks))
    long = [word for word in words if count_token(word) + 8 > max_tokens]
    if not long and "```" not in text and "|" not in text:
        assert [word for word in found if word] == words
    assert all(count_token(chunk) <= max_tokens + 4 for chunk in chunks)


def test_other_splitters(tmp_path):
    text = "one line\nanother line\n\na third line\n"
    assert split(tmp_path, "a.txt", text, custom_text_split_function=lambda text: text.split("\n\n")) == [
        ("one line\nanother line", {}),
        ("a third line", {}),
    ]
    assert [chunk for chunk, _ in split(tmp_path, "a.txt", text, 4, chunk_mode="one_line")] == [
        *("one line", "another line"),
        "\na third line",
    ]
    assert split(tmp_path, "a.txt", text, 9, must_break_at_empty_line=False)


# Formats.


@pytest.mark.parametrize(
    ("suffix", "text", "metadata"),
    [
        (".html", "They are fast.", {"headings": "Electric kettles"}),
        (".csv", "| green | 2 |", {}),
        (".json", '"green": 2', {}),
        (".rtf", "Bold words and café.\nSecond line.", {}),
        (".ipynb", "```python\nanswer = 42\n```", {"headings": "A study"}),
        (".pdf", "The second page.", {"page": 2}),
        pytest.param(".docx", "Let it stand for two minutes.", {"headings": "Tea > Green tea"}, marks=pytest.mark.slow),
        pytest.param(".xlsx", "| Sort 2 | 20 |", {"headings": "Prices"}, marks=pytest.mark.slow),
        pytest.param(".pptx", "Body of the second slide.", {"headings": "Second slide", "page": 2}, marks=pytest.mark.slow),
    ],
)
def test_formats(documents, suffix, text, metadata):
    chunks, sources = split_files_to_chunks([documents[suffix]], 24)
    source = next(source for chunk, source in zip(chunks, sources, strict=True) if text in chunk)
    assert source == {"source": documents[suffix], **metadata}
    assert "not indexed" not in " ".join(chunks)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param("a.txt", make_pdf(["A hidden paper"]), "A hidden paper", id="PDF under another name"),
        pytest.param("a.txt", b"<!doctype html><title>T</title><p>A page", "A page", id="page under another name"),
        pytest.param("a.txt", b"caf\xe9 \x93tea\x94", "café \u201ctea\u201d", id="Western European"),
        pytest.param("a.txt", "Grüße aus Köln".encode("utf-16"), "Grüße aus Köln", id="UTF-16"),
        pytest.param("a.pdf", make_pdf(["x"], password="secret"), "locked by a password: save a copy", id="locked PDF"),
        pytest.param("a.docx", bytes.fromhex("d0cf11e0a1b11ae1") + b"x" * 99, "locked by a password", id="locked document"),
        pytest.param("a.pdf", make_pdf(["", ""]), r"its 2 pages are pictures.*text recognition", id="scanned"),
        pytest.param("a.pdf", b"%PDF-1.4 nothing", "can't be read", id="broken"),
        pytest.param("a.bin", b"\0\1\2", "neither text nor", id="binary"),
        pytest.param("a.txt", b" \n", "is empty", id="empty"),
        pytest.param("a.ipynb", b"[]", "not a notebook", id="not a notebook"),
    ],
)
def test_odd_files(tmp_path, caplog, name, content, expected):
    """Each is read, or named in a warning that says what helps; the others are read all the same."""
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.md").write_text("Readable text.")
    chunks, _ = split_files_to_chunks([str(tmp_path / name), str(tmp_path / "good.md")])
    assert chunks[-1] == "Readable text."
    warnings = [message for message in caplog.messages if str(tmp_path / name) in message]
    assert re.search(expected, "\n".join([*chunks[:-1], *warnings]))
    assert len(chunks) + len(warnings) == 2


@pytest.mark.slow
def test_the_text_of_a_pdf(documents, tmp_path, caplog):
    text = "The first page.\n\nThe second page."
    assert extract_text_from_pdf(documents[".pdf"]) == text
    with open(documents[".pdf"], "rb") as file:
        assert extract_text_from_pdf(file) == text
    locked = tmp_path / "locked.pdf"
    locked.write_bytes(make_pdf(["x"], password="secret"))
    assert extract_text_from_pdf(str(locked)) == ""
    assert "locked" in caplog.text
    locked.write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(FileConversionException, match=r"locked\.pdf"):
        extract_text_from_pdf(str(locked))


def test_readers_of_programs_and_other_packages(tmp_path, monkeypatch):
    (tmp_path / "a.odt").write_bytes(b"PK\0\1")
    register_reader("odt", lambda path: f"# Read\n\nby a function: {os.path.basename(path)}")
    try:
        assert split_files_to_chunks([str(tmp_path / "a.odt")])[0] == ["# Read\n\nby a function: a.odt"]
    finally:
        register_reader(".ODT", None)
    # A stand-in for the package `unstructured`, which has large requirements.
    package = types.ModuleType("unstructured.partition.auto")
    package.partition = lambda filename: ["Elements", "of it"]
    for name in ("unstructured", "unstructured.partition", "unstructured.partition.auto"):
        monkeypatch.setitem(sys.modules, name, package)
    package.__spec__ = types.SimpleNamespace(name="unstructured")
    assert split_files_to_chunks([str(tmp_path / "a.odt")])[0] == ["Elements\n\nof it"]
    with pytest.raises(TypeError, match="function of a path"):
        register_reader(".odt", 1)


@pytest.mark.slow
def test_a_large_table_keeps_its_header(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(make_xlsx(500))
    chunks, _ = split_files_to_chunks([str(tmp_path / "a.xlsx")], 100)
    assert len(chunks) > 20
    assert all("| Tea | Price |" in chunk for chunk in chunks)


# Files.


def test_files_of_a_folder(tmp_path, caplog):
    for name in ("b.MD", "a.txt", "c.exe", ".hidden.md", "inner/d.md", "inner/.git/e.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text")
    (tmp_path / "inner" / "circle").symlink_to(tmp_path)

    def names(*args, **kwargs):
        return [os.path.relpath(path, tmp_path) for path in get_files_from_dir(*args, **kwargs)]

    folder = str(tmp_path)
    assert names(folder) == ["a.txt", "b.MD", os.path.join("inner", "d.md")]
    assert names(folder, recursive=False) == ["a.txt", "b.MD"]
    assert names(folder, [".Md"]) == ["b.MD", os.path.join("inner", "d.md")]
    assert names([folder, f"{folder}/a.txt", f"{folder}/c.exe"], ["non-existent-type"]) == ["a.txt", "c.exe"]
    assert names([f"{folder}/gone", f"{folder}/a.txt"]) == ["a.txt"]
    assert "gone" in caplog.text
    for arguments, message in (((f"{folder}/gone",), "gone"), ((folder, []), "types")):
        with pytest.raises(ValueError, match=message):
            get_files_from_dir(*arguments)


@pytest.mark.usefixtures("loopback_policy")
def test_files_of_addresses(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    with serve_site({"/a/page?q=1": PAGE, "/b.txt": (200, {"Content-Type": "text/plain"}, b"words")}) as site:
        page, text = site.url("/a/page?q=1"), site.url("/b.txt")
        (path, url), other = get_files_from_dir([page, text, site.url("/gone")])
        assert (url, other[1]) == (page, text)
        assert path.startswith(os.path.join("tmp", "chromadb", "page-"))
        assert not set('?:*<>|"') & set(path)
        assert parse_html_to_markdown(PAGE) == (tmp_path / path).read_text()
        assert "/gone" in caplog.text
        assert split_files_to_chunks([other]) == (["words"], [{"source": text}])
        assert get_file_from_url(text, str(tmp_path / "kept.txt")) == (str(tmp_path / "kept.txt"), text)
        assert get_file_from_url(site.url("/gone")) is None


def test_addresses_of_this_machine_are_refused_by_default(caplog):
    caplog.set_level(logging.WARNING)
    assert get_file_from_url("http://169.254.169.254/latest") is None
    assert "credentials of cloud machines" in caplog.text


@pytest.mark.parametrize(
    ("html", "url", "markdown"),
    [
        (PAGE, None, "# Kettles\n\nElectric kettles\n================\n\nThey are fast."),
        ("<h1>Hello, World!</h1>", None, "Hello, World!\n============="),
        (
            '<title>Tea - Wikipedia</title><span class="mw-page-title-main">Tea</span><p>menu</p>'
            '<div id="mw-content-text"><p>A drink.</p></div>',
            "https://en.wikipedia.org/wiki/Tea",
            "# Tea\n\nA drink.",
        ),
    ],
)
def test_pages(html, url, markdown):
    assert parse_html_to_markdown(html, url) == markdown


def test_addresses():
    assert [is_url(text) for text in ("https://example.org/a", "example.org", "C:/a", "http://[", "file:///a")] == [
        *(True, False, False, False, False),
    ]
