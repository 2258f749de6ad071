"""Files of tools at the root of the project: they parse, and the commands, files and extras that they name exist."""

import json
import re
import shlex
import shutil
import subprocess
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEVCONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
PRE_COMMIT = ROOT / ".pre-commit-config.yaml"


def read_hooks():
    yaml = pytest.importorskip("yaml")
    return [hook for repository in yaml.safe_load(PRE_COMMIT.read_text())["repos"] for hook in repository["hooks"]]


def test_the_dockerfile_copies_files_that_exist_and_are_not_ignored():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [source for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M) for source in shlex.split(line)[:-1]]
    assert copied
    assert set(copied) == allowed
    assert all((ROOT / source).exists() for source in copied)


def test_the_stages_of_the_dockerfile_exist():
    stages = set(re.findall(r" AS (\w+)$", DOCKERFILE, re.M))
    used = set(re.findall(r"^FROM (\w+)|--from=(\w+)", DOCKERFILE, re.M))
    assert {name for pair in used for name in pair if name} <= stages
    assert DEVCONTAINER["build"]["target"] in stages


def test_the_container_runs_the_command_line_without_root():
    last_stage = DOCKERFILE.rpartition("FROM ")[2]
    assert 'ENTRYPOINT ["autogen"]' in last_stage
    assert "USER autogen" in last_stage
    assert f"useradd --create-home --shell /bin/bash {DEVCONTAINER['remoteUser']}" in DOCKERFILE


def test_the_devcontainer_builds_our_dockerfile():
    folder = ROOT / ".devcontainer"
    build = DEVCONTAINER["build"]
    assert (folder / build["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (folder / build["context"]).resolve() == ROOT


@pytest.mark.parametrize("text", [DOCKERFILE, json.dumps(DEVCONTAINER), PRE_COMMIT.read_text()])
def test_extras_exist(text):
    extras = set(metadata("autogen-classic").get_all("Provides-Extra") or ())
    assert set(re.findall(r"\.(?:whl\))?\[([a-z-]+)\]", text)) <= extras


def test_the_hooks_before_a_commit_run_what_is_there():
    hooks = read_hooks()
    assert {"ruff-format", "ruff-check", "mypy"} <= {hook["id"] for hook in hooks}
    for hook in hooks:
        program, *arguments = shlex.split(hook["entry"])
        assert hook["language"] == "system"
        # The tools of the extra `dev` need not be there for the tests.
        assert f'"{program}>=' in (ROOT / "setup.py").read_text() or shutil.which(program), f"{program}: not installed"
        scripts = [argument for argument in arguments if argument.endswith(".py")]
        assert all((ROOT / script).is_file() for script in scripts)
        if "files" in hook:
            names = ["autogen/agentchat/agent.py", "website/docs/index.md", "CHANGELOG.md"]
            assert any(re.search(hook["files"], name) for name in names)


def find_merge_marks(folder, *options):
    """Return the lines of text files that are marks of an unresolved merge."""
    pattern = r"^(<{7}|[|]{7}|={7}|>{7})( |\r?$)"
    command = ["git", "-C", folder, "grep", "-nIE", *options, pattern]
    finished = subprocess.run(command, capture_output=True, text=True)
    # 1: there are none.
    assert finished.returncode in (0, 1), finished.stderr
    return finished.stdout.splitlines()


def test_no_file_has_marks_of_an_unresolved_merge(tmp_path):
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("the tracked files are not known")
    conflict = ["<" * 7 + " mine", "1", "|" * 7, "2", "=" * 7, "3", ">" * 7 + " theirs"]
    (tmp_path / "conflict.md").write_text("\n".join([*conflict, "=" * 8, " " + "<" * 7 + " not a mark"]))
    assert [line.split(":", 2)[1] for line in find_merge_marks(tmp_path, "--no-index")] == ["1", "3", "5", "7"]
    assert find_merge_marks(ROOT) == []
