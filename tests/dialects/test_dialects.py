"""Dialects: what is set by one name, and what may still be said otherwise."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from micstream.delivery.actions import Call
from micstream.delivery.delivery import Delivery
from micstream.delivery.dialect import STOCK
from micstream.delivery.options import DeliveryOptions
from micstream.dialects import DIALECTS
from micstream.settings import load


@pytest.mark.parametrize("name", DIALECTS)
def test_its_rate_is_the_avatars_unless_another_is_given(name: str) -> None:
    dialect = DIALECTS[name]
    assert load(dialect=name).delivery().avatar_rate == dialect.sample_rate
    assert load(dialect=name).delivery().dialect is dialect
    assert load(dialect=name, avatar_rate=32_000).delivery().avatar_rate == 32_000


def test_the_stock_one_is_the_default() -> None:
    assert load().delivery() == load(dialect="stock", avatar_rate=16_000).delivery()


def test_its_calls_are_the_ones_that_are_made() -> None:
    other = replace(
        STOCK, clear_method="x.stop", user_state_method="x.user", agent_state_method="x.agent"
    )
    delivery = Delivery(DeliveryOptions(dialect=other), itertools.repeat("u1"), "avatar-*")
    delivery.listening("avatar-a", 0.0, proven=True)
    delivery.interrupt(0.1)
    called = {action.method for action in delivery.actions() if isinstance(action, Call)}
    assert called == {"x.stop", "x.user", "x.agent"}
