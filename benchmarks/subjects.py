"""The subjects: each function measures a subject and returns its rows. The measured programs are in `programs/`."""

from __future__ import annotations

from functools import partial

from .kit import Row, Setting, compute_median, run_cold, run_interleaved, run_work

US, MS = 1e6, 1e3


def measure_import(setting: Setting) -> list[Row]:
    """Measure the import of the package in a new process."""
    ours, folder = setting.ours.python, setting.folder
    cases = {
        "bare": partial(run_cold, ours, "pass", folder),
        "ours": partial(run_cold, ours, "import autogen", folder),
        "agent": partial(run_cold, ours, "from autogen import ConversableAgent", folder),
        "sdk": partial(run_cold, ours, "import openai; openai.OpenAI", folder),
    }
    if setting.peer:
        cases["peer"] = partial(run_cold, setting.peer.python, "import autogen", folder)
    # the first run compiles the modules, and fills the cache of the disk
    for case in cases.values():
        case()
    samples = run_interleaved(3 * setting.rounds, cases)
    times = {name: compute_median(values, "seconds") * MS for name, values in samples.items()}
    sizes = {name: compute_median(values, "bytes") / 1e6 for name, values in samples.items()}
    over, peer = times["ours"] - times["bare"], times.get("peer")
    share = times["ours"] / peer if peer else None
    return [
        Row(
            "`import autogen`, cold process: time",
            times["ours"],
            "ms",
            times["bare"],
            "a bare interpreter",
            peer,
            "within 30 ms of a bare interpreter, under 5% of classic",
            over <= 30 and (share is None or share < 0.05),
            f"the interpreter itself; {over:.1f} ms over it"
            + (f", {share:.1%} of classic" if share else "")
            + f". With `ConversableAgent`: {times['agent']:.0f} ms; `openai` alone: {times['sdk']:.0f} ms.",
            {"samples": samples},
        ),
        Row(
            "`import autogen`, cold process: memory",
            sizes["ours"],
            "MB",
            sizes["bare"],
            "a bare interpreter",
            sizes.get("peer"),
            limit="names are resolved on first use, so that next to nothing is loaded.",
        ),
    ]


def measure_first_agent(setting: Setting) -> list[Row]:
    """Measure the construction of an agent with a model."""
    cases = {
        name: partial(run_work, contender.python, "first_agent", folder=setting.folder, url=setting.url)
        for name, contender in setting.list_contenders().items()
    }
    cases["floor"] = partial(run_work, setting.ours.python, "first_client", folder=setting.folder, url=setting.url)
    samples = run_interleaved(2 * setting.rounds + 1, cases)
    ours = compute_median(samples["ours"], "first") * MS
    return [
        Row(
            "first agent with an `llm_config`, SDK loaded",
            ours,
            "ms",
            compute_median(samples["floor"], "first") * MS,
            "the SDK's client alone",
            compute_median(samples["peer"], "first") * MS if setting.peer else None,
            "under 1 ms",
            ours < 1,
            f"checking the settings; the SDK's client is made with the first request. "
            f"The next agent: {compute_median(samples['ours'], 'next') * MS:.2f} ms.",
            {"samples": samples},
        )
    ]


def measure_http_turn(setting: Setting) -> list[Row]:
    """Measure a chat over HTTP, and the same requests by the SDK alone."""
    cases = {
        name: partial(run_work, contender.python, "http", folder=setting.folder, url=setting.url, turns=10, times=25)
        for name, contender in setting.list_contenders().items()
    }
    samples = run_interleaved(setting.rounds, cases)
    ratio = compute_median(samples["ours"], "ratio")
    theirs = f"; classic's ratio: {compute_median(samples['peer'], 'ratio'):.2f}" if setting.peer else ""
    return [
        Row(
            "two-agent chat over HTTP, a turn",
            compute_median(samples["ours"], "framework") * US,
            "us",
            compute_median(samples["ours"], "alone") * US,
            "the SDK, the same requests",
            compute_median(samples["peer"], "framework") * US if setting.peer else None,
            "at most 1.05 of the SDK",
            ratio <= 1.05,
            "the SDK and its HTTP library. Messages go past the SDK's look at their types, which takes longer with each one "
            "of the history. Of chats of 10 turns in alternation, the median ratio, which the goal is for: "
            f"{ratio:.3f}{theirs}.",
            {"samples": samples},
        )
    ]


def measure_scripted_turn(setting: Setting) -> list[Row]:
    """Measure a turn without a model, after histories of several lengths."""
    lengths = (10, 1_000, 100_000)
    cases = {
        (name, length): partial(run_work, contender.python, "turn", folder=setting.folder, length=length)
        for length in lengths
        for name, contender in setting.list_contenders().items()
    }
    cases["async", 10] = partial(run_work, setting.ours.python, "turn", folder=setting.folder, length=10, asynchronous=True)
    samples = run_interleaved(setting.rounds, {str(key): case for key, case in cases.items()})
    medians = {key: compute_median(samples[str(key)]) * US for key in cases}
    rows = []
    for length in lengths:
        flat = medians["ours", length] / medians["ours", lengths[0]]
        rows.append(
            Row(
                f"scripted turn (2 messages), history {length:,}",
                medians["ours", length],
                "us",
                peer=medians.get(("peer", length)),
                goal="under 10 us, flat",
                met=medians["ours", length] < 10 and flat < 1.25,
                limit=f"asynchronous: {medians['async', 10]:.1f} us. {TURN_FLOOR}"
                if length == 10
                else f"{flat:.2f} of the turn at history 10.",
                more={"samples": {str(key): samples[str(key)] for key in cases if key[1] == length}},
            )
        )
    return rows


TURN_FLOOR = (
    "Two messages (half of it for each) are sent, received and answered: a look for each whether any of ten methods is "
    "overridden or patched, eight reply functions in a list that programs may change at any time, the table of termination, "
    "and both sides store the message."
)


def measure_group_round(setting: Setting) -> list[Row]:
    """Measure a round of a group chat."""
    sizes, rounds = (3, 10, 100), (10, 1_000)
    cases = {}
    for size in sizes:
        for number in rounds:
            for name, contender in setting.list_contenders().items():
                if name == "ours" or size * number <= 10_000:
                    cases[name, size, number] = partial(
                        run_work, contender.python, "group", folder=setting.folder, members=size, rounds=number
                    )
    samples = run_interleaved(setting.rounds, {str(key): case for key, case in cases.items()})
    medians = {key: compute_median(samples[str(key)]) * US for key in cases}
    more = (medians["ours", 100, 1_000] - medians["ours", 3, 1_000]) / 97
    rows = []
    for size in sizes:
        flat = medians["ours", size, 1_000] / medians["ours", size, 10]
        rows.append(
            Row(
                f"group chat round, {size} agents, of 1,000",
                medians["ours", size, 1_000],
                "us",
                peer=medians.get(("peer", size, 1_000)),
                goal="flat in rounds; under 1 us an agent more",
                met=flat <= 1.1 and more < 1,
                limit=f"of 10 rounds, with all that a chat costs: {medians['ours', size, 10]:.0f} us a round"
                + (f" (classic: {medians['peer', size, 10]:.0f})" if ("peer", size, 10) in medians else "")
                + f". An agent more: {more:.2f} us, an entry in its history.",
                more={"samples": {str(key): samples[str(key)] for key in cases if key[1] == size}},
            )
        )
    return rows


def measure_concurrent_chats(setting: Setting) -> list[Row]:
    """Measure a thousand chats at once."""
    chats, latency = 1_000, 50
    url = setting.get_slow_url(latency)
    cases = {
        name: partial(run_work, contender.python, "concurrent", folder=setting.folder, url=url, chats=chats)
        for name, contender in setting.list_contenders().items()
    }
    cases["floor"] = partial(run_work, setting.ours.python, "concurrent_alone", folder=setting.folder, url=url, chats=chats)
    # a sample takes long
    samples = run_interleaved(max(1, setting.rounds // 2), cases)
    ours, floor = compute_median(samples["ours"]), compute_median(samples["floor"])
    ideal = 2 * latency / 1e3
    return [
        Row(
            f"{chats:,} concurrent async chats of two turns, {latency} ms latency",
            ours,
            "s",
            floor,
            "the SDK, the same requests",
            compute_median(samples["peer"]) if setting.peer else None,
            f"at most 1.3 of the ideal ({ideal} s)",
            ours / ideal <= 1.3,
            f"{ours / ideal:.1f} of the ideal. 2,000 requests in one thread: the SDK alone takes {floor / ideal:.1f} of the "
            f"ideal, {floor / 2 / chats * US:.0f} us a request, as its connection pool looks through all connections at "
            f"each; we take {ours / floor:.2f} of that, {ours / 2 / chats * US:.0f} us, with several pools: the SDK's "
            f"own work on 2,000 requests and answers, one after the other. Samples: {len(samples['ours'])} each, far "
            "apart on a busy machine; believe the order of magnitude alone.",
            {"samples": samples},
        )
    ]


def measure_mapped_chats(setting: Setting) -> list[Row]:
    """Measure `map_chats` beside a loop."""
    chats, turns = 10_000, 3
    case = partial(run_work, setting.ours.python, "mapped", folder=setting.folder, chats=chats, turns=turns)
    samples = run_interleaved(setting.rounds, {"ours": case})["ours"]
    loop, threads, tasks = (compute_median(samples, key) for key in ("loop", "threads", "tasks"))
    return [
        Row(
            f"`map_chats` of {chats:,} scripted chats of {turns} turns, without a checkpoint",
            threads,
            "s",
            loop,
            "a loop",
            goal="at most 1.2 of the loop",
            met=threads / loop <= 1.2,
            limit=f"{threads / loop:.2f} of the loop; in tasks, {tasks / loop:.2f}. The identity of an item, its budget and "
            "its outcome, and a thread that waits for the interpreter.",
            more={"samples": samples},
        )
    ]


def measure_idle_agents(setting: Setting) -> list[Row]:
    """Measure the memory of agents."""
    where = {"folder": setting.folder, "url": setting.url}
    cases = {
        name: partial(run_work, contender.python, "idle_agents", **where, number=2_000 if name == "ours" else 200)
        for name, contender in setting.list_contenders().items()
    }
    cases["floor"] = partial(run_work, setting.ours.python, "idle_clients", **where, number=200)
    samples = run_interleaved(min(setting.rounds, 3), cases)
    medians = {name: compute_median(values) / 1e3 for name, values in samples.items()}
    return [
        Row(
            "2,000 idle agents with an `llm_config`, an agent",
            medians["ours"],
            "KB",
            medians["floor"],
            "a client of the SDK",
            medians.get("peer"),
            "under 20 KB",
            medians["ours"] < 20,
            "the agent's own dicts and lists; clients are shared by endpoint. (Floor and classic: of 200.)",
            {"samples": samples},
        )
    ]


def measure_cached_reply(setting: Setting) -> list[Row]:
    """Measure a response from the cache on disk."""
    lengths = {10: 200, 1_000: 30}
    cases = {
        (name, length): partial(
            run_work, contender.python, "cached", folder=setting.folder, url=setting.url, length=length, times=times
        )
        for length, times in lengths.items()
        for name, contender in setting.list_contenders().items()
    }
    samples = run_interleaved(setting.rounds, {str(key): case for key, case in cases.items()})
    rows = []
    for length in lengths:
        ours = compute_median(samples[str(("ours", length))], "reply") * US
        floor = compute_median(samples[str(("ours", length))], "json") * US
        theirs = samples.get(str(("peer", length)))
        rows.append(
            Row(
                f"cached reply (disk), history {length:,}",
                ours,
                "us",
                floor,
                "`json.dumps` of the request",
                compute_median(theirs, "reply") * US if theirs else None,
                "under 200 us" if length == 10 else "at most 2 x `json.dumps`",
                ours < 200 if length == 10 else ours <= 2 * floor,
                f"{ours / floor:.2f} x `json.dumps`: the key is a digest of the whole request; one read of SQLite.",
                {"samples": {name: samples[name] for name in samples if name.endswith(f" {length})")}},
            )
        )
    return rows
