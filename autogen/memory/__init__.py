"""Memories of agents: what was said earlier, in an SQLite file, and found again by its meaning and by its words.

>>> store = MemoStore(path_to_db_dir="memories")
>>> store.add_input_output_pair("Where are the spare keys?", "In the jar.", said_by="Lucy")  # doctest: +SKIP
1
>>> store.search("keys")[0].output  # doctest: +SKIP
'In the jar.'
"""

from ._records import Memo, RecalledMemo
from ._repair import repair_store
from .store import MemoStore

__all__ = ["Memo", "MemoStore", "RecalledMemo", "repair_store"]
