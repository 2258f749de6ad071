"""Finding code in messages."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen.code_utils import CODE_BLOCK_PATTERN, extract_code, infer_lang
from autogen.coding import MarkdownCodeExtractor
from autogen.coding._extraction import find_fence_error

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
    ("```python title=x\nx\n```", [("python", "x")]),
    ("```c++\nx\n```", [("c++", "x")]),
    ("```python\nx```", []),
    ("```python\n```", []),
    ("```python\n\n```", [("python", "")]),
    ("~~~python\nx\n~~~", [("python", "x")]),
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


INFO = {
    "c++": "c++",
    "c#": "c#",
    "objective-c": "objective-c",
    "shell-session": "shell-session",
    "python3.11": "python3.11",
    "{python}": "python",
    "{.python .numberLines}": "python",
    "{#listing .python}": "python",
    "{python, echo=FALSE}": "python",
    "python {1,3-4}": "python",
    "python{1}": "python",
    'python title="a b.py"': "python",
    "python:src/app.py": "python",
    'python linenums="1" hl_lines="2 3"': "python",
    "Python ": "Python",
    'title="notes"': "",
}


@pytest.mark.parametrize(("info", "language"), INFO.items())
@pytest.mark.parametrize("marker", ["```", "~~~", "`````"])
def test_an_info_string_names_the_language(info, language, marker):
    text = f"First:\n{marker}{info}\n? x\n{marker}\nls\n```sh\necho 2\n```\n"
    assert extract_code(text) == [(language, "? x"), ("sh", "echo 2")]


INNER = "text = '''\n```bash\nls\n```\n'''\nprint(text)"
COMMONMARK = {
    "longer fences": (f"````python\n{INNER}\n````", [("python", INNER)]),
    "tildes around backticks": (f"~~~python\n{INNER}\n~~~", [("python", INNER)]),
    "backticks in indented code": ("```python\ns = '''\n    ```\n'''\n```", [("python", "s = '''\n    ```\n'''")]),
    "an inner fence with a language": ("```md\na\n```sh\nb\n```", [("md", "a\n```sh\nb")]),
    "a list item": ("1. Do\n   ```python\n   if x:\n       y\n\n   z\n   ```\n", [("python", "if x:\n    y\n\nz")]),
    "a nested list item": ("* a\n  - b\n\n    ```js\n    x\n    ```", [("js", "x")]),
    "a list item that is indented too little": ("10. a\n  ```py\n  x\n  ```", [("py", "x")]),
    "a list with Windows line ends": ("- a\r\n\r\n  ```sh\r\n  b\r\n\r\n  c\r\n  ```\r\n", [("sh", "b\n\nc")]),
    "items with a block each": ("- ```sh\n  a\n  ```\n- ```sh\n  b\n  ```", [("sh", "a"), ("sh", "b")]),
    "a quote": ("> ```sh\n> a\n> ```\nls\n```sh\nb\n```", [("sh", "a"), ("sh", "b")]),
    "an empty block": ("```python\n```\nNow:\n```python\nx\n```", [("python", "x")]),
    "a block that its list item cuts off": ("- ```sh\n  a\n\nNow:\n```sh\nb\n```", [("sh", "b")]),
    "a heading underlined with tildes": ("Title\n~~~~~\n```sh\na\n```", [("sh", "a")]),
    "inline code at the end of a line": ("Like ```this```\nprose\n```sh\na\n```", [("sh", "a")]),
    "a thematic break": ("- " * 40 + "\n```sh\na\n```", [("sh", "a")]),
    "HTML": ("<details>\n```sh\na\n```\n</details>", [("sh", "a")]),
    "code on the opening line": ("```python print(1)\nprint(2)\n```", [("python", "print(1)\nprint(2)")]),
}


@pytest.mark.parametrize(("text", "blocks"), COMMONMARK.values(), ids=COMMONMARK)
def test_fences_are_those_of_commonmark(text, blocks):
    assert extract_code(text) == blocks


CLASSIC = [
    "Run ```python\nx\n```",
    "```python\nx\n``` and then:\n```sh\nls\n```",
    "    ```sh\n    ls\n    ```",
    "\t```sh\n\tls\n\t```",
    "- ```python\nx\n```\nmore\n```sh\nls\n```",
    "> ```python\nx\n```\nmore",
    "````python\nx\n```",
    "```\tpython \t\r\nx\r\n\r\ny\r\n```",
    "```python\nx\n      ```",
    "```python\nx\n```sh\nls",
    "```sh\n  a  \n\tb\n```",
    "```python\nprint('a\rb')\n```",
    "a ```\nx\n```",
    "```python\nx\n``````",
]


@pytest.mark.parametrize("text", CLASSIC)
def test_blocks_of_the_pattern_are_still_found(text):
    assert extract_code(text) == re.findall(CODE_BLOCK_PATTERN, text, re.DOTALL)


SOUP = ["```", "~~~", "`", "python", " ", "\t", "\r", "\n", "- ", "1. ", "> ", "x = 1", "{", "=", ":", '"', "\0", "é"]


@given(st.lists(st.sampled_from(SOUP), max_size=40).map("".join))
def test_extraction_never_raises(text):
    extract_code(text)
    extract_code(text, detect_single_line_code=True)
    MarkdownCodeExtractor().extract_code_blocks(text)
    find_fence_error(text)


@pytest.mark.slow
@given(st.text().filter(lambda text: "```" not in text and "~~~" not in text))
def test_text_without_fences_has_no_blocks(text):
    assert extract_code(text) == [("unknown", text)]
    assert find_fence_error(text) is None


PROSE = st.sampled_from(["", "Then:", "- a list", "1. a list", "> a quote", "# A title", "Use `x`.", "    indented", "***"])
LINES = st.sampled_from(["", "x = 1", "  if y:", "\tz", "- a", "> b", "# c", "`d`", "~~~", "a = '```'", "    ", "<p>"])
LANGUAGES = st.sampled_from(["python", "sh", " sh", "\tpy ", ""])


@given(st.lists(st.tuples(PROSE, LANGUAGES, st.lists(LINES, min_size=1)), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_plain_blocks_are_those_of_the_pattern(parts, line_end):
    lines = [line for prose, info, code in parts for line in [prose, "```" + info, *code, "```"]]
    text = line_end.join(lines)
    assert extract_code(text) == (re.findall(CODE_BLOCK_PATTERN, text, re.DOTALL) or [("unknown", text)])


@given(
    st.text(alphabet=st.sampled_from("`~ \t\nax-1.>#'\"\0é")),
    st.sampled_from("`~"),
    st.sampled_from(["python", "sh", "c++"]),
)
def test_a_block_between_fences_longer_than_any_inside_is_found_again(code, marker, language):
    # Three backticks with prose behind them close a fence of three, as in 0.2: so the fence has four or more.
    fence = marker * max(4, 1 + max(map(len, re.findall(re.escape(marker) + "+", code)), default=0))
    assert extract_code(f"Code:\n{fence}{language}\n{code}\n{fence}\nDone.") == [(language, code)]


MALFORMED = [
    "```python\nprint(1)",
    "```python\nprint(1)```",
    "```python\nprint(1)\n``",
    "````python\nprint(1)\n",
    "~~~sh\nls",
    "Here it is:\n\n```\nprint(1)\n",
    "Here it is: ```python\nprint(1)",
    "1. First\n   ```python\n   print(1)\n",
    "> ```sh\n> ls",
    "```python print(1)```",
    "```print(1)```",
    "```pip install x```",
    "- ```sh ls -l```",
    "~~~python print(1)~~~",
]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_fence_is_explained(text):
    assert MarkdownCodeExtractor().extract_code_blocks(text) == []
    assert re.search(r"code block .*on line \d+ .*closing fence", find_fence_error(text))


HARMLESS = [
    "Use `x` or ```y```.",
    "Open with ```python and close with ```.",
    "Put the code between ```python\nand the end.",
    "The answer:\n```42```",
    "````` ``` `````",
    "Title\n~~~~~\ntext",
    "~~~struck~~~ out",
    "Done.\n```",
    "```python\n```",
    "```python\nx\n```\n```python\ncut",
    None,
]


@pytest.mark.parametrize("text", HARMLESS)
def test_other_backticks_are_no_malformed_fence(text):
    assert find_fence_error(text) is None


BUSY = ["x```\n" * 17_000, "```" + " " * 300_000, "`" * 300_000, "```\n" + "\n " * 170_000, "~~~a\n" * 17_000]
BUSY += ["- ```c++\n" * 7_000, "> ```\n" * 17_000, "> " * 17_000, "1. " * 17_000, "```\n" + "``` a\n" * 17_000]


@pytest.mark.parametrize("text", BUSY, ids=range(len(BUSY)))
def test_a_text_made_to_keep_the_search_busy_does_not(text):
    """With a search that begins anew at each fence the first of them takes minutes."""
    assert MarkdownCodeExtractor().extract_code_blocks(text) == []
    extract_code(text, detect_single_line_code=True)


NESTED = ["-" * 100_000 + "1", "(" * 5_000 + ")" * 5_000, "a" + ".a" * 100_000, "not " * 50_000 + "1", "1" + "+1" * 100_000]


@pytest.mark.parametrize("code", [*NESTED, "x\0", "'\ud800'"], ids=range(len(NESTED) + 2))
def test_code_that_the_compiler_gives_up_on_has_no_language(code):
    blocks = MarkdownCodeExtractor().extract_code_blocks(f"```\n{code}\n```")
    assert [block.language for block in blocks] == [""]


def test_guessing_does_not_warn_of_code_that_is_not_ours():
    assert infer_lang(r"print('\d')") == "python"
