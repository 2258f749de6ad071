"""Readers of public benchmarks, from files of the user."""

import json

import pytest

from autogen.bench import evaluate, read_suite


def write_rows(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def answer(suite, texts):
    report = evaluate(suite, lambda case: next(text for word, text in texts.items() if word in case.input))
    return [run.passed for run in report.records]


def test_gsm8k(tmp_path):
    # The separator of lines within a text is no end of a line of JSON.
    first = {"question": "Tea\u2028or coffee?", "answer": "It is 2 * 617.\n#### 1,234"}
    path = write_rows(tmp_path / "test.jsonl", first, {"question": "Cake?", "answer": "#### -3"})
    suite = read_suite(path, "gsm8k")
    assert [(case.id, case.target) for case in suite.cases] == [("gsm8k-1", 1234.0), ("gsm8k-2", -3.0)]
    assert answer(suite, {"Tea": "So it is 1234.", "Cake": "3"}) == [True, False]


def test_math_in_a_folder_and_in_a_file(tmp_path):
    row = {"problem": "Half?", "solution": r"It is $\boxed{\frac{1}{2}}$.", "level": "Level 1", "type": "Algebra"}
    write_rows(tmp_path / "test" / "algebra" / "7.json", row)
    path = write_rows(tmp_path / "math.jsonl", {**row, "unique_id": "test/algebra/7"})
    for source, name in ((tmp_path / "test", "math-algebra/7"), (path, "test/algebra/7")):
        suite = read_suite(source, "math")
        assert [case.id for case in suite.cases] == [name]
        assert suite.cases[0].metadata["level"] == "Level 1"
        assert answer(suite, {"Half": r"\boxed{\frac12}"}) == [True]
        assert answer(suite, {"Half": r"\boxed{2}"}) == [False]


def test_gaia_with_files_of_its_questions(tmp_path):
    row = {"task_id": "a", "Question": "Sum?", "Final answer": "1,000", "Level": 1, "file_name": "x.bin"}
    write_rows(tmp_path / "metadata.jsonl", row, {**row, "task_id": "b", "file_name": ""})
    with pytest.raises(ValueError, match=r"line 1: the file 'x\.bin' of the question must be beside it"):
        read_suite(tmp_path, "gaia")
    (tmp_path / "x.bin").write_bytes(b"\xff\x00")

    def system(case, context):
        files = {path.name: path.read_bytes() for path in context.work_dir.iterdir()}
        assert files == ({"x.bin": b"\xff\x00"} if case.id == "a" else {})
        return "FINAL ANSWER: $1000"

    assert [run.passed for run in evaluate(read_suite(tmp_path, "gaia"), system).records] == [True, True]


def test_assistantbench(tmp_path):
    path = write_rows(tmp_path / "dev.jsonl", {"id": "a", "task": "Which gym?", "answer": "Blue Moon", "difficulty": "Hard"})
    suite = read_suite(path, "assistantbench")
    assert suite.cases[0].metadata == {"difficulty": "Hard"}
    assert answer(suite, {"gym": "FINAL ANSWER: the blue moon"}) == [True]


@pytest.mark.parametrize(
    ("file_format", "row", "message"),
    [
        ("gsm8k", {"question": "a"}, "line 1: 'answer' must be a text, got None"),
        ("gsm8k", {"question": "a", "answer": "42"}, "must end with #### and a number"),
        ("gsm8k", [], "line 1 must be an object"),
        ("gaia", {"task_id": "a", "Question": "b", "Final answer": "?"}, "has no answer to compare with"),
        ("math", {"problem": "a"}, "'solution' must be a text"),
        ("autogenbench", {"id": "a", "template": "none"}, "there is no template 'none'"),
        ("autogenbench", {"id": "a", "template": 1}, "must be a path or a list of paths"),
        ("autogenbench", {"id": "a", "template": ["tasks.jsonl"]}, r"the template has no scenario\.py"),
        ("autogenbench", {"id": "a", "template": "tasks.jsonl", "values": {"x.py": {"a": "b"}}}, "no file 'x.py'"),
        ("gsm8", {}, "Did you mean 'gsm8k'"),
    ],
)
def test_mistakes_name_the_line(tmp_path, file_format, row, message):
    path = write_rows(tmp_path / "tasks.jsonl", row)
    with pytest.raises(ValueError, match=f"(?i){message}"):
        read_suite(path, file_format)


def test_a_template_does_not_leave_the_work_directory(tmp_path):
    row = {"id": "a", "template": ["scenario.py", ["scenario.py", "../../x.py"]]}
    (tmp_path / "scenario.py").write_text("")
    with pytest.raises(ValueError, match="below the work directory"):
        read_suite(write_rows(tmp_path / "tasks.jsonl", row), "autogenbench")
