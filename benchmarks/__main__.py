"""Measure this project beside the SDK alone and AutoGen classic, in one run.

python -m benchmarks                    # the table; `results.json` and `results.svg` in the folder `benchmarks-out`
python -m benchmarks --write            # also as `benchmarks/RESULTS.md`, with the files beside it
python -m benchmarks --only turn group  # some rooms only
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import peers, results, rooms
from .code_blocks import code_blocks
from .kit import Row, Setting, ceiling, loopback
from .listening import listening

ROOMS = {
    "import": rooms.startup,
    "first-agent": rooms.first_agent,
    "http": rooms.http_turn,
    "turn": rooms.scripted_turn,
    "group": rooms.group_round,
    "concurrent": rooms.many_chats,
    "memory": rooms.idle,
    "cache": rooms.cached_reply,
    "code": code_blocks,
    "events": listening,
}


def main() -> None:
    """Read the command line, measure, and show."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=ROOMS, default=list(ROOMS), help="what is measured")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--no-peers", action="store_true", help="install and measure nobody else")
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md and what belongs to it")
    parser.add_argument("--out", type=Path, default=Path("benchmarks-out"), help="where files go")
    options = parser.parse_args()
    place = results.machine()
    ours, peer = peers.here(), None
    if not options.no_peers:
        try:
            peer = peers.peer()
        except subprocess.CalledProcessError as error:
            print(f"{peers.CLASSIC} can't be installed, and is left out: {error}", file=sys.stderr)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, loopback() as url:
        server = ceiling(url)
        print(
            f"server: {server['requests_a_second']:,.0f} requests a second, {server['round_trip'] * 1e6:.0f} us a round trip"
        )
        setting = Setting(ours, peer, url, options.rounds, Path(folder))
        for name in options.only:
            started = time.perf_counter()
            rows += ROOMS[name](setting)
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    about = {
        "machine": place,
        "versions": {one.name: peers.versions(one) for one in (ours, peer) if one},
        "server": server,
        "rounds": options.rounds,
    }
    print(results.table(rows))
    folder_out = results.HERE if options.write else options.out
    folder_out.mkdir(exist_ok=True)
    results.save(rows, about, folder_out / "results.json")
    (folder_out / "RESULTS.md").write_text(results.page(rows, about))
    try:
        results.plot(rows, folder_out / "results.svg")
    except ImportError as error:
        print(f"no plot: {error}. The extra `graph` has what it needs.", file=sys.stderr)


if __name__ == "__main__":
    main()
