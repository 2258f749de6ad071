"""`autogen assistants`: records of assistants are listed, and imported from lists of the ended service."""

import json

from typer.testing import CliRunner

from autogen._cli.app import app


def run(*arguments):
    return CliRunner().invoke(app, ["assistants", *map(str, arguments)])


def test_a_saved_list_is_imported_and_listed(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOGEN_ASSISTANTS", str(tmp_path / "store" / "assistants.json"))
    assert run("list").output == ""
    file = tmp_path / "export.json"
    file.write_text(json.dumps([{"id": "asst_1", "name": "poet", "instructions": "Write\npoems."}]))
    imported = run("import", file)
    assert imported.exit_code == 0
    assert imported.output.startswith("1 imported into ")
    assert run("list").output == "asst_1  poet\n"
    file.write_text("nothing")
    assert run("import", file).exit_code == 1
    assert run("import", tmp_path / "gone.json").exit_code == 1
