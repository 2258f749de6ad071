"""What a block makes comes back in the result."""

import os
import sys

import pytest

from autogen.coding import CodeBlock, LocalCommandLineCodeExecutor, _output_files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the blocks are written for POSIX")


@pytest.fixture
def made(tmp_path):
    """Run code, and tell what it made, relative to the work directory."""

    def made(*codes):
        executor = LocalCommandLineCodeExecutor(work_dir=tmp_path, timeout=60)
        result = executor.execute_code_blocks([CodeBlock(language="sh", code=code) for code in codes])
        assert all(os.path.isabs(path) for path in result.output_files)
        return [os.path.relpath(path, tmp_path) for path in result.output_files]

    return made


def test_new_and_changed_files_are_listed(made, tmp_path):
    (tmp_path / "old").write_text("old")
    (tmp_path / "changed").write_text("old")
    assert made("echo longer > changed; mkdir sub; echo x > sub/new", "echo x > new") == ["changed", "new", "sub/new"]
    assert made("cat old") == []


def test_the_files_of_the_blocks_are_not_listed(made):
    assert made("# filename: a.sh\ntrue", "# filename: b.sh\ntrue") == []


def test_what_a_failing_block_made_is_listed(made):
    assert made("echo x > new; exit 3", "echo never > never") == ["new"]


def test_a_block_that_another_one_rewrites_is_not_listed(made):
    assert made("# filename: a.sh\necho true > a.sh") == []


@pytest.mark.parametrize(
    "code",
    [
        "mkdir .git __pycache__; echo x > .git/x; echo x > __pycache__/x",
        "ln -s /etc/passwd link; ln -s / folder; mkfifo pipe",
        "touch \"$(printf 'a\\377')\"",
    ],
    ids=["hidden folders", "links and pipes", "no Unicode"],
)
def test_what_is_no_output_is_not_listed(made, code):
    assert made(code) == []


def test_a_folder_with_too_much_in_it_is_looked_at_only_above(made, monkeypatch):
    monkeypatch.setattr(_output_files, "MAX_ENTRIES", 10)
    assert made("mkdir sub; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo x > sub/$i; done; echo x > new") == ["new"]
    assert made("echo y > sub/new; echo y > newer") == ["newer"]
    assert made("rm -r sub; mkdir sub; echo y > sub/one; echo y > newest") == ["newest"]


def test_of_too_many_files_nothing_is_listed(made, monkeypatch):
    monkeypatch.setattr(_output_files, "MAX_ENTRIES", 10)
    assert made("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo x > $i; done") == []


def test_the_list_has_an_end(made, monkeypatch):
    monkeypatch.setattr(_output_files, "MAX_REPORTED", 3)
    assert made("for i in 1 2 3 4 5; do echo x > $i; done") == ["1", "2", "3"]
