from __future__ import annotations

import pickle
from dataclasses import replace
from fractions import Fraction

from markets.accounts import Account
from markets.orders import Order, Side

ORDER = Order(1, 2, Side.BUY, 3, 1450)


def test_what_is_often_made_is_frozen_to_the_type_checker() -> None:
    account = Account(Fraction(100), 4)
    account.shares = 5  # type: ignore[misc]  # were it not frozen, the checker would have nothing to ignore here
    assert account == Account(Fraction(100), 5)


def test_what_is_often_made_is_a_value_as_any_dataclass_is() -> None:
    assert replace(ORDER, quantity=1) == Order(1, 2, Side.BUY, 1, 1450)
    assert {ORDER, Order(1, 2, Side.BUY, 3, 1450)} == {ORDER}
    assert pickle.loads(pickle.dumps(ORDER)) == ORDER
    assert not hasattr(ORDER, "__dict__")
