"""The state of an agent as a plain document, to be stored anywhere and loaded into new agents of the same names.

Models, tools, code and keys are not part of it: they belong to the program.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..._images.storage import PictureFolder, attach_pictures, detach_pictures, encode_picture_value
from .._core.result import StopReason
from ..agent import Agent, Message
from .state import HistoriesMixin

if TYPE_CHECKING:
    from typing_extensions import Self

VERSION = 1

State = dict[str, Any]

PEER_MAPPINGS = ("histories", "auto_replies", "limits", "replies_at_receive", "stop_reasons")


class StateError(ValueError):
    """The document is not a state of this agent, or of an unknown version."""


class SnapshotMixin(HistoriesMixin):
    """Saving and loading of an agent's state, and its description as a document."""

    def to_spec(self, **options: Any) -> dict[str, Any]:
        """Write the agent as a document, with all that it refers to; that of a manager covers its group.

        Args:
            **options: As for `autogen.specs.to_spec`.

        Raises:
            SpecError: if the agent has what a document can't hold.

        >>> save(agent.to_spec(), "agent.yaml")  # doctest: +SKIP
        """
        from ...specs import to_spec

        return to_spec(self, **options)

    @classmethod
    def from_spec(cls, doc: Mapping[str, Any], **options: Any) -> Self:
        """Build the agent that a document describes.

        Args:
            doc: The document.
            **options: `consent`, `secrets`, `resources` and `folder`, as for `autogen.specs.from_spec`.

        Raises:
            SpecError: if the document has faults, or describes something else.
            ConsentNeeded: if it wants more than the consent permits.
        """
        from ...specs import SpecError, from_spec

        built = from_spec(doc, **options)
        if not isinstance(built, cls):
            raise SpecError(f"The document describes a {type(built).__name__}, not a {cls.__name__}.")
        return built

    def save_state(self, *, picture_folder: str | os.PathLike[str] | None = None) -> State:
        """Return the conversations of the agent as a JSON-serialisable document; that of a manager covers its group.

        Models, tools and keys are not part of it. Pictures are data URIs.

        Args:
            picture_folder: Folder for pictures of more than 64 KiB, which the document then refers to; None to have them in
                the document. The folder is made with the first of them.

        Raises:
            TypeError: if a message holds a value that JSON can't represent.
            ValueError: if the agent has conversations with two peers of the same name.

        >>> Path("state.json").write_text(json.dumps(agent.save_state()))  # doctest: +SKIP
        """
        histories = {_get_key(peer): messages for peer, messages in self._oai_messages.items()}
        # Histories are keyed by name, because objects don't outlive the process.
        if len(histories) < len(self._oai_messages):
            raise StateError(f"{self.name!r} has conversations with several agents of one name, so it can't be saved.")
        stop_reasons = self._internals.stop_reasons
        state = {
            "type": "agent",
            "version": VERSION,
            "name": self.name,
            "system_message": encode_value(self.system_message),
            "description": self._description,
            "histories": {peer: encode_messages(self.name, messages) for peer, messages in histories.items()},
            "auto_replies": {_get_key(peer): count for peer, count in self._consecutive_auto_reply_counter.items()},
            "limit": self._max_consecutive_auto_reply,
            "limits": {_get_key(peer): limit for peer, limit in self._max_consecutive_auto_reply_dict.items()},
            "replies_at_receive": {_get_key(peer): bool(replies) for peer, replies in self.reply_at_receive.items()},
            "stop_reasons": {_get_key(peer): reason.value for peer, reason in stop_reasons.items()},
            "human_input": list(self._human_input),
            "approvals": sorted(map(list, self._internals.approvals)),
        }
        return move_pictures_out(state, picture_folder)

    def load_state(
        self,
        state: Mapping[str, Any],
        peers: Iterable[Agent] = (),
        *,
        picture_folder: str | os.PathLike[str] | None = None,
    ) -> None:
        """Restore a state. If it can't be used, nothing is changed.

        Args:
            state: Document made by `save_state`.
            peers: Agents that this agent has conversations with; a manager knows its members.
            picture_folder: Folder of the large pictures, if the state was saved with one.

        Raises:
            ValueError: if it is the state of another agent or of an unknown version, or a peer is missing.
        """
        state = move_pictures_in(state, picture_folder)
        # Everything is checked before anything is changed.
        check_document(state, "agent", self.name)
        registered: dict[str, Any] = {"": None, **{peer.name: peer for peer in peers}}
        names = {name for key in PEER_MAPPINGS for name in state[key]}
        if missing := sorted(names - registered.keys()):
            raise StateError(f"{self.name!r} has conversations with {', '.join(missing)}: pass these agents as peers.")
        by_peer = {key: {registered[name]: value for name, value in state[key].items()} for key in PEER_MAPPINGS}
        self._oai_messages.clear()
        for peer, messages in by_peer["histories"].items():
            self._oai_messages[peer] = [dict(message) for message in messages]
        self.update_system_message(state["system_message"])
        self._description = state["description"]
        self._max_consecutive_auto_reply = state["limit"]
        # In place, because these mappings have defaults for new peers.
        for mapping, key in (
            (self._consecutive_auto_reply_counter, "auto_replies"),
            (self._max_consecutive_auto_reply_dict, "limits"),
            (self.reply_at_receive, "replies_at_receive"),
        ):
            mapping.clear()
            mapping.update(by_peer[key])
        self._internals.stop_reasons = {peer: StopReason(reason) for peer, reason in by_peer["stop_reasons"].items()}
        self._human_input = list(state["human_input"])
        # Missing in the states of earlier versions.
        self._internals.approvals = {tuple(approval) for approval in state.get("approvals", ())}


def check_document(state: Mapping[str, Any], kind: str, name: str) -> None:
    """Check that a document is a state of this kind, and of the agent with this name.

    Raises:
        StateError: if it is not, or its version is unknown.
    """
    found = state.get("type") if isinstance(state, Mapping) else None
    if found != kind:
        owner = "an agent" if kind == "agent" else "a group chat"
        raise StateError(f"The document is not the state of {owner}: its type is {found!r}.")
    if state.get("version") != VERSION:
        raise StateError(f"The state has version {state.get('version')!r}; this program supports version {VERSION}.")
    if state.get("name") != name:
        raise StateError(f"The state belongs to {state.get('name')!r}, not to {name!r}.")


def encode_messages(owner: str, messages: list[Message]) -> list[Message]:
    """Return messages as JSON represents them.

    Raises:
        TypeError: if one holds a value that JSON can't represent.
    """
    encoded = []
    for position, message in enumerate(messages):
        try:
            encoded.append(encode_value(message))
        except (TypeError, ValueError) as error:
            raise TypeError(f"Message {position} of {owner!r} can't be saved: {error}") from None
    return encoded


def encode_value(value: Any) -> Any:
    """Return a value as JSON represents it; pictures of Pillow, and files of pictures, as data URIs.

    Raises:
        TypeError: if JSON can't represent it.
    """
    return json.loads(json.dumps(value, default=encode_picture_value))


def move_pictures_out(state: State, folder: str | os.PathLike[str] | None) -> State:
    """Return a state whose large pictures are files of a folder; the state itself without a folder."""
    if folder is None:
        return state
    return json.loads(detach_pictures(json.dumps(state), PictureFolder(folder).store))  # type: ignore[no-any-return]


def move_pictures_in(state: Mapping[str, Any], folder: str | os.PathLike[str] | None) -> Mapping[str, Any]:
    """Return a state with the pictures of a folder that it refers to; the state itself without a folder."""
    if folder is None:
        return state
    return json.loads(attach_pictures(json.dumps(state), PictureFolder(folder).load))  # type: ignore[no-any-return]


def _get_key(peer: Agent | None) -> str:
    return "" if peer is None else peer.name
