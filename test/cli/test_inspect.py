"""`autogen inspect`: in the terminal, as JSON, and as a page."""

import asyncio
import base64
import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import unicodedata
from contextlib import closing
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from typer.testing import CliRunner

import autogen.runtime_logging
from autogen import GroupChat, GroupChatManager, register_function
from autogen._cli._inspection.ascii_sequence import render
from autogen._cli._inspection.page import render_page
from autogen._cli._inspection.report import build_report
from autogen._cli.app import app
from autogen.agentchat._diagrams.story import build_story
from autogen.recording import Recording
from autogen.testing import OpenAIServer, Reply, ScriptedModel, tool_call


def inspect(*arguments, width=100):
    return CliRunner(env={"COLUMNS": str(width)}).invoke(app, ["inspect", *map(str, arguments)])


def run(*arguments):
    """In a process of its own, as users run it."""
    command = [sys.executable, "-m", "autogen", "inspect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Parsed(HTMLParser):
    """A page as a browser reads it: its tags, their attributes, its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.inside = [], [], {}, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data):
        tag = self.inside[-1] if self.inside else ""
        self.texts[tag] = self.texts.get(tag, "") + data


# In the terminal


def test_the_terminal_shows_turns_costs_failures_and_the_end(group_chat):
    shown = inspect(group_chat[0]).output
    assert "A human typed 'exit'. (human_exit)" in shown
    assert "requests: 6 (2 failed), 1,000 + 100 tokens, 0.0012 USD" in shown
    assert re.search(r"2 +planner .*chosen by the selection function", shown)
    assert "✗ gpt-4o-mini: failed after" in shown
    assert "Slow down." in shown
    assert "→ double(x=4)" in shown
    assert "double(x=-1): failed" in shown
    assert "Error: no negative numbers" in shown
    assert "the code says 42" in shown
    assert "ran python: exit code 0" in shown
    assert re.search(r"planner +1 +3 \(2 failed\) +100 \+ 10 +0\.0001", shown)
    assert "◀═" in shown  # the diagram
    assert "Slow turns" in shown


def test_nothing_in_a_chat_steers_the_terminal(group_chat):
    for shown in (inspect(group_chat[0]).output, inspect(group_chat[0], "--turn", 7).output):
        assert "[bold]markup[/bold]" in shown
        assert r"\x1b[31mred" in shown
        assert r"\x1b]0;title\x07" in shown
        assert r"\x9b2J" in shown
        assert r"\u202e" in shown
        odd = {char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs")}
        assert odd <= {"\n"}


def test_one_turn_is_shown_whole(group_chat):
    shown = inspect(group_chat[0], "--turn", 5).output
    assert "print('the code says', 6 * 7)" in shown
    assert "answered by generate_oai_reply" in shown
    assert "Slow turns" not in shown


@pytest.mark.parametrize("turn", ["0", "8", "2.1", "two"])
def test_a_turn_that_is_not_there(group_chat, turn):
    ended = inspect(group_chat[0], "--turn", turn)
    assert isinstance(ended.exception, ValueError)
    assert f"There is no turn {turn}: the chat has the turns 1 to 7." in str(ended.exception)


def test_json_for_other_programs(group_chat):
    shown = inspect(group_chat[0], "--json").output
    whole = json.loads(shown)
    assert shown.isascii()
    assert whole["state"] == "ended"
    assert whole["total"]["failures"] == 2
    assert [turn["author"] for turn in whole["talk"]["turns"]][:3] == ["user", "planner", "coder"]
    turn = json.loads(inspect(group_chat[0], "--json", "--turn", 4).output)
    assert turn == whole["talk"]["turns"][3]
    assert turn["work"][0]["about"]["content"] == "8"


def test_chats_within_a_chat_and_how_they_failed(agent, tmp_path):
    def fail(messages):
        raise ValueError("no idea")

    file = tmp_path / "nested.db"
    expert = agent("expert", llm_config=ScriptedModel("It is 42.", fail).llm_config)
    front = agent("front")
    asks = {"recipient": expert, "message": "What is it?", "max_turns": 1, "summary_method": "last_msg"}
    front.register_nested_chats([asks], trigger=lambda sender: sender.name == "user")
    with pytest.raises(ValueError, match="no idea"):
        agent("user", default_auto_reply="And now?").initiate_chat(front, message="Tell me.", max_turns=2, checkpoint=file)
    shown = inspect(file).output
    assert "It ended with an error. ValueError: no idea" in shown
    assert shown.count("within: front → expert") == 2
    assert [line.split()[:2] for line in shown.splitlines() if re.match(r" *[\d.]+  (front|expert|user)", line)] == [
        ["1", "user"],
        ["2.1", "front"],
        ["2.2", "expert"],
        ["2", "front"],
        ["3", "user"],
        ["4.1", "front"],
    ]
    assert re.search(
        r"After the last message\n +✗ scripted: failed after .*, then raising the error\n +ValueError: no idea", shown
    )
    assert "Start the chat again with the same checkpoint" in shown
    assert "It is 42." in inspect(file, "--turn", "2.2").output
    assert "chats with the turns 2.1, 2.2" in inspect(file, "--turn", "2").output
    out = tmp_path / "page.html"
    inspect(file, "--html", out)
    text = Parsed(out.read_text()).texts
    assert "front → expert, on the way to the next turn" in text["p"]


def test_two_concurrent_calls_of_one_tool_keep_their_results(agent, tmp_path):
    begun = []

    async def fetch(page: str) -> str:
        """Fetch a page; the first one comes last."""
        begun.append(page)
        while len(begun) < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0.05 if page == "first" else 0)
        return f"content of the {page} page"

    model = ScriptedModel([tool_call("fetch", page="first"), tool_call("fetch", page="second")], "done")
    caller = agent("caller", llm_config=model.llm_config)
    user = agent("user", concurrent_tool_calls=True, is_termination_msg=lambda message: message["content"] == "done")
    register_function(fetch, caller=caller, executor=user, description="Fetch.")
    asyncio.run(user.a_initiate_chat(caller, message="go", checkpoint=tmp_path / "chat.db"))
    report = json.loads(inspect(tmp_path / "chat.db", "--json").output)
    calls = [operation["about"] for operation in report["talk"]["turns"][2]["work"]]
    assert [(call["arguments"], call["content"]) for call in calls] == [
        ('{"page": "first"}', "content of the first page"),
        ('{"page": "second"}', "content of the second page"),
    ]


def test_a_short_chat_without_models(small_chat):
    shown = inspect(small_chat).output
    assert "2 messages" in shown
    assert "USD" in shown
    assert "there" in shown


@pytest.fixture
def unpriced_chat(agent, tmp_path):
    """Two agents whose model nobody has a price for, and one that has a price."""
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    file = tmp_path / "unpriced.db"
    with OpenAIServer(*(Reply(word, usage=usage) for word in ("one", "two", "three"))) as server:
        config = {**server.config, "model": "nobody-knows"}
        unpriced, priced = ({"config_list": [one], "cache_seed": None} for one in (config, {**config, "price": [100, 100]}))
        members = [agent("ann", llm_config=unpriced), agent("bob", llm_config=priced), agent("cy", llm_config=unpriced)]
        group = GroupChat([agent("user"), *members], max_round=4, speaker_selection_method="round_robin")
        group.agents[0].initiate_chat(GroupChatManager(group, silent=True), message="hi", checkpoint=file)
    return file


def test_a_price_that_nobody_knows_is_not_shown_as_0(unpriced_chat, tmp_path):
    shown = inspect(unpriced_chat, width=140).output
    assert "requests: 3, 300 + 30 tokens, 11.0000 USD (2 without a known price)" in shown
    assert shown.count("nobody-knows: 100 + 10 tokens, price unknown") == 2
    assert "nobody-knows: 100 + 10 tokens, 11.0000 USD" in shown
    assert re.search(r"ann +1 +1 +100 \+ 10 +\? ", shown)
    assert re.search(r"bob +1 +1 +100 \+ 10 +11\.0000 ", shown)
    assert "0.0000" not in shown.replace("11.0000", "")
    assert "Share of tokens" in shown  # costs can't be compared
    assert json.loads(inspect(unpriced_chat, "--json").output)["total"]["unpriced"] == 2
    page = tmp_path / "page.html"
    inspect(unpriced_chat, "--html", page)
    text = " ".join(Parsed(page.read_text()).texts.values())
    assert "11.0000 USD (2 without a known price)" in text
    assert "price unknown" in text
    assert "Tokens per agent" in text


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=5, unique=True), st.integers(60, 200))
def test_the_diagram_fits_the_terminal(names, width):
    messages = [{"content": "word " * 20, "name": name} for name in names * 2]
    told = build_story(messages, [], 60)
    rows = render(told, width)
    assert all(cell_len(row) <= width for row in rows)
    assert len(rows) == 1 + len(messages)
    assert all("●" in row for row in rows[1:])


def test_a_long_diagram_is_cut_in_its_middle():
    told = build_story([{"content": str(n), "name": "ab"[n % 2]} for n in range(500)], [], 60)
    rows = render(told, 80)
    assert len(rows) < 70
    assert any("… 440 more" in row for row in rows)
    assert rows[-1].endswith("499")


# The page


@pytest.fixture
def written(group_chat, tmp_path):
    out = tmp_path / "page.html"
    assert inspect(group_chat[0], "--html", out).exit_code == 0
    return out


def test_the_page_shows_what_happened(written):
    shown = Parsed(written.read_text()).texts
    text = " ".join(shown.values())
    for part in ("0.0012 USD", "Slow down.", "double(x=-1)", "Error: no negative numbers", "the code says 42", "human_exit"):
        assert part in text
    assert "document.title = 'broken'" in shown["p"]  # as a text
    assert "print('the code says', 6 * 7)" in shown["pre"]


def test_the_page_needs_nothing_else(written):
    parsed = Parsed(written.read_text())
    links = {
        value for _, name, value in parsed.attributes if name in ("src", "href", "action", "data", "srcset", "xlink:href")
    }
    assert all(value.startswith("#turn-") for value in links)
    assert not re.search(r"url\((?!#)|@import", parsed.texts["style"])
    assert not [name for _, name, _ in parsed.attributes if name.startswith("on") or name == "style"]
    assert set(parsed.tags).isdisjoint({"link", "img", "iframe", "object", "embed", "base", "form"})


@pytest.mark.slow
def test_nothing_in_a_chat_gets_out_of_its_text(written):
    text = written.read_text()
    parsed = Parsed(text)
    assert parsed.tags.count("script") == 1
    assert "broken" not in parsed.texts["script"]
    assert not any(char in text for char in "\x1b\x07\x9b\u202e")


@pytest.mark.slow
def test_only_the_script_and_the_styles_of_the_page_are_allowed(written):
    text = written.read_text()
    attributes = [(name, value) for tag, name, value in Parsed(text).attributes if tag == "meta"]
    [policy] = [value for name, value in attributes if name == "content" and "default-src" in value]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for kind in ("style", "script"):
        held = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in held}
        assert set(rules[f"{kind}-src"].split()) == hashes


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=20))
def test_no_text_changes_the_structure_of_the_page(text, name):
    def tags(text, name):
        chat = {"chat": "c", "at": 1.0}
        report = build_report(
            [
                {**chat, "type": "chat_started", "initiator": name, "recipient": name},
                {**chat, "type": "tool_called", "agent": name, "name": name, "arguments": text},
                {**chat, "type": "tool_returned", "agent": name, "name": name, "content": f"x{text}", "success": False},
                {**chat, "type": "model_failed", "agent": name, "error": f"x{text}", "endpoint": "", "then": name},
                {**chat, "type": "message_sent", "sender": f"x{name}", "recipient": name, "message": f"x{text}y"},
                {**chat, "type": "chat_ended", "error": text},
            ]
        )
        shown = render_page(report, name).encode().decode()
        return Parsed(shown).tags

    plain = re.sub(r"[^\n`]", "x", text)
    assert tags(text, name) == tags(plain, "x") or "```" in text


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_a_browser_runs_the_script_of_the_page_and_no_other(written, tmp_path):
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={tmp_path / 'profile'}"]
    command = ["chromium", *flags, "--virtual-time-budget=2000", "--dump-dom", written.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False).stdout
    parsed = Parsed(shown)
    assert "broken" not in parsed.texts["title"]
    assert ("div", "hidden", "") not in parsed.attributes  # the script has shown the search field


# What can't be shown


def version_of(file, number):
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE meta SET value = ? WHERE key = 'version'", (number,))
    database.close()


@pytest.mark.slow
def test_files_that_are_no_checkpoint_are_told_in_one_line(small_chat, tmp_path):
    (tmp_path / "notes.txt").write_text("notes " * 1000)
    autogen.runtime_logging.start(config={"dbname": str(tmp_path / "logs.db")})
    autogen.runtime_logging.stop()
    shutil.copy(small_chat, tmp_path / "damaged.db")
    with closing(sqlite3.connect(tmp_path / "damaged.db")) as database, database:
        database.execute("UPDATE events SET data = '{'")
    database.close()
    whole = small_chat.read_bytes()
    (tmp_path / "cut.db").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.db").touch()
    version_of(small_chat, "99")
    told = {
        "nothing.db": "No such checkpoint",
        "notes.txt": "is not a checkpoint",
        "small.db": "has version 99",
        "damaged.db": "is a damaged checkpoint: row 1 of its events is not JSON",
        "cut.db": "is a damaged checkpoint",
        "empty.db": "is not a checkpoint",
        ".": "No such checkpoint",
        "logs.db": "is a log of autogen.runtime_logging",
        "[/red]\x1b[2J.db": r"[/red]\x1b[2J.db",
    }
    for name, message in told.items():
        out = tmp_path / "page.html"
        shown = run(tmp_path / name, "--html", out)
        assert (shown.returncode, shown.stdout) == (1, "")
        assert message in shown.stderr
        assert shown.stderr.startswith("autogen: ")
        assert len(shown.stderr.splitlines()) == 1
        assert not out.exists()


@pytest.mark.slow
def test_a_page_is_overwritten_by_force_only(small_chat, tmp_path):
    out = tmp_path / "page.html"
    out.write_text("precious")
    refused = run(small_chat, "--html", out)
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert out.read_text() == "precious"
    assert run(small_chat, "--html", out, "--force").returncode == 0
    assert out.read_text().startswith("<!DOCTYPE html>")


def test_the_recording_itself_is_never_overwritten(small_chat):
    refused = inspect(small_chat, "--html", small_chat, "--force")
    assert "is the recording itself" in str(refused.exception)
    assert Recording(small_chat).is_finished
