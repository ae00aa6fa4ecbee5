"""The form with which a manager opens a campaign: every setting, by the kind of work."""

from dataclasses import replace
from typing import Any

from django import forms
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from annotation.access import WORKS
from annotation.actions.change_settings import Settings, settings_now
from annotation.actions.open_campaign import Plan
from annotation.answerers import names_in
from annotation.domain.few_shot import FEWEST_PAIRS, MOST_PAIRS
from annotation.domain.rating_scales import Ask
from annotation.domain.suggestions import SUGGESTED
from annotation.models import Attribute, Campaign, Completion, Split
from annotation.models.campaigns import (
    CHECKED,
    FEWEST_OF_BEST_WORST,
    WRITES_PROMPTS,
    Kind,
    Order,
    ReviewStep,
    Shows,
)
from annotation.prompt_filter import PromptFilter
from webapp.accounts.models import User
from webapp.workspaces.models import Membership, Role, Workspace

REVIEWED = tuple(kind for kind in Kind if kind != Kind.CONVERSATION)  # peers do it there
GIVEN_PROMPTS = tuple(kind for kind in Kind if kind not in WRITES_PROMPTS)


class CampaignForm(forms.Form):
    name = forms.CharField(max_length=100, label=_("Name"))
    kind = forms.ChoiceField(
        choices=Kind.choices,
        label=_("Kind of work"),
        widget=forms.RadioSelect,
        initial=Kind.COMPARISON,
    )
    guidelines = forms.CharField(
        label=_("Guidelines"),
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_("Markdown, shown beside the work. Every change is kept as a version."),
    )
    split = forms.ChoiceField(
        label=_("Prompts of the split"),
        required=False,
        choices=[("", _("Any")), *Split.choices],
    )
    tag = forms.CharField(label=_("With the tag"), required=False, max_length=60)
    use_case = forms.CharField(label=_("With the use case"), required=False, max_length=60)
    most = forms.IntegerField(
        label=_("At most this many prompts"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text=_("The oldest first. Empty: all that the filter finds."),
    )
    answers = forms.IntegerField(
        label=_("Answers per item"),
        initial=2,
        min_value=2,
        max_value=9,
        help_text=_(
            "For rankings and conversations 2 to 9, for best and worst 3 to 9 (4 is usual); a"
            " comparison shows 2."
        ),
    )
    generators = forms.MultipleChoiceField(
        label=_("Answers written by"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: by anybody."),
    )
    overlap = forms.IntegerField(label=_("People per item"), initial=1, min_value=1, max_value=50)
    workers = forms.ModelMultipleChoiceField(
        label=_("Who may work"),
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: every annotator of the workspace."),
    )
    cap = forms.IntegerField(
        label=_("Items per person at most"), required=False, min_value=1, max_value=1_000_000
    )
    daily = forms.IntegerField(
        label=_("Items per person and day at most"),
        required=False,
        min_value=1,
        max_value=10_000,
        help_text=_("An exposure limit: for content that nobody should read all day."),
    )
    repeats = forms.IntegerField(
        label=_("Repeats with swapped sides, in per cent"),
        initial=0,
        min_value=0,
        max_value=50,
        help_text=_("Own items asked again unseen: how consistent a person is. 10 is usual."),
    )
    rewrites = forms.BooleanField(
        label=_("Demonstrations start from a model’s answer, to be rewritten"),
        required=False,
        help_text=_("Gives a demonstration, and a preference for the rewritten text."),
    )
    rationales = forms.BooleanField(
        label=_("Demonstrations come with their reasoning"),
        required=False,
        help_text=_(
            "People write how they come to the answer in a field of its own (chain of thought). A"
            " snapshot puts it before the answer, or leaves it out."
        ),
    )
    use_cases = forms.CharField(
        label=_("Use cases, a line for each"),
        required=False,
        max_length=6000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Own prompts are written for one of these. Empty: for anything."),
    )
    pairs = forms.IntegerField(
        label=_("Pairs of a few-shot example"),
        required=False,
        initial=3,
        min_value=FEWEST_PAIRS,
        max_value=MOST_PAIRS,
        help_text=_("K pairs become K prompts, each with the other K - 1 as its examples."),
    )
    texts = forms.IntegerField(
        label=_("How many texts"),
        required=False,
        initial=100,
        min_value=1,
        max_value=100_000,
        help_text=_("Of own prompts and few-shot examples: they need no prompts of the workspace."),
    )
    depth = forms.IntegerField(
        label=_("Questions in a conversation"),
        required=False,
        initial=3,
        min_value=1,
        max_value=20,
        help_text=_("The first is the prompt; after each the answers are ranked."),
    )
    reviews = forms.IntegerField(
        label=_("Peers who review each message"),
        required=False,
        initial=3,
        min_value=0,
        max_value=9,
        help_text=_("A message is accepted from a share of 0.6 on. 0: without review."),
    )
    model_answers = forms.BooleanField(
        label=_("Models write the answers"),
        required=False,
        help_text=_(
            "Those chosen below are asked by themselves; answers sampled or imported count too."
        ),
    )
    asks = forms.MultipleChoiceField(
        label=_("Ask about each answer too"),
        required=False,
        choices=[
            (Ask.OVERALL, _("overall quality, 1 to 7")),
            (Ask.TAGS, _("InstructGPT’s tags: hallucination, harmful advice, opinion ...")),
            (Ask.SAFETY, _("safe or not safe")),
            (Ask.SENTENCES, _("each sentence: correct, ambiguous or incorrect")),
            (Ask.SPANS, _("parts to mark: six kinds of hallucination, and other")),
        ],
        widget=forms.CheckboxSelectMultiple,
    )
    attributes = forms.ModelMultipleChoiceField(
        label=_("Attributes of this workspace"),
        queryset=Attribute.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Scales with a rubric of your own; see “Attributes” on the campaigns’ page."),
    )
    gold = forms.IntegerField(
        label=_("Hidden checks, in per cent"),
        required=False,
        initial=0,
        min_value=0,
        max_value=50,
        help_text=_(
            "Questions whose right answer you know, mixed in unseen. Choose them on the campaign’s"
            " page “Checks”. 5 is usual."
        ),
    )
    training = forms.IntegerField(
        label=_("Right answers needed in the training, in per cent"),
        required=False,
        initial=0,
        min_value=0,
        max_value=100,
        help_text=_("Who gets fewer right is not let in. 0: the training only teaches."),
    )
    pause_below = forms.IntegerField(
        label=_("Pause whose hidden checks are right less often than, in per cent"),
        required=False,
        min_value=1,
        max_value=100,
        help_text=_("After five checks. Empty: nobody is paused by itself."),
    )
    review = forms.ChoiceField(
        label=_("Read by a second person"),
        required=False,
        choices=ReviewStep.choices,
        widget=forms.RadioSelect,
        initial=ReviewStep.NOTHING,
        help_text=_(
            "Disagreements count until a reviewer decides otherwise; of every item an answer counts"
            " once it is accepted. Texts cannot disagree: they are read all, or none."
        ),
    )
    reviewers = forms.ModelMultipleChoiceField(
        label=_("Who reviews, beside the managers"),
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Nobody reviews an item that they have answered."),
    )
    order = forms.ChoiceField(
        label=_("Which items are asked first"),
        required=False,
        choices=Order.choices,
        initial=Order.FIXED,
        help_text=_(
            "Every item is asked once before any is asked twice, save in batches. A subject is a"
            " use case, source and language. To ask where ratings are least sure, draw pairs from a"
            " board instead."
        ),
    )
    batch = forms.IntegerField(
        label=_("Items of a batch"), required=False, initial=50, min_value=1, max_value=10_000
    )
    suggests = forms.ChoiceField(
        label=_("Show what is suggested"),
        required=False,
        choices=Shows.choices,
        widget=forms.RadioSelect,
        initial=Shows.NEVER,
        help_text=_(
            "Bring suggestions on the campaign’s page “Suggestions”. They never count as answers."
            " As a check they are shown only where the answer says something else."
        ),
    )
    control = forms.IntegerField(
        label=_("Items whose suggestion is kept back, in per cent"),
        required=False,
        initial=10,
        min_value=0,
        max_value=100,
        help_text=_("The quality page measures against these what showing a suggestion does."),
    )
    minutes = forms.IntegerField(
        label=_("An item stays reserved for, in minutes"), initial=60, min_value=1, max_value=1440
    )
    deadline = forms.DateTimeField(
        label=_("Deadline"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
    )
    content_warning = forms.CharField(
        label=_("Content warning"),
        required=False,
        max_length=300,
        help_text=_("Shown before the work starts, for example “violent language”."),
    )

    # The page's parts; a field that is only for some kinds is hidden while another is chosen.
    GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
        (_("What is asked"), ("name", "kind", "guidelines", "content_warning")),
        (
            _("About what"),
            (
                *("split", "tag", "use_case", "most", "texts", "use_cases", "pairs", "rewrites"),
                *("rationales", "order", "batch"),
            ),
        ),
        (_("How it grows"), ("depth", "reviews", "model_answers")),
        (_("The answers shown"), ("answers", "generators", "asks", "attributes")),
        (
            _("Who works, and how much"),
            ("workers", "overlap", "cap", "daily", "minutes", "deadline"),
        ),
        (_("Checks of the work"), ("repeats", "gold", "training", "pause_below")),
        (_("Review"), ("review", "reviewers")),
        (_("Suggestions"), ("suggests", "control")),
    )
    ONLY = {
        **dict.fromkeys(("split", "tag", "use_case", "most"), GIVEN_PROMPTS),
        **dict.fromkeys(("asks", "attributes"), CHECKED),
        **dict.fromkeys(("repeats", "gold", "training", "pause_below"), CHECKED),
        **dict.fromkeys(("depth", "reviews", "model_answers"), (Kind.CONVERSATION,)),
        **dict.fromkeys(("review", "reviewers"), REVIEWED),
        **dict.fromkeys(("order", "batch"), REVIEWED),
        **dict.fromkeys(("suggests", "control"), SUGGESTED),
        "answers": (*CHECKED, Kind.CONVERSATION),
        "generators": GIVEN_PROMPTS,
        "rewrites": (Kind.DEMONSTRATION,),
        "rationales": (Kind.DEMONSTRATION,),
        "texts": WRITES_PROMPTS,
        "use_cases": (Kind.WRITING,),
        "pairs": (Kind.FEW_SHOT,),
    }

    def __init__(
        self,
        *args: Any,
        workspace: Workspace,
        filter: PromptFilter | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        self.filter = filter or PromptFilter()
        if self.filter:  # chosen in the prompt browser: the page says it in words
            for name in ("split", "tag", "use_case"):
                self.fields[name].widget = forms.HiddenInput()
        generators = (
            Completion.objects.filter(prompt__workspace=workspace, retired_at__isnull=True)
            .order_by("generator")
            .values_list("generator", flat=True)
            .distinct()
        )
        field = self.fields["generators"]
        assert isinstance(field, forms.MultipleChoiceField)
        names = sorted({*generators[:200], *names_in(workspace)})
        field.choices = [(name, name or _("(unknown)")) for name in names]
        attributes = self.fields["attributes"]
        assert isinstance(attributes, forms.ModelMultipleChoiceField)
        attributes.queryset = Attribute.objects.filter(workspace=workspace, retired_at=None)
        members = User.objects.filter(memberships__workspace=workspace, is_active=True)
        for name, roles in (("workers", Role.values), ("reviewers", WORKS)):
            people = self.fields[name]
            assert isinstance(people, forms.ModelMultipleChoiceField)
            chosen = members.filter(memberships__role__in=roles, memberships__workspace=workspace)
            people.queryset = chosen.distinct().order_by("name", "email")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Campaign.objects.filter(workspace=self.workspace, name=name).exists():
            raise forms.ValidationError(
                _("There is already a campaign named “%(name)s”. Choose another name."),
                params={"name": name},
            )
        return name

    def clean_use_cases(self) -> tuple[str, ...]:
        lines = [" ".join(line.split()) for line in self.cleaned_data["use_cases"].splitlines()]
        cases = tuple(dict.fromkeys(line for line in lines if line))
        if len(cases) > 100 or any(len(case) > 60 for case in cases):
            raise forms.ValidationError(_("At most 100 use cases of at most 60 characters each."))
        return cases

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is not None and cleaned.get("kind") == Kind.COMPARISON:
            cleaned["answers"] = 2
        if cleaned is not None and cleaned.get("kind") == Kind.BEST_WORST:
            self._three_answers(cleaned)
        if cleaned is not None and cleaned.get("kind") == Kind.CONVERSATION:
            self._enough_people(cleaned)
        if cleaned is not None and cleaned.get("review") == ReviewStep.DISAGREEMENTS:
            self._can_disagree(cleaned)
        return cleaned

    def _three_answers(self, cleaned: dict[str, Any]) -> None:
        given = cleaned.get("answers")
        if given is not None and given < FEWEST_OF_BEST_WORST:
            self.add_error(
                "answers",
                _(
                    "Best and worst are named of 3 to 9 answers; %(given)d were asked for. Four is"
                    " usual; of two answers open a comparison."
                )
                % {"given": given},
            )

    def _can_disagree(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("kind") not in CHECKED:
            self.add_error("review", _("Texts cannot disagree. Have every item read, or nothing."))
        elif cleaned.get("overlap", 1) < 2:
            self.add_error(
                "review", _("One person cannot disagree. Ask for two people per item or more.")
            )

    def _enough_people(self, cleaned: dict[str, Any]) -> None:
        """Nobody reviews or ranks an own text: with too few people it would stand still."""
        team = Membership.objects.filter(workspace=self.workspace, role__in=WORKS)
        if cleaned.get("workers"):
            team = team.filter(user__in=cleaned["workers"])
        reviews = 3 if cleaned.get("reviews") is None else cleaned["reviews"]
        writers = 0 if cleaned.get("model_answers") else cleaned.get("answers", 2)
        needed = max(writers + cleaned.get("overlap", 1), reviews + 1)
        there = team.count()
        if there < needed:
            self.add_error(
                "reviews",
                _(
                    "Nobody reviews or ranks a text of their own, so this takes %(needed)d people;"
                    " %(there)d may work. Ask for fewer answers, reviews or rankings, or invite"
                    " more people."
                )
                % {"needed": needed, "there": there},
            )

    def plan(self) -> Plan:
        cleaned = self.cleaned_data
        return Plan(
            name=cleaned["name"],
            kind=cleaned["kind"],
            guidelines=cleaned["guidelines"],
            overlap=cleaned["overlap"],
            answers=cleaned["answers"],
            generators=tuple(cleaned["generators"]),
            workers=tuple(cleaned["workers"]),
            cap=cleaned["cap"],
            daily=cleaned["daily"],
            rewrites=cleaned["rewrites"],
            rationales=cleaned["rationales"],
            use_cases=cleaned["use_cases"],
            pairs=cleaned["pairs"] or 3,
            texts=cleaned["texts"] or 100,
            depth=cleaned["depth"] or 3,
            reviews=3 if cleaned["reviews"] is None else cleaned["reviews"],
            model_answers=cleaned["model_answers"],
            asks=tuple(cleaned["asks"]),
            attributes=tuple(cleaned["attributes"]),
            **self.checks(),
            review=cleaned["review"],
            reviewers=tuple(cleaned["reviewers"]),
            order=cleaned["order"] or Order.FIXED,
            batch=cleaned["batch"] or 50,
            **self.suggestions(),
            minutes=cleaned["minutes"],
            deadline=cleaned["deadline"],
            content_warning=cleaned["content_warning"],
        )

    def checks(self) -> dict[str, Any]:
        """The shares of the checks, as numbers between 0 and 1."""
        cleaned = self.cleaned_data
        pause_below = cleaned.get("pause_below")
        return {
            "repeat_share": (cleaned.get("repeats") or 0) / 100,
            "gold_share": (cleaned.get("gold") or 0) / 100,
            "training_pass": (cleaned.get("training") or 0) / 100,
            "pause_below": pause_below / 100 if pause_below else None,
        }

    def suggestions(self) -> dict[str, Any]:
        control = self.cleaned_data.get("control")
        return {
            "suggests": self.cleaned_data.get("suggests", ""),
            "control_share": 0.1 if control is None else control / 100,
        }

    def groups(self) -> list[tuple[Any, list[tuple[forms.BoundField, str]]]]:
        """Titles with their fields, each with the kinds that have it (empty: all)."""
        return [
            (title, [(self[name], " ".join(self.ONLY.get(name, ()))) for name in names])
            for title, names in self.GROUPS
        ]

    def wanted(self) -> PromptFilter:
        """The prompts of the address, narrowed by the three fields of the page."""
        cleaned = self.cleaned_data
        return replace(
            self.filter,
            splits=(cleaned["split"],) if cleaned["split"] else self.filter.splits,
            tags=tuple({*self.filter.tags, *filter(None, [cleaned["tag"]])}),
            use_cases=(cleaned["use_case"],) if cleaned["use_case"] else self.filter.use_cases,
        )


class SettingsForm(CampaignForm):
    """What may change while people work; the rest stays as the campaign was laid out."""

    GROUPS = (
        (_("Who works, and how much"), CampaignForm.GROUPS[4][1]),
        (_("Checks of the work"), CampaignForm.GROUPS[5][1]),
        (_("Review"), CampaignForm.GROUPS[6][1]),
        CampaignForm.GROUPS[7],
        (_("What people are told"), ("content_warning",)),
    )

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        now = settings_now(campaign)
        given = {
            **vars(now),
            "repeats": round(100 * now.repeat_share),
            "gold": round(100 * now.gold_share),
            "training": round(100 * now.training_pass),
            "pause_below": round(100 * now.pause_below) if now.pause_below else None,
            "control": round(100 * now.control_share),
            "deadline": now.deadline and f"{localtime(now.deadline):%Y-%m-%dT%H:%M}",
        }
        super().__init__(*args, workspace=campaign.workspace, initial=given, **kwargs)
        self.campaign = campaign
        kept = {name for _title, names in self.GROUPS for name in names if self._has(name)}
        for name in set(self.fields) - kept:
            del self.fields[name]

    def _has(self, name: str) -> bool:
        if name == "overlap":  # the steps of a conversation were counted for its people
            return self.campaign.kind != Kind.CONVERSATION
        return self.campaign.kind in self.ONLY.get(name, (self.campaign.kind,))

    def clean(self) -> dict[str, Any] | None:
        fixed = ("kind", "answers", "reviews", "model_answers", "overlap")
        for name in fixed:
            self.cleaned_data.setdefault(name, getattr(self.campaign, name))
        return super().clean()

    def settings(self) -> Settings:
        cleaned = self.cleaned_data
        return Settings(
            overlap=cleaned["overlap"],
            workers=tuple(cleaned["workers"]),
            cap=cleaned["cap"],
            daily=cleaned["daily"],
            minutes=cleaned["minutes"],
            deadline=cleaned["deadline"],
            content_warning=cleaned["content_warning"],
            review=cleaned.get("review", ""),
            reviewers=tuple(cleaned.get("reviewers", ())),
            **self.suggestions(),
            **self.checks(),
        )

    def groups(self) -> list[tuple[Any, list[tuple[forms.BoundField, str]]]]:
        shown = [
            (title, [(self[name], "") for name in names if name in self.fields])
            for title, names in self.GROUPS
        ]
        return [(title, fields) for title, fields in shown if fields]
