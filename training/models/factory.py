"""Data that a model writes and people review: runs of the wizards, and everything they made.

A run's figures are counted from these rows and kept nowhere else. A request is named by its run,
step and number before it is made, and its answer becomes candidates in the transaction that sets
`taken_at`, so that no answer is asked for or counted twice, whatever dies in between.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models import Comparison, Completion, Demonstration, Prompt
from training.models.endpoints import ModelEndpoint
from training.models.generations import Batch, Generation


class Wizard(models.TextChoices):
    SELF_INSTRUCT = "self_instruct", _("Self-instruct")
    SAFE_RESPONSES = "safe_responses", _("Safe responses")


class FactoryStep(models.TextChoices):
    """What a request asks for; the first three are self-instruct's."""

    INSTRUCTIONS = "instructions", _("Instructions")  # a list of new tasks
    CLASSES = "classes", _("Classification or not")  # of one task
    INSTANCES = "instances", _("Instances")  # inputs and outputs of one task
    PARAPHRASES = "paraphrases", _("Paraphrases")  # a harmful request in other words
    INTENT = "intent", _("Same intent or not")  # of one paraphrase
    REFUSALS = "refusals", _("Refusals")  # a safe reply to one request
    PLAIN = "plain", _("Plain answers")  # what the model says when it is simply asked
    LOOK_ALIKES = "look_alikes", _("Answers to look-alikes")  # harmless, but sounds harmful


class FactoryRun(models.Model):
    """`batch` holds the requests and the budget; `chosen` the filters that picked the seeds."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="factory_runs"
    )
    kind = models.CharField(max_length=20, choices=Wizard.choices)
    name = models.CharField(max_length=100)
    endpoint = models.ForeignKey(ModelEndpoint, on_delete=models.PROTECT, related_name="+")
    batch = models.OneToOneField(Batch, on_delete=models.PROTECT, related_name="factory_run")
    chosen = models.JSONField(default=dict)
    licence = models.CharField(max_length=100, blank=True)  # of what the model writes
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="a_factory_run_has_its_own_name"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=Wizard.values), name="a_factory_run_has_a_known_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FactorySettings(models.Model):
    """Settings of a run from one moment on; requests name the version that they were made with."""

    run = models.ForeignKey(FactoryRun, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    values = models.JSONField(default=dict)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["version"]
        verbose_name = _("version of a factory run's settings")
        verbose_name_plural = _("versions of factory runs' settings")
        constraints = [
            models.UniqueConstraint(
                fields=["run", "version"], name="settings_of_a_run_have_one_version"
            )
        ]

    def __str__(self) -> str:
        return f"settings {self.version} of factory run {self.run_id}"


class SeedRole(models.TextChoices):
    SEED = "seed", _("Seed")
    LOOK_ALIKE = "look_alike", _("Look-alike")  # harmless; measures over-refusal


class FactorySeed(models.Model):
    """A text of a person that a run begins with, as it was when the run began."""

    run = models.ForeignKey(FactoryRun, on_delete=models.CASCADE, related_name="seeds")
    position = models.PositiveIntegerField()
    role = models.CharField(max_length=10, choices=SeedRole.choices, default=SeedRole.SEED)
    prompt = models.ForeignKey(Prompt, on_delete=models.SET_NULL, null=True, related_name="+")
    text = models.TextField()
    is_classification = models.BooleanField(null=True)  # None: nobody said
    instances = models.JSONField(default=list)  # [[input, output]]
    source = models.CharField(max_length=200, blank=True)
    licence = models.CharField(max_length=100, blank=True)
    category = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "position"], name="a_run_has_one_seed_of_a_place"
            )
        ]

    def __str__(self) -> str:
        return self.text[:80]


class CandidateState(models.TextChoices):
    # A filter was against it; `rule` says which. Stays.
    REJECTED = "rejected", _("Rejected")
    # Passed the filters of its step; later steps go on from it. Stays.
    KEPT = "kept", _("Kept")
    # Passed all filters. Left by review (ACCEPTED or DISMISSED).
    WAITING = "waiting", _("Waits for review")
    # A person accepted it, perhaps edited; it became a prompt and a demonstration. Stays.
    ACCEPTED = "accepted", _("Accepted")
    # A person rejected it; `reason` says why. Stays.
    DISMISSED = "dismissed", _("Rejected by a person")


class FactoryRequest(models.Model):
    """One request of a run. `about` or `seed` is what it asks about; `shown` names the examples in
    it: {"seeds": [ids], "machine": [ids of candidates]}."""

    run = models.ForeignKey(FactoryRun, on_delete=models.CASCADE, related_name="requests")
    step = models.CharField(max_length=20, choices=FactoryStep.choices)
    number = models.PositiveBigIntegerField()
    version = models.PositiveIntegerField()  # of the settings
    generation = models.ForeignKey(Generation, on_delete=models.PROTECT, related_name="+")
    about = models.ForeignKey(
        "training.Candidate", on_delete=models.CASCADE, null=True, related_name="requests"
    )
    seed = models.ForeignKey(FactorySeed, on_delete=models.CASCADE, null=True, related_name="+")
    shown = models.JSONField(default=dict)
    taken_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "step", "number"], name="a_request_of_a_run_is_made_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["run", "id"],
                name="factory_request_to_take",
                condition=Q(taken_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.number} of factory run {self.run_id}"


class Candidate(models.Model):
    """Something that the model wrote: an instruction, an instance of one, a paraphrase, an answer.

    `text` is what was written (of an instance: the output), `input` an instance's input. `parent`
    is the instruction or paraphrase that it belongs to. nearest, similarity: the text of the pool
    that is most alike, and its ROUGE-L (or n-gram similarity beyond Latin).
    """

    run = models.ForeignKey(FactoryRun, on_delete=models.CASCADE, related_name="candidates")
    request = models.ForeignKey(FactoryRequest, on_delete=models.CASCADE, related_name="candidates")
    position = models.PositiveIntegerField()  # in the answer
    step = models.CharField(max_length=20, choices=FactoryStep.choices)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")
    seed = models.ForeignKey(FactorySeed, on_delete=models.CASCADE, null=True, related_name="+")
    text = models.TextField(blank=True)
    input = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=CandidateState.choices)
    rule = models.CharField(max_length=60, blank=True)
    nearest = models.TextField(blank=True)
    similarity = models.FloatField(null=True)
    is_classification = models.BooleanField(null=True)
    refuses = models.BooleanField(null=True)  # by its words
    is_edited = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True)
    # Who has it on the screen, and until when nobody else is shown it; of one that waits.
    held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,  # only ever looked for within a run
        related_name="+",
    )
    held_until = models.DateTimeField(null=True)
    prompt = models.ForeignKey(Prompt, on_delete=models.SET_NULL, null=True, related_name="+")
    completion = models.ForeignKey(
        Completion, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    demonstration = models.ForeignKey(
        Demonstration, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    comparison = models.ForeignKey(
        Comparison, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("factory candidate")
        verbose_name_plural = _("factory candidates")
        constraints = [
            models.UniqueConstraint(
                fields=["request", "position"], name="a_candidate_is_taken_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=CandidateState.values), name="a_candidate_has_a_known_state"
            ),
            models.CheckConstraint(
                condition=~Q(state=CandidateState.REJECTED) | ~Q(rule=""),
                name="a_rejected_candidate_has_a_rule",
            ),
            models.CheckConstraint(
                condition=~Q(state=CandidateState.DISMISSED) | ~Q(reason=""),
                name="a_dismissed_candidate_has_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["run", "step", "state", "id"], name="candidate_by_step"),
            models.Index(fields=["run", "state", "id"], name="candidate_by_state"),
        ]

    def __str__(self) -> str:
        return self.text[:80]

    def provenance(self) -> dict[str, Any]:
        """Where it comes from, for whoever finds its prompt later."""
        return {
            "run": self.run_id,
            "wizard": self.run.kind,
            "step": self.step,
            "candidate": self.pk,
            "model": self.run.endpoint.name,
            "request": bytes(self.request.generation.fingerprint).hex(),
            "settings_version": self.request.version,
        }
