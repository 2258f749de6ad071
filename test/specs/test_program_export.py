"""Documents as plain Python programs, which make the same objects."""

import json

import pytest
from test_specs import KEY, OBJECTS, SECRETS, make_team
from typer.testing import CliRunner

from autogen._cli.app import app
from autogen.specs import Consent, SpecError, canonicalize, from_spec, save, to_spec


def export(doc, tmp_path):
    path = tmp_path / "team.json"
    path.write_text(json.dumps(doc))
    result = CliRunner().invoke(app, ["export", str(path), "--python", str(tmp_path / "team.py")])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return (tmp_path / "team.py").read_text()


def run(program):
    namespace = {"__name__": "team"}
    exec(compile(program, "team.py", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("name", OBJECTS)
def test_a_program_makes_what_the_document_describes(name, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    doc = to_spec(OBJECTS[name]())
    program = export(doc, tmp_path)
    assert KEY not in program
    namespace = run(program)
    [identifiers] = doc["start"].values()
    start = identifiers if isinstance(identifiers, list) else [identifiers]
    objects = [value for key, value in namespace.items() if not key.startswith("__")]
    written = [canonicalize(to_spec(obj)) for obj in objects if _is_like(obj, from_spec_of(doc))]
    assert canonicalize(doc) in written, (start, program)


def from_spec_of(doc):
    return from_spec(doc, consent=Consent.everything(), secrets=SECRETS)


def _is_like(obj, built):
    return type(obj) is type(built) or (isinstance(built, dict) and isinstance(obj, dict))


def test_the_program_of_a_team_can_be_read():
    from autogen._components._program import format_program

    program = format_program(to_spec(make_team(), description="Two writers and a critic."))
    assert program.startswith('"""Two writers and a critic."""\n\nimport os\n\nfrom autogen import')
    assert max(map(len, program.splitlines())) < 400
    assert "writer = AssistantAgent(" in program
    assert 'if __name__ == "__main__":' in program


def test_the_program_of_a_queue_runs(tmp_path, capsys):
    doc = to_spec(OBJECTS["chat of two"]())
    doc["parts"]["agent:b"]["config"]["default_auto_reply"] = "Roses are red."
    doc["parts"]["chat:two_agents"]["config"]["silent"] = True
    program = export(doc, tmp_path)
    exec(compile(program, "team.py", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.endswith("Roses are red.\n")


def test_a_text_of_a_document_stays_a_text(tmp_path):
    doc = to_spec(make_team(), description='"""\nimport os; os.abort()\n"""')
    doc["parts"]["agent:critic"]["config"]["system_message"] = "'); raise SystemExit('"
    assert run(export(doc, tmp_path).replace("os.environ['OPENAI_API_KEY']", "'sk-1'"))


def test_a_part_without_a_plain_form_is_named(tmp_path):
    doc = {
        "autogen": 1,
        "start": {"tool": "pets"},
        "parts": {"tool:pets": {"type": "http", "config": {"document": {"openapi": "3.1.0", "paths": {}}}}},
    }
    with pytest.raises(SpecError, match="can't be written as a program"):
        export(doc, tmp_path)


def test_a_file_is_not_overwritten_unasked(tmp_path):
    save(make_team(), tmp_path / "team.json")
    (tmp_path / "team.py").write_text("mine")
    result = CliRunner().invoke(app, ["export", str(tmp_path / "team.json"), "--python", str(tmp_path / "team.py")])
    assert isinstance(result.exception, FileExistsError)
    assert (tmp_path / "team.py").read_text() == "mine"
