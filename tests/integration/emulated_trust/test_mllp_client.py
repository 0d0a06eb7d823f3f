"""A RIS keeps one connection, waits for the acknowledgement of its own message, and never gives a message up."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from adapters.emulated_trust.mllp_client import MllpClient, Stopped
from tests.support.ports import free_port
from tests.support.region_doors import MllpDoor, make_ack


def _message(number: int) -> bytes:
    return f"MSH|^~\\&|RIS|RX1|||20260102||ADT^A28|ID{number}|P|2.4\rEVN|A28\r".encode()


@pytest.fixture
def clients() -> Iterator[list[MllpClient]]:
    opened: list[MllpClient] = []
    yield opened
    for client in opened:
        client.close()


def _client(clients: list[MllpClient], address: tuple[str, int], timeout_s: float = 5.0) -> MllpClient:
    clients.append(MllpClient(*address, ack_timeout_s=timeout_s))
    return clients[-1]


def test_many_messages_go_over_one_connection(clients: list[MllpClient]) -> None:
    door = MllpDoor()
    client = _client(clients, door.address)
    assert [client.send(_message(number)) for number in range(20)] == ["AA"] * 20
    assert door.connections == 1 and len(door.received) == 20
    door.close()


def test_refusal_is_reported_and_not_sent_again(clients: list[MllpClient]) -> None:
    door = MllpDoor(lambda payload: [make_ack(payload, "AR")])
    client = _client(clients, door.address)
    assert client.send(_message(1)) == "AR"
    assert (client.deliveries.refused, len(door.received)) == (1, 1)
    door.close()


def test_answer_to_another_message_is_passed_over(clients: list[MllpClient]) -> None:
    door = MllpDoor(lambda payload: [make_ack(payload, "AR", control_id="OLD"), make_ack(payload)])
    assert _client(clients, door.address).send(_message(1)) == "AA"
    door.close()


def test_silence_and_a_lost_connection_make_it_send_again(clients: list[MllpClient]) -> None:
    turns: Iterator[list[bytes] | None] = iter([[], None])
    door = MllpDoor(lambda payload: next(turns, [make_ack(payload)]))
    client = _client(clients, door.address, timeout_s=0.3)
    assert client.send(_message(1)) == "AA"
    assert door.received == [_message(1)] * 3
    assert client.deliveries.resent == 2
    door.close()


def test_close_ends_a_wait_for_a_receiver_that_is_not_there(clients: list[MllpClient]) -> None:
    client = _client(clients, ("127.0.0.1", free_port()))
    threading.Timer(0.3, client.close).start()
    with pytest.raises(Stopped):
        client.send(_message(1))
