"""Self-instruct as rows: instructions, classification or not, instances; each filter on its way.

Source: arXiv:2212.10560; the filters are annotation.domain.self_instruct's.
"""

import random

from django.db.models import QuerySet

from annotation.domain.self_instruct import (
    CUT_OFF,
    LENGTH,
    ExaminedInstance,
    Instance,
    encode_prompt,
    examine_instances,
    examine_instructions,
    tidied_list,
)
from annotation.domain.task_questions import (
    TaskExample,
    class_question,
    instance_question,
    says_yes,
)
from training.factory.plan import SelfInstructSettings
from training.factory.procedures import MOST_QUEUED, Procedure, candidate_of, rejected
from training.factory.requests import Wanted
from training.models import (
    Candidate,
    CandidateState,
    FactoryRequest,
    FactoryRun,
    FactorySeed,
    FactoryStep,
)

NO_INSTANCE = "no instance found"
MORE_THAN_WANTED = "more than wanted"


class SelfInstruct(Procedure):
    def __init__(self, run: FactoryRun) -> None:
        super().__init__(run)
        self.seeds = list(run.seeds.order_by("position"))
        self.examples = [_example(seed) for seed in self.seeds]

    def pool(self) -> list[str]:
        kept = self._kept().values_list("text", flat=True)
        return [*(seed.text for seed in self.seeds), *kept]

    def _kept(self) -> QuerySet[Candidate]:
        rows = self.run.candidates.filter(step=FactoryStep.INSTRUCTIONS, state=CandidateState.KEPT)
        return rows.order_by("pk")

    # ---- reading

    def take(self, request: FactoryRequest, settings: SelfInstructSettings) -> list[Candidate]:
        said, finish = request.generation.text, request.generation.finish
        if request.step == FactoryStep.INSTRUCTIONS:
            return self._instructions(request, said, finish, settings)
        assert request.about is not None, "the other steps are about an instruction"
        if request.step == FactoryStep.CLASSES:
            request.about.is_classification = says_yes(said)
            request.about.save(update_fields=["is_classification"])
            return []
        return self._instances(request, said, finish, settings)

    def _instructions(
        self, request: FactoryRequest, said: str, finish: str, settings: SelfInstructSettings
    ) -> list[Candidate]:
        found = []
        examined = examine_instructions(
            tidied_list(said), finish, other_scripts=settings.other_scripts
        )
        for position, one in enumerate(examined):
            candidate = candidate_of(request, position, one.text)
            if settings.classes_only:
                candidate.is_classification = True
            found.append(
                rejected(candidate, one.reason) if one.reason else self.novel(candidate, settings)
            )
        return found

    def _instances(
        self, request: FactoryRequest, said: str, finish: str, settings: SelfInstructSettings
    ) -> list[Candidate]:
        task = request.about
        assert task is not None, "instances are of an instruction"
        examined = examine_instances(
            said,
            task.text,
            is_classification=bool(task.is_classification),
            finish_reason=finish,
        )
        if not examined and settings.bare_answers and not task.is_classification and said:
            cut = CUT_OFF if finish == LENGTH else ""
            examined = [ExaminedInstance(Instance(task.text, "", said), cut)]
        if not examined:
            return [rejected(candidate_of(request, 0, said, parent=task), NO_INSTANCE)]
        found, kept = [], 0
        for position, (instance, reason) in enumerate(examined):
            candidate = candidate_of(
                request,
                position,
                instance.output,
                input=instance.input,
                parent=task,
                state=CandidateState.WAITING,
                is_classification=task.is_classification,
            )
            if not reason and kept >= settings.most_instances:
                reason = MORE_THAN_WANTED
            kept += not reason
            found.append(rejected(candidate, reason) if reason else candidate)
        return found

    # ---- asking

    def wanted(self, settings: SelfInstructSettings) -> list[Wanted]:
        kept = list(self._kept().only("pk", "text", "is_classification"))
        found = self._about_tasks(kept, settings)
        lists = self.asked(FactoryStep.INSTRUCTIONS)
        room = min(settings.at_once, settings.most_requests - len(lists))
        if len(kept) < settings.wanted and room > 0:
            first = max(lists, default=-1) + 1
            found += [self._list(number, kept, settings) for number in range(first, first + room)]
        return found

    def _about_tasks(self, kept: list[Candidate], settings: SelfInstructSettings) -> list[Wanted]:
        classes = self.asked(FactoryStep.CLASSES)
        instances = self.asked(FactoryStep.INSTANCES)
        found: list[Wanted] = []
        for task in kept:
            if len(found) >= MOST_QUEUED:
                break
            if task.is_classification is None:
                if task.pk not in classes:
                    text = class_question(task.text, self.examples, seed=settings.seed)
                    found.append(Wanted(FactoryStep.CLASSES, task.pk, text, about=task))
            elif task.pk not in instances:
                text = instance_question(
                    task.text,
                    self.examples,
                    is_classification=task.is_classification,
                    seed=settings.seed,
                )
                found.append(Wanted(FactoryStep.INSTANCES, task.pk, text, about=task))
        return found

    def _list(self, number: int, kept: list[Candidate], settings: SelfInstructSettings) -> Wanted:
        """A list to go on with: examples of the machine, the others of people, shuffled."""
        source = random.Random(f"{settings.seed} {number}")  # noqa: S311 - a draw, not a secret
        seeds = [s for s in self.seeds if not settings.classes_only or s.is_classification]
        machine = source.sample(kept, min(settings.machine, len(kept)))
        places = settings.human + settings.machine - len(machine)
        human = source.sample(seeds or self.seeds, min(places, len(seeds or self.seeds)))
        texts = [*(each.text for each in machine), *(each.text for each in human)]
        source.shuffle(texts)
        return Wanted(
            FactoryStep.INSTRUCTIONS,
            number,
            encode_prompt(texts, classification=settings.classes_only, opening=settings.opening),
            shown={"seeds": [s.pk for s in human], "machine": [m.pk for m in machine]},
        )


def _example(seed: FactorySeed) -> TaskExample:
    pairs = tuple((str(given), str(output)) for given, output in seed.instances)
    return TaskExample(seed.text, seed.is_classification, pairs)
