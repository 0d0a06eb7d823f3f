"""ORC -> Task: the reporting work item of an order line (code `fulfill`, focus the order). The mapping is ours.

https://hl7.org/fhir/R4/task.html; it is completed when the report is final, not when the exam was done.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hl7.fragments import BusinessKey, Fragment
from hl7.reading import Reading
from hl7.segments.order_line import OrderLine
from hl7.segments.pd1_patient import trust_reference
from hl7.tables.orders import TASK_RANKS

_FULFILL = {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]}


def orc_task(
    line: OrderLine,
    reading: Reading,
    when: datetime,
    status: str | None,
    detail: dict[str, Any] | None = None,
) -> BusinessKey | None:
    """Adds the work item and gives its key. A status of None leaves it as it stands; `detail` adds elements."""
    if line.key is None or reading.patient is None:
        return None
    key = work_item_key(line.key)
    content: dict[str, Any] = {
        "resourceType": "Task",
        "identifier": [{"system": key.system, "value": key.value}],
        "intent": "order",
        "code": _FULFILL,
        "focus": line.key.reference(),
        "for": reading.patient.reference(),
        "owner": trust_reference(reading),
        **(detail or {}),
    }
    if reading.encounter:
        content["encounter"] = reading.encounter.reference()
    sources = {"status": "ORC-1, ORC-5, OBR-25", "focus": "ORC-3", "for": "PID-3"}
    if status is not None:
        content["status"] = status
    aliases = tuple(work_item_key(alias) for alias in line.aliases)
    rank = TASK_RANKS["accepted"] if status is None else TASK_RANKS[status]
    reading.add(Fragment(key, content, when, rank, aliases=aliases, sources=sources))
    return key


def work_item_key(order: BusinessKey) -> BusinessKey:
    """The work item of an order line has the line's number in a namespace of its own."""
    return BusinessKey("Task", f"{order.system}/work-item", order.value)
