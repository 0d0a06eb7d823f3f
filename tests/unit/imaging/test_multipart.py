"""Multipart bodies are read the same however the bytes arrive."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import BadRequest
from fhir_server.imaging.multipart import MultipartReader, boundary_of
from fhir_server.imaging.part_headers import PartHeaders

BOUNDARY = "x-bound"


class Trickle:
    """A stream that gives its bytes in the sizes it is told."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        self._content, self._sizes = io.BytesIO(content), sizes

    def read(self, size: int = -1) -> bytes:
        return self._content.read(self._sizes.pop() if self._sizes else size)


def body(parts: list[bytes], ending: bytes = b"--") -> bytes:
    written = b"".join(
        b"--x-bound\r\nContent-Type: application/dicom\r\nContent-Location: http://10.0.0.1/x\r\n\r\n" + p + b"\r\n"
        for p in parts
    )
    return written + b"--x-bound" + ending


parts_strategy = st.lists(st.binary(max_size=300).filter(lambda b: b"--x-bound" not in b), min_size=1, max_size=4)
sizes_strategy = st.lists(st.integers(min_value=1, max_value=60), max_size=40)


@given(parts_strategy, sizes_strategy, st.integers(min_value=1, max_value=64))
def test_any_split_of_the_bytes_gives_the_same_parts(parts: list[bytes], sizes: list[int], step: int) -> None:
    found = []
    for part in MultipartReader(Trickle(body(parts), sizes), BOUNDARY):
        content = b""
        while chunk := part.read(step):
            content += chunk
        found.append((part.headers["content-type"], content))
    assert found == [("application/dicom", p) for p in parts]


@given(parts_strategy, st.data())
def test_a_body_that_breaks_off_is_an_error(parts: list[bytes], data: st.DataObject) -> None:
    whole = body(parts)
    cut = whole[: data.draw(st.integers(min_value=0, max_value=len(whole) - 3))]
    with pytest.raises(BadRequest):
        for part in MultipartReader(io.BytesIO(cut), BOUNDARY):
            while part.read(100):
                pass


def test_parts_that_nobody_reads_are_skipped() -> None:
    assert len(list(MultipartReader(io.BytesIO(body([b"a" * 500, b"", b"c"])), BOUNDARY))) == 3


@pytest.mark.parametrize("kind", ["application/dicom", "multipart/related", "multipart/mixed; boundary=a", ""])
def test_only_multipart_related_with_a_boundary_is_read(kind: str) -> None:
    with pytest.raises(BadRequest):
        boundary_of(kind)


def test_boundary_and_root_type_are_found_quoted_or_not() -> None:
    assert boundary_of('multipart/related; type="application/dicom"; boundary="a b"') == ("application/dicom", "a b")
    assert boundary_of("multipart/related; boundary=ab; type=application/dicom") == ("application/dicom", "ab")


@given(parts_strategy, sizes_strategy)
def test_part_headers_lose_inner_addresses_and_nothing_else(parts: list[bytes], sizes: list[int]) -> None:
    sent, stream, filtered = body(parts), Trickle(body(parts), sizes), PartHeaders(BOUNDARY)
    passed = b""
    while chunk := stream.read(64):
        passed += filtered.feed(chunk)
    passed += filtered.rest()
    assert filtered.is_closed
    assert len(passed) == len(sent), "the announced length stays true"
    headers = [p.partition(b"\r\n\r\n")[0] for p in passed.split(b"--x-bound")]
    assert not any(b"10.0.0.1" in h and b"Content-Location" in h for h in headers)
    assert [p.read(10_000) for p in MultipartReader(io.BytesIO(passed), BOUNDARY)] == parts


@given(parts_strategy, st.data())
def test_a_cut_answer_is_never_closed(parts: list[bytes], data: st.DataObject) -> None:
    whole = body(parts)
    filtered = PartHeaders(BOUNDARY)
    filtered.feed(whole[: data.draw(st.integers(min_value=0, max_value=len(whole) - 3))])
    filtered.rest()
    assert not filtered.is_closed
