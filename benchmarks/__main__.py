"""Measure this project beside the SDK alone and AutoGen classic, in one run.

python -m benchmarks                    # the table; `results.json` and `results.svg` in the folder `benchmarks-out`
python -m benchmarks --write            # also as `benchmarks/RESULTS.md`, with the files beside it
python -m benchmarks --only turn group  # some subjects only
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import peers, results, subjects
from .code_blocks import measure_code_blocks
from .kit import Row, Setting, measure_server, serve_loopback
from .listening import measure_listening

SUBJECTS = {
    "import": subjects.measure_import,
    "first-agent": subjects.measure_first_agent,
    "http": subjects.measure_http_turn,
    "turn": subjects.measure_scripted_turn,
    "group": subjects.measure_group_round,
    "concurrent": subjects.measure_concurrent_chats,
    "many": subjects.measure_mapped_chats,
    "memory": subjects.measure_idle_agents,
    "cache": subjects.measure_cached_reply,
    "code": measure_code_blocks,
    "events": measure_listening,
}


def main() -> None:
    """Read the command line, measure, and show the results."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), help="subjects to measure")
    parser.add_argument("--rounds", type=int, default=5, help="number of times that everything is measured")
    parser.add_argument("--no-peers", action="store_true", help="measure this package alone")
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md and its files")
    parser.add_argument("--out", type=Path, default=Path("benchmarks-out"), help="folder for the files")
    options = parser.parse_args()
    machine = results.describe_machine()
    ours, peer = peers.get_own(), None
    if not options.no_peers:
        try:
            peer = peers.install_peer()
        except subprocess.CalledProcessError as error:
            print(f"{peers.CLASSIC} can't be installed, skipping it: {error}", file=sys.stderr)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, serve_loopback() as url:
        server = measure_server(url)
        print(
            f"server: {server['requests_a_second']:,.0f} requests a second, {server['round_trip'] * 1e6:.0f} us a round trip"
        )
        setting = Setting(ours, peer, url, options.rounds, Path(folder))
        for name in options.only:
            started = time.perf_counter()
            rows += SUBJECTS[name](setting)
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    context = {
        "machine": machine,
        "versions": {contender.name: peers.get_versions(contender) for contender in (ours, peer) if contender},
        "server": server,
        "rounds": options.rounds,
    }
    print(results.format_table(rows))
    folder_out = results.HERE if options.write else options.out
    folder_out.mkdir(exist_ok=True)
    results.save(rows, context, folder_out / "results.json")
    (folder_out / "RESULTS.md").write_text(results.format_page(rows, context))
    try:
        results.draw_plot(rows, folder_out / "results.svg")
    except ImportError as error:
        print(f"no plot: {error}. The extra `graph` has what it needs.", file=sys.stderr)


if __name__ == "__main__":
    main()
