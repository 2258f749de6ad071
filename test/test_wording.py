"""The words of the package: names of functions, docstrings, comments and messages."""

import ast
import re
from collections import Counter
from functools import cache

import pytest
from package_source import FILES, FUNCTIONS, TREES, find_comments, find_docstrings, find_texts
from words import GIVEN_UP, PARTICIPLES, PREPOSITIONS, RELATIVES, VERBS

# All of the package is parsed.
pytestmark = pytest.mark.slow


def find_function_names():
    """Yield the names of functions and methods that are called: not those of Python, and not properties."""
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS) and not node.name.startswith("__"):
                decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
                if not any("property" in decorator or "setter" in decorator for decorator in decorators):
                    yield node.name


def classify_name(name):
    """Return the kind of the word that a name begins with."""
    words = name.strip("_").lower().split("_")
    # the async version of a method has the prefix `a_`
    word = words[1] if words[0] == "a" and len(words) > 1 else words[0]
    if word in VERBS:
        return "verb"
    if word in PARTICIPLES or word.endswith("ed"):
        return "participle"
    return "preposition" if word in PREPOSITIONS else "noun"


def test_most_names_of_functions_begin_with_a_verb():
    kinds = Counter(map(classify_name, find_function_names()))
    others = sorted({name for name in find_function_names() if classify_name(name) != "verb"})
    assert kinds["verb"] >= 0.65 * kinds.total(), others


def test_few_names_of_functions_begin_with_a_participle_or_a_preposition():
    kinds = Counter(map(classify_name, find_function_names()))
    others = sorted({name for name in find_function_names() if classify_name(name) in ("participle", "preposition")})
    assert kinds["participle"] + kinds["preposition"] <= 0.03 * kinds.total(), others


@cache
def collect_prose():
    """Return the prose of all modules as pairs of `module:line` and text. Code in backticks is left out."""
    return [
        (f"{module}:{line}", re.sub(r"`[^`]*`", "``", text))
        for module, path in FILES.items()
        for line, text in find_texts(path)
    ]


@pytest.mark.parametrize("word", GIVEN_UP)
def test_words_that_were_given_up_do_not_come_back(word):
    pattern = re.compile(rf"\b(?:{GIVEN_UP[word].pattern})\b", re.IGNORECASE)
    uses = [
        f"{where}: {text[max(0, match.start() - 40) : match.end() + 40]!r}"
        for where, text in collect_prose()
        for match in pattern.finditer(text)
    ]
    assert not uses, f"say {GIVEN_UP[word].instead}:\n" + "\n".join(uses)


def test_no_docstring_begins_with_a_relative_clause():
    begins = [
        f"{module}:{line}: {text.splitlines()[0]}"
        for module, tree in TREES.items()
        for line, text in find_docstrings(tree)
        if text.startswith(tuple(f"{word} " for word in RELATIVES))
    ]
    assert not begins, "\n".join(begins)


def test_docstrings_have_few_free_relative_clauses():
    """Such as "what the model said": a noun of the field says the same, "the response"."""
    text = "\n".join(text for tree in TREES.values() for _, text in find_docstrings(tree))
    clauses = re.findall(r"\b[Ww]hat\b(?! (?:is|are|does|do|if)\b)", text)
    words = re.findall(r"[A-Za-z']+", text)
    assert len(clauses) <= 0.002 * len(words), f"{len(clauses)} in {len(words)} words"


def test_reasons_stand_on_lines_of_their_own():
    comments = sum(own_line for path in FILES.values() for _, _, own_line in find_comments(path))
    lines = sum(path.read_text(encoding="utf-8").count("\n") for path in FILES.values())
    assert comments >= 0.02 * lines, f"{comments} comments in {lines} lines"


# Neither these functions nor these attributes of an exception return a sentence of its author.
WORDLESS = {"trim_stop", "type", "repr", "len", "isinstance", "args", "errno", "filename", "name", "start", "__name__"}


def holds_text_of(expression, errors):
    """Return True if the text of an exception gets into an expression as it is."""
    if isinstance(expression, ast.Name):
        return expression.id in errors
    part = expression.func if isinstance(expression, ast.Call) else expression
    if getattr(part, "id", getattr(part, "attr", None)) in WORDLESS:
        return False
    return any(holds_text_of(child, errors) for child in ast.iter_child_nodes(expression))


def find_stops_behind_errors(function):
    """Yield the f-strings in a function that set a full stop behind the text of an exception, which may have one."""
    nodes = list(ast.walk(function))
    errors = {node.name for node in nodes if isinstance(node, ast.ExceptHandler)}
    errors |= {
        node.arg
        for node in nodes
        if isinstance(node, ast.arg) and node.annotation and re.search("Error|Exception", ast.unparse(node.annotation))
    }
    for node in nodes if errors else ():
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and holds_text_of(node.value, errors):
            errors.add(node.targets[0].id)
    for node in nodes if errors else ():
        for part, following in zip(node.values, node.values[1:], strict=False) if isinstance(node, ast.JoinedStr) else ():
            ends = isinstance(following, ast.Constant) and re.match(r"\.(\s|$)", following.value)
            is_text = isinstance(part, ast.FormattedValue) and part.conversion != ord("r")
            if ends and is_text and holds_text_of(part.value, errors):
                yield node


def test_no_message_ends_in_two_full_stops():
    mistakes = [
        f"{module}:{text.lineno}: {ast.unparse(text)}"
        for module, tree in TREES.items()
        for function in ast.walk(tree)
        if isinstance(function, FUNCTIONS)
        for text in find_stops_behind_errors(function)
    ]
    assert not mistakes, "use autogen._mistakes.trim_stop in: " + "; ".join(mistakes)


def find_annotations(tree):
    """Yield the annotations of the parameters and results of all functions."""
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            annotations = [argument.annotation for argument in arguments if argument.arg not in ("self", "cls")]
            yield from (ast.unparse(annotation) for annotation in [*annotations, node.returns] if annotation is not None)


def test_few_annotations_are_open():
    annotations = [annotation for tree in TREES.values() for annotation in find_annotations(tree)]
    count = sum(bool(re.search(r"\bAny\b", annotation)) for annotation in annotations)
    assert count <= 0.1 * len(annotations), f"{count} of {len(annotations)} annotations contain Any"
