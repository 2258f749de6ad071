"""The public API of 0.2, name by name.

`test/api_0_2.json` says what programs may use; LEFT_OUT says what is not here, and why.
"""

import importlib
import inspect
import json
from pathlib import Path

import pytest
from api_facts import check_signature

API = json.loads(Path(__file__).with_name("api_0_2.json").read_text())

NOT_YET = "comes with a later version"
LEFT_OUT = {
    "autogen.coding.local_commandline_code_executor.A": "a TypeVar of its own module",
    "autogen.function_utils.T": "a TypeVar of its own module",
}

CHANGED = {
    "autogen.agentchat.contrib.vectordb.qdrant.QdrantVectorDB.__init__": (
        "(self, *, client=None, embedding_function=None, content_payload_key='_content', "
        "metadata_payload_key='_metadata', collection_options=None, **kwargs)",
        "a default that all stores would share",
    ),
    "autogen.agentchat.contrib.vectordb.qdrant.QdrantVectorDB.get_docs_by_ids": (
        "(self, ids=None, collection_name=None, include=None, **kwargs)",
        "the fields, as for all stores; True is accepted",
    ),
    "autogen.agentchat.contrib.vectordb.qdrant.QdrantVectorDB.retrieve_docs": (
        "(self, queries, collection_name=None, n_results=10, distance_threshold=-1, **kwargs)",
        "as for all stores; 0 means the same",
    ),
    "autogen.agentchat.conversable_agent.ConversableAgent.execute_function": (
        "(self, func_call, call_id=None, verbose=False)",
        "AG2's `call_id` comes before `verbose`; a bool in its place is `verbose`",
    ),
}


def entries():
    for module, names in API.items():
        for name, what in names.items():
            if name == "__all__" or name == "constants":
                yield from ((module, one, "name") for one in what)
            else:
                yield module, name, what


ENTRIES = [pytest.param(*entry, id=f"{entry[0]}.{entry[1].removeprefix('class ')}") for entry in entries()]


@pytest.mark.parametrize(("module", "name", "what"), ENTRIES)
def test_it_is_here(module, name, what):
    name = name.removeprefix("class ")
    home = importlib.import_module(module)
    where = f"{module}.{name}"
    if where in LEFT_OUT:
        assert not hasattr(home, name), f"{where} is here: take it off the list"
        return
    real = getattr(home, name)
    if what == "name":
        return
    if isinstance(what, str):
        check_signature(where, what, real)
        return
    for method, signature in what.get("methods", {}).items():
        if f"{where}.{method}" in LEFT_OUT:
            assert not hasattr(real, method), f"{where}.{method} is here: take it off the list"
        else:
            signature, _ = CHANGED.get(f"{where}.{method}", (signature, ""))
            check_signature(f"{where}.{method}", signature, inspect.getattr_static(real, method))
    fields = {*getattr(real, "model_fields", ()), *getattr(real, "__dataclass_fields__", ()), *dir(real)}
    fields |= {name for kind in real.__mro__ for name in getattr(kind, "__annotations__", ())}
    missing = {field.partition("=")[0] for field in what.get("fields", ())} - fields
    assert {f"{where}.{field}" for field in missing} <= LEFT_OUT.keys()


def test_nothing_is_left_out_that_does_not_exist():
    known = {f"{module}.{name.removeprefix('class ')}" for module, name, _ in entries()}
    known |= {
        f"{module}.{name.removeprefix('class ')}.{part.partition('=')[0]}"
        for module, name, what in entries()
        if isinstance(what, dict)
        for part in [*what.get("methods", ()), *what.get("fields", ())]
    }
    assert not LEFT_OUT.keys() - known
