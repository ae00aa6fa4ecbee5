"""A curator's morning in a real browser: search, tag many, keep a view, settle duplicates."""

from typing import Any

import pytest
from playwright.sync_api import expect

from annotation.actions.find_duplicates import find_duplicates
from annotation.actions.search_duplicates import run_search
from annotation.models import Comparison, Prompt, SavedView
from tests.annotation.curated import a_cluster
from tests.annotation.material import a_prompt, an_answer
from tests.browser.conftest import no_sideways_scroll
from tests.cast import a_workspace, mia
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
RIVERS = "Name three long rivers of Germany and say in which sea each of them ends today"
TEXTS = (
    ("Write a poem about paper cups that a child of six can read aloud", "generation"),
    ("Translate this menu into English: Suppe, Brot, Käse", "rewrite"),
    ("What is the capital of Portugal, and how many people live there?", "open_qa"),
    (RIVERS, "open_qa"),
    (f"{RIVERS}, please", "open_qa"),
    ("Give me five ideas for a rainy afternoon with two children", "brainstorming"),
)


def a_library(workspace: Workspace) -> None:
    for number in range(60):
        text, use_case = TEXTS[number % len(TEXTS)]
        prompt = a_prompt(
            workspace,
            text if number < len(TEXTS) else f"{text} (variant {number} of the {use_case} list)",
            use_case=use_case,
            source="sharegpt" if number % 2 else "own seeds",
            language="en",
            split="held_out" if number % 9 == 8 else "train",
            tags=["seed"] if number % 5 == 0 else [],
        )
        if number % 4 == 0:
            pair = an_answer(prompt, "Yes."), an_answer(prompt, "No.", "tuned")
            Comparison.objects.create(
                prompt=prompt, left=pair[0], right=pair[1], choice="left", annotator=mia(workspace)
            )


def test_a_curator_finds_tags_keeps_and_settles(
    page: Any, live_server: Any, log_in_browser: Any, keyboard: Any
) -> None:
    cups = a_workspace()
    a_library(cups)
    log_in_browser(mia(cups))
    page.goto(f"{live_server.url}/w/paper-cups/prompts/")
    page.wait_for_selector("html[data-prompt-keys=ready]")
    expect(page.locator("#found")).to_contain_text("60 prompts")

    # Search and filter: the list alone is exchanged, and the address can be kept.
    page.get_by_label("Search", exact=True).fill("poem")
    page.get_by_label("Search", exact=True).press("Enter")
    expect(page.locator("#found")).to_contain_text("10 prompts")
    page.locator("#filter").get_by_label("Use case").select_option("generation")
    page.wait_for_url("**use_case=generation**")
    expect(page.locator("#found")).to_contain_text("10 prompts")

    # By keyboard: choose two rows; then tag them, and take it back.
    page.locator("h1").click()
    keyboard("j")
    expect(page.locator(".prompts tbody tr").first.locator("th a")).to_be_focused()
    keyboard("x")
    expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
    keyboard("j")
    expect(page.locator(".prompts tbody tr").nth(1).locator("th a")).to_be_focused()
    keyboard("x")
    expect(page.locator("[data-chosen]")).to_have_text("2 chosen")
    page.locator(".bulk-bar").get_by_label("Tag").fill("verse")
    page.get_by_role("button", name="Tag", exact=True).click()
    expect(page.locator(".notice.good")).to_contain_text("2 prompts changed")
    expect(page.locator(".tag", has_text="verse")).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".tag", has_text="verse")).to_have_count(0)

    # The whole filter at once.
    page.wait_for_selector("html[data-prompt-keys=ready]")
    page.get_by_label("All that the filter finds").check()
    page.locator(".bulk-bar").get_by_label("Tag").fill("verse")
    page.get_by_role("button", name="Tag", exact=True).click()
    expect(page.locator(".notice.good")).to_contain_text("10 prompts changed")

    # A view of it, and one prompt.
    page.locator("summary", has_text="Save view").click()
    page.get_by_label("Name", exact=True).fill("Verse")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".views a[aria-current]")).to_have_text("Verse")
    assert SavedView.objects.get().filter == {"search": "poem", "use_cases": ["generation"]}
    page.locator(".prompts th a").first.click()
    expect(page.locator("h1")).to_contain_text("Prompt")
    expect(page.locator("#history + .table-scroll")).to_contain_text("verse")

    # Near duplicates: the search is a job; here it is run at once.
    page.goto(f"{live_server.url}/w/paper-cups/prompts/duplicates/")
    search = find_duplicates(workspace=cups, by=mia(cups), threshold=0.9)
    run_search(search=search, progress=lambda *said: None)
    page.reload()
    page.locator("th a", has_text="rivers").first.click()
    expect(page.locator(".member")).to_have_count(2)
    page.get_by_role("button", name="Merge into the chosen one").click()
    expect(page.locator(".badge.good")).to_have_text("kept")
    assert Prompt.objects.filter(retired_at__isnull=False).count() == 1


def test_many_duplicates_are_settled_at_once_and_opened_again(
    page: Any, live_server: Any, log_in_browser: Any
) -> None:
    cups = a_workspace()
    for subject in ("rivers", "lakes", "hills"):
        a_cluster(cups, mia(cups), f"Name some {subject}", f"Name some {subject} of the north")

    def in_use() -> set[str]:
        return set(Prompt.objects.filter(retired_at=None).values_list("text", flat=True))

    everything = in_use()
    log_in_browser(mia(cups))
    page.goto(f"{live_server.url}/w/paper-cups/prompts/duplicates/")
    page.locator("tr", has_text="lakes").get_by_role("checkbox").uncheck()
    page.get_by_role("combobox", name="Keep").select_option("longest")
    page.get_by_role("button", name="Merge the others into it").click()
    expect(page.locator(".change")).to_contain_text("2 groups of duplicates were settled at once")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("lakes")
    assert everything - in_use() == {"Name some rivers", "Name some hills"}

    page.get_by_role("combobox", name="Settle").select_option("all")
    page.get_by_role("combobox", name="Keep").select_option("oldest")
    page.get_by_role("button", name="Retire the others").click()
    expect(page.locator(".change")).to_contain_text("1 group of duplicates was settled")
    assert "Name some lakes of the north" not in in_use()

    # Each decision is taken back by itself, the last one first.
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    assert in_use() == everything


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_room_is_readable(
    page: Any,
    live_server: Any,
    log_in_browser: Any,
    axe: Any,
    screenshot: Any,
    set_theme: Any,
    theme: str,
) -> None:
    cups = a_workspace()
    a_library(cups)
    log_in_browser(mia(cups))
    run_search(search=find_duplicates(workspace=cups, by=mia(cups)), progress=lambda *said: None)
    first = Prompt.objects.order_by("pk")[3]
    cluster = first.memberships.get().cluster_id
    set_theme(theme)
    addresses = {
        "list": "",
        "prompt": f"{first.pk}/",
        "duplicates": "duplicates/",
        "cluster": f"duplicates/{cluster}/",
        "use-cases": "use-cases/?ours=users&theirs=split:held_out",
        "leakage": "leakage/",
        "changes": "changes/",
    }
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for name, address in addresses.items():
            page.goto(f"{live_server.url}/w/paper-cups/prompts/{address}")
            screenshot(f"{name}-{width}")
            no_sideways_scroll(page)
            if (width == 360) == (theme == "dark"):
                axe(page)
