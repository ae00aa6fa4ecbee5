"""Texts made to take for ever (reliability G3). None may keep a page waiting, and none is lost."""

import os
import re
import signal
import threading

import pytest

from webapp.rendering import pool, render, render_markdown
from webapp.rendering.child import CPU_SECONDS

pytestmark = pytest.mark.heavy

LAST = "the end of it"
PATHOLOGICAL = {
    "brackets": "[" * 200_000,
    "brackets and bangs": "![[" * 70_000,
    "links without an end": "[a](" * 50_000,
    "links in links": "[" * 20_000 + "a" + "](b)" * 20_000,
    "emphasis": "*a **b " * 30_000,
    "underscores": "_a __b " * 30_000,
    "strikes": "~~a " * 50_000,
    "backticks": " ".join("`" * n for n in range(1, 650)),
    "quotes": "> " * 100_000,
    "lists": "\n".join("  " * n + "- a" for n in range(400)),
    "list marks on a line": "- " * 50_000,
    "quotes and lists": "> - " * 40_000,
    "a wide table": "|" * 40_000 + "\n" + "|-" * 40_000 + "|\n" + "|x" * 40_000,
    "a long table": "|a|\n|-|\n" + "|b|\n" * 60_000,
    "definitions": "".join(f"[{n}]: /u\n" for n in range(8_000)) + "[1] " * 20_000,
    "entities": "&" * 100_000 + "&amp" * 20_000,
    "pointed": "<" * 200_000,
    "comments": "<!-- " * 40_000,
    "addresses": "<http://a " * 20_000,
    "backslashes": "\\" * 200_000,
    "formulas": "\\(" * 100_000,
    "dollars": "$$ " * 60_000,
    "spaces": (" " * 1_000 + "\n") * 200,
    "fences": "```x\n" * 40_000,
    "code": "```python\n" + 'f"{' * 6_000 + "\n```",
    "rules": "- - - \n" * 30_000,
    "marks": "\u202e" * 80_000,
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_a_pathological_text_is_rendered_or_shown_as_it_is(name):
    rendered = render_markdown(f"{PATHOLOGICAL[name]}\n\n{LAST}")
    assert LAST in str(rendered.html)
    assert rendered.limited == any(note.startswith("Formatting limited") for note in rendered.notes)


def test_a_text_that_takes_too_long_is_stopped_with_a_note():
    rendered = render_markdown("[" * 250_000)
    assert rendered.limited
    assert rendered.notes == ("Formatting limited: the text takes too long to format.",)
    assert CPU_SECONDS <= 1


def test_a_renderer_ends_itself_however_long_anybody_waits(monkeypatch):
    monkeypatch.setattr(pool, "WAIT_SECONDS", 60.0)
    renderer = pool.Renderer()
    with pytest.raises(pool.TooSlow):
        renderer.convert("[" * 250_000)
    assert renderer.process.wait() == -signal.SIGPROF
    renderer.close()


def test_the_next_text_is_rendered_after_one_that_was_stopped():
    render_markdown("[" * 250_000)
    assert render_markdown("still *here* 1").html == "<p>still <em>here</em> 1</p>\n"


def test_it_recovers_from_a_killed_renderer():
    render_markdown("first *one*")
    victim = pool.pool.idle.queue[-1].process
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    assert "<em>again</em>" in render_markdown("and *again*").html


def test_a_stopped_renderer_does_not_stop_the_page(monkeypatch):
    render_markdown("wake *up*")
    monkeypatch.setattr(pool, "WAIT_SECONDS", 0.2)
    victim = pool.pool.idle.queue[-1].process
    os.kill(victim.pid, signal.SIGSTOP)
    rendered = render_markdown("held *up*")
    assert rendered.limited
    assert "held *up*" in rendered.html
    assert victim.poll() is not None


def test_when_all_renderers_are_busy_the_text_is_shown_as_it_is(monkeypatch):
    monkeypatch.setattr(pool, "WAIT_SECONDS", 0.05)
    busy = pool.Pool()
    for _ in range(pool.SIZE):
        busy.room.acquire()
    monkeypatch.setattr(pool, "pool", busy)
    assert render_markdown("nobody *free*").limited


def test_threads_get_their_own_text_back():
    wrong: list[str] = []

    def ask(who: int) -> None:
        for turn in range(20):
            word = f"w{who}x{turn}"
            if word not in render_markdown(f"*{word}*").html:
                wrong.append(word)

    threads = [threading.Thread(target=ask, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_forked_process_starts_renderers_of_its_own():
    render_markdown("parent *one*")
    mine = pool.pool.idle.queue[-1].process.pid
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # a gunicorn or Celery worker forked from a process that has rendered
        try:
            clean = pool.pool.idle.empty()  # nothing of the parent's, neither pipes nor locks
            good = "<em>child</em>" in render_markdown("the *child* here").html
            fresh = all(each.process.pid != mine for each in pool.pool.idle.queue)
            pool.pool.close()
            os.write(writing, b"good" if clean and good and fresh else b"bad")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 4) == b"good"
    assert "<em>two</em>" in render_markdown("parent *two*").html


def test_the_renderer_sees_no_secret_of_the_web_process():
    render_markdown("look *around*")
    process = pool.pool.idle.queue[-1].process
    with open(f"/proc/{process.pid}/environ", "rb") as file:
        names = {pair.split(b"=")[0] for pair in file.read().split(b"\0") if pair}
    assert names <= {b"PYTHONPATH", b"PATH", b"LC_ALL"}


def test_a_short_text_is_kept_and_a_long_one_is_not():
    render._kept.cache_clear()
    render_markdown("kept *short*")
    render_markdown("word " * 4_000)
    assert render._kept.cache_info().currsize == 1


def test_every_word_of_a_pathological_text_stands_in_what_is_shown():
    words = [f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(400)]
    text = "\n".join("  " * depth + f"- {word}" for depth, word in enumerate(words))
    shown = set(re.findall(r"word[a-z]+", str(render_markdown(text).html)))
    assert shown == set(words)
