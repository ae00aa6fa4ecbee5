"""Requests to models and what came back: each is made once, wherever it was asked for."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from annotation.models import Completion, Prompt
from training.models.endpoints import ModelEndpoint
from webapp.jobs.models import Job, Queue


class GenerationState(models.TextChoices):
    # Waits for a job to take it, not before `not_before`. Left by claim and by stop_generation.
    QUEUED = "queued", _("Waiting")
    # A job has it; `text` grows while the answer comes. Left by the job, or by its death (QUEUED).
    RUNNING = "running", _("Answering")
    # The answer is complete. Stays.
    DONE = "done", _("Answered")
    # No answer, and `error` says why. Left by ask_again (QUEUED).
    FAILED = "failed", _("Failed")
    # A person stopped it. Left by ask_again (QUEUED).
    STOPPED = "stopped", _("Stopped")


class Generation(models.Model):
    """One request to one endpoint. `fingerprint` is the SHA-256 of everything that was asked.

    `cost` is what it came to so far; `reserved` the most that the try at hand may add.
    """

    endpoint = models.ForeignKey(
        ModelEndpoint, on_delete=models.CASCADE, related_name="generations"
    )
    fingerprint = models.BinaryField(max_length=32)
    messages = models.JSONField()
    settings = models.JSONField(default=dict)  # temperature, top_p, max_tokens, seed, sample
    state = models.CharField(
        max_length=8, choices=GenerationState.choices, default=GenerationState.QUEUED
    )
    is_waited_for = models.BooleanField(default=False)  # a person looks on: served at once
    text = models.TextField(blank=True)
    finish = models.CharField(max_length=20, blank=True)  # stop, length, or as the service says
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    tokens_estimated = models.BooleanField(default=False)  # the service did not say
    cost = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    reserved = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")
    job_attempt = models.PositiveIntegerField(default=0)  # with job: who may write to this row
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    first_text_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "fingerprint"], name="a_request_is_made_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=GenerationState.values), name="a_request_has_a_known_state"
            ),
            models.CheckConstraint(
                condition=~Q(state=GenerationState.FAILED) | ~Q(error=""),
                name="a_failed_request_says_why",
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "id"],
                name="generation_to_make",
                condition=Q(state=GenerationState.QUEUED),
            ),
            models.Index(
                fields=["job"],
                name="generation_in_work",
                condition=Q(state=GenerationState.RUNNING),
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]

    @property
    def is_finished(self) -> bool:
        return self.state not in (GenerationState.QUEUED, GenerationState.RUNNING)


class Server(models.Model):
    """The one job of a queue that answers whoever waits. It is locked to begin or end that job."""

    queue = models.CharField(max_length=10, choices=Queue.choices, unique=True)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return self.queue


class Batch(models.Model):
    """Requests that belong together: answers to a set of prompts, a step of a wizard."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="batches"
    )
    name = models.CharField(max_length=100)
    purpose = models.CharField(max_length=40)  # "sample", "self-instruct" ...
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    settings = models.JSONField(default=dict)  # as they were asked for, filter of prompts included
    budget = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name


class BatchEntry(models.Model):
    """One request of a batch, and the completion that its answer became."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="entries")
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="entries")
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, null=True, related_name="+")
    completion = models.ForeignKey(
        Completion, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "generation"], name="a_request_is_once_in_a_batch"
            )
        ]

    def __str__(self) -> str:
        return f"{self.generation_id} in {self.batch_id}"
