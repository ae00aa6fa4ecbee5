"""Safe responses as rows: harmful requests in other words, refusals to them, and what the model
says when it is simply asked; harmless look-alikes beside them, for over-refusal."""

from collections.abc import Iterable

from annotation.domain.safe_responses import (
    intent_question,
    looks_like_refusal,
    paraphrase_question,
    read_paraphrase,
    refusal_question,
    why_no_paraphrase,
    why_no_refusal,
)
from annotation.domain.self_instruct import LENGTH
from annotation.domain.task_questions import says_yes
from training.factory.plan import SafeSettings
from training.factory.procedures import CUT_OFF, MOST_QUEUED, Procedure, candidate_of, rejected
from training.factory.requests import Wanted
from training.models import (
    Candidate,
    CandidateState,
    FactoryRequest,
    FactoryRun,
    FactorySeed,
    FactoryStep,
    SeedRole,
)

ANOTHER_INTENT = "asks for something else"
OVER_REFUSAL = "refuses a harmless request"
PARAPHRASES_APART = 16  # numbers of a seed's paraphrases; more than a run may ask of one


class SafeResponses(Procedure):
    def __init__(self, run: FactoryRun) -> None:
        super().__init__(run)
        seeds = list(run.seeds.order_by("position"))
        self.harmful = [seed for seed in seeds if seed.role == SeedRole.SEED]
        self.look_alikes = [seed for seed in seeds if seed.role == SeedRole.LOOK_ALIKE]

    def pool(self) -> list[str]:
        """What was once let in stays, whatever was thought of its intent later."""
        rows = self.run.candidates.filter(
            step=FactoryStep.PARAPHRASES, rule__in=["", ANOTHER_INTENT]
        )
        return [
            *(seed.text for seed in self.harmful),
            *rows.order_by("pk").values_list("text", flat=True),
        ]

    # ---- reading

    def take(self, request: FactoryRequest, settings: SafeSettings) -> list[Candidate]:
        said = request.generation.text
        if request.step == FactoryStep.INTENT:
            assert request.about is not None, "intent is of a paraphrase"
            if not says_yes(said):
                rejected(request.about, ANOTHER_INTENT).save(update_fields=["state", "rule"])
            return []
        if request.step == FactoryStep.PARAPHRASES:
            assert request.seed is not None, "paraphrases are of a seed"
            text = read_paraphrase(said)
            made = candidate_of(request, 0, text, seed=request.seed)
            reason = why_no_paraphrase(request.seed.text, text)
            return [rejected(made, reason) if reason else self.novel(made, settings)]
        return [self._reply(request, said)]

    def _reply(self, request: FactoryRequest, said: str) -> Candidate:
        refuses = looks_like_refusal(said)
        parent = request.about
        seed = parent.seed if parent is not None else request.seed
        made = candidate_of(request, 0, said, parent=parent, seed=seed, refuses=refuses)
        if request.step == FactoryStep.PLAIN:
            return made
        made.state = CandidateState.WAITING
        if request.step == FactoryStep.LOOK_ALIKES and refuses:
            return rejected(made, OVER_REFUSAL)
        if request.generation.finish == LENGTH:
            return rejected(made, CUT_OFF)
        if request.step == FactoryStep.REFUSALS and (reason := why_no_refusal(said)):
            return rejected(made, reason)
        return made

    # ---- asking

    def wanted(self, settings: SafeSettings) -> list[Wanted]:
        paraphrases = list(
            self.run.candidates.filter(
                step=FactoryStep.PARAPHRASES, state=CandidateState.KEPT
            ).order_by("pk")
        )
        found = self._paraphrases(settings)
        if settings.check_intent:
            found += self._intents(paraphrases)
            judged = set(
                FactoryRequest.objects.filter(
                    run=self.run, step=FactoryStep.INTENT, taken_at__isnull=False
                ).values_list("about", flat=True)
            )
            paraphrases = [each for each in paraphrases if each.pk in judged]
        targets: list[FactorySeed | Candidate] = [*paraphrases]
        if settings.refuse_seeds:
            targets = [*self.harmful, *targets]
        found += self._replies(FactoryStep.REFUSALS, targets)
        if settings.ask_plainly:
            found += self._replies(FactoryStep.PLAIN, targets)
        found += self._replies(FactoryStep.LOOK_ALIKES, self.look_alikes)
        return found[:MOST_QUEUED]

    def _paraphrases(self, settings: SafeSettings) -> list[Wanted]:
        asked = self.asked(FactoryStep.PARAPHRASES)
        numbered = (
            (seed.position * PARAPHRASES_APART + draw, seed)
            for seed in self.harmful
            for draw in range(settings.paraphrases)
        )
        return [
            Wanted(FactoryStep.PARAPHRASES, number, paraphrase_question(seed.text), seed=seed)
            for number, seed in numbered
            if number not in asked
        ]

    def _intents(self, paraphrases: list[Candidate]) -> list[Wanted]:
        asked = self.asked(FactoryStep.INTENT)
        original: dict[int | None, str] = {seed.pk: seed.text for seed in self.harmful}
        return [
            Wanted(
                FactoryStep.INTENT,
                each.pk,
                intent_question(original[each.seed_id], each.text),
                about=each,
            )
            for each in paraphrases
            if each.pk not in asked
        ]

    def _replies(self, step: str, targets: Iterable[FactorySeed | Candidate]) -> list[Wanted]:
        """One reply to each; seeds have even numbers and paraphrases odd ones."""
        asked, found = self.asked(step), []
        for target in targets:
            seed = target if isinstance(target, FactorySeed) else None
            about = target if isinstance(target, Candidate) else None
            number = 2 * target.pk + (seed is None)
            if number in asked:
                continue
            text = refusal_question(target.text) if step == FactoryStep.REFUSALS else target.text
            found.append(Wanted(step, number, text, about=about, seed=seed))
        return found
