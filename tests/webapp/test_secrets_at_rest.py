from typing import Any

import pytest

from webapp.secrets_at_rest import SecretField, SecretUnreadable, decrypt, encrypt, masked


def test_a_secret_comes_back_and_cannot_be_read_without_the_key(settings: Any) -> None:
    stored = encrypt("sk-judge-1234567890")
    assert "judge" not in stored
    assert stored != encrypt("sk-judge-1234567890")  # the same key twice is not seen to be the same
    assert decrypt(stored) == "sk-judge-1234567890"
    settings.SECRETS_KEYS = ["another key"]
    with pytest.raises(SecretUnreadable, match="enter the secret again"):
        decrypt(stored)


def test_a_key_can_be_changed(settings: Any) -> None:
    settings.SECRETS_KEYS = ["old"]
    stored = encrypt("sk-judge")
    settings.SECRETS_KEYS = ["new", "old"]
    assert decrypt(stored) == "sk-judge"
    newer = encrypt("sk-judge")
    settings.SECRETS_KEYS = ["new"]
    assert decrypt(newer) == "sk-judge"


def test_template_syntax_and_variables_stay_what_they_are() -> None:
    for literal in ("$HOME", "${SECRET_KEY}", "{{ settings.SECRET_KEY }}", "%(key)s"):
        assert decrypt(encrypt(literal)) == literal


def test_only_the_end_of_a_long_secret_is_shown() -> None:
    assert masked("sk-judge-1234567890") == "••••7890"
    assert masked("short") == "••••"
    assert masked("") == ""


def test_the_field_encrypts_and_cannot_be_searched() -> None:
    field = SecretField()
    stored = field.get_prep_value("sk-judge")
    assert field.from_db_value(stored) == "sk-judge"
    assert (field.get_prep_value(""), field.from_db_value(None)) == ("", None)
    assert field.get_lookup("exact") is None
    assert field.get_lookup("startswith") is None
