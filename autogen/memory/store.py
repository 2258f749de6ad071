"""`MemoStore`: memos in an SQLite file, recalled by their meaning and their words."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._folders import replace_file
from .._mistakes import trim_stop
from .._steps import Steps, run_async, run_sync, to_thread
from ..embeddings import Embedder
from ..embeddings._choice import EmbedderChoice
from ..io.base import IOStream
from ..retrieval import choose_keyword_weight, rank_hybrid
from ._chroma_names import MemoClient, MemoCollection
from ._legacy_files import find_legacy_file, read_pairs, set_aside
from ._memo_file import FILE, MemoFile
from ._records import MAX_DISTANCE, Memo, RecalledMemo, get_now, make_recalled, mark_outdated, parse_memo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MemoStore"]

logger = logging.getLogger(__name__)

DEFAULT_FOLDER = "./tmp/teachable_agent_db"
# Inputs closer than this are about the same.
NEAR_DUPLICATE = 0.05
_EMBED_BATCH = 512

_EXAMPLES = (
    ("Is a whale a fish?", "no"),
    ("Does water boil at a lower temperature on a mountain?", "yes"),
    ("Can a violin be tuned while its strings are off?", "no"),
    ("Is the square of an odd number odd?", "yes"),
    ("Do all planets have moons?", "no"),
    ("Is bread made with yeast left to rise?", "yes"),
    ("Was the telephone invented before the telegraph?", "no"),
    ("Can a chess game end without a winner?", "yes"),
    ("Is Lisbon the capital of Spain?", "no"),
    ("Does salt lower the freezing point of water?", "yes"),
)


class MemoStore:
    """Pairs of an input, such as a question, and an output, such as its answer, which are recalled for similar inputs.

    They are in the file `memos.db` of a folder, which appears with the first memo. Processes and threads may share it. What
    an earlier version left in the folder is imported.

    Args:
        verbosity: 1 to print operations, 3 to print lists of memos as well.
        reset: True to delete the memos of the namespace first.
        path_to_db_dir: Folder; None for memos in memory.
        embedding_function: Anything that `autogen.embeddings.get_embedder` takes. None for the `embedding_model` of the
            config, else the offline model, else words alone with a warning; False for words alone.
        namespace: User or tenant whose memos are read and written, unless a call names another.
        llm_config: Config that may have an `embedding_model`.

    Raises:
        IndexFileError: if the file is damaged, or that of another program; it stays as it is.
    """

    def __init__(
        self,
        verbosity: int | None = 0,
        reset: bool | None = False,
        path_to_db_dir: str | os.PathLike[str] | None = DEFAULT_FOLDER,
        *,
        embedding_function: object = None,
        namespace: str = "",
        llm_config: Mapping[str, Any] | None = None,
    ) -> None:
        self.verbosity = verbosity or 0
        self.path_to_db_dir = path_to_db_dir
        self.namespace = namespace
        self._folder = None if path_to_db_dir is None else Path(path_to_db_dir)
        self._memos = MemoFile(self._folder)
        self._choice = EmbedderChoice(embedding_function, llm_config)
        # Steps of several threads must not find the same memo missing.
        self._lock = threading.RLock()
        if reset:
            self.reset_db()
        else:
            self._import_legacy_file()

    def __repr__(self) -> str:
        return f"MemoStore({str(self._memos.file.path or 'in memory')!r}, namespace={self.namespace!r})"

    def __len__(self) -> int:
        """Return the number of memos of the namespace."""
        with self._memos.file.read() as connection:
            return 0 if connection is None else self._memos.count(connection, self.namespace)

    def __bool__(self) -> bool:
        # A store is a store, also without memos.
        return True

    @property
    def embedder(self) -> Embedder | None:
        """The embedder that makes the vectors; None to search for words alone."""
        return self._choice.get()

    @property
    def last_memo_id(self) -> int:
        """Highest number that a memo of this file ever had; 0 for none."""
        with self._memos.file.read() as connection:
            return 0 if connection is None else self._memos.get_last_id(connection)

    @property
    def uid_text_dict(self) -> dict[str, tuple[str, str]]:
        """Input and output of each memo by its number as text; a copy."""
        return {str(memo.id): (memo.input, memo.output) for memo in self._iterate(self.namespace)}

    @property
    def vec_db(self) -> MemoCollection:
        """The memos under 0.2's name, with the methods of a collection of Chroma."""
        return MemoCollection(self)

    @property
    def db_client(self) -> MemoClient:
        """The store under 0.2's name, with the methods of a client of Chroma."""
        return MemoClient(self)

    @property
    def recorded_embedder(self) -> str | None:
        """Identity of the embedder that made the vectors in the file; None if there are none."""
        with self._memos.file.read() as connection:
            return None if connection is None else self._memos.get_setting(connection, "embedder")

    def use_config(self, llm_config: Mapping[str, Any] | None) -> None:
        """Use the `embedding_model` of a config, unless an embedding function or a config was set."""
        self._choice.use_config(llm_config)

    # Adding and searching.

    def add_input_output_pair(
        self, input_text: str, output_text: str, *, said_by: str = "", namespace: str | None = None
    ) -> int:
        """Add a memo, and return its number.

        If there is a memo about the same with the same output, its date is renewed, and its number returned.

        Args:
            input_text: Question that the memo answers, or kind of task that it helps with.
            output_text: Information or advice.
            said_by: Name or role of whoever said it.
            namespace: User or tenant; None for that of the store.

        Raises:
            ValueError: if a text is empty.
            IndexFileError: if the file is damaged.
        """
        return run_sync(self.add_step(input_text, output_text, said_by=said_by, namespace=namespace))

    async def a_add_input_output_pair(
        self, input_text: str, output_text: str, *, said_by: str = "", namespace: str | None = None
    ) -> int:
        """Async version of `add_input_output_pair`."""
        return await run_async(self.add_step(input_text, output_text, said_by=said_by, namespace=namespace))

    def add_step(self, input_text: str, output_text: str, *, said_by: str = "", namespace: str | None = None) -> Steps[int]:
        """Return the step behind `add_input_output_pair`.

        Args:
            input_text: Question or kind of task.
            output_text: Information or advice.
            said_by: Name or role of whoever said it.
            namespace: User or tenant; None for that of the store.
        """
        for name, text in (("input_text", input_text), ("output_text", output_text)):
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"{name} must be text that is not empty, got {text!r}.")
        now = get_now()
        text = _clean(input_text)
        fields: dict[str, Any] = {"input": text, "output": _clean(output_text), "said_by": said_by}
        fields |= {"created": now, "updated": now, "namespace": self._get_namespace(namespace)}
        yield from self._renew_vectors()
        vectors = yield from self._choice.embed([text])
        number: int = yield from to_thread(self._store, fields, None if vectors is None else vectors[0])
        if self.verbosity >= 1:
            _print(f"\nMemo {number} is in the memory:\n  INPUT\n    {input_text}\n  OUTPUT\n    {output_text}\n")
        if self.verbosity >= 3:
            self.list_memos()
        return number

    def search(
        self, text: str, n: int = 10, *, threshold: float = MAX_DISTANCE, namespace: str | None = None
    ) -> list[RecalledMemo]:
        """Return the memos for a text, best first; of those about the same, the newest first.

        Args:
            text: Text.
            n: Maximum number of memos.
            threshold: Distance that a memo must be below: squared Euclidean distance of unit vectors, 0 to 4.
            namespace: User or tenant; None for that of the store.
        """
        return run_sync(self.search_step(text, n, threshold=threshold, namespace=namespace))

    async def a_search(
        self, text: str, n: int = 10, *, threshold: float = MAX_DISTANCE, namespace: str | None = None
    ) -> list[RecalledMemo]:
        """Async version of `search`."""
        return await run_async(self.search_step(text, n, threshold=threshold, namespace=namespace))

    def search_step(
        self, text: str, n: int = 10, *, threshold: float = MAX_DISTANCE, namespace: str | None = None
    ) -> Steps[list[RecalledMemo]]:
        """Return the step behind `search`.

        Args:
            text: Text.
            n: Maximum number of memos.
            threshold: Distance that a memo must be below.
            namespace: User or tenant; None for that of the store.
        """
        namespace = self._get_namespace(namespace)
        if not text.strip() or n < 1:
            return []
        yield from self._renew_vectors()
        vectors = yield from self._choice.embed([text], queries=True)
        vector = None if vectors is None else vectors[0]
        memos: list[RecalledMemo] = yield from to_thread(self._rank, text, vector, n, threshold, namespace)
        return memos

    def get_nearest_memo(self, query_text: str, *, namespace: str | None = None) -> tuple[str, str, float]:
        """Return input, output and distance of the memo that is nearest to a text.

        Raises:
            IndexError: if there is no memo.
        """
        memos = self.get_related_memos(query_text, 1, MAX_DISTANCE + 1, namespace=namespace)
        if not memos:
            raise IndexError("There is no memo in the store.")
        return memos[0]

    def get_related_memos(
        self, query_text: str, n_results: int, threshold: float, *, namespace: str | None = None
    ) -> list[tuple[str, str, float]]:
        """Return input, output and distance of the memos for a text, nearest first; see `search`."""
        memos = self.search(query_text, n_results, threshold=threshold, namespace=namespace)
        return [(memo.input, memo.output, memo.distance) for memo in sorted(memos, key=lambda memo: memo.distance)]

    # Housekeeping.

    def list_memos(self, namespace: str | None = None) -> list[Memo]:
        """Print the memos of a namespace, and return them in the order of their numbers."""
        memos = self.get_all(namespace)
        _print("\nLIST OF MEMOS")
        for memo in memos:
            _print(f"  ID: {memo.id}\n    INPUT TEXT: {memo.input}\n    OUTPUT TEXT: {memo.output}")
        return memos

    def get_all(self, namespace: str | None = None) -> list[Memo]:
        """Return the memos of a namespace in the order of their numbers."""
        return list(self._iterate(self._get_namespace(namespace)))

    def list_namespaces(self) -> list[str]:
        """Return the namespaces that have memos."""
        with self._memos.file.read() as connection:
            return [] if connection is None else self._memos.list_namespaces(connection)

    def get(self, memo_id: int | str) -> Memo:
        """Return a memo by its number.

        Raises:
            KeyError: if there is none in the namespace of the store.
        """
        with self._memos.file.read() as connection:
            memo = None if connection is None else self._memos.load(connection, [int(memo_id)]).get(int(memo_id))
        if memo is None or memo.namespace != self.namespace:
            raise KeyError(f"There is no memo {memo_id} in the namespace {self.namespace!r}.")
        return memo

    def update(
        self,
        memo_id: int | str,
        *,
        input_text: str | None = None,
        output_text: str | None = None,
        said_by: str | None = None,
    ) -> Memo:
        """Change a memo, renew its date, and return it.

        Args:
            memo_id: Its number.
            input_text: New question or kind of task; None to keep it.
            output_text: New information or advice; None to keep it.
            said_by: New name or role of whoever said it; None to keep it.

        Raises:
            KeyError: if there is none in the namespace of the store.
            ValueError: if a text is empty.
        """
        memo = self.get(memo_id)
        changes = {"input": input_text, "output": output_text, "said_by": said_by}
        changed = {name: text if name == "said_by" else _clean(text) for name, text in changes.items() if text is not None}
        if not all(text for name, text in changed.items() if name != "said_by"):
            raise ValueError("The texts of a memo must not be empty.")
        renewed = replace(memo, **changed, updated=get_now())  # type: ignore[arg-type]
        with self._memos.file.write() as connection:
            self._memos.update(connection, renewed, keeps_vector=renewed.input == memo.input)
        return renewed

    def delete(self, *memo_ids: int | str) -> int:
        """Delete memos of the namespace by their numbers, and return how many existed."""
        with self._memos.file.write() as connection:
            memos = self._memos.load(connection, [int(number) for number in memo_ids])
            return self._memos.delete(connection, [memo.id for memo in memos.values() if memo.namespace == self.namespace])

    def forget(
        self,
        *memo_ids: int | str,
        said_by: str | None = None,
        older_than: timedelta | None = None,
        namespace: str | None = None,
    ) -> int:
        """Delete memos to which all conditions apply, and return how many.

        Args:
            *memo_ids: Their numbers; without any, all that the other conditions name.
            said_by: Name or role of whoever said them.
            older_than: Time since they were mentioned last.
            namespace: User or tenant; None for that of the store.

        Raises:
            ValueError: if there is no condition.
        """
        if not memo_ids and said_by is None and older_than is None:
            raise ValueError("forget needs the numbers of memos, said_by or older_than; reset_db() deletes all.")
        numbers = {int(number) for number in memo_ids}
        latest = None if older_than is None else get_now() - older_than
        with self._memos.file.write() as connection:
            ids = [
                memo.id
                for memo in self._memos.iterate(connection, self._get_namespace(namespace))
                if (not numbers or memo.id in numbers)
                and (said_by is None or memo.said_by == said_by)
                and (latest is None or memo.updated < latest)
            ]
            return self._memos.delete(connection, ids)

    def reset_db(self) -> None:
        """Delete the memos of the namespace. In an empty file, numbers begin with 1 again."""
        if self.verbosity >= 1:
            _print("\nCLEARING MEMORY")
        # Files of an earlier version must not come back.
        while self._folder is not None and (path := find_legacy_file(self._folder)) is not None:
            set_aside(path)
        with self._memos.file.read() as connection:
            is_empty = connection is None
        if not is_empty:
            with self._memos.file.write() as connection:
                self._memos.clear(connection, self.namespace)

    def prepopulate(self) -> None:
        """Add ten arbitrary memos, for tests: questions, with `yes` or `no`."""
        for question, answer in _EXAMPLES:
            self.add_input_output_pair(question, answer)

    def export(self, path: str | os.PathLike[str], *, namespace: str | None = None) -> int:
        """Write the memos of a namespace as JSON lines, and return their number.

        Args:
            path: File, which appears when it is complete.
            namespace: User or tenant; None for that of the store, `*` for all.
        """
        target = Path(path)
        wanted = None if namespace == "*" else self._get_namespace(namespace)
        lines = [json.dumps(memo.to_json(), ensure_ascii=False) for memo in self._iterate(wanted)]
        with replace_file(target) as file:
            file.writelines(f"{line}\n".encode() for line in lines)
        return len(lines)

    def import_(self, path: str | os.PathLike[str], *, namespace: str | None = None) -> int:
        """Add the memos of an export, all or none of them, and return how many are new.

        A memo with the same texts in its namespace is not added again.

        Args:
            path: File of JSON lines.
            namespace: User or tenant that gets them; None for those of the file.

        Raises:
            ValueError: if a line is not a memo. The text names the line.
        """
        memos = []
        for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
            try:
                value = json.loads(line)
                if not isinstance(value, dict):
                    raise ValueError("it is not an object")
                memos.append(parse_memo(value))
            except ValueError as error:
                raise ValueError(f"{path}, line {number}, is not a memo: {trim_stop(error)}.") from error
        return self._import([{**memo, **({} if namespace is None else {"namespace": namespace})} for memo in memos])

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        self._memos.file.close()

    def _get_namespace(self, namespace: str | None) -> str:
        return self.namespace if namespace is None else namespace

    def _save_memos(self) -> None:
        """Do nothing: each memo is saved when it is added. Programs call this method of 0.2."""

    def _iterate(self, namespace: str | None) -> Iterable[Memo]:
        with self._memos.file.read() as connection:
            return [] if connection is None else list(self._memos.iterate(connection, namespace))

    def _import(self, memos: list[dict[str, Any]]) -> int:
        if not memos:
            return 0
        with self._memos.file.write() as connection:
            existing = {(memo.namespace, memo.input, memo.output) for memo in self._memos.iterate(connection, None)}
            count = 0
            for memo in memos:
                key = (memo["namespace"], memo["input"], memo["output"])
                if key not in existing:
                    existing.add(key)
                    self._memos.insert(connection, memo, None)
                    count += 1
        return count

    def _import_legacy_file(self) -> None:
        while self._folder is not None and (path := find_legacy_file(self._folder)) is not None:
            now = get_now()
            fields = {"said_by": "", "created": now, "updated": now, "namespace": ""}
            count = self._import([{"input": text, "output": output, **fields} for text, output in read_pairs(path)])
            set_aside(path)
            logger.info("%d memos of %s are now in %s.", count, path, self._folder / FILE)

    # Vectors.

    def _renew_vectors(self) -> Steps[None]:
        """Make the vectors that are missing, or come from another embedder."""
        embedder = self._choice.get()
        if embedder is None:
            return
        identity = embedder.identity
        inputs: list[tuple[int, str]] = yield from to_thread(self._prepare_vectors, identity)
        for start in range(0, len(inputs), _EMBED_BATCH):
            batch = inputs[start : start + _EMBED_BATCH]
            vectors = yield from self._choice.embed([text for _, text in batch])
            if vectors is None:
                return
            yield from to_thread(self._store_vectors, batch, vectors)

    def _prepare_vectors(self, identity: str) -> list[tuple[int, str]]:
        """Return the memos that need a vector. Vectors of another embedder are deleted."""
        with self._memos.file.read() as connection:
            if connection is None:
                return []
            recorded = self._memos.get_setting(connection, "embedder")
            if recorded == identity:
                return self._memos.list_without_vector(connection)
        with self._memos.file.write() as connection:
            if recorded is not None:
                self._memos.forget_vectors(connection)
            self._memos.set_setting(connection, "embedder", identity)
            inputs = self._memos.list_without_vector(connection)
        if recorded is not None and inputs:
            text = "The memory in %s has vectors of the embedder %r: they are made again by %r, for %d memos."
            logger.warning(text, self._folder, recorded, identity, len(inputs))
        return inputs

    def _store_vectors(self, inputs: list[tuple[int, str]], vectors: NDArray[np.float32]) -> None:
        with self._memos.file.write() as connection:
            self._memos.store_vectors(connection, inputs, vectors)

    # Storing and ranking, in one transaction each.

    def _store(self, fields: dict[str, Any], vector: NDArray[np.float32] | None) -> int:
        with self._lock, self._memos.file.write() as connection:
            embedder = self._choice.get()
            if vector is not None and embedder is not None:
                recorded = self._memos.get_setting(connection, "embedder")
                if recorded is None:
                    self._memos.set_setting(connection, "embedder", embedder.identity)
                elif recorded != embedder.identity:
                    # Another process has changed to another embedder: the next search makes the vector again.
                    vector = None
            near = self._find_near(connection, fields, vector)
            for memo in near:
                if _normalize(memo.output) == _normalize(fields["output"]):
                    self._memos.touch(connection, memo.id, fields["updated"])
                    return memo.id
            return self._memos.insert(connection, fields, vector)

    def _find_near(self, connection: Any, fields: dict[str, Any], vector: NDArray[np.float32] | None) -> list[Memo]:
        """Return the memos that are about the same as a new one."""
        namespace = fields["namespace"]
        if vector is None:
            distances = self._memos.measure_words(connection, fields["input"], namespace)
        else:
            distances = self._measure(connection, vector, namespace)
        ids = [number for number, distance in distances.items() if distance < NEAR_DUPLICATE]
        return list(self._memos.load(connection, ids).values())

    def _measure(self, connection: Any, vector: NDArray[np.float32], namespace: str) -> dict[int, float]:
        numbers, similarities = self._memos.measure_vectors(connection, vector, namespace)
        return dict(zip(numbers.tolist(), (2.0 - 2.0 * similarities).clip(0.0).tolist(), strict=True))

    def _rank(
        self, text: str, vector: NDArray[np.float32] | None, n: int, threshold: float, namespace: str
    ) -> list[RecalledMemo]:
        with self._memos.file.read() as connection:
            if connection is None:
                return []
            scores = self._memos.score_words(connection, text, namespace)
            if vector is None:
                distances = self._memos.measure_words(connection, text, namespace)
            else:
                distances = self._measure(connection, vector, namespace)
            candidates = {number: distance for number, distance in distances.items() if distance < threshold}
            kept = {number: score for number, score in scores.items() if number in candidates}
            ranking = rank_hybrid(candidates, kept, choose_keyword_weight(text))[:n]
            memos = self._memos.load(connection, [number for number, _ in ranking])
            groups = self._group(connection, list(memos.values()), vector is not None)
        recalled = [make_recalled(memos[number], candidates[number]) for number, _ in ranking if number in memos]
        return mark_outdated(recalled, groups)

    def _group(self, connection: Any, memos: list[Memo], has_vectors: bool) -> list[set[int]]:
        """Return the numbers of memos that are about the same, and say different things."""
        if has_vectors:
            near = self._memos.find_pairs(connection, [memo.id for memo in memos], 1 - NEAR_DUPLICATE / 2)
        else:
            near = {(a.id, b.id) for a in memos for b in memos if _normalize(a.input) == _normalize(b.input)}
        outputs = {memo.id: _normalize(memo.output) for memo in memos}
        groups: list[set[int]] = []
        for a, b in near:
            if outputs[a] != outputs[b]:
                group = next((group for group in groups if a in group or b in group), None)
                if group is None:
                    groups.append({a, b})
                else:
                    group |= {a, b}
        return groups


def _normalize(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .!?\"'")


def _clean(text: str) -> str:
    # A surrogate without its partner has no form in the file.
    return text.strip().encode("utf-8", "replace").decode("utf-8").replace("\0", " ")


def _print(text: str) -> None:
    IOStream.get_default().print(text, flush=True)
