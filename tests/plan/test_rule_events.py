"""Rules about conditions on what happened: names, types, times and permitted use, in audiences, computed traits and grids."""

from pathlib import Path

import pytest
from plans import CUSTOMER_ID, PURCHASE, assert_says, audience, found, one, trait, workspace

from butfor.facts import OPERATORS
from butfor.plan.walk import TYPES_OF, WITH_VALUES

REFUND = PURCHASE.replace("order_completed", "order_refunded").replace("Order Completed", "Order Refunded").replace("role: purchase", "role: refund").replace("label: Purchase", "label: Return")  # fmt: skip
SHOP = (CUSTOMER_ID, PURCHASE, trait("orders"))
GRID = "kind: audience\nid: shoes\nlabel: Shoes\nwhy: w\nrfm:\n  levels: 2\n"


def bought(more: str, operator: str = "at_least: 1") -> str:
    return f"{{event: order_completed, {more}{', ' if more and operator else ''}{operator}}}"


class TestReferences:
    @pytest.mark.requirement("R-158", "R-202")
    @pytest.mark.parametrize(
        ("rule", "what", "next_step"),
        [
            ("{event: order_complete, at_least: 1}", "event term 'order_complete'", "order_completed?"),
            ("{event: orders, at_least: 1}", "event term 'orders'", "order_completed"),
            (bought("take: sum, of: totl"), "property of order_completed 'totl'", "total?"),
            (bought("take: sum, of: product.pric"), "property of order_completed 'product.pric'", "product.price"),
            (bought("where: {all: [{property: total, above: 1}, {property: stor, equals: a}]}"), "'stor'", ""),
            (bought("take: sum, of: total, less: refunded"), "event term 'refunded'", ""),
            (bought("then: {event: order_don}, within: 1 day"), "event term 'order_don'", ""),
            (bought("then_not: {event: order_completed, where: {property: x, equals: 1}}, within: 1 day"), "'x'", ""),
            ("{consent: mail, equals: given}", "identifier term 'mail'", "customer_id"),
            ("{reachable: phone}", "identifier term 'phone'", "customer_id"),
            ("{source: web}", "source 'web'", "define source"),
            ("{contacted: hello, at_least: 1}", "campaign 'hello'", "define campaign"),
        ],
    )  # fmt: skip
    def test_a_name_that_nothing_defines_is_found(
        self, tmp_path: Path, rule: str, what: str, next_step: str
    ) -> None:
        folder = workspace(tmp_path, *SHOP, audience("some", rule))
        assert_says(one(folder, "REF"), "audiences/some.yaml:5", what, next_step)

    def test_a_place_needs_where_people_are(self, tmp_path: Path) -> None:
        problems = found(workspace(tmp_path, *SHOP, audience("some", "{near: [52.5, 13.4], km: 5}")), "REF")
        assert [p.what for p in problems] == [
            "attribute term 'latitude' is not defined", "attribute term 'longitude' is not defined",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("line", "what"),
        [("where: {property: product.colour, equals: red}", "'product.colour'"), ("event: sold", "event term 'sold'"), ("less: back", "event term 'back'")],
    )  # fmt: skip
    def test_a_grid_names_what_is_there(self, tmp_path: Path, line: str, what: str) -> None:
        assert_says(one(workspace(tmp_path, *SHOP, f"{GRID}  {line}\n"), "REF"), "audiences/shoes.yaml:7", what, "")  # fmt: skip

    def test_a_computed_trait_names_what_is_there(self, tmp_path: Path) -> None:
        term = trait("dear", "money", "compute: {event: order_completed, take: max, of: pric}\n")
        assert_says(one(workspace(tmp_path, *SHOP, term), "REF"), "plan/terms/dear.yaml:9", "'pric'", "")  # fmt: skip


class TestValues:
    @pytest.mark.parametrize(
        ("rule", "what", "next_step"),
        [
            (bought("", "at_least: many"), "count of order_completed is integer and is compared with 'many'", "such as 3"),
            (bought("take: last", "above: soon"), "last of order_completed is timestamp", "2026-01-31T12"),
            (bought("take: sum, of: total", "contains: a"), "is money, and contains is for text", "at_least"),
            (bought("take: list, of: order_id", "equals: a"), "is list, and equals is for", "has_any, has_all"),
            (bought("where: {property: total, equals: dear}"), "total of order_completed is money", "such as 100"),
            (bought("where: {property: hour, starts_with: a}"), "hour of order_completed is integer, and starts_with", "between"),
            (bought("then: {event: order_completed, where: {property: total, between: [9, 1]}}, within: 1 day"), "nothing is between 9 and 1", "smaller"),
            ("{trait: orders, within_last: 3 days}", "orders is integer, and within_last is for date, timestamp", "use one of"),
            ("{trait: orders, has_any: [a]}", "orders is integer, and has_any is for list", "use one of"),
        ],
    )  # fmt: skip
    def test_a_value_or_operator_of_another_type_is_found(
        self, tmp_path: Path, rule: str, what: str, next_step: str
    ) -> None:
        folder = workspace(tmp_path, *SHOP, audience("some", rule))
        assert_says(one(folder, "VALUE"), "audiences/some.yaml:5", what, next_step)

    def test_consent_is_given_withdrawn_or_unknown(self, tmp_path: Path) -> None:
        rule = "{consent: customer_id, one_of: [given, yes]}"
        assert_says(one(workspace(tmp_path, *SHOP, audience("some", rule)), "VALUE"), "audiences/some.yaml:5", "compared with 'yes'", "withdrawn")  # fmt: skip

    @pytest.mark.parametrize(
        ("kind", "compute", "what", "next_step"),
        [
            ("text", "{event: order_completed, take: sum, of: total}", "says type text, and sum of order_completed.total is money", "type: money"),
            ("integer", "{event: order_completed, take: most_frequent, of: product.price}", "is money", "type: money"),
            ("integer", "{event: order_completed, take: list, of: order_id}", "is text", "type: text"),
            ("integer", "{event: order_completed, at_least: 1}", "is computed by no event, or compared", "without an operator"),
            ("integer", "{trait: orders}", "is computed by no event", "without an operator"),
        ],
    )  # fmt: skip
    def test_a_computed_trait_says_the_type_that_it_has(
        self, tmp_path: Path, kind: str, compute: str, what: str, next_step: str
    ) -> None:
        folder = workspace(tmp_path, *SHOP, trait("some", kind, f"compute: {compute}\n"))
        assert_says(one(folder, "VALUE"), "plan/terms/some.yaml:9", what, next_step)

    def test_the_lint_and_the_compiler_know_the_same_operators(self) -> None:
        assert {n: o.types for n, o in OPERATORS.items()} == TYPES_OF
        assert {n for n, o in OPERATORS.items() if o.takes in ("value", "pair", "values")} == set(WITH_VALUES)


class TestHappenings:
    @pytest.mark.parametrize(
        ("rule", "what", "next_step"),
        [
            (bought("take: sum"), "sum is taken of a property", "add of:"),
            (bought("of: total"), "events are counted", "take: distinct"),
            (bought("take: sum, of: order_id"), "sum of order_id, which is text", "take: distinct"),
            (bought("take: trend"), "a trend compares the halves of a span", "last: 90 days"),
            (bought("take: max, of: total, less: order_refunded"), "only a sum", "take: sum"),
            (bought("then: {event: order_completed}"), "does not say how soon", "within: 7 days"),
            (bought("within: 7 days"), "nothing does", "add then:"),
            (bought("then: {event: order_completed}, then_not: {event: order_completed}, within: 1 day"), "then and then_not", "under all:"),
            (bought("then: {event: order_completed, last: 1 day}, within: 1 day"), "is one event", "write then:"),
            (bought("then_not: {event: order_completed}, within: 7 days, last: 7 days"), "has waited 7 days already", "longer than within"),
            (bought("since: soon"), "since 'soon' is no date", "2026-01-31"),
            (bought("since: '2026-02-01', until: '2026-02-01'"), "is not before until", "earlier one under since"),
            (bought("since: '2026-02-01T10:00:00+02:00', until: '2026-02-01T07:59:00'"), "is not before until", "earlier"),
            (bought("last: 0 days"), "0 days is no length of time", "30 days"),
            ("{trait: orders, last: 3 days, at_least: 1}", "last speaks of something that happened", "name an event"),
            ("{trait: orders, km: 3, at_least: 1}", "km without near", "add near:"),
            ("{near: [1, 2]}", "near without km", "add km:"),
            ("{share: 0.5}", "share without by", "add by:"),
            ("{audience: x, entered: 1 day, left: 1 day}", "entered and left", "under all:"),
            (bought("where: {trait: orders, at_least: 1}"), "a where speaks of trait", "one property"),
            (bought("where: {property: total}"), "with 0 operators", "one operator"),
        ],
    )  # fmt: skip
    def test_a_condition_that_cannot_be_computed_is_found(
        self, tmp_path: Path, rule: str, what: str, next_step: str
    ) -> None:
        folder = workspace(tmp_path, *SHOP, REFUND, audience("some", rule))
        assert_says(one(folder, "EVENT"), "audiences/some.yaml:5", what, next_step)

    def test_a_span_and_dates_together_are_warned_of(self, tmp_path: Path) -> None:
        rule = bought("last: 3 days, since: '2026-01-01'")
        assert one(workspace(tmp_path, *SHOP, audience("some", rule)), "EVENT").level == "warning"

    def test_a_grid_and_a_computed_trait_have_spans_of_some_length(self, tmp_path: Path) -> None:
        term = trait("some", "integer", "compute: {event: order_completed, last: 0 days}\n")
        problems = found(workspace(tmp_path, *SHOP, f"{GRID}  last: 0 days\n", term), "EVENT")
        assert [(p.file, p.line) for p in problems] == [
            ("audiences/shoes.yaml", 7),
            ("plan/terms/some.yaml", 9),
        ]

    def test_lifecycle_logic_reads_traits_alone(self, tmp_path: Path) -> None:
        logic = f"why: w\nlogic:\n  - {{value: x, when: {bought('')}}}\n  - {{value: y}}\n"
        problem = one(workspace(tmp_path, *SHOP, trait("stage", "text", logic)), "AUDIENCE")
        assert_says(problem, "plan/terms/stage.yaml:11", "stage asks for event, and reads traits alone", "compute:")  # fmt: skip


class TestGrids:
    def test_what_is_taken_off_has_the_properties_of_the_where(self, tmp_path: Path) -> None:
        poor = REFUND.replace("  price: {type: money}\n", "")
        grid = f"{GRID}  where: {{property: product.price, above: 5}}\n"
        problem = one(workspace(tmp_path, *SHOP, poor, grid), "REF")
        assert_says(problem, "audiences/shoes.yaml:7", "property of order_refunded 'product.price'", "")
        assert found(workspace(tmp_path, REFUND), "REF") == []

    def test_two_purchases_leave_open_which_is_meant(self, tmp_path: Path) -> None:
        other = PURCHASE.replace("order_completed", "phoned").replace("Order Completed", "Phoned").replace("label: Purchase", "label: Phoned")  # fmt: skip
        problem = one(workspace(tmp_path, *SHOP, other, f"{GRID}  last: 30 days\n"), "RFM")
        assert_says(problem, "audiences/shoes.yaml:5", "order_completed, phoned have the role purchase", "event: order_completed")  # fmt: skip
        assert found(workspace(tmp_path, f"{GRID}  last: 30 days\n  event: phoned\n"), "RFM") == []
        assert found(workspace(tmp_path, GRID), "RFM") == []

    def test_a_grid_does_not_write_over_a_trait(self, tmp_path: Path) -> None:
        folder = workspace(tmp_path, *SHOP, trait("shoes_days"), f"{GRID}  last: 30 days\n")
        assert_says(one(folder, "RFM"), "audiences/shoes.yaml:2", "shoes_days, which is a term", "another id")


class TestUses:
    @pytest.mark.requirement("R-193")
    @pytest.mark.parametrize("own", ["last: 30 days", "event: order_completed"])
    def test_a_grid_of_an_event_that_may_not_choose_people_is_refused(self, tmp_path: Path, own: str) -> None:
        folder = workspace(tmp_path, CUSTOMER_ID, self.DENIED, f"{GRID}  {own}\n")
        assert "shoes targets by order_completed" in one(folder, "USES").what

    DENIED = PURCHASE.replace("target: allow", "target: deny")

    @pytest.mark.requirement("R-193")
    @pytest.mark.parametrize(
        "rule", [bought(""), "{not: {event: order_refunded, then: {event: order_completed}, within: 1 day, at_least: 1}}"]
    )  # fmt: skip
    def test_an_event_that_may_not_choose_people_is_refused(self, tmp_path: Path, rule: str) -> None:
        folder = workspace(tmp_path, CUSTOMER_ID, self.DENIED, REFUND, audience("some", rule))
        assert_says(one(folder, "USES"), "audiences/some.yaml:5", "some targets by order_completed", "another event")  # fmt: skip

    @pytest.mark.requirement("R-193")
    def test_computing_a_trait_of_it_does_not_clean_it(self, tmp_path: Path) -> None:
        term = trait("some", "integer", "compute: {event: order_completed}\n")
        folder = workspace(tmp_path, CUSTOMER_ID, self.DENIED, term)
        assert_says(one(folder, "USES"), "plan/terms/some.yaml:9", "some targets by order_completed", "deny targeting by some too")  # fmt: skip
        workspace(tmp_path, term.replace("target: allow", "target: deny"))
        assert found(folder, "USES") == []
