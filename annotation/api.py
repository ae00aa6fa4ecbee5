"""/api/v1/workspaces/<slug>/campaigns/: the same work for programs, answers by letter too."""

import json
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.access import READS, WORKS, campaigns_to_work_in
from annotation.actions.assign import hand_out
from annotation.actions.grow import context_of
from annotation.actions.show_suggestion import SecondLook
from annotation.actions.skip import skip
from annotation.actions.submit import AssignmentLost, KeyReused, submit
from annotation.at_work import answer_given, campaign_asked
from annotation.desk import HeldItem, assignment_at_work, campaign_at_work
from annotation.domain.answers import LETTERS, Unanswered
from annotation.domain.few_shot import MOST_PAIRS
from annotation.domain.rating_scales import SpanLabel
from annotation.models import Assignment, Campaign, Completion
from annotation.models.campaigns import Kind, Purpose, State, Step
from annotation.models.conversations import Objection
from annotation.models.judgements import Choice, Strength
from annotation.models.suggestions import Origin
from annotation.queries import campaigns_with_progress
from annotation.ratings import ratings_in, scales_of
from annotation.suggestions import seen_of
from annotation.work_form import read_submission
from webapp.accounts.models import User
from webapp.api.endpoint import Endpoint, Strict
from webapp.api.filters import Filter
from webapp.api.permissions import api_workspace
from webapp.api.problems import problem_response
from webapp.workspaces.access import person_of


class CampaignRow(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Kind.choices)
    state = serializers.ChoiceField(State.choices)
    overlap = serializers.IntegerField(help_text="People per item")
    slots = serializers.IntegerField(help_text="Items times overlap")
    finished = serializers.IntegerField(help_text="Slots that are answered")


class ShownRow(serializers.Serializer):
    letter = serializers.CharField(help_text="Its place on the screen: A is the first (left) one")
    text = serializers.CharField()


class ScaleRow(serializers.Serializer):
    """A question about each answer. A tag is 0 unless it is given."""

    aspect = serializers.CharField()
    question = serializers.CharField()
    lowest = serializers.IntegerField()
    highest = serializers.IntegerField()
    is_tag = serializers.BooleanField()


class ShownSuggestionRow(serializers.Serializer):
    """What is suggested for the item; it is nobody's judgement, and nothing is submitted by it."""

    origin = serializers.ChoiceField(Origin.choices)
    after = serializers.BooleanField(help_text="It says something else than you answered first")
    choice = serializers.ChoiceField(Choice.choices, required=False)
    strength = serializers.ChoiceField(Strength.choices, required=False)
    ranking = serializers.CharField(required=False)
    text = serializers.CharField(required=False)


class ItemRow(serializers.Serializer):
    """What is to be judged, and what the submission must name."""

    assignment = serializers.IntegerField()
    attempt = serializers.IntegerField(help_text="Send it back with the answer")
    kind = serializers.ChoiceField(Kind.choices)
    step = serializers.ChoiceField(
        [("", ""), *Step.choices], help_text="Of a conversation; empty elsewhere"
    )
    reviewed = serializers.CharField(
        allow_blank=True, help_text="The message to review; `messages` came before it"
    )
    messages = serializers.JSONField(
        help_text="The prompt: a list of {role, content}; empty where you write the prompt"
    )
    rationale = serializers.BooleanField(
        help_text="Whether the answer comes with its reasoning, in `rationale`"
    )
    use_case = serializers.CharField(
        allow_blank=True, help_text="What your own prompt should be for; another may be chosen"
    )
    use_cases = serializers.ListField(child=serializers.CharField(), help_text="To choose from")
    pairs = serializers.IntegerField(help_text="Pairs of a few-shot example; 0 elsewhere")
    answers = ShownRow(many=True)
    asks = ScaleRow(many=True, help_text="To be answered about each answer, in `ratings`")
    returned = serializers.CharField(
        allow_blank=True, help_text="What a reviewer says who sent your answer back; else empty"
    )
    suggestion = ShownSuggestionRow(allow_null=True, help_text="null: none, or kept from you")
    lease_until = serializers.DateTimeField(allow_null=True)


class ClaimRow(serializers.Serializer):
    item = ItemRow(allow_null=True, help_text="null: nothing (more) for you here")


class RatingBody(Strict):
    letter = serializers.CharField(max_length=1)
    aspect = serializers.CharField(max_length=60)
    score = serializers.IntegerField()


class PartBody(Strict):
    letter = serializers.CharField(max_length=1)
    start = serializers.IntegerField(min_value=0, help_text="Code points, line ends as \\n")
    end = serializers.IntegerField(min_value=1, help_text="Just after the last character")
    kind = serializers.ChoiceField([(label.value, label.value) for label in SpanLabel])


class PairBody(Strict):
    query = serializers.CharField(max_length=20_000, trim_whitespace=False)
    response = serializers.CharField(max_length=20_000, trim_whitespace=False)


class JudgementBody(Strict):
    """What is said of an item, by the kind of the campaign."""

    text = serializers.CharField(required=False, max_length=100_000, trim_whitespace=False)
    rationale = serializers.CharField(
        required=False,
        max_length=20_000,
        trim_whitespace=False,
        help_text="How you come to the answer, where the item asks for it",
    )
    prompt = serializers.CharField(
        required=False, max_length=20_000, trim_whitespace=False, help_text="One of your own"
    )
    use_case = serializers.CharField(required=False, max_length=60)
    instruction = serializers.CharField(
        required=False, max_length=20_000, trim_whitespace=False, help_text="Of a few-shot example"
    )
    pairs = PairBody(many=True, required=False)
    accepted = serializers.BooleanField(required=False, help_text="Of a review")
    objections = serializers.ListField(
        child=serializers.ChoiceField(Objection.choices), required=False
    )
    choice = serializers.ChoiceField(Choice.choices, required=False)
    strength = serializers.ChoiceField(Strength.choices, required=False)
    ranking = serializers.CharField(
        required=False, max_length=200, help_text="Letters, best first: D > C > A = B"
    )
    best = serializers.CharField(
        required=False, max_length=1, help_text="Of best and worst: the letter of the best answer"
    )
    worst = serializers.CharField(required=False, max_length=1)
    ratings = RatingBody(many=True, required=False)
    parts = PartBody(many=True, required=False)


class AnswerBody(JudgementBody):
    key = serializers.UUIDField(help_text="Made by you, once per answer; sent again it is harmless")
    attempt = serializers.IntegerField(min_value=1)
    comment = serializers.CharField(required=False, max_length=5000, allow_blank=True)
    seconds = serializers.FloatField(required=False, min_value=0, max_value=86_400)
    took_suggestion = serializers.BooleanField(
        default=False, help_text="The suggestion was taken over by one act"
    )
    next = serializers.BooleanField(
        default=False, help_text="Take the next item in the same request: `item` in the answer"
    )


class SubmittedRow(serializers.Serializer):
    id = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    item = ItemRow(
        required=False, allow_null=True, help_text="Only with `next`: what you are to do now"
    )


class SkipBody(Strict):
    reason = serializers.CharField(max_length=500)
    flagged = serializers.BooleanField(default=False)


class Lost(APIException):
    """The item is not held any more (409); the answer was kept as a draft."""

    status_code = 409


class LookAgain(APIException):
    """A suggestion says something else (409): claim to read it, answer again with a new key."""

    status_code = 409


class CampaignsEndpoint(Endpoint):
    is_list = True
    serializer_class = CampaignRow
    filters = {
        "state": Filter("state", choices=State.values),
        "kind": Filter("kind", choices=Kind.values),
    }
    sorts = {"id": "pk", "name": "name"}

    @extend_schema(summary="Campaigns that you manage, watch or may work in")
    def get(self, request: Request, slug: str) -> Response:
        workspace: Any = api_workspace(request, slug)
        campaigns: QuerySet[Campaign] = Campaign.objects.filter(workspace=workspace)
        if workspace.role not in READS:
            campaigns = campaigns.filter(pk__in=campaigns_to_work_in(request.user, workspace))
        return self.paged(campaigns_with_progress(campaigns))


class WorkEndpoint(Endpoint):
    """The ordinary case is answered at once; whatever it does not know goes the way of them all."""

    def at_once(self, request: HttpRequest, *where: Any) -> HttpResponse | None:
        raise NotImplementedError

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST":
            try:
                answer = self.at_once(request, *kwargs.values())
            except Exception as error:
                return problem_response(error, {"request": request})
            if answer is not None:
                return answer
        return super().dispatch(request, *args, **kwargs)


def _json(content: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(JSONRenderer().render(content), "application/json", status)


class ClaimEndpoint(WorkEndpoint):
    serializer_class = ClaimRow

    def at_once(self, request: HttpRequest, *where: Any) -> HttpResponse | None:
        asked = campaign_asked(request, *where)
        if asked is None:
            return None
        person, campaign, desk = asked
        held = hand_out(campaign=campaign, annotator=person, desk=desk)
        return _json({"item": _item(campaign, held, person) if held is not None else None})

    @extend_schema(
        summary="Take the next item, or get the one you hold", request=None, responses=ClaimRow
    )
    def post(self, request: Request, slug: str, campaign: int) -> Response:
        workspace = api_workspace(request, slug, *WORKS)
        found, desk = campaign_at_work(request.user, workspace, campaign)
        if found is None:
            raise Http404
        person = person_of(request)
        held = hand_out(campaign=found, annotator=person, desk=desk)
        return Response({"item": _item(found, held, person) if held is not None else None})


class SubmitEndpoint(WorkEndpoint):
    serializer_class = SubmittedRow

    def at_once(self, request: HttpRequest, *where: Any) -> HttpResponse | None:
        given = answer_given(request, *where)
        if given is None:
            return None
        person, held, body, desk = given
        goes_on = body.pop("next")
        answer = _take(held, person, body)
        if goes_on:
            # A check may have paused the person, a correction ended what was sent back.
            if held.purpose != Purpose.WORK or held.submitted_at is not None:
                _found, desk = campaign_at_work(person, held.campaign.workspace, held.campaign.pk)
            campaign = held.campaign
            item = hand_out(campaign=campaign, annotator=person, desk=desk) if desk else None
            answer["item"] = _item(campaign, item, person) if item else None
        return _json(answer, 201)

    @extend_schema(
        summary="Answer the item that you hold", request=AnswerBody, responses={201: SubmittedRow}
    )
    def post(self, request: Request, slug: str, campaign: int, assignment: int) -> Response:
        held = _assignment(request, slug, campaign, assignment)
        body = self.wanted(AnswerBody)
        goes_on = body.pop("next")
        answer = _take(held, person_of(request), body)
        if goes_on:
            person = person_of(request)
            found, desk = campaign_at_work(person, held.campaign.workspace, campaign)
            item = hand_out(campaign=found, annotator=person, desk=desk) if found else None
            answer["item"] = _item(found, item, person) if found and item else None
        return Response(answer, status=201)


class SkipEndpoint(Endpoint):
    serializer_class = ClaimRow

    @extend_schema(
        summary="Pass the item on with a reason", request=SkipBody, responses={200: ClaimRow}
    )
    def post(self, request: Request, slug: str, campaign: int, assignment: int) -> Response:
        held = _assignment(request, slug, campaign, assignment)
        if skip(assignment=held, annotator=person_of(request), **self.wanted(SkipBody)) is None:
            raise Lost(_("You do not hold this item any more."))
        return self.one({"item": None})


def _take(held: Assignment, person: User, body: dict[str, Any]) -> dict[str, Any]:
    """Submit what a body says; what is answered, without the next item."""
    form = fields_of(held.campaign, body)
    try:
        submission = replace(
            read_submission(held.asks, held.shown_order, form),
            ratings=ratings_in(held.campaign, held, form),
        )
        row = submit(assignment=held, annotator=person, submission=submission)
    except Unanswered as missing:
        raise ValidationError(str(missing)) from None
    except (AssignmentLost, KeyReused) as lost:
        raise Lost(str(lost)) from None
    except SecondLook as differs:
        raise LookAgain(str(differs)) from None
    return {"id": row.pk, "created_at": row.created_at}


def fields_of(campaign: Campaign, body: dict[str, Any]) -> dict[str, str]:
    """The body as the fields of the page's form."""
    ratings, parts = body.pop("ratings", []), body.pop("parts", [])
    pairs = body.pop("pairs", [])
    objections = body.pop("objections", [])
    if "accepted" in body:
        body["verdict"] = "accept" if body.pop("accepted") else "reject"
    form = {name: str(value) for name, value in body.items()}
    form |= {f"objection-{objection}": "1" for objection in objections}
    for number, pair in enumerate(pairs[: MOST_PAIRS + 1], start=1):
        form |= {f"query-{number}": pair["query"], f"response-{number}": pair["response"]}
    if "ranking" in form:
        form["typed"] = form.pop("ranking")
    places = {scale.aspect: number for number, scale in enumerate(scales_of(campaign))}
    for rating in ratings:
        if rating["aspect"] not in places:
            asked = ", ".join(places) or _("nothing")
            raise ValidationError(
                _("%(given)s is not asked here. Asked: %(asked)s.")
                % {"given": rating["aspect"], "asked": asked}
            )
        form[f"rate-{rating['letter']}-{places[rating['aspect']]}"] = str(rating["score"])
    for part in parts:
        name = f"marks-{part['letter']}"
        rows = json.loads(form.get(name, "[]"))
        form[name] = json.dumps([*rows, [part["start"], part["end"], part["kind"]]])
    return form


def _assignment(request: Request, slug: str, campaign: int, pk: int) -> Assignment:
    workspace = api_workspace(request, slug, *WORKS)
    found = assignment_at_work(request.user, workspace, campaign, pk)
    if found is None:
        raise Http404
    return found


def _messages(held: Assignment, texts: dict[int, Completion]) -> list[dict[str, str]]:
    item = held.item
    if item.step == Step.REVIEW and item.turn:
        return context_of(item.turn)
    messages = list(item.prompt.messages) if item.prompt else []
    if item.step == Step.QUESTION:
        messages += [{"role": "assistant", "content": texts[pk].text} for pk in held.shown_order]
    return messages


def _turn(pk: int) -> dict[str, Any]:
    """What a step of a conversation shows."""
    held = Assignment.objects.select_related("item__prompt", "item__turn").get(pk=pk)
    texts = Completion.objects.in_bulk(held.shown_order)
    item = held.item
    shown = [] if item.step == Step.QUESTION else held.shown_order  # there they are messages
    return {
        "step": item.step,
        "reviewed": item.turn.text if item.step == Step.REVIEW and item.turn else "",
        "messages": _messages(held, texts),
        "answers": [
            {"letter": letter, "text": texts[one].text}
            for letter, one in zip(LETTERS, shown, strict=False)
        ],
    }


def _suggestion(campaign: Campaign, pk: int, person: User) -> dict[str, Any] | None:
    """As ShownSuggestionRow says it; a ranking in letters, as it would be sent back."""
    if not campaign.suggests:
        return None
    held = Assignment.objects.get(pk=pk)
    found = seen_of(campaign, person, held)
    if found is None:
        return None
    said = {"ranking": found.words} if campaign.kind == Kind.RANKING else found.fields
    return {"origin": found.origin, "after": found.after, **said}


def _item(campaign: Campaign, held: HeldItem, person: User) -> dict[str, Any]:
    """As ItemRow says it. Everything in it is plain already, so no serializer is asked."""
    asks = ScaleRow(scales_of(campaign), many=True).data if campaign.asks else []
    row: dict[str, Any] = {
        "assignment": held.assignment,
        "attempt": held.attempt,
        "kind": campaign.kind,
        "step": "",
        "reviewed": "",
        "messages": held.messages,
        "rationale": campaign.rationales,
        "use_case": held.use_case,
        "use_cases": campaign.use_cases,
        "pairs": campaign.pairs if campaign.kind == Kind.FEW_SHOT else 0,
        "answers": [
            {"letter": letter, "text": text}
            for letter, text in zip(LETTERS, held.texts, strict=False)
        ],
        "asks": asks,
        "returned": held.returned,
        "suggestion": _suggestion(campaign, held.assignment, person),
        "lease_until": held.lease_until,
    }
    return row | _turn(held.assignment) if campaign.kind == Kind.CONVERSATION else row
