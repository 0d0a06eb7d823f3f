"""ORC-1 and ORC-5 -> what became of an order and of its work item (tables 0119 and 0038)."""

from __future__ import annotations

from hl7.reading import Reading
from hl7.tables.orders import (
    FILLER_ANNOUNCEMENTS,
    ORDER_CONTROLS,
    ORDER_STATUSES,
    PLACER_REQUESTS,
    OrderState,
)
from hl7.view import Segment

_UNCHANGED = OrderState()
_PERFORMED = OrderState("completed", "in-progress", "performed")
# With these ORC-5 repeats an older state; the control says what happens now.
_CONTROL_WINS = frozenset({"CA", "OC", "CR", "DC", "OD", "DR", "UA", "OH", "HR", "HD", "RP"})


def order_state(orc: Segment | None, reading: Reading) -> OrderState:
    """The state: ORC-5 where it is valued and known, else ORC-1; cancelling and holding controls beat both."""
    if orc is None:
        return OrderState("active", "requested")
    control, word = orc.get(1).upper(), orc.get(5)
    by_control = _by_control(control, reading)
    if by_control and control in _CONTROL_WINS:
        return by_control
    status = reading.profile.order_status_words.get(word, word.upper())
    if status == "CM" and not reading.profile.completed_order_means_reported:
        # The exam is done and nobody has read it yet: the work item must stay open, or a backlog is hidden.
        return _PERFORMED
    if status in ORDER_STATUSES:
        return ORDER_STATUSES[status]
    if status:
        reading.warn("ORC-5", "unknown-code", "an order status that no table knows; the order's state is unchanged")
        return _UNCHANGED
    if by_control is None:
        reading.warn("ORC-1", "unknown-code", "an order control that no table knows; the order's state is unchanged")
    return by_control or _UNCHANGED


def _by_control(control: str, reading: Reading) -> OrderState | None:
    both_ways = FILLER_ANNOUNCEMENTS if reading.profile.sender_is_filler else PLACER_REQUESTS
    return both_ways.get(control) or ORDER_CONTROLS.get(control)
