"""A body of work: what people are asked, about which answers, how often, and by which rules."""

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models.prompts import Completion, Prompt


class Kind(models.TextChoices):
    DEMONSTRATION = "demonstration", _("Demonstrations")  # write the answer you would want
    COMPARISON = "comparison", _("Comparisons")  # choose between two answers
    RANKING = "ranking", _("Rankings")  # put two to nine answers into tiers
    BEST_WORST = "best_worst", _("Best and worst")  # name the best and the worst of three to nine
    WRITING = "writing", _("Own prompts with answers")  # arbitrary, or for a given use case
    FEW_SHOT = "few_shot", _("Few-shot examples")  # one instruction and several pairs for it
    CONVERSATION = "conversation", _("Conversations")  # grow turn by turn; see Step


WRITES = (Kind.DEMONSTRATION, Kind.WRITING, Kind.FEW_SHOT)  # no answers are judged
RANKED = (Kind.RANKING, Kind.BEST_WORST)  # stored as a Ranking
CHECKED = (Kind.COMPARISON, *RANKED)  # known answers, repeats and ratings make sense
FEWEST_OF_BEST_WORST = 3  # of two answers the best one is a comparison
WRITES_PROMPTS = (Kind.WRITING, Kind.FEW_SHOT)  # and no prompt is given


class Step(models.TextChoices):
    """What an item of a conversation asks for; every other kind asks for one thing only."""

    QUESTION = "question", _("Write the next question")
    ANSWER = "answer", _("Write an answer")
    REVIEW = "review", _("Review a message")
    RANK = "rank", _("Rank the answers")


class State(models.TextChoices):
    LAYING_OUT = "laying_out", _("Being laid out")  # a job writes its items; it becomes a draft
    DRAFT = "draft", _("Draft")  # being prepared, hands out nothing; change_state opens it
    OPEN = "open", _("Open")  # hands out work; pause_campaign and close_campaign leave it
    PAUSED = "paused", _("Paused")  # hands out nothing, takes what was begun; resumes or closes
    CLOSED = "closed", _("Closed")  # takes nothing more; all work is kept; can be opened again


class Purpose(models.TextChoices):
    """What an item is asked for. Only the answers to real questions count (queries.current)."""

    WORK = "work", _("Real question")
    GOLD = "gold", _("Hidden check")  # mixed in unseen; its right answer is known
    TRAINING = "training", _("Training")  # before the real work, with feedback
    REVIEW = "review", _("Review")  # of a slot only: a reviewer's own judgement (models.reviews)


CHECKS = (Purpose.GOLD, Purpose.TRAINING)  # measure the person, not the answers


class ReviewStep(models.TextChoices):
    """What a second person reads before it is settled (annotation.actions.review)."""

    NOTHING = "", _("Nothing")  # every answer counts as it comes in
    DISAGREEMENTS = (
        "disagreements",
        _("Items whose people disagree"),
    )  # their answers count until a reviewer decides otherwise
    EVERYTHING = "everything", _("Every item")  # an answer counts once a reviewer accepts it


class Shows(models.TextChoices):
    """When people see what is suggested for an item (annotation.suggestions)."""

    NEVER = "", _("Not shown")
    BEFORE = "before", _("Before answering")
    AFTER = "after", _("After answering, as a check")  # only where the answer is another one


class Order(models.TextChoices):
    """Which items are asked first: the order of the slots when they are laid out. In all of them
    but batches every item is asked once before any is asked twice."""

    FIXED = "fixed", _("The oldest prompt first")
    RANDOM = "random", _("At random, the same for everybody")
    BATCHES = "batches", _("In batches: one has all its answers before the next begins")
    DIVERSE = "diverse", _("One of each subject in turn, near repeats last")
    ALIKE = "alike", _("Alike together, one subject after another")


class Campaign(models.Model):
    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="campaigns"
    )
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=15, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    overlap = models.PositiveSmallIntegerField(default=1)  # people per item
    answers = models.PositiveSmallIntegerField(default=2)  # completions shown per item
    generators = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    everyone = models.BooleanField(default=True)  # False: only the people listed in `workers`
    cap = models.PositiveIntegerField(null=True, blank=True)  # items per person; empty: no limit
    daily = models.PositiveIntegerField(null=True, blank=True)  # items per person and day: exposure
    repeat_share = models.FloatField(default=0.0)  # own items asked again with the sides swapped
    asks = ArrayField(
        models.CharField(max_length=20), default=list, blank=True
    )  # rating_scales.Ask
    attributes = models.ManyToManyField("annotation.Attribute", related_name="+", blank=True)
    rewrites = models.BooleanField(default=False)  # demonstrations start from a model's answer
    # Demonstrations say how the answer is come to, in a text of its own: chain of thought.
    rationales = models.BooleanField(default=False, db_default=False)
    use_cases = ArrayField(
        models.CharField(max_length=60), default=list, blank=True, db_default=[]
    )  # of own prompts: what they are written for; none: anything
    pairs = models.PositiveSmallIntegerField(default=3, db_default=3)  # of a few-shot example
    depth = models.PositiveSmallIntegerField(
        default=3, db_default=3
    )  # questions a conversation has
    reviews = models.PositiveSmallIntegerField(default=3, db_default=3)  # of each message; 0: none
    model_answers = models.BooleanField(default=False, db_default=False)  # in conversations
    gold_share = models.FloatField(default=0.0)  # of what a person is handed: hidden checks
    training_pass = models.FloatField(default=0.0)  # share of training right to be let in; 0: any
    pause_below = models.FloatField(null=True, blank=True)  # gold accuracy that pauses a person
    review = models.CharField(
        max_length=15,
        choices=ReviewStep.choices,
        default=ReviewStep.NOTHING,
        db_default="",
        blank=True,
    )
    reviewers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="+", blank=True
    )  # beside the managers
    suggests = models.CharField(
        max_length=6, choices=Shows.choices, default=Shows.NEVER, db_default="", blank=True
    )
    control_share = models.FloatField(
        default=0.1, db_default=0.1
    )  # of the items: their suggestion is kept back, to measure what showing it does
    order = models.CharField(
        max_length=8, choices=Order.choices, default=Order.FIXED, db_default=Order.FIXED
    )
    batch = models.PositiveSmallIntegerField(default=50, db_default=50)  # items; of Order.BATCHES
    minutes = models.PositiveSmallIntegerField(default=60)  # how long an item stays reserved
    deadline = models.DateTimeField(null=True, blank=True)
    stops_with = models.ForeignKey(
        "annotation.Board", on_delete=models.SET_NULL, null=True, blank=True, related_name="stops"
    )  # the board whose stopping rule pauses it, once
    paused_because = models.CharField(max_length=300, blank=True, db_default="")  # by a rule
    content_warning = models.CharField(max_length=300, blank=True)
    # Whether its prompts are kept out of training: annotation.protected_sets.
    protects = models.BooleanField(default=False, db_default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="a_campaign_has_its_own_name"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=Kind.values), name="a_campaign_has_a_known_kind"
            ),
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="a_campaign_has_a_known_state"
            ),
            models.CheckConstraint(
                condition=Q(review__in=ReviewStep.values), name="a_campaign_has_a_known_review_step"
            ),
            models.CheckConstraint(
                condition=Q(overlap__gte=1), name="an_item_is_asked_at_least_once"
            ),
            models.CheckConstraint(
                condition=Q(repeat_share__gte=0) & Q(repeat_share__lte=0.5),
                name="at_most_half_the_work_is_repeats",
            ),
            models.CheckConstraint(
                condition=Q(gold_share__gte=0) & Q(gold_share__lte=0.5),
                name="at_most_half_the_work_is_checks",
            ),
            models.CheckConstraint(
                condition=Q(order__in=Order.values), name="a_campaign_has_a_known_order"
            ),
            models.CheckConstraint(condition=Q(batch__gte=1), name="a_batch_has_an_item"),
            models.CheckConstraint(
                condition=Q(suggests__in=Shows.values), name="suggestions_are_shown_at_a_known_time"
            ),
            models.CheckConstraint(
                condition=Q(control_share__gte=0) & Q(control_share__lte=1),
                name="a_control_share_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def reservation(self) -> timedelta:
        return timedelta(minutes=self.minutes)


class Guidelines(models.Model):
    """What annotators read beside the work; each change is a new version."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="guidelines")
    version = models.PositiveIntegerField()
    text = models.TextField(blank=True)  # markdown
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "version"], name="guidelines_have_one_text_per_version"
            )
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class CampaignWorker(models.Model):
    """Who may work where not everyone may."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="workers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "user"], name="a_person_is_listed_once_in_a_campaign"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.campaign_id}"


class Item(models.Model):
    """One question of a campaign: a prompt, and for judgements the answers to it.

    Without a prompt the prompt itself is to be written, for `use_case` where one is given. Items of
    conversations say which step they are; `turn` is the message that is reviewed or answered.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="items")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, null=True, related_name="items")
    use_case = models.CharField(max_length=60, blank=True, db_default="")
    step = models.CharField(max_length=10, choices=Step.choices, blank=True, db_default="")
    conversation = models.ForeignKey(
        "annotation.Conversation", on_delete=models.CASCADE, null=True, related_name="items"
    )
    turn = models.ForeignKey(
        "annotation.Turn", on_delete=models.CASCADE, null=True, related_name="items"
    )
    pair_probability = models.FloatField(null=True)  # see Comparison.pair_probability
    purpose = models.CharField(
        max_length=8, choices=Purpose.choices, default=Purpose.WORK, db_default=Purpose.WORK
    )
    expected = models.JSONField(null=True, blank=True)  # annotation.domain.gold says its form
    explanation = models.TextField(blank=True, db_default="")  # why; shown in the training
    completions = models.ManyToManyField(Completion, through="ItemCompletion", related_name="items")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(purpose=Purpose.WORK) | Q(expected__isnull=False),
                name="a_check_has_a_right_answer",
            )
        ]
        indexes = [
            models.Index(fields=["campaign", "id"], name="item_by_campaign"),
            models.Index(
                fields=["campaign", "purpose"],
                condition=~Q(purpose=Purpose.WORK),
                name="item_checks",
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.pk}"


class ItemCompletion(models.Model):
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="shown")
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "completion"], name="an_answer_is_once_in_an_item"
            )
        ]

    def __str__(self) -> str:
        return f"{self.completion_id} in {self.item_id}"
