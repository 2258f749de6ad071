"""The types are part of the product: programs of users run, and pass the type checkers.

`typing_programs/` holds the programs. They are checked outside the source tree, so that the checkers find the package where
the documented installation puts it.
"""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autogen

PROGRAMS = Path(__file__).with_name("typing_programs")
CHECKERS = {
    "mypy": ["--strict", f"--python-executable={sys.executable}", "."],
    "pyright": ["--pythonpath", sys.executable, "."],
    # the same checker with its JavaScript in the wheel: nothing is downloaded
    "basedpyright": ["--pythonpath", sys.executable, "."],
}


@pytest.mark.parametrize("program", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.stem)
def test_a_program_runs(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(program), run_name="__main__")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("checker", CHECKERS)
def test_programs_pass_a_type_checker(checker, tmp_path):
    command = shutil.which(checker, path=str(Path(sys.executable).parent))
    # pyright's wheel fetches the program itself when it is first used
    if command is None or subprocess.run([command, "--version"], capture_output=True, check=False).returncode:
        pytest.skip(f"{checker} is not installed")
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    # the mode that plain pyright has by default
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    checked = subprocess.run([command, *CHECKERS[checker]], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_installed_package_is_found_without_an_import_hook(tmp_path):
    """Type checkers and editors read paths only: an editable install must be one."""
    probe = "from importlib.machinery import PathFinder; print(PathFinder.find_spec('autogen').origin)"
    origin = subprocess.check_output([sys.executable, "-I", "-c", probe], cwd=tmp_path, text=True).strip()
    assert Path(origin) == Path(autogen.__file__)
    assert Path(origin).with_name("py.typed").exists()
