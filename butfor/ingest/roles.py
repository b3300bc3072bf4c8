"""Which part a column plays, told by its name (in seven languages) and by what its values look like."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from msgspec import Struct

from butfor.ingest.shapes import EMAIL, Dates, find_dates, is_phone, number
from butfor.ingest.sniff import Sample

_FEW = 60
_NUMBER_SIGN = re.compile(r"#\d{3,}")
_YES_NO = {"true", "false", "yes", "no", "y", "n", "t", "f", "0", "1", "ja", "nein", "oui", "non", "si", "sí"}


class Look(Struct, frozen=True):
    """What the values of a column look like; shares are of the filled cells, ``filled`` of all rows.

    ``common`` holds the values of a column with few of them, the most frequent first; ``texts`` all.
    """

    column: str
    rows: int
    filled: float
    distinct: int
    numbers: float
    whole: float
    float_text: float
    negative: float
    emails: float
    phones: float
    yes_no: float
    length: float
    dates: Dates | None
    texts: Mapping[str, int]

    @property
    def values(self) -> int:
        """Return how many cells are filled."""
        return round(self.filled * self.rows)

    @property
    def variety(self) -> float:
        """Return the share of filled cells that differ: 1 for a key, near 0 for a category."""
        return self.distinct / max(1, self.values)

    @property
    def common(self) -> list[str]:
        """Return the values of a column with few of them, the most frequent first."""
        ordered = sorted(self.texts, key=lambda v: (-self.texts[v], v))
        return ordered if self.distinct <= _FEW else []


class Part(Struct, frozen=True):
    """A role given to a column: how sure, and why in plain words."""

    role: str
    confidence: float
    because: str


def look(sample: Sample, column: str, month_first: bool = False) -> Look:
    """Return what the values of one column of a sample look like."""
    seen = Counter(v for row in sample.rows if (v := row[column]) is not None)
    total = max(1, seen.total())
    numbers = {v: n for v in seen if (n := number(v, sample.reading.decimal)) is not None}

    def share(values: Iterable[str]) -> float:
        return sum(seen[v] for v in values) / total

    return Look(
        column=column,
        rows=len(sample.rows),
        filled=seen.total() / len(sample.rows),
        distinct=len(seen),
        numbers=share(numbers),
        whole=share(v for v, n in numbers.items() if n.is_integer()),
        float_text=share(v for v in numbers if v.endswith(".0")),
        negative=share(v for v, n in numbers.items() if n < 0),
        emails=share(filter(EMAIL.fullmatch, seen)),
        phones=share(filter(is_phone, seen)),
        yes_no=share(v for v in seen if v.lower() in _YES_NO),
        length=sum(len(v) * n for v, n in seen.items()) / total,
        dates=find_dates(seen, month_first),
        texts=seen,
    )


# --- names ---------------------------------------------------------------------------------------

_ID_WORDS = {"id", "no", "nr", "num", "number", "nummer", "numero", "numéro", "code", "key", "номер", "번호", "codigo", "codice"}  # fmt: skip
_ENDINGS = ("nummer", "number", "nr", "code", "번호", "no", "id")
_GLUED = {"datum", "date", "zeit", "time", "name", "preis", "price", "karte", "menge", "mail"}


@cache
def words(name: str) -> tuple[str, ...]:
    """Return the words of a column's name, without accents, with everything that means "number" as ``id``.

    >>> words("InvoiceNo"), words("Rechnungs-Nr.")
    (('invoice', 'id'), ('rechnungs', 'id'))
    """
    name = re.sub(r"(?<=[a-zа-я0-9])(?=[A-ZА-Я])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    parts = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", bare).casefold())
    return tuple(w for part in parts for w in _unglued(part))


def _unglued(word: str) -> list[str]:
    if word in _ID_WORDS:
        return ["id"]
    for end in _ENDINGS:
        if word.endswith(end) and len(word) - len(end) >= 3 and end not in ("no", "id", "nr", "code"):
            return [word.removesuffix(end), "id"]
        if word.endswith(end) and word.removesuffix(end) in _KEYED:
            return [word.removesuffix(end), "id"]
    for end in _GLUED:
        if word.endswith(end) and len(word) - len(end) >= 4:
            return [word.removesuffix(end), end]
    return [word]


_KEYED = {
    "order", "invoice", "receipt", "customer", "user", "client", "product", "article", "item", "card", "event",
    "message", "stock", "store", "device", "member", "kunden", "artikel", "bestell", "beleg", "bon", "rechnungs",
}  # fmt: skip


# --- roles ---------------------------------------------------------------------------------------

Fit = Callable[[Look], float]


def _key(seen: Look) -> float:
    if seen.distinct < 2 or (seen.dates and seen.dates.share > 0.9 and "%Y%m%d" not in seen.dates.forms):
        return 0.0
    fraction = seen.numbers - seen.whole > 0.02
    return 0.2 if fraction or seen.emails > 0.5 else 0.5 if seen.variety < 0.002 else 1.0


def _order(seen: Look) -> float:
    return _key(seen) * (1.0 if seen.filled > 0.95 else 0.6) * (0.4 if seen.variety < 0.01 else 1.0)


def _numeric(seen: Look) -> float:
    return 1.0 if seen.numbers > 0.98 else 0.7 if seen.numbers > 0.9 else 0.0


def _count(seen: Look) -> float:
    return _numeric(seen) * (1.0 if seen.whole > 0.9 else 0.8)


def _moment(seen: Look) -> float:
    return 0.0 if seen.dates is None or seen.dates.share < 0.8 else 1.0 if seen.dates.share > 0.98 else 0.8


def _words(seen: Look) -> float:
    coded = seen.numbers > 0.5 or seen.emails > 0.5 or all(map(_NUMBER_SIGN.fullmatch, seen.texts))
    return 0.2 if coded else 1.0


def _group(seen: Look) -> float:
    return 1.0 if seen.distinct <= max(_FEW, seen.values // 3) else 0.5


def _always(seen: Look) -> float:
    return 1.0


def _money_unit(seen: Look) -> float:
    return 1.0 if all(len(v) == 3 and v.isalpha() for v in seen.common) and seen.common else 0.2


class Role(Struct, frozen=True):
    """A part that a column may play: the names it goes by, what its values must look like, and how to say it."""

    means: str
    names: str
    fits: Fit


# Names are lists of phrases separated by commas: English, German, French, Spanish, Italian, Russian, Korean.
ROLES: dict[str, Role] = {
    "order": Role("the number of the order or receipt", """
        order id, order, order no, invoice, invoice id, receipt, receipt id, transaction id, basket id, bill no, check no,
        ticket id, sale id, sales order, purchase id, bestellung, bestell nr, bestellnummer, auftrag, auftrags nr, beleg, beleg nr,
        bon, bon nr, rechnung, rechnungs nr, kassenbon, commande, numero commande, id commande, facture, numero facture, ticket caisse,
        pedido, numero pedido, id pedido, factura, numero factura, ordine, numero ordine, scontrino, fattura,
        заказ, номер заказа, чек, номер чека, 주문번호, 주문 번호, 영수증번호""", _order),
    "sku": Role("the article number", """
        sku, product id, product code, stock code, item id, item code, article id, article no, article, ean, gtin, upc, barcode,
        artikel, artikel nr, artikelnummer, produkt id, produkt nr, reference, reference produit, code produit, id produit, code article,
        referencia, id producto, codigo producto, codigo articulo, codice prodotto, codice articolo, артикул, код товара, 상품번호, 상품코드""", _key),
    "product": Role("the article's name", """
        product name, product, description, product description, item name, item, item description, article name, name, title, produkt,
        produkt name, artikel name, artikelbezeichnung, bezeichnung, beschreibung, produit, nom produit, libelle, designation,
        producto, nombre producto, descripcion, prodotto, nome prodotto, descrizione, товар, название, наименование, 상품명, 제품명""", _words),
    "category": Role("the category", """
        category, product category, department, product group, product type, item category, kategorie, warengruppe, produktgruppe, categorie,
        rayon, categoria, reparto, категория, 카테고리, 분류""", _group),
    "quantity": Role("how many pieces", """
        quantity, qty, units, pieces, count, item count, number of items, number of units, menge, anzahl, stueck, stuck, stückzahl, quantite, qte, nombre,
        cantidad, unidades, quantita, pezzi, количество, кол во, 수량""", _count),
    "price": Role("the price of one piece", """
        unit price, price, price per unit, item price, sale price, einzelpreis, stueckpreis, stückpreis, preis, vk preis, verkaufspreis, prix, prix unitaire,
        precio, precio unitario, prezzo, prezzo unitario, цена, цена за единицу, 단가, 가격, 판매가""", _numeric),
    "total": Role("an amount of money", """
        total, amount, order total, line total, total price, total amount, order value, order amount, sales value, sales amount, sales, revenue,
        value, dollar value, net amount, gross amount, turnover, grand total, betrag, gesamt, gesamtbetrag, gesamtpreis, summe, umsatz,
        montant, montant total, prix total, chiffre affaires, importe, importe total, monto, importo, totale, сумма, итого, стоимость, выручка,
        금액, 총액, 합계, 결제금액, 매출""", _numeric),
    "time": Role("when it happened", """
        time, date, datetime, timestamp, at, order date, order time, ordered at, ordered on, invoice date, receipt date, purchase date, purchased at,
        purchase time, sold at, sale date, sales date, transaction date, transaction time, transaction timestamp, event time, event date, event timestamp, occurred at,
        sent at, received at, happened at, redemption date, datum, zeit, zeitpunkt, uhrzeit, bestelldatum, bestell datum, kaufdatum, rechnungsdatum, belegdatum, verkaufsdatum,
        date commande, date achat, date heure, date facture, fecha, fecha pedido, fecha compra, fecha hora, data, data ordine, data acquisto,
        дата, время, дата заказа, дата покупки, дата чека, 날짜, 주문일, 주문일시, 주문일자, 구매일, 일시""", _moment),
    "registered": Role("when the account was opened", """
        registered at, registered on, registered, registration date, signup date, sign up date, signed up at, created at, created on, created,
        creation date, account created, customer since, member since, registriert am, registrierungsdatum, anmeldedatum, angelegt am, kunde seit,
        erstellt am, date inscription, inscrit le, date creation, cree le, fecha registro, fecha alta, data registrazione, data iscrizione,
        дата регистрации, 가입일, 등록일, 가입일자""", _moment),
    "joined": Role("when the person joined the loyalty programme", """
        joined at, joined on, joined, join date, date joined, enrolled at, enrollment date, loyalty since, card issued at, card issue date, beigetreten am,
        beitrittsdatum, beitritt, karte seit, adhesion, date adhesion, fecha adhesion, data adesione, дата вступления, дата выдачи карты""", _moment),
    "birth": Role("the date of birth", """
        birth date, date of birth, birthday, birthdate, dob, born, born on, geburtstag, geburtsdatum, geburts datum, geb datum, date naissance, naissance,
        date de naissance, fecha nacimiento, fecha de nacimiento, data nascita, data di nascita, дата рождения, день рождения, 생년월일, 생일""", _moment),
    "customer": Role("this system's number of the customer", """
        customer id, customer, customer no, customer key, client id, client no, user id, user, account id, member id, person id, buyer id, shopper id,
        household id, household key, contact id, crm id, kunde, kunden id, kunden nr, kundennummer, kd nr, nutzer id, benutzer id, debitor, client, id client,
        numero client, code client, cliente, id cliente, codigo cliente, codice cliente, numero cliente, клиент, id клиента, номер клиента, код клиента, покупатель,
        고객번호, 고객 번호, 고객아이디, 회원번호""", _key),
    "card": Role("the number of the loyalty card", """
        card no, loyalty card, loyalty card no, loyalty id, loyalty no, bonus card, club card, member card, membership no, kundenkarte, karte, karten nr, kartennummer,
        bonuskarte, carte fidelite, numero carte, carte, tarjeta, tarjeta fidelidad, numero tarjeta, carta fedelta, numero carta, карта, номер карты,
        бонусная карта, 카드번호, 멤버십번호""", _key),
    "email": Role("an e-mail address", """
        email, e mail, email address, mail, e mail address, recipient, e mail adresse, mailadresse, courriel, adresse mail, adresse email, correo, correo electronico,
        indirizzo email, почта, эл почта, электронная почта, 이메일, 메일""", lambda seen: 1.05 if seen.emails > 0.8 else 0.6 if seen.emails > 0.3 else 0.0),
    "phone": Role("a phone number", """
        phone, phone number, phone no, mobile, mobile number, mobile phone, telephone, tel, cell, cell phone, msisdn, telefon, telefon nr, handy, handynummer,
        mobil, mobilnummer, portable, telephone portable, numero telephone, telefono, movil, telefono movil, cellulare, телефон, номер телефона, 전화번호, 휴대폰,
        휴대폰번호, 연락처""", lambda seen: 1.0 if seen.phones > 0.6 else 0.8 if seen.numbers > 0.9 and seen.length >= 7 else 0.0),
    "device": Role("a browser or app installation", """
        device id, device, anonymous id, visitor id, cookie id, cookie, client uuid, user pseudo id, fingerprint, geraet, gerate id, appareil, dispositivo, устройство, 기기""", _key),
    "first": Role("the given name", """
        first name, firstname, given name, forename, vorname, prenom, nombre, nome, имя, 이름""", _words),
    "last": Role("the family name", """
        last name, lastname, surname, family name, nachname, familienname, zuname, nom, nom famille, nom de famille, apellido, apellidos, cognome, фамилия, 성""", _words),
    "city": Role("the city", "city, town, suburb, stadt, ort, wohnort, ville, ciudad, citta, comune, город, 도시", _words),
    "country": Role("the country", """
        country, country code, shipping country, land, staat, pays, pais, paese, nazione, страна, 국가, 나라""", lambda seen: _words(seen) * _group(seen)),
    "newsletter": Role("whether the newsletter is wanted", """
        newsletter, newsletter opt in, email opt in, opt in, optin, marketing consent, subscribed, newsletter abo, infolettre, boletin, рассылка,
        подписка, 뉴스레터, 수신동의""", lambda seen: 1.0 if seen.yes_no > 0.98 else 0.0),
    "store": Role("the shop", """
        store, store id, store name, shop, shop id, branch, outlet, filiale, laden, markt, magasin, boutique, tienda, sucursal, negozio, punto vendita,
        магазин, филиал, 매장, 지점""", _group),
    "kind": Role("what happened", """
        event, event type, event name, type, action, activity, transaction type, order type, ereignis, aktion, typ, evenement, evento, accion, azione, событие,
        тип, 이벤트, 유형""", lambda seen: 1.0 if 1 <= len(seen.common) <= 40 else 0.0),
    "row": Role("the number of the row or event", """
        event id, row id, line id, hit id, event uuid, uuid, uid, id, insert id, record id, unique id, entry id""", lambda seen: _key(seen) * (1.0 if seen.variety > 0.9999 else 0.3)),
    "message": Role("the number of the message", "message id, mail id, send id, email id, delivery id, nachricht id, id mensaje, id message", _key),
    "campaign": Role("the campaign", "campaign, campaign id, campaign name, mailing, kampagne, campagne, campana, campagna, кампания, 캠페인", _group),
    "currency": Role("the currency", "currency, currency code, waehrung, wahrung, devise, monnaie, moneda, divisa, valuta, валюта, 통화", _money_unit),
    "page": Role("the page", "url, page, page url, path, page path, location, referrer, uri, landing page, seite", _words),
    "points": Role("the balance of points", "points, bonus points, loyalty points, point balance, points balance, punkte, punktestand, points fidelite, puntos, punti, баллы, бонусы, 포인트", _numeric),
    "postcode": Role("the postal code", "postcode, postal code, zip, zip code, plz, postleitzahl, code postal, codigo postal, cap, индекс, 우편번호", _always),
    "sensitive": Role("something personal that no message needs", """
        note, notes, comment, comments, remark, remarks, memo, religion, confession, faith, health, diagnosis, disease, illness, allergy, allergies, medication, disability,
        pregnancy, ethnicity, ethnic origin, race, sexual orientation, sex life, political party, politics, party membership, trade union, biometric, criminal record, password, passwd, pwd,
        password hash, secret, token, api key, iban, bic, bank account, credit card, credit card number, cvv, ssn, soc sec id, social security number, tax id, passport, passport no, national id,
        salary, income, marital status, bemerkung, bemerkungen, notiz, notizen, kommentar, passwort, kennwort, religion, konfession, gesundheit, krankheit, gehalt, einkommen, familienstand,
        steuer id, remarque, remarques, commentaire, mot de passe, sante, salaire, religion, nota, notas, comentario, comentarios, contrasena, salud, religione, salute, commento, ingresos,
        комментарий, примечание, заметка, пароль, религия, здоровье, вероисповедание, доход, паспорт, 비고, 메모, 종교, 비밀번호, 주민등록번호, 건강""", _always),
}  # fmt: skip
NESTED = ("sku", "product", "category", "quantity", "price", "total")


@cache
def _phrases(role: str) -> frozenset[tuple[str, ...]]:
    return frozenset(words(phrase.strip()) for phrase in ROLES[role].names.split(",") if phrase.strip())


def name_score(column: str, role: str) -> float:
    """Return how well a column's name fits a role: 0.95 the very words, 0.7 or 0.45 when it holds them, or 0."""
    nested = "[]." in column
    have = words(column.rpartition(".")[2] if nested else column)
    if have in _phrases(role) or ("." in column and words(column.rpartition(".")[2]) in _phrases(role)):
        return 0.95
    held = [len(p) for p in _phrases(role) if _holds(have, p)]
    if not held:
        return 0.0
    return 0.7 if max(held) > 1 else 0.6 if role in ("email", "phone", "sensitive", "price") else 0.45


def _holds(have: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    return any(have[i : i + len(phrase)] == phrase for i in range(len(have) - len(phrase) + 1))


def candidates(seen: Look) -> list[Part]:
    """Return the roles that a column may play, the likeliest first."""
    if seen.values == 0:
        return []
    nested = "[]." in seen.column
    roles = NESTED if nested else tuple(ROLES)
    found = [part for role in roles if (part := _judged(seen, role))]
    if not nested:
        found += _by_content(seen)
    return sorted(found, key=lambda part: -part.confidence)


def _judged(seen: Look, role: str) -> Part | None:
    named, fits = name_score(seen.column, role), ROLES[role].fits(seen)
    sure = round(min(0.99, named * fits), 2)
    if sure < 0.4:
        return None
    how = "the name says so" if named > 0.9 else "the name hints at it"
    fit = "and the values fit" if fits >= 1 else "but not all values fit"
    return Part(role, sure, f"{ROLES[role].means}: {how} {fit} ({described(seen)})")


def _by_content(seen: Look) -> list[Part]:
    found = []
    if seen.emails > 0.8:
        found.append(Part("email", 0.85, f"e-mail addresses by their form ({described(seen)})"))
    if all(_NUMBER_SIGN.fullmatch(v) for v in seen.texts):
        found.append(Part("order", 0.8, f"numbers written as #1001 are orders' ({described(seen)})"))
    if seen.phones > 0.9:
        found.append(Part("phone", 0.6, f"phone numbers by their form ({described(seen)})"))
    if _moment(seen) == 1.0:
        sure = 0.55 if seen.dates and seen.dates.timed else 0.45
        found.append(Part("time", sure, f"times by their form ({described(seen)})"))
    if seen.length > 60 and seen.variety > 0.5:
        found.append(Part("sensitive", 0.5, "free text, which may hold anything about anybody"))
    return found


def described(seen: Look) -> str:
    """Return in plain words how full and how varied a column is."""
    filled = f"{int(seen.filled * 1000) / 10:g} % filled" if seen.filled < 1 else "always filled"
    variety = "no two alike" if seen.distinct == seen.values > 1 else f"{seen.distinct:,} different"
    return f"{filled}, {variety}"


def assign(looks: Mapping[str, Look]) -> dict[str, Part]:
    """Give each role to one column at most and each column one role at most, the surest first."""
    order = {column: i for i, column in enumerate(looks)}
    offers = [(part, column) for column, seen in looks.items() for part in candidates(seen)]
    offers.sort(key=lambda offer: (-offer[0].confidence, order[offer[1]]))
    taken: set[tuple[str, str]] = set()
    given: dict[str, Part] = {}
    for part, column in offers:
        slot = (column.partition("[].")[0] if "[]." in column else "", part.role)
        if column in given or (slot in taken and part.role != "sensitive"):
            continue
        given[column] = part
        taken.add(slot)
    return given
