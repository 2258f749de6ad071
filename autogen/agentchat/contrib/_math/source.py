"""The source code of queries in Python: what a model writes for a result is completed so that the result is printed."""

from __future__ import annotations

import ast
import io
import tokenize


def parse(code: str) -> ast.Module | None:
    """Return the syntax tree of some code; None if this Python can't parse it."""
    try:
        return ast.parse(code)
    # Null bytes, and code that is nested too deeply, raise other errors than a wrong syntax.
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def has_print(code: str) -> bool:
    """Return True if some code prints."""
    tree = parse(code)
    return "print(" in code if tree is None else any(map(is_print, ast.walk(tree)))


def is_print(node: ast.AST) -> bool:
    """Return True for a call of `print`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def split_statements(code: str) -> str:
    """Return code with line breaks for semicolons, if it can't be parsed otherwise: `x = 1; for i in y: print(i)`.

    A semicolon within a string or a comment stays.
    """
    if ";" not in code or parse(code) is not None:
        return code
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        return code
    lines = code.splitlines(keepends=True)
    for token in reversed(tokens):
        if token.type == tokenize.OP and token.string == ";":
            number, column = token.start
            line = lines[number - 1]
            indent = line[: len(line) - len(line.lstrip())]
            lines[number - 1] = f"{line[:column]}\n{indent}{line[column + 1 :].lstrip(' ')}"
    return "".join(lines)


def print_last_line(code: str) -> str:
    """Return code that prints the value of its last line, if that is an expression and nothing else is printed."""
    tree = parse(code)
    if tree is None or not tree.body or has_print(code):
        return code
    last = tree.body[-1]
    if not isinstance(last, ast.Expr) or last.end_lineno is None or last.end_col_offset is None:
        return code
    # Columns count bytes.
    lines = [line.encode() for line in code.splitlines(keepends=True)]
    index, end = last.lineno - 1, last.end_lineno - 1
    lines[end] = lines[end][: last.end_col_offset] + b")" + lines[end][last.end_col_offset :]
    lines[index] = lines[index][: last.col_offset] + b"print(" + lines[index][last.col_offset :]
    return b"".join(lines).decode()


def remove_prints(code: str) -> str:
    """Return code without the statements that only print, but for those within other statements."""
    tree = parse(code)
    if tree is None:
        return "\n".join(line for line in code.splitlines() if not line.startswith("print("))
    return _drop(code, [node for node in tree.body if isinstance(node, ast.Expr) and is_print(node.value)])


def keep_imports(code: str) -> str:
    """Return the import statements of some code that are in no other statement."""
    tree = parse(code)
    if tree is None:
        return ""
    return "\n".join(ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom)))


def _drop(code: str, statements: list[ast.Expr]) -> str:
    """Return code without some of its statements; a line that holds others, too, keeps those."""
    if not statements:
        return code
    lines = [line.encode() for line in code.splitlines()]
    for node in reversed(statements):
        end = node.end_lineno or node.lineno
        before = lines[node.lineno - 1][: node.col_offset].rstrip(b"; \t")
        after = lines[end - 1][node.end_col_offset :].lstrip(b"; \t")
        rest = b"; ".join(part for part in (before, after) if part and not part.startswith(b"#"))
        lines[node.lineno - 1 : end] = [rest] if rest else []
    return b"\n".join(lines).decode()
