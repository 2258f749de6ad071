"""Turn the notebooks into pages of the site, with the output of their cells.

python website/notebooks.py            # runs each notebook; one that can't run here is shown without output
python website/notebooks.py --strict   # ... and that is an error: for the site that is published
python website/notebooks.py --no-run   # faster, for work on the text of the site
"""

from __future__ import annotations

import base64
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebook"
TARGET = ROOT / "website" / "docs" / "notebooks"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
SECONDS = 120  # timeout of a cell


def execute(path: Path) -> Any:
    """Return the notebook with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: if it can't run here, for example without Docker.
    """
    import nbclient

    notebook = read(path)
    with tempfile.TemporaryDirectory() as folder:
        nbclient.NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": folder}}).execute()
    return notebook


def try_execute(path: Path) -> Any:
    """Return the notebook with its outputs; without them if it can't run here."""
    import nbclient

    try:
        return execute(path)
    except nbclient.exceptions.CellExecutionError as error:
        print(f"{path.name} is shown without output: {ESCAPES.sub('', str(error)).strip().splitlines()[-1]}")
        return read(path)


def read(path: Path) -> Any:
    """Read a notebook."""
    import nbformat

    return nbformat.read(path, as_version=4)


def format_block(language: str, text: str) -> str:
    """Format a block of code, in a fence that is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def format_output(output: Any, name: str) -> str:
    """Format an output of a cell as Markdown. Pictures are saved beside the page."""
    if output["output_type"] == "stream":
        return format_block("text", ESCAPES.sub("", output["text"]))
    data = output.get("data", {})
    for kind, suffix in (("image/svg+xml", "svg"), ("image/png", "png")):
        if kind in data:
            raw = data[kind].encode() if suffix == "svg" else base64.b64decode(data[kind])
            file = TARGET / f"{name}.{suffix}"
            file.write_bytes(raw)
            return f"![Output of the cell]({file.name})\n"
    text = data.get("text/plain", "")
    return format_block("text", ESCAPES.sub("", text)) if text else ""


def format_page(path: Path, notebook: Any) -> str:
    """Format a notebook as Markdown."""
    parts = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(convert_links(cell.source) + "\n")
        elif cell.cell_type == "code":
            parts.append(format_block("python", cell.source))
            outputs = join_streams(cell.get("outputs", []))
            texts = [format_output(output, f"{path.stem}-{number}-{index}") for index, output in enumerate(outputs)]
            parts += [text for text in texts if text]
    title, _, rest = "\n".join(parts).partition("\n")
    note = f"*This page is a notebook: `notebook/{path.name}`. It needs no key.*"
    return f"{title}\n\n{note}\n{rest.rstrip()}\n"


def join_streams(outputs: list[Any]) -> list[Any]:
    """Return the outputs of a cell, with the pieces of printed text joined."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output["output_type"] == last["output_type"] == "stream" and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            joined.append(output)
    return joined


def convert_links(text: str) -> str:
    """Make links to other notebooks lead to their pages."""
    return re.sub(r"\]\((?:\./)?([\w-]+)\.ipynb\)", r"](\1.md)", text)


def main(arguments: list[str]) -> int:
    """Write a page for each notebook, and delete those of notebooks that are gone."""
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    for old in TARGET.iterdir():
        if old.name not in ("index.md", ".gitignore"):
            old.unlink()
    load = read if "--no-run" in arguments else execute if "--strict" in arguments else try_execute
    with ThreadPoolExecutor(2) as pool:
        notebooks = pool.map(load, paths)
        for path, notebook in zip(paths, notebooks, strict=True):
            (TARGET / f"{path.stem}.md").write_text(format_page(path, notebook), encoding="utf-8")
    print(f"{len(paths)} notebooks are in {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
