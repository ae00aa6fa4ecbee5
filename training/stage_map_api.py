"""/api/v1/workspaces/<slug>/stages/: the loop as it stands, as on a workspace's home."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from training.access import READS
from webapp.api.endpoint import Endpoint
from webapp.api.permissions import api_workspace


class StageRow(serializers.Serializer):
    key = serializers.CharField(
        help_text="demonstrations, sft, preferences, reward, policy or evaluation"
    )
    name = serializers.CharField(source="label")
    made = serializers.CharField(help_text="Its newest output; empty: there is none")
    url = serializers.CharField(help_text="The page of that, below this address")
    of = serializers.CharField(help_text="Its inputs, by name")
    digest = serializers.CharField(
        help_text="The first digits of the SHA-256 of its settings, or of its file"
    )
    stale = serializers.CharField(
        help_text="What is newer than what it was made of; empty: nothing"
    )
    working = serializers.BooleanField(help_text="Whether a run of it is under way")
    next = serializers.CharField(help_text="What to do; empty: nothing")
    next_url = serializers.CharField(help_text="Where that is done")


class StageMap(serializers.Serializer):
    stages = StageRow(many=True, help_text="The six of them in the order of the loop")


class StagesEndpoint(Endpoint):
    serializer_class = StageMap

    @extend_schema(summary="What each stage of the loop has made, of what, and what is stale")
    def get(self, request: Request, slug: str) -> Response:
        workspace = api_workspace(request, slug, *READS)
        from training.stage_map import stages  # here: boards load numpy, which routes do without

        return self.one({"stages": stages(workspace)})
