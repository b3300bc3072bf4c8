"""Content shows only what its terms allow to be shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shops import plan_of

from butfor.campaigns.render import Renderer, content_attributes
from butfor.model import BadDefinition, Refused
from butfor.plan.kinds import Term, Uses


def term(name: str, content: str) -> Term:
    uses = Uses(target="allow", content=content, insight="allow")  # type: ignore[arg-type]
    return Term(id=name, what="attribute", type="text", label=name, system=name, means="A test.", uses=uses)


PLAN = plan_of(Path(), term("religion", "deny"), term("genre", "subtle"))
KNOWN = {"first_name": "Ann", "city": None, "religion": "SECRET", "genre": "SECRET", "birth_date": "SECRET"}
NAMING = [
    "{{ X }}", "{{ X | upcase }}", "{{ 'a' | append: X }}", "{% if X == 'a' %}b{% endif %}", "{% for i in X %}{{ i }}{% endfor %}",
    "{% assign y = X %}{{ y }}", "{% case X %}{% when 'a' %}b{% endcase %}", "{% capture y %}{{ X }}{% endcapture %}{{ y }}",
    "{{ first_name | default: X }}", "{{ X.size }}", "{{ X[0] }}", "{% unless X %}b{% endunless %}", "{% cycle X, 'b' %}",
    "{% tablerow i in X %}{{ i }}{% endtablerow %}", "{% echo X %}", "{% liquid echo X %}",
]  # fmt: skip


@pytest.mark.requirement("R-193")
@pytest.mark.parametrize("text", NAMING)
@pytest.mark.parametrize("name", ["religion", "genre", "birth_date", "email", "orders", "nonsense"])
def test_a_text_that_names_what_may_not_be_shown_is_refused(name: str, text: str) -> None:
    with pytest.raises(Refused, match="R-193") as caught:
        Renderer(PLAN, text.replace("X", name))
    assert caught.value.thing == f"content names {name}"
    assert "first_name" in caught.value.next_step


@pytest.mark.parametrize("text", [t.replace("X", "first_name") for t in NAMING])
def test_the_same_text_may_name_what_is_allowed(text: str) -> None:
    assert isinstance(Renderer(PLAN, text).render(KNOWN), str)


def test_only_attributes_with_content_allow_may_be_shown() -> None:
    assert content_attributes(PLAN) == ["city", "country", "first_name", "last_name"]


def test_what_is_not_known_is_empty() -> None:
    assert (
        Renderer(PLAN, "Dear {{ first_name }} of {{ city }}{{ country }}.").render(KNOWN) == "Dear Ann of ."
    )


@pytest.mark.parametrize("text", ["{{ first_name", "{% if %}", "{% nonsense %}", "{{ first_name | shout }}"])
def test_a_broken_text_says_what_is_wrong(text: str) -> None:
    with pytest.raises(BadDefinition, match="content is Liquid") as caught:
        Renderer(PLAN, text)
    assert caught.value.value


@pytest.mark.parametrize("text", ["{{ 1 | divided_by: 0 }}", "{% include 'other' %}"])
def test_a_text_that_can_never_be_rendered_is_refused_before_anything_is_sent(text: str) -> None:
    with pytest.raises(BadDefinition, match="content is Liquid"):
        Renderer(PLAN, text)


PIECES = st.sampled_from(
    [
        *(t.replace("X", n) for t in NAMING for n in ("first_name", "religion", "genre", "birth_date")),
        "{{ ['religion'] }}", "{% assign n = 'religion' %}{{ [n] }}", "{{ self }}", "{% raw %}{{ religion }}{% endraw %}",
    ]
)  # fmt: skip


@pytest.mark.requirement("R-193")
@given(st.lists(PIECES, max_size=3))
def test_a_value_that_may_not_be_shown_is_in_no_rendered_text(pieces: list[str]) -> None:
    try:
        shown = Renderer(PLAN, " ".join(pieces)).render(KNOWN)
    except (Refused, BadDefinition):
        return
    assert "SECRET" not in shown
