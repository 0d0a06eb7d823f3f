"""Whatever a request holds, its disclosure is one line that reads back as it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.audit.chain import (
    decode_disclosure,
    decode_line,
    encode_disclosure,
    encode_line,
    first_link,
    next_link,
)
from fhir_server.audit.disclosure import DisclosedVersion, Disclosure

texts = st.text(st.characters(exclude_categories=["Cs"]))
any_texts = st.text(st.characters())
versions = st.builds(DisclosedVersion, texts, texts, st.integers(1, 2**31 - 1), st.lists(texts, max_size=3).map(tuple))
disclosures = st.builds(
    Disclosure,
    recorded_us=st.integers(0, 2**53),
    interaction=texts,
    action=st.sampled_from("CRUDE"),
    caller_kind=texts,
    caller_id=texts,
    caller_name=texts,
    role=st.none() | texts,
    trust=st.none() | texts,
    query=texts,
    entries=st.lists(versions, max_size=4).map(tuple),
)


@given(disclosures)
def test_disclosure_reads_back_as_it_was(disclosure: Disclosure) -> None:
    payload = encode_disclosure(disclosure)
    line = encode_line(3, next_link(first_link("w"), payload), payload)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    parsed = decode_line(line[:-1])
    assert bytes(parsed.disclosure) == payload
    assert decode_disclosure(parsed.disclosure) == disclosure


@given(any_texts)
def test_query_of_any_characters_can_be_spooled(query: str) -> None:
    disclosure = Disclosure(0, "search-type", "E", "client", "c", "c", query=query)
    assert isinstance(decode_disclosure(encode_disclosure(disclosure)).query, str)
