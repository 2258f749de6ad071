"""Finding code in messages."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen.code_utils import CODE_BLOCK_PATTERN, extract_code, infer_lang
from autogen.coding import MarkdownCodeExtractor

EXTRACT = [
    ("```python\nprint(1)\n```", [("python", "print(1)")]),
    ("``` python  \nx\n```", [("python", "x")]),
    ("text\n  ```sh\n  ls\n  ```\nmore", [("sh", "  ls")]),
    ("```python\r\na\r\nb\r\n```", [("python", "a\r\nb")]),
    ("```Python\nx\n```", [("Python", "x")]),
    ("```\nprint(1)\n```", [("python", "print(1)")]),
    ("```\npip install x\n```", [("sh", "pip install x")]),
    ("```\nhello world\n```", [("", "hello world")]),
    ("```unknown\nx\n```", [("", "x")]),
    ("```python title=x\nx\n```", []),
    ("```c++\nx\n```", []),
    ("```python\nx```", []),
    ("```python\n```", []),
    ("```python\n\n```", [("python", "")]),
    ("~~~python\nx\n~~~", []),
    ("```python\na = '```'\n```", [("python", "a = '```'")]),
    ("```python\n1\n```\nthen\n```sh\nls\n```", [("python", "1"), ("sh", "ls")]),
    (None, []),
    ([{"type": "text", "text": "```sh\nls\n```"}, {"type": "image_url", "image_url": {"url": "x"}}], [("sh", "ls")]),
]


@pytest.mark.parametrize(("message", "blocks"), EXTRACT)
def test_blocks_are_found(message, blocks):
    found = MarkdownCodeExtractor().extract_code_blocks(message)
    assert [(block.language, block.code) for block in found] == blocks


@pytest.mark.parametrize("content", [5, ["x"], {"text": "x"}])
def test_what_is_no_content_is_refused(content):
    with pytest.raises(TypeError):
        MarkdownCodeExtractor().extract_code_blocks(content)


@given(st.lists(st.sampled_from(["```", "`", "python", " ", "\t", "\r", "\n", "x = 1", "é"]), max_size=30).map("".join))
def test_blocks_are_those_of_the_pattern(text):
    assert extract_code(text) == (re.findall(CODE_BLOCK_PATTERN, text, re.DOTALL) or [("unknown", text)])


@pytest.mark.parametrize("text", ["x```\n" * 200_000, "```" + " " * 1_000_000, "`" * 1_000_000, "```\n" + "\n " * 500_000])
def test_a_text_made_to_keep_the_search_busy_does_not(text):
    """With a search that begins anew at each fence the first of them takes half an hour."""
    assert MarkdownCodeExtractor().extract_code_blocks(text) == []
    extract_code(text, detect_single_line_code=True)


NESTED = ["-" * 100_000 + "1", "(" * 5_000 + ")" * 5_000, "a" + ".a" * 100_000, "not " * 50_000 + "1", "1" + "+1" * 100_000]


@pytest.mark.parametrize("code", [*NESTED, "x\0", "'\ud800'"], ids=range(len(NESTED) + 2))
def test_code_that_the_compiler_gives_up_on_has_no_language(code):
    blocks = MarkdownCodeExtractor().extract_code_blocks(f"```\n{code}\n```")
    assert [block.language for block in blocks] == [""]


def test_guessing_does_not_warn_of_code_that_is_not_ours():
    assert infer_lang(r"print('\d')") == "python"
