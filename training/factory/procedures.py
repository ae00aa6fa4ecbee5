"""What a wizard does with an answer, and what it asks next. One object lives as long as a job."""

from abc import ABC, abstractmethod
from typing import Any

from annotation.domain.novelty_gate import NoveltyGate, Rule
from training.factory.plan import Settings
from training.factory.requests import Wanted
from training.models import Candidate, CandidateState, FactoryRequest, FactoryRun

TOO_ALIKE = "too like another"
CUT_OFF = "cut off"
MOST_QUEUED = 500  # requests that are put into rows in one go


class Procedure(ABC):
    """`take` reads one answer, in the caller's transaction; `wanted` looks at the rows alone, so a
    job that begins anew asks what the last one would have asked."""

    def __init__(self, run: FactoryRun) -> None:
        self.run = run
        self._gate: NoveltyGate | None = None

    @abstractmethod
    def take(self, request: FactoryRequest, settings: Any) -> list[Candidate]:
        """The candidates of an answer; what they depend on is changed in place."""

    @abstractmethod
    def wanted(self, settings: Any) -> list[Wanted]:
        """The requests that can be made now. Those that were made already may be among them."""

    @abstractmethod
    def pool(self) -> list[str]:
        """What a new text must differ from, in the order in which it joined."""

    def gate(self, settings: Settings) -> NoveltyGate:
        """The novelty filter over the pool; built anew when its settings were changed."""
        found = self._gate
        same = found is not None and (found.threshold, found.rule, found.other_scripts) == (
            settings.threshold,
            Rule(settings.rule),
            settings.other_scripts,
        )
        if found is None or not same:
            found = self._gate = NoveltyGate(
                threshold=settings.threshold,
                rule=Rule(settings.rule),
                other_scripts=settings.other_scripts,
                pool=self.pool(),
            )
        return found

    def novel(self, candidate: Candidate, settings: Settings) -> Candidate:
        """The candidate, kept or rejected by the novelty filter; what is kept joins the pool."""
        gate = self.gate(settings)
        verdict = gate.check(candidate.text, exact=True)
        candidate.similarity = verdict.score
        candidate.nearest = gate.pool[verdict.nearest] if verdict.nearest is not None else ""
        if verdict.novel:
            gate.add(candidate.text)
            return candidate
        return rejected(candidate, TOO_ALIKE)

    def asked(self, step: str) -> set[int]:
        """The numbers of this step's requests."""
        rows = FactoryRequest.objects.filter(run=self.run, step=step)
        return set(rows.values_list("number", flat=True))


def candidate_of(request: FactoryRequest, position: int, text: str, **fields: Any) -> Candidate:
    return Candidate(
        **{"state": CandidateState.KEPT, "step": request.step, **fields},
        run_id=request.run_id,
        request=request,
        position=position,
        text=text,
    )


def rejected(candidate: Candidate, rule: str) -> Candidate:
    candidate.state, candidate.rule = CandidateState.REJECTED, rule
    return candidate
