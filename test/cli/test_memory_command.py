"""`autogen memory`: memories are listed, searched, corrected, moved and repaired."""

import json

import pytest
from typer.testing import CliRunner

from autogen._cli.app import app
from autogen.memory import MemoStore


@pytest.fixture
def folder(tmp_path):
    store = MemoStore(path_to_db_dir=tmp_path / "m", embedding_function=False)
    store.add_input_output_pair("Where are the keys?", "In the [bold]jar[/bold].", said_by="Lucy")
    store.add_input_output_pair("How hot is the oven?", "220 degrees.")
    store.add_input_output_pair("Who is Ann?", "A customer.", namespace="ann")
    store.close()
    return tmp_path / "m"


def run(*arguments):
    return CliRunner().invoke(app, ["memory", *map(str, arguments)])


@pytest.mark.slow
def test_memories_are_listed_searched_and_changed(folder, tmp_path):
    listed = run("list", folder / "memos.db").output
    assert "[bold]jar[/bold]" in listed
    assert "Lucy" in listed
    assert "customer" not in listed
    assert "customer" in run("list", folder, "--namespace", "ann").output
    assert "ann" in run("list", folder, "--namespace", "nobody").output
    assert "220" in run("search", folder, "oven hot").output
    assert run("search", folder, "zebra").exit_code == 1
    assert "Hook" in run("edit", folder, 1, "--output", "On the Hook.").output
    assert run("edit", folder, 1).exit_code == run("edit", folder, 3, "--output", "x").exit_code == 1
    assert run("rm", folder, 2).exit_code == 0
    assert run("rm", folder, 2).exit_code == 1
    assert run("export", folder, tmp_path / "all.jsonl").exit_code == 0
    outputs = {json.loads(line)["output"] for line in (tmp_path / "all.jsonl").read_text().splitlines()}
    assert outputs == {"On the Hook.", "A customer."}
    assert "2 memories are new" in run("import", tmp_path / "other", tmp_path / "all.jsonl").output
    assert run("import", tmp_path / "other", folder / "memos.db").exit_code == 1


def test_a_damaged_store_is_named_and_repaired(folder, tmp_path):
    assert "no memories in" in run("list", tmp_path).output
    path = folder / "memos.db"
    path.write_bytes(b"no database at all" * 100)
    shown = run("list", folder)
    assert (shown.exit_code, "autogen memory repair" in shown.output) == (1, True)
    assert "0 memories could be read" in run("repair", folder).output
    assert run("list", folder).exit_code == 0
