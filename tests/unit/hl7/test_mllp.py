"""Framing: frames come out whole whatever the network does to them."""

from hl7.mllp import Frame, MllpFramer, Noise, Oversize, make_frame


def test_frame_is_taken_out_of_its_block():
    assert MllpFramer().feed(b"\x0bMSH|a\r\x1c\r") == [Frame(b"MSH|a\r")]


def test_several_frames_in_one_read_come_in_order():
    assert MllpFramer().feed(make_frame(b"one") + make_frame(b"two")) == [Frame(b"one"), Frame(b"two")]


def test_frame_split_at_every_byte_comes_out_once():
    framer = MllpFramer()
    data = make_frame(b"one") + make_frame(b"two")
    events = [event for byte in data for event in framer.feed(bytes([byte]))]
    assert events == [Frame(b"one"), Frame(b"two")]


def test_junk_and_nuls_between_frames_are_counted():
    events = MllpFramer().feed(b"junk" + make_frame(b"one") + b"\x00\x00" + make_frame(b"two"))
    assert events == [Noise(4), Frame(b"one"), Noise(2), Frame(b"two")]


def test_missing_carriage_return_after_the_end_block_is_accepted():
    framer = MllpFramer()
    assert framer.feed(b"\x0bone\x1c") == [Frame(b"one")]
    assert framer.feed(b"\x0btwo\x1c\r") == [Frame(b"two")]


def test_carriage_return_that_arrives_late_is_no_noise():
    framer = MllpFramer()
    assert framer.feed(b"\x0bone\x1c") == [Frame(b"one")]
    assert framer.feed(b"\r") == []


def test_new_start_inside_a_frame_begins_again():
    assert MllpFramer().feed(b"\x0bhalf a mess\x0bwhole\x1c\r") == [Noise(12), Frame(b"whole")]


def test_oversize_frame_keeps_its_beginning_and_the_next_frame_is_whole():
    framer = MllpFramer(max_bytes=10)
    events = framer.feed(b"\x0bMSH|^~\\&|" + b"x" * 50)
    assert events == []
    events = framer.feed(b"y" * 50 + b"\x1c\r" + make_frame(b"next"))
    assert isinstance(events[0], Oversize)
    assert events[0].head.startswith(b"MSH|^~\\&|x")
    assert events[0].size == 109
    assert events[1] == Frame(b"next")


def test_unfinished_frame_is_known_for_the_read_timeout():
    framer = MllpFramer()
    framer.feed(b"\x0bhalf")
    assert framer.in_frame
    framer.feed(b"\x1c\r")
    assert not framer.in_frame


def test_empty_frame_is_a_frame():
    assert MllpFramer().feed(b"\x0b\x1c\r") == [Frame(b"")]
