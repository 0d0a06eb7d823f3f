"""Escapes in search values: `\\,` `\\|` `\\$` `\\\\` (https://hl7.org/fhir/R4/search.html#escaping)."""

from __future__ import annotations


def split_escaped(text: str, separator: str) -> list[str]:
    """Split at separators that are not escaped; the parts keep their escapes."""
    if "\\" not in text:
        return text.split(separator)
    parts, current, escaped = [], "", False
    for character in text:
        if character == separator and not escaped:
            parts.append(current)
            current = ""
            continue
        escaped = character == "\\" and not escaped
        current += character
    return [*parts, current]


def unescape(text: str) -> str:
    """Remove the backslash before `,` `|` `$` and `\\`; any other backslash stands for itself."""
    if "\\" not in text:
        return text
    result, position = "", 0
    while position < len(text):
        if text[position] == "\\" and text[position + 1 : position + 2] in (",", "|", "$", "\\"):
            position += 1
        result += text[position : position + 1]
        position += 1
    return result


def split_unescaped(text: str, separator: str) -> list[str]:
    """Split at separators that are not escaped, then remove the escapes of each part."""
    return [unescape(part) for part in split_escaped(text, separator)]
