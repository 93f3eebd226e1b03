"""Just enough C++ for tidy.py: text without comments and literals, and where functions begin and end."""

import re

_TOKEN = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<delimiter>[^()\s\\]*)\(.*?\)(?P=delimiter)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)


def _blank(match):
    """As many lines as before, nothing on them; literals stay recognisable as such."""
    text = match[0]
    quote = '""' if text[0] in '"R' else "0" if text[0] == "'" else ""
    return quote + "\n" * text.count("\n")


def strip_comments(text):
    """Without comments; literals are emptied. Line numbers stay."""
    return _TOKEN.sub(_blank, text)


_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.)*", re.MULTILINE | re.DOTALL)

# What may stand between a parameter list and the body.
_AFTER_PARAMETERS = re.compile(
    r"\)\s*(?:(?:const|noexcept(?:\s*\([^()]*\))?|override|final|mutable|try|&&?|->\s*[\w:<>,&*\s]+"
    r"|requires\s.*|COFFER_\w+(?:\([^()]*\))?)\s*)*$", re.DOTALL)
_INITIALISER = re.compile(r"\)\s*(?:noexcept\s*)?:(?!:).*[\w>]\s*$", re.DOTALL)
_BODY_AFTER_INITIALISERS = re.compile(r"\)\s*(?:noexcept\s*)?:(?!:).*\}\s*$", re.DOTALL)
_SCOPE = re.compile(r"^\s*(?:template\s*<.*>\s*)?(?:inline\s+)?(?:namespace|class|struct|union|enum|extern)\b",
                    re.DOTALL)


def _matching_brace(text, at):
    depth = 0
    for index in range(at, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    return len(text) - 1


def functions(stripped):
    """(name, first line, last line) of each function body outside of other functions; lines count from 1."""
    code = _DIRECTIVE.sub(lambda match: "\n" * match[0].count("\n"), stripped)
    found = []
    head_start = 0
    at = 0
    while at < len(code):
        character = code[at]
        if character in ";}":
            head_start = at + 1
        elif character == "{":
            head = code[head_start:at]
            if _AFTER_PARAMETERS.search(head) or _BODY_AFTER_INITIALISERS.search(head):
                end = _matching_brace(code, at)
                found.append(_described(code, head, head_start, end))
                at = end
                head_start = end + 1
            elif _INITIALISER.search(head):
                at = _matching_brace(code, at)  # a member initialised with braces: the head goes on
            elif _SCOPE.search(re.sub(r"^\s*(public|private|protected)\s*:", "", head)):
                head_start = at + 1
            else:
                at = _matching_brace(code, at)  # an initialiser list
        at += 1
    return found


def _described(code, head, head_start, end):
    leading = len(head) - len(head.lstrip())
    first = code.count("\n", 0, head_start + leading) + 1
    last = code.count("\n", 0, end) + 1
    names = re.findall(r"([\w~:]+|operator\s*\S+?)\s*\(", head)
    return (names[0] if names else "?", first, last)


def identifiers(stripped):
    """(line number, identifier), keywords included."""
    for number, line in enumerate(stripped.split("\n"), 1):
        for word in re.findall(r"[A-Za-z_]\w*", line):
            yield number, word


def words_of(identifier):
    """The parts of snake_case, CamelCase and kConstant names: kOpenKeyring_ → k, Open, Keyring."""
    return re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+", identifier)
