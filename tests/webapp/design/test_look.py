from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone

from tests.cast import a_workspace, admin, ann, log_in, mia
from webapp import navigation
from webapp.design.templatetags import look
from webapp.design.toasts import say, toast


def render(source: str, **context: object) -> str:
    return Template("{% load look %}" + source).render(Context(context))


# ---- the theme
def test_the_chosen_theme_is_kept_and_shown(client, db):
    answer = client.post("/theme/", {"theme": "dark", "next": "/account/login/"})
    assert answer.status_code == 302
    assert answer["Location"] == "/account/login/"
    assert 'data-theme="dark"' in client.get("/account/login/").content.decode()


def test_the_system_theme_forgets_the_choice(client, db):
    client.post("/theme/", {"theme": "dark"})
    client.post("/theme/", {"theme": "system"})
    assert "data-theme" not in client.get("/account/login/").content.decode()


def test_an_unknown_theme_is_not_written_into_a_page(client, db):
    client.cookies["rondo-theme"] = '"><script>'
    assert "data-theme" not in client.get("/account/login/").content.decode()


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example/", "javascript:x()"])
def test_the_theme_switch_leads_nowhere_else(client, where):
    assert client.post("/theme/", {"theme": "dark", "next": where})["Location"] == "/"


def test_the_theme_switch_takes_a_bare_word_for_an_address(client):
    answer = client.post("/theme/", {"theme": "dark", "next": "57"})
    assert (answer.status_code, answer["Location"]) == (302, "57")


def test_the_theme_is_not_changed_by_a_link(client):
    assert client.get("/theme/").status_code == 405


# ---- /design
def test_design_is_shown_in_development_only(client, settings, db):
    assert client.get("/design").status_code == 404
    settings.DEBUG = True
    page = client.get("/design").content.decode()
    assert page.count('class="example"') >= 25
    assert page.count('data-theme="dark"') >= 25
    confirmation = client.get("/design?confirm=1").content.decode()
    assert "3,418 votes of 12 annotators" in confirmation


# ---- error pages
@pytest.mark.parametrize("status", ["400", "403", "403_csrf", "404", "429", "500", "503"])
def test_an_error_page_needs_no_database_and_shows_a_way_out(status):
    page = render_to_string(f"{status}.html")  # no request, no context processor, no database
    assert "<h1>" in page
    assert 'href="/"' in page


def test_a_missing_page_says_so(client, db):
    answer = client.get("/nothing/here/")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


# ---- navigation
def labels(client, path: str) -> list[str]:
    return [str(entry["label"]) for entry in client.get(path).context["navigation"]]


def test_a_manager_sees_entries_that_an_annotator_does_not(client, db):
    room = a_workspace()
    log_in(client, mia(room))
    of_mia = labels(client, f"/w/{room.slug}/")
    client.logout()
    log_in(client, ann(room))
    of_ann = labels(client, f"/w/{room.slug}/")
    assert "Settings" in of_mia
    assert "Settings" not in of_ann


def test_the_entry_with_the_nearest_address_is_current(client, db):
    room = a_workspace()
    log_in(client, mia(room))
    shown = client.get(f"/w/{room.slug}/settings/").context["navigation"]
    assert [str(each["label"]) for each in shown if each["current"]] == ["Settings"]


def test_entries_stand_in_groups_and_each_heading_stands_once(client, db):
    room = a_workspace()
    log_in(client, mia(room))
    shown = client.get(f"/w/{room.slug}/").context["navigation"]
    headings = [str(each["heading"]) for each in shown if each["heading"]]
    assert headings == [str(name) for _, name in navigation.GROUPS if str(name) in headings]
    first = next(each for each in shown if each["heading"] == "Workspace")
    assert str(first["label"]) == "Jobs"
    log_in(client, admin())
    assert not any(each["heading"] for each in client.get("/site/").context["navigation"])


def test_site_pages_have_the_navigation_of_the_site(client, db):
    log_in(client, admin())
    assert "People" in labels(client, "/site/")
    assert client.get("/site/").context["side"] == navigation.SITE


def test_an_entry_is_registered_once():
    before = len(navigation._entries)
    navigation.register(20, "Password", "account_change_password", section=navigation.ACCOUNT)
    assert len(navigation._entries) == before


# ---- toasts
def test_a_toast_is_an_event_beside_others_in_ascii():
    response = HttpResponse()
    response["HX-Trigger"] = '{"saved": 1}'
    assert toast(response, "Sauvé", "good")["HX-Trigger"] == (
        '{"saved": 1, "toast": {"level": "good", "text": "Sauv\\u00e9"}}'
    )


def test_a_toast_of_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="allowed: info, good, bad"):
        toast(HttpResponse(), "x", "purple")


def test_a_page_without_script_says_it_by_a_message(client, db, settings):
    settings.DEBUG = True
    client.post("/design", {"toast": "good"})
    assert "Saved." in client.get("/design").content.decode()


def test_a_fragment_hears_it_in_a_header():
    request = RequestFactory().post("/", headers={"HX-Request": "true"})
    assert "HX-Trigger" in say(request, HttpResponse(), "Saved.")


# ---- tags
def test_a_sortable_head_sorts_up_then_down_and_keeps_the_filter():
    def head(query: str) -> str:
        request = RequestFactory().get(f"/{query}")
        return render('{% sort_header "name" "Name" %}', request=request)

    assert 'href="?state=done&amp;sort=name"' in head("?state=done&page=3")
    assert 'aria-sort="ascending"' in head("?sort=name")
    assert 'href="?sort=-name"' in head("?sort=name")
    assert 'aria-sort="descending"' in head("?sort=-name")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "just now"), (-59, "59 seconds ago"), (-3600, "1 hour ago"), (2 * 86400, "in 2 days")],
)
def test_a_distance_in_time_is_said_in_words(seconds, words):
    assert look.distance(timedelta(seconds=seconds)) == words


def test_a_time_carries_the_exact_moment():
    moment = timezone.now() - timedelta(hours=2)
    shown = look.when(moment)
    assert moment.isoformat(timespec="seconds") in shown
    assert "2 hours ago" in shown
    assert look.when(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (4.24, "4.2 s"),
        (75, "1 min 15 s"),
        (7260, "2 h 1 min"),
        (90000, "1 d 1 h"),
        (timedelta(seconds=42), "42 s"),
        (None, "–"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds, words):
    assert look.duration(seconds) == words


def test_a_sparkline_spans_its_box_and_leaves_gaps_out():
    shown = render("{% sparkline values 'loss' 96 24 %}", values=[3.0, None, float("nan"), 1.0])
    assert 'points="2.0,2.0 94.0,22.0"' in shown  # the highest above, the lowest below
    assert 'aria-label="loss"' in shown


def test_a_sparkline_of_nothing_is_empty_and_of_equals_is_level():
    assert "polyline" not in render("{% sparkline values 'loss' %}", values=[])
    assert "2.0,12.0 94.0,12.0" in render("{% sparkline values 'loss' %}", values=[1, 1])


def test_the_table_of_a_long_chart_is_thinned_and_keeps_its_ends():
    chart = {
        "x": {"label": "step", "values": list(range(1000))},
        "series": [{"label": "loss", "values": [None] * 999 + [0.5]}],
    }
    rows = look.chart_rows(chart)
    assert rows[0] == [0, None]
    assert rows[-1] == [999, 0.5]
    assert len(rows) == 201


def test_an_icon_is_decoration_unless_it_is_named():
    assert 'aria-hidden="true"' in look.icon("home")
    assert 'role="img" aria-label="Home"' in look.icon("home", "Home")
