"""Settings come from the environment once, wrong ones stop the start, and every one is documented."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fhir_server.settings import Address, Settings, SettingsError, parse_address, variable


def test_environment_gives_typed_values():
    settings = Settings.from_environment(
        {"IMAGING_RECORD_WEB_WORKERS": "4", "IMAGING_RECORD_DATA_DIR": "d", "HOME": "h"}
    )
    assert settings.web_workers == 4
    assert settings.data_dir == Path("d")


def test_store_is_a_file_in_the_data_folder_unless_said_otherwise():
    assert Settings.from_environment({"IMAGING_RECORD_DATA_DIR": "d"}).database == "sqlite:///d/record.db"
    assert Settings.from_environment({"IMAGING_RECORD_DATABASE": "sqlite:////x.db"}).database == "sqlite:////x.db"


def test_option_wins_over_its_variable_and_an_absent_option_does_not():
    environment = {"IMAGING_RECORD_HTTP": "127.0.0.1:1", "IMAGING_RECORD_MLLP": "127.0.0.1:2"}
    settings = Settings.from_environment(environment, http="127.0.0.1:3", mllp=None)
    assert (settings.http, settings.mllp) == ("127.0.0.1:3", "127.0.0.1:2")


def test_child_reads_back_the_settings_of_its_parent():
    settings = Settings(http="[::1]:81", region_name="Region of hills", token_lifetime_s=9)
    assert Settings.from_environment(settings.to_environment()) == settings


def test_misspelt_variable_is_refused_with_the_one_that_was_meant():
    with pytest.raises(SettingsError, match="IMAGING_RECORD_HTPP: no such setting; did you mean IMAGING_RECORD_HTTP"):
        Settings.from_environment({"IMAGING_RECORD_HTPP": "off"})


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("web_workers", "two", "expected int"),
        ("web_workers", "0", "expected 1 or more"),
        ("http", "8080", "expected HOST:PORT or off"),
        ("mllp", "127.0.0.1:65536", "expected HOST:PORT or off"),
        ("aet", "A_TITLE_OF_18_CHAR", "expected 1 to 16 ASCII characters"),
        ("search_timezone", "Europe/Nowhere", "time zone"),
        ("validation_level", "none", "expected one of standard, full"),
        ("base_url", "https://record.example/", "no final slash"),
    ],
)
def test_wrong_value_names_the_variable_and_the_rule(name, value, rule):
    with pytest.raises(SettingsError, match=rule) as raised:
        Settings.from_environment({variable(name): value})
    assert str(raised.value).startswith(variable(name))


def test_addresses_are_parsed_and_off_is_none():
    assert parse_address("127.0.0.1:8080") == Address("127.0.0.1", 8080)
    assert parse_address("[::1]:0") == Address("::1", 0)
    assert parse_address("off") is None


def test_every_setting_says_what_it_means():
    assert all(field.metadata["doc"].endswith(".") for field in dataclasses.fields(Settings))
