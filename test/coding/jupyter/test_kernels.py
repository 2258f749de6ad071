"""What holds for a kernel, whether this process starts it or a server does."""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autogen._threads import run_in_thread
from autogen.coding import CodeBlock


def test_variables_are_kept_between_blocks_and_calls(run):
    assert run("x = 6", "y = 7").exit_code == 0
    assert run("x * y").output == "42"


def test_outputs_are_joined_by_a_line_break_each(run):
    assert run("print('a'); print('b')\n2").output == "a\nb\n\n2"
    assert run("import sys\nprint('out', flush=True); print('err', file=sys.stderr)").output == "out\nerr\n"


def test_text_that_comes_in_pieces_is_one_text(run):
    assert run("import time\nfor i in range(3): print(i, flush=True); time.sleep(0.3)").output == "0\n1\n2\n"


def test_no_blocks_are_a_success(shared):
    result = shared.execute_code_blocks([])
    assert (result.exit_code, result.output, result.output_files) == (0, "", [])


def test_an_error_keeps_what_was_printed_and_has_no_colours(run):
    result = run("print('before')\n1 / 0", "print('never')")
    assert result.exit_code == 1
    assert result.output.startswith("before\n\nERROR: ZeroDivisionError: division by zero\n")
    assert "1 / 0" in result.output
    assert "\x1b" not in result.output
    assert "never" not in result.output


@pytest.mark.parametrize("code", ["def f(:", "%nosuchmagic", "raise BaseException('x')", "!exit 3\nassert _exit_code == 0"])
def test_code_that_fails_is_a_failed_result(run, code):
    assert run(code).exit_code == 1
    assert run("'fine'").output == "'fine'"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("code", "exit_code"), [("0", 0), ("", 0), ("3", 3), ("'no'", 1)])
def test_the_end_of_a_script_is_no_end_of_the_kernel(run, code, exit_code):
    run("kept = 1")
    assert run(f"import sys; sys.exit({code})").exit_code == exit_code
    assert run("kept").output == "1"


def test_a_failed_block_in_another_language_gets_a_hint(run):
    result = run("echo 'hi", language="bash")
    assert result.exit_code == 1
    assert "bash" in result.output
    assert run("!echo hi", language="sh").output.split() == ["hi"]
    assert run("%%bash\necho $((6 * 7))").output == "42\n"


def test_the_pager_is_read(run):
    assert "Prints the values" in run("print?").output


def test_a_figure_comes_back_as_a_file(run, folder):
    pytest.importorskip("matplotlib", reason="the extra 'graph' is not installed")
    result = run("import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()")
    [name] = result.output_files
    assert f"Image data saved to {name}" in result.output
    assert Path(name).parent == folder.resolve()
    assert Path(name).suffix == ".png"
    assert Path(name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("mime", "data", "suffix", "content"),
    [
        ("image/png", base64.b64encode(b"png").decode(), ".png", b"png"),
        ("image/jpeg", base64.b64encode(b"jpeg").decode() + "\n", ".jpg", b"jpeg"),
        ("image/svg+xml", "<svg/>", ".svg", b"<svg/>"),
        ("text/html", "<b>bold</b>", ".html", b"<b>bold</b>"),
        ("application/pdf", base64.b64encode(b"pdf").decode(), ".pdf", b"pdf"),
        ("application/vnd.chart+json", {"points": [1] * 5000}, ".txt", None),
    ],
)
def test_what_is_shown_is_saved_with_its_own_ending(run, mime, data, suffix, content):
    result = run(f"display({{{mime!r}: {data!r}, 'text/plain': 'in words'}}, raw=True)")
    [file] = map(Path, result.output_files)
    assert file.suffix == suffix
    assert f"saved to {file}" in result.output
    assert "in words" in result.output
    assert content is None or file.read_bytes() == content


@pytest.mark.parametrize(("mime", "data"), [("text/markdown", "**b**"), ("application/json", {"a": [1]}), ("x/y", "z")])
def test_what_is_short_is_shown_as_it_is(run, mime, data):
    result = run(f"display({{{mime!r}: {data!r}}}, raw=True)")
    assert result.output == (data if isinstance(data, str) else '{"a": [1]}')
    assert result.output_files == []


def test_what_is_cleared_is_not_shown(run):
    code = "from IPython.display import *\nfor i in range(3): clear_output(wait=True); print(i); display(HTML('x'))"
    result = run(code)
    assert result.output.startswith("2\n")
    assert len(result.output_files) == 1


def test_what_is_updated_is_shown_once(run):
    result = run("h = display({'text/plain': 'one'}, raw=True, display_id='h')\nh.update({'text/plain': 'two'}, raw=True)")
    assert result.output == "two"


def test_a_file_that_a_block_writes_comes_back(run, folder):
    result = run(f"open({str(folder / 'made.txt')!r}, 'w').write('x'); None")
    assert result.output_files == [str(folder / "made.txt")]


def test_a_flood_of_displays_does_not_end_in_thousands_of_files(run):
    result = run("for i in range(700): display({'text/html': 'x'}, raw=True)")
    assert result.exit_code == 0
    assert len(result.output_files) <= 200
    assert "further output" in result.output


def test_a_gigabyte_of_text_in_one_piece_is_not_kept(run):
    result = run("print('x' * 120_000_000)\n'end'")
    assert result.exit_code == 0
    assert len(result.output) < 1_100_000


HOSTILE_MESSAGES = [
    ("stream", {"text": 5}),
    ("stream", {"text": ["a", 1, None]}),
    ("stream", {}),
    ("display_data", {"data": 3}),
    ("display_data", {"data": {"image/png": "%%% not base64 %%%\u00e9"}}),
    ("display_data", {"data": {"image/png": {"a": 1}}}),
    ("display_data", {"data": {"image/../../../x": "eA=="}, "transient": {"display_id": [1]}}),
    ("display_data", {"data": {"text/plain": None}, "transient": 3}),
    ("error", {"ename": 1, "evalue": None, "traceback": "no list"}),
    ("error", {"traceback": [None, 3]}),
    ("execute_reply", {"status": "error", "payload": 1}),
    ("status", {"execution_state": ["idle"]}),
    ("clear_output", {"wait": "perhaps"}),
    ("nonsense", {"\ud800": 1}),
]


@pytest.mark.parametrize(("kind_of_message", "content"), HOSTILE_MESSAGES)
def test_a_message_with_anything_in_it_is_borne(run, folder, kind_of_message, content):
    code = f"kernel = get_ipython().kernel\nkernel.session.send(kernel.iopub_socket, {kind_of_message!r}, {content!r}, "
    result = run(code + "parent=kernel.get_parent())\nprint('on it goes')")
    assert "on it goes" in result.output
    assert all(Path(file).parent == folder.resolve() for file in result.output_files)
    assert run("'fine'").output == "'fine'"


PIECES = st.lists(st.tuples(st.sampled_from(["out", "err", "show"]), st.text("ab\n\r\té", max_size=5)), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PIECES)
def test_printed_and_shown_pieces_come_in_their_order(run, pieces):
    ways = {
        "out": "print({!r}, end='', flush=True)",
        "err": "print({!r}, end='', file=sys.stderr, flush=True)",
        "show": "display({{'text/plain': {!r}}}, raw=True)",
    }
    result = run("\n".join(["import sys", *(ways[way].format(text) for way, text in pieces)]))
    expected: list[str] = []
    previous = "show"
    for way, text in pieces:
        if way != "show" and previous != "show":
            expected[-1] += text
        elif way == "show" or text:
            expected.append(text)
        previous = way if way == "show" or text else previous
    assert (result.exit_code, result.output) == (0, "\n".join(expected))


def test_several_threads_take_turns(run):
    with ThreadPoolExecutor(4) as threads:
        outputs = threads.map(lambda number: run(f"print({number})").output, range(12))
    assert list(outputs) == [f"{number}\n" for number in range(12)]


def test_an_asynchronous_chat_that_is_cancelled_interrupts_the_block(shared, run, tmp_path):
    run("kept = 1")
    begun = tmp_path / "begun"
    code = f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(600)"

    async def main():
        task = asyncio.create_task(run_in_thread(shared.execute_code_blocks, [CodeBlock(language="python", code=code)]))
        while not begun.exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())  # returns when its threads have ended
    assert run("kept").output == "1"


def test_an_event_loop_goes_on_while_a_block_runs(shared):
    ticks = 0

    async def main():
        nonlocal ticks
        blocks = [CodeBlock(language="python", code="import time; time.sleep(0.5)")]
        task = asyncio.create_task(run_in_thread(shared.execute_code_blocks, blocks))
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1

    asyncio.run(main())
    assert ticks > 2
