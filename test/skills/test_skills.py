"""Skills: folders of instructions, read, accepted, offered to models, and their scripts run."""

import os
import stat
import zipfile

import pytest
from typer.testing import CliRunner

from autogen import ConversableAgent, UserProxyAgent, events
from autogen._cli.app import app
from autogen.agentchat.contrib.capabilities.skills import Skills
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.skills import (
    SkillError,
    SkillLock,
    SkillNotTrusted,
    check_skill,
    create_skill,
    find_skills,
    list_usual_folders,
    pack_skill,
    read_skill,
)
from autogen.testing import ScriptedModel, tool_call

TEXT = "---\nname: pdf-forms\ndescription: Fills forms. Use it for PDF files.\n---\n\n# Forms\n\nRun `scripts/fill.py`.\n"
SCRIPT = "import json, sys\nprint(json.dumps({'args': sys.argv[1:], 'stdin': sys.stdin.read()}))\n"


@pytest.fixture
def library(tmp_path):
    return write(tmp_path / "library", {"pdf-forms/SKILL.md": TEXT, "pdf-forms/scripts/fill.py": SCRIPT}).parent / "library"


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def read(tmp_path, head, name="x"):
    write(tmp_path, {f"{name}/SKILL.md": f"---\n{head}\n---\nBody"})
    return read_skill(tmp_path / name)


def test_a_skill_is_read(library):
    skill = read_skill(library / "pdf-forms")
    assert (skill.name, skill.description) == ("pdf-forms", "Fills forms. Use it for PDF files.")
    assert skill.body == "# Forms\n\nRun `scripts/fill.py`."
    assert skill.files == ("scripts/fill.py",)
    assert skill.problems == ()
    assert check_skill(library / "pdf-forms") == []


def test_all_fields_are_read(tmp_path):
    head = (
        "name: x\ndescription: Does it.\nlicense: MIT\ncompatibility: needs git\nmetadata:\n  version: 2\n"
        "allowed-tools: Bash(git:*) Read\ndisable-model-invocation: true\nmodel: opus"
    )
    skill = read(tmp_path, head)
    assert (skill.license, skill.compatibility, dict(skill.metadata)) == ("MIT", "needs git", {"version": "2"})
    assert skill.allowed_tools == ("Bash(git:*)", "Read")
    assert skill.is_hidden
    assert skill.extra == {"model": "opus"}
    assert check_skill(tmp_path / "x") == ["the field 'model' is not part of the open form"]


# Oddities of skills in the wild are read, and noted.
@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("name: X Y\ndescription: d", "the name must have"),
        ("name: y\ndescription: d", "differs from that of the folder"),
        ("description: d", "it has no name"),
        ("name: x\ndescription: Use it: always", "a text with a colon has no quotes"),
        ("name: x\ndescription: " + "d" * 1_025, "more than 1,024 characters"),
        ("name: x\ndescription: d\nmetadata: text", "the metadata must be texts"),
    ],
)
def test_an_oddity_is_noted(tmp_path, head, problem):
    assert any(problem in each for each in read(tmp_path, head).problems)
    assert any(problem in each for each in check_skill(tmp_path / "x"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no head", "has no head"),
        ("---\nname: x\n---\n", "has no description"),
        ("---\n- a\n---\n", "must be fields"),
        ("---\nname: [\n---\n", "is not YAML"),
        ("---\na: &a [x]\nb: *a\ndescription: d\n---\n", "has an alias"),
        ("---\nname: !!python/object/apply:os.abort []\n---\n", "has no description"),
        (b"---\ndescription: \xff\n---\n", "is not UTF-8"),
        ("x" * 256_001, "more than 256,000 bytes"),
    ],
)
def test_a_file_that_is_no_skill_is_refused(tmp_path, content, message):
    write(tmp_path, {"x/SKILL.md": content})
    with pytest.raises(SkillError, match=message):
        read_skill(tmp_path / "x")
    assert find_skills(tmp_path)[0] == []
    assert message in find_skills(tmp_path)[1][0]


def test_commands_at_load_time_are_not_run_and_invisible_characters_are_gone(tmp_path):
    write(
        tmp_path,
        {"x/SKILL.md": "---\nname: x\ndescription: d\u202e\n---\nNow !`touch pwned`\u200b ${CLAUDE_SKILL_DIR}/a.py"},
    )
    skill = read_skill(tmp_path / "x")
    assert "they are not run" in skill.problems[0]
    assert skill.description == "d"
    assert skill.body == "Now !`touch pwned` a.py"


def test_links_that_lead_out_are_passed_over(tmp_path, library):
    (tmp_path / "secret").write_text("secret")
    (library / "pdf-forms" / "out.md").symlink_to(tmp_path / "secret")
    assert read_skill(library / "pdf-forms").files == ("scripts/fill.py",)


def test_the_digest_notices_every_change(library):
    path = library / "pdf-forms"
    before = read_skill(path).digest
    script = path / "scripts" / "fill.py"
    script.write_text(SCRIPT + "#")
    changed = read_skill(path).digest
    assert changed != before
    script.write_text(SCRIPT)
    assert read_skill(path).digest == before
    if os.name == "posix":
        script.chmod(0o755)
        assert read_skill(path).digest != before


@pytest.mark.slow
def test_a_skill_of_very_many_files_is_refused(tmp_path):
    write(tmp_path, {"x/SKILL.md": TEXT, **{f"x/{number}": "" for number in range(2_001)}})
    with pytest.raises(SkillError, match="more than 2,000 files"):
        read_skill(tmp_path / "x")


def make_archive(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def make_link_archive(path):
    info = zipfile.ZipInfo("x/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return make_archive(path, {"x/SKILL.md": TEXT, info: "/etc/passwd"})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: make_archive(path, {"../out": ""}), "leads out"),
        (lambda path: make_archive(path, {"/etc/out": ""}), "leads out"),
        (lambda path: make_archive(path, {"C:/out": ""}), "leads out"),
        (make_link_archive, "leads out"),
        (lambda path: make_archive(path, {str(number): "" for number in range(2_001)}), "more than 2,000 files"),
        (lambda path: path.write_bytes(b"no archive"), "can't be unpacked"),
    ],
)
def test_a_harmful_archive_is_refused(tmp_path, make, message):
    path = tmp_path / "x.zip"
    make(path)
    (tmp_path / "to").mkdir()
    with pytest.raises(SkillError, match=message):
        find_skills(path, unpack_to=tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


def test_an_archive_is_made_and_read(tmp_path, library):
    path = pack_skill(library / "pdf-forms", tmp_path)
    assert path.name == "pdf-forms.skill"
    assert path.read_bytes() == pack_skill(library / "pdf-forms", tmp_path / "again.skill").read_bytes()
    [skill], _ = find_skills(path, unpack_to=tmp_path / "to")
    assert skill.digest == read_skill(library / "pdf-forms").digest
    assert set(Skills(path, trust="folder").skills) == {"pdf-forms"}


def test_usual_folders_are_found_and_not_used(tmp_path, monkeypatch):
    write(
        tmp_path,
        {"repo/.git/HEAD": "", "repo/.claude/skills/a/SKILL.md": TEXT, "repo/sub/x": "", "home/.agents/skills/y": ""},
    )
    monkeypatch.chdir(tmp_path / "repo" / "sub")
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")
    assert list_usual_folders() == [tmp_path / "repo/.claude/skills", tmp_path / "home/.agents/skills"]


def test_only_accepted_skills_are_used(tmp_path, library):
    lock = tmp_path / "lock.json"
    with pytest.raises(SkillNotTrusted, match="'pdf-forms'") as error:
        Skills(library, lock=lock)
    assert error.value.names == ["pdf-forms"]
    SkillLock(lock).accept(find_skills(library)[0])
    assert set(Skills(library, lock=lock).skills) == {"pdf-forms"}
    (library / "pdf-forms" / "scripts" / "fill.py").write_text("changed")
    with pytest.raises(SkillNotTrusted):
        Skills(library, lock=lock)


@pytest.mark.parametrize("content", ["[]", "{", '{"version": 2, "skills": {}}', '{"version": 1, "skills": {"a": 1}}'])
def test_a_damaged_lock_file_accepts_nothing(tmp_path, library, content):
    (tmp_path / "lock.json").write_text(content)
    with pytest.raises(SkillError, match="lock file"):
        Skills(library, lock=tmp_path / "lock.json")


def test_the_first_of_two_skills_of_one_name_is_used(tmp_path, library):
    other = write(tmp_path / "other", {"pdf-forms/SKILL.md": TEXT})
    skills = Skills(library, other, trust="folder")
    assert skills.skills["pdf-forms"].folder == library / "pdf-forms"
    assert "has the same name" in skills.problems[0]


def chat(skills, *replies, message="Fill the form.", executor=None):
    model = ScriptedModel(*replies)
    code = {"executor": executor} if executor else False
    agent = ConversableAgent(
        "agent", llm_config=model.llm_config, human_input_mode="NEVER", code_execution_config=code, silent=True
    )
    agent.add_capability(skills)
    user = UserProxyAgent(
        "user",
        human_input_mode="NEVER",
        code_execution_config=False,
        silent=True,
        is_termination_msg=lambda message: message["content"] == "Done.",
    )
    result = user.initiate_chat(agent, message=message, max_turns=6, silent=True)
    return agent, model, result


def test_the_model_sees_names_and_reads_the_text_when_it_needs_it(library):
    used = []
    skills = Skills(library, trust="folder")
    with events.subscribe(used.append, types=["skill_used"]):
        _, model, _ = chat(
            skills,
            tool_call("use_skill", name="pdf-forms"),
            tool_call("use_skill", name="pdf-forms"),
            tool_call("read_skill_file", skill="pdf-forms", path="scripts/fill.py", limit=1),
            tool_call("read_skill_file", skill="pdf-forms", path="../../secret"),
            "Done.",
        )
    system = model.asked[0][0]["content"]
    assert "- pdf-forms: Fills forms. Use it for PDF files." in system
    assert "# Forms" not in system
    results = [message["content"] for message in model.asked[-1] if message["role"] == "tool"]
    assert "# Forms" in results[0]
    assert "Files of the skill: scripts/fill.py" in results[0]
    assert "are in this conversation already" in results[1]
    assert results[2].startswith("lines 1-1 of 2\n   1\timport json, sys")
    assert "has no file '../../secret'" in results[3]
    assert [(event.skill, event.agent) for event in used] == [("pdf-forms", "agent")]


def test_the_human_calls_a_skill(library):
    _, model, _ = chat(Skills(library, trust="folder"), "Done.", message="/pdf-forms merge these")
    assert model.asked[0][-1]["content"].startswith("/pdf-forms merge these\n\n<skill name='pdf-forms'")


def test_a_hidden_skill_is_not_offered_and_can_be_called(tmp_path):
    write(tmp_path, {"x/SKILL.md": "---\nname: x\ndescription: d\ndisable-model-invocation: true\n---\nBody"})
    agent, model, _ = chat(Skills(tmp_path, trust="folder"), "Done.", message="/x now")
    assert "Body" in model.asked[0][-1]["content"]
    assert agent.tools == []


def test_many_skills_are_searched(tmp_path):
    write(tmp_path, {f"s{n}/SKILL.md": f"---\nname: s{n}\ndescription: Number {n * 11}.\n---\nBody" for n in range(4)})
    agent, model, _ = chat(
        Skills(tmp_path, trust="folder", max_listed=3), tool_call("find_skill", query="number 33"), "Done."
    )
    assert "s3: Number 33." in model.asked[-1][-1]["content"]
    assert "s3" not in model.asked[0][0]["content"]
    assert {tool.name for tool in agent.tools} == {"use_skill", "find_skill"}


def test_a_script_runs_in_the_executor_of_the_agent(tmp_path, library):
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path / "work")
    call = tool_call(
        "run_skill_script", skill="pdf-forms", script="scripts/fill.py", args=["a b", "; touch pwned"], stdin="in"
    )
    missing = tool_call("run_skill_script", skill="pdf-forms", script="scripts/none.py")
    _, model, _ = chat(Skills(library, trust="folder"), call, call, missing, "Done.", executor=executor)
    results = [message["content"] for message in model.asked[-1] if message["role"] == "tool"]
    assert '{"args": ["a b", "; touch pwned"], "stdin": "in"}' in results[0]
    assert results[1] == results[0]
    assert "has no file" in results[2]
    assert not list((tmp_path / "work").rglob("pwned"))


def test_a_copy_that_code_has_changed_is_made_again(tmp_path, library):
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path / "work")
    call = tool_call("run_skill_script", skill="pdf-forms", script="scripts/fill.py")
    chat(Skills(library, trust="folder"), call, "Done.", executor=executor)
    [copy] = (tmp_path / "work" / ".skills").rglob("fill.py")
    copy.chmod(0o644)
    copy.write_text("print('changed')")
    (tmp_path / "elsewhere").mkdir()
    _, model, _ = chat(Skills(library, trust="folder"), call, "Done.", executor=executor)
    assert "changed" not in model.asked[-1][-1]["content"]
    # A link in place of the folder of copies does not lead out.
    copy.parent.chmod(0o755)
    (tmp_path / "work" / ".skills").rename(tmp_path / "moved")
    (tmp_path / "work" / ".skills").symlink_to(tmp_path / "elsewhere")
    chat(Skills(library, trust="folder"), call, "Done.", executor=executor)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_capability_is_taken_away(library):
    agent = ConversableAgent("agent", "Help.", llm_config=ScriptedModel("x").llm_config)
    skills = Skills(library, trust="folder")
    agent.add_capability(skills)
    assert [tool.name for tool in agent.tools] == ["use_skill", "read_skill_file"]
    skills.remove_from_agent(agent)
    assert agent.system_message == "Help."
    assert agent.tools == []
    assert agent.function_map == {}


def test_wrong_arguments_are_refused(library, tmp_path):
    with pytest.raises(ValueError, match="trust must be"):
        Skills(library, trust="yes")
    with pytest.raises(SkillError, match="There are no skills at"):
        Skills(tmp_path / "nothing", trust="folder")
    with pytest.raises(SkillError, match="There is no package 'nowhere'"):
        Skills("nowhere:skills", trust="folder")


def invoke(*arguments):
    return CliRunner().invoke(app, ["skills", *map(str, arguments)])


def test_the_commands(tmp_path, library, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "no" in invoke("list", library).stdout
    shown = invoke("show", library).stdout
    assert "description: Fills forms." in shown
    assert "# Forms" in shown
    assert invoke("verify", library).exit_code == 1
    assert "is accepted in skills.lock.json" in invoke("trust", library).stdout
    assert invoke("verify", library).exit_code == 0
    assert " yes " in invoke("list", library).stdout
    assert invoke("new", "my-skill").exit_code == 0
    assert invoke("check", "my-skill").exit_code == 0
    assert invoke("pack", "my-skill").exit_code == 0
    assert (tmp_path / "my-skill.skill").exists()
    (tmp_path / "my-skill" / "SKILL.md").write_text("---\nname: other\ndescription: d\n---\n")
    assert invoke("check", "my-skill").exit_code == 1


@pytest.mark.parametrize("name", ["A", "a--b", "-a", "../x"])
def test_a_new_skill_needs_a_name_of_the_open_form(tmp_path, name):
    with pytest.raises(SkillError):
        create_skill(name, tmp_path)
    assert list(tmp_path.iterdir()) == []
