"""Service: how the demo serves its dossiers: fees, payment, papers, results (what Decision 766 asks). Pure, seeded."""

from __future__ import annotations

from ioc.province.data import Procedure
from ioc.province.incidents import dice
from ioc.province.life import Step
from ioc.province.text import Said

FEES = (8_000, 15_000, 30_000, 60_000, 150_000, 300_000)
"""Đồng."""
BITS = 1 << 10


class Service:
    """What the events of one dossier say of it, by chance that depends on the seed and the dossier alone."""

    def __init__(self, seed: int, dossier: str, procedure: Procedure, online: bool) -> None:
        self._bits = dice(seed, "service", dossier)
        self._procedure, self._online = procedure, online

    def _luck(self, place: int, share: float) -> bool:
        """Whether the dossier is among a share of all."""
        return (self._bits >> 10 * place) % BITS < share * BITS

    def told(self, step: Step) -> Step:
        """The step, with what it says of the service: at a reception (also that of a supplement), and with the result."""
        if step.state == "received":
            return step._replace(says=step.says | self._received())
        if step.state == "returned" and self._complained():
            return step._replace(says=step.says | {"disliked": True})
        return step._replace(says=self._result()) if step.state == "completed" else step

    def _received(self) -> dict[str, Said]:
        fee = FEES[self._bits % len(FEES)] if self._procedure.fee and self._luck(0, 0.92) else 0
        return {
            "fee": fee,
            "digitised": self._luck(1, 0.84),
            "reused": self._luck(2, 0.46),
            "from_store": self._luck(3, 0.21),
            "identified": self._luck(4, 0.93 if self._online else 0.58),
            "disliked": False,
        }

    def _complained(self) -> bool:
        """Whether the citizen says, on taking the result, that it should have been done better."""
        return self._luck(2, 0.3) and self._luck(5, 0.05)

    def _result(self) -> dict[str, Said]:
        says: dict[str, Said] = {"e_result": self._luck(4, 0.88 if self._online else 0.41)}
        if self._procedure.fee and self._luck(5, 0.74 if self._online else 0.11):
            says["paid_online"] = "national" if self._luck(0, 0.7) else "own"
        return says
