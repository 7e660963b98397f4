"""What a plan's structure leaves, and what can go: asked of the engine, or read where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from app.context import Context
from app.state.structure.left import key_of, left_from, structure_only
from app.state.structure.parts import Parts, parts_from
from core.errors import UserError
from core.plan.criteria import by_images
from core.system.budget import CACHED, read_json
from core.system.cache import read_array

if TYPE_CHECKING:
    from app.engine.protocol import Failure
    from core.plan.schema import Plan

TITLE = "Remove structure"


class StructureController(QObject):
    """The window's side of the tasks ``restructure`` and ``parts``."""

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._engine = context.session, context.engine
        self._latest = 0
        structures = self._session.structures
        structures.needed.connect(self._restructure)
        structures.partsNeeded.connect(self._list)
        self._session.selectionChanged.connect(self._look_ahead)

    def _look_ahead(self) -> None:
        """Find what can go before a menu asks for it: on disk, or for a layer by the engine."""
        session, structures = self._session, self._session.structures
        if session.model is None or session.focused is None or structures.parts is not None:
            return
        if session.focused_layer:
            structures.want_parts()
        elif (known := known_parts(session.model.facts.sha256)) is not None:
            structures.set_parts(known)

    def _restructure(self, plan: Plan) -> None:
        model, key = self._session.model, key_of(plan)
        if model is None:
            return
        for record in self._engine.running("restructure"):
            self._engine.cancel(record.number)
        sha256 = model.facts.sha256
        criterion = "l2" if by_images(plan.criterion) else plan.criterion
        args = {
            "path": model.path,
            "sha256": sha256,
            "plan": structure_only(plan),
            "criterion": criterion,
            "seed": plan.seed,
        }

        def done(result: dict[str, Any]) -> None:
            if self._session.same_model(sha256):
                self._take(key, result, (criterion, plan.seed))

        def failed(failure: Failure) -> None:
            if self._session.same_model(sha256):
                self._engine.failed.emit(failure)
                self._session.refuse_structure(key)

        def cancelled() -> None:  # by the person, or because another one is wanted
            if self._session.same_model(sha256) and self._latest == number:
                self._session.refuse_structure(key)

        number = self._latest = self._engine.submit(
            "restructure", TITLE, args, done=done, failed=failed, cancelled=cancelled
        )

    def _take(self, key: str, result: dict[str, Any], ranked_by: tuple[str, int]) -> None:
        session = self._session
        assert session.model is not None
        try:
            left = left_from(result, session.model.table)
            scores = read_array(result["scores"])
        except (UserError, OSError, ValueError) as error:
            session.say(str(error), kind="error", key="structure")
            session.refuse_structure(key)
            return
        session.set_scores((*ranked_by, "", None, left.sha256), scores)
        session.structures.add(key, left)
        session.want_scores()
        session.structures.want_parts()  # the engine has the network at hand

    def _list(self) -> None:
        session, model = self._session, self._session.model
        if model is None:
            return
        sha256 = model.facts.sha256
        known = known_parts(sha256)
        if known is not None:
            session.structures.set_parts(known)
            return

        def done(result: dict[str, Any]) -> None:
            if session.same_model(sha256):
                session.structures.set_parts(parts_from(result))

        def missed(*_: object) -> None:
            if session.same_model(sha256):
                session.structures.set_parts(None)

        args = {"path": model.path, "sha256": sha256}
        self._engine.submit(
            "parts", "Look for units", args, done=done, failed=missed, cancelled=missed
        )


def known_parts(sha256: str) -> Parts | None:
    """Return what can go from a model, where the engine looked before; None where it did not."""
    from core.graph.cache import parts_path

    try:
        return parts_from(read_json(parts_path(sha256), CACHED))
    except (OSError, ValueError, LookupError, TypeError):  # missing, or of another version
        return None
