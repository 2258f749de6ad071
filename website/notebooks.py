"""Turn the notebooks into pages of the site, with what their cells print and draw.

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
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SECONDS = 120  # for one cell


def executed(path: Path) -> Any:
    """The notebook with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: It can't run here, for example without Docker.
    """
    import nbclient

    notebook = read(path)
    with tempfile.TemporaryDirectory() as folder:
        nbclient.NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": folder}}).execute()
    return notebook


def attempted(path: Path) -> Any:
    """The notebook with its outputs; as it is if it can't run here."""
    import nbclient

    try:
        return executed(path)
    except nbclient.exceptions.CellExecutionError as error:
        print(f"{path.name} is shown without output: {COLOURS.sub('', str(error)).strip().splitlines()[-1]}")
        return read(path)


def read(path: Path) -> Any:
    """The notebook as it is."""
    import nbformat

    return nbformat.read(path, as_version=4)


def fenced(language: str, text: str) -> str:
    """A block of code, in a fence that is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def shown(output: Any, name: str) -> str:
    """An output of a cell as Markdown. Pictures are saved beside the page."""
    if output["output_type"] == "stream":
        return fenced("text", COLOURS.sub("", output["text"]))
    data = output.get("data", {})
    for kind, suffix in (("image/svg+xml", "svg"), ("image/png", "png")):
        if kind in data:
            raw = data[kind].encode() if suffix == "svg" else base64.b64decode(data[kind])
            file = TARGET / f"{name}.{suffix}"
            file.write_bytes(raw)
            return f"![Output of the cell]({file.name})\n"
    text = data.get("text/plain", "")
    return fenced("text", COLOURS.sub("", text)) if text else ""


def page(path: Path, notebook: Any) -> str:
    """The notebook as Markdown."""
    parts = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(linked(cell.source) + "\n")
        elif cell.cell_type == "code":
            parts.append(fenced("python", cell.source))
            outputs = joined(cell.get("outputs", []))
            shows = [shown(output, f"{path.stem}-{number}-{place}") for place, output in enumerate(outputs)]
            parts += [text for text in shows if text]
    title, _, rest = "\n".join(parts).partition("\n")
    note = f"*This page is a notebook: `notebook/{path.name}`. It needs no key.*"
    return f"{title}\n\n{note}\n{rest.rstrip()}\n"


def joined(outputs: list[Any]) -> list[Any]:
    """The outputs of a cell; what it printed in pieces is one again."""
    found: list[Any] = []
    for output in outputs:
        last = found[-1] if found else None
        if last and output["output_type"] == last["output_type"] == "stream" and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            found.append(output)
    return found


def linked(text: str) -> str:
    """Links to other notebooks lead to their pages."""
    return re.sub(r"\]\((?:\./)?([\w-]+)\.ipynb\)", r"](\1.md)", text)


def main(arguments: list[str]) -> int:
    """Write a page for each notebook, and delete those of notebooks that are gone."""
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    for old in TARGET.iterdir():
        if old.name not in ("index.md", ".gitignore"):
            old.unlink()
    made = read if "--no-run" in arguments else executed if "--strict" in arguments else attempted
    with ThreadPoolExecutor(2) as pool:
        notebooks = pool.map(made, paths)
        for path, notebook in zip(paths, notebooks, strict=True):
            (TARGET / f"{path.stem}.md").write_text(page(path, notebook), encoding="utf-8")
    print(f"{len(paths)} notebooks are in {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
