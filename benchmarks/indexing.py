"""The time to index 10 MB of Markdown: until questions are answered by words, and until all vectors are there; a second run.

python -m benchmarks.indexing                # some of the vectors, and an estimate for all of them
python -m benchmarks.indexing --seconds 3600 # as many vectors as are made in this time

The extra `embeddings` is needed. The text is the documentation of Python, as Debian ships it in `python3.11-doc`, with
Markdown's headings.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from pathlib import Path

from autogen.agentchat.contrib.retrieve_user_proxy_agent import RetrieveUserProxyAgent
from autogen.retrieval import TextIndex

from .retrieval import unpack_package

BYTES = 10_000_000
# Underlines of headings, from the outermost.
LEVELS = "*=-^~"
HEADING = re.compile(r"^(\S.*)\n([-=~^*])\2{2,}\n", re.MULTILINE)


def write_documents(folder: Path) -> int:
    """Write Markdown files, and return their size in bytes."""
    folder.mkdir()
    sources = unpack_package("python3.11-doc", folder.parent).rglob("_sources/**/*.rst.txt")
    total = 0
    for number, path in enumerate(sorted(sources)):
        if total >= BYTES:
            break
        text = HEADING.sub(_replace_heading, path.read_text(encoding="utf-8"))[: BYTES - total]
        (folder / f"{number:03d}-{path.name.partition('.')[0]}.md").write_text(text, encoding="utf-8")
        total += len(text)
    return total


def _replace_heading(match: re.Match[str]) -> str:
    return f"{'#' * (1 + max(0, LEVELS.find(match[2])))} {match[1]}\n"


def make_agent(documents: Path, database: Path, **config: object) -> RetrieveUserProxyAgent:
    """Return an agent that searches the documents."""
    return RetrieveUserProxyAgent(
        human_input_mode="NEVER",
        code_execution_config=False,
        silent=True,
        retrieve_config={
            "docs_path": str(documents),
            "db_config": {"path": str(database)},
            "get_or_create": True,
            **config,
        },
    )


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.indexing", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120, help="time for vectors")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        documents, database = Path(folder) / "docs", Path(folder) / "db"
        size = write_documents(documents)
        agent = make_agent(documents, database, embed_in_background=True)
        started, cpu = time.perf_counter(), time.process_time()
        report = agent.index(progress=False)
        agent.retrieve_docs("How do I read a file line by line?", 3)
        elapsed, used = time.perf_counter() - started, time.process_time() - cpu
        chunks = report.chunks
        print(f"{size / 1e6:.1f} MB, {len(report.new)} files, {chunks} chunks")
        print(f"answered by words after {elapsed:.1f} s, {used:.1f} s of CPU")
        started, cpu = time.perf_counter(), time.process_time()
        is_done = agent.wait_for_vectors(options.seconds)
        elapsed, used = time.perf_counter() - started, time.process_time() - cpu
        with TextIndex(database) as index:
            made = chunks - index.get_collection("autogen-docs").count_without_vectors()
        print(f"{made} chunks have vectors after {elapsed / 60:.1f} min, {used / 60:.1f} min of CPU")
        if not is_done and made:
            print(f"all of them: about {elapsed * chunks / made / 60:.0f} min, {used * chunks / made / 60:.0f} min of CPU")
        report = make_agent(documents, database, search="keyword").index(progress=False)
        print(f"a second run: {report} in {report.seconds:.2f} s")


if __name__ == "__main__":
    main()
