"""E-mail addresses: can they be one, does anybody own them, were they typed wrongly. Nothing here proves that mail arrives."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from email_validator import EmailNotValidError, validate_email
from rapidfuzz.distance import OSA

from butfor.clean.verdict import Verdict, is_test_word, lines

# Nine of ten addresses have this form, and nothing is wrong with their syntax; the rest goes to the validator.
_PLAIN = re.compile(r"[a-z0-9_]+(?:[.+-][a-z0-9_]+)*@[a-z0-9]+(?:[.-][a-z0-9]+)*\.[a-z]{2,24}")
ROLES = frozenset(
    [
        "info",
        "sales",
        "support",
        "admin",
        "administrator",
        "office",
        "contact",
        "kontakt",
        "service",
        "help",
        "hello",
        "mail",
        "webmaster",
        "postmaster",
        "hostmaster",
        "abuse",
        "noreply",
        "no-reply",
        "donotreply",
        "billing",
        "accounts",
        "orders",
        "bestellung",
        "shop",
        "marketing",
        "press",
        "presse",
        "jobs",
        "hr",
        "team",
        "buchhaltung",
        "rechnung",
        "einkauf",
        "verkauf",
        "vertrieb",
        "kundenservice",
        "reception",
        "empfang",
    ]
)
# Domains that are written where nothing is meant.
_NOBODY = re.compile(
    r"(?:test|invalid|localhost|none|noemail|nomail|null|asdf|anonymous|unknown|keine|fake)"
    r"\.(?:com|org|net|de|ru|fr|co\.uk|eu|info)|(?:.*\.)?(?:invalid|localhost|local)"
)
# Mail to these arrives nowhere (RFC 2606); forms show them as a pattern, and people type the pattern.
_RESERVED = re.compile(r"(?:.*\.)?example(?:\.(?:com|net|org))?|.*\.test")
_PATTERNS = frozenset(
    [
        "user",
        "name",
        "you",
        "your.name",
        "yourname",
        "email",
        "mail",
        "john.doe",
        "jane.doe",
        "johndoe",
        "max.mustermann",
        "someone",
        "me",
        "a",
    ]
)
_JUNK_AT_ANY = frozenset(
    [
        "none",
        "null",
        "noemail",
        "no-email",
        "no_email",
        "nomail",
        "keine-email",
        "keinemail",
        "noreply@noreply",
        "asdf",
        "undefined",
    ]
)
_BOT_ENDINGS = {
    "con": "com",
    "cmo": "com",
    "ocm": "com",
    "comm": "com",
    "vom": "com",
    "xom": "com",
    "nte": "net",
    "ed": "de",
}


def clean_email(text: str) -> Verdict:
    """Judge an address as typed: lower case, or nothing where it is no address or nobody's.

    >>> clean_email("Anna.Lee@GMail.com").value
    'anna.lee@gmail.com'
    >>> clean_email("a@gmial.com")
    Verdict(value='a@gmial.com', flags=('typo',), suggestion='a@gmail.com', confidence=None, place=None)
    >>> clean_email("none@none.com").flags, clean_email("a@b").flags
    (('junk',), ('syntax',))
    """
    address = text.strip().removeprefix("mailto:").casefold()
    if not _PLAIN.fullmatch(address):
        try:
            address = validate_email(
                address, check_deliverability=False, test_environment=True
            ).normalized.casefold()
        except EmailNotValidError:
            return Verdict(None, ("syntax",))
    local, _, domain = address.rpartition("@")
    kind, meant = _domain(domain)
    if _is_junk(local, domain, kind):
        return Verdict(None, ("junk",))
    flags = [kind] if kind else []
    flags += ["test"] if is_test_word(local) else []
    flags += ["role"] if local in ROLES else []
    return Verdict(address, tuple(flags), f"{local}@{meant}" if meant else None)


def _is_junk(local: str, domain: str, kind: str) -> bool:
    if kind == "junk" or local in _JUNK_AT_ANY:
        return True
    if kind == "reserved":
        return is_test_word(local) or local in _PATTERNS
    return is_test_word(local) and is_test_word(domain.split(".")[0])


def comparison_key(address: str) -> str:
    """Return what equal mail boxes have in common; never write to it, the address itself is what was given.

    >>> comparison_key("anna.lee+shop@googlemail.com"), comparison_key("anna.lee+shop@web.de")
    ('annalee@gmail.com', 'anna.lee@web.de')
    """
    local, _, domain = address.casefold().rpartition("@")
    local = local.split("+")[0] or local
    if domain in ("gmail.com", "googlemail.com"):
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


@lru_cache(maxsize=100_000)
def _domain(domain: str) -> tuple[str, str | None]:
    """Return what is odd about a domain (junk, reserved, disposable, typo or nothing), and which one was meant."""
    if domain in _known():
        return "", None
    if _NOBODY.fullmatch(domain):
        return "junk", None
    if _RESERVED.fullmatch(domain):
        return "reserved", None
    if domain in _disposable():
        return "disposable", None
    meant = _meant(domain)
    return ("typo", meant) if meant else ("", None)


def _meant(domain: str) -> str | None:
    name, _, ending = domain.rpartition(".")
    repaired = f"{name}.{_BOT_ENDINGS[ending]}" if ending in _BOT_ENDINGS else None
    if repaired in _known():
        return repaired
    # A short name is one slip away from many others: gmx.de - gmx.at are both real, aol.com - all.com too.
    near = [k for k in _known() if _near(domain, k)]
    if near:
        return min(near, key=lambda k: (OSA.distance(domain, k), list(_known()).index(k)))
    return repaired


def _near(domain: str, known: str) -> bool:
    """A slip inside the name of a provider: one letter, in long names two. Other endings are other providers."""
    (name, _, ending), (have, _, tail) = domain.partition("."), known.partition(".")
    if len(have) < 5 or ending not in (tail, *(k for k, v in _BOT_ENDINGS.items() if v == tail)):
        return False
    return 0 < OSA.distance(name, have) <= (2 if len(have) >= 7 else 1)


@cache
def _known() -> dict[str, None]:
    return dict.fromkeys(lines("domains.txt"))


@cache
def _disposable() -> frozenset[str]:
    return frozenset(lines("disposable.txt"))
