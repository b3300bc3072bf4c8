"""The words a simulated shop is written with; every one can be encoded in cp1252."""

from __future__ import annotations

import unicodedata

_FIRST = """
Anna Lukas Sophie Maximilian Marie Paul Jürgen Käthe Zoë André René François Hélène Noël Björn Søren
Åsa Mia Emma Leon Finn Jonas Clara Lena Laura Julia Sarah Lisa Katharina Stefan Thomas Andreas
Michael Peter Wolfgang Klaus Jörg Günther Ursula Renate Monika Petra Sabine Birgit Heike Martina
Claudia Susanne Nicole Stefanie Melanie Sandra Daniel Sebastian Alexander Tobias Florian Philipp Jan
Nils Ole Íñigo José María Lucía Begoña Chloé Jérôme Raphaël Inès Margit Dörte Sönke Ümit Aylin Elif
Mehmet Giulia Nicolò Anna-Maria Hans-Peter Karl-Heinz Eva Ida Frieda Oskar Emil Anton Theo
"""
FIRST = tuple(_FIRST.split())
_LAST = """
Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer
Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt
Werner Schmitz Krause Meier Lehmann Schmid Schulze Maier Köhler Herrmann König Walter Mayer Huber
Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn Schubert Vogel Friedrich Keller Günther Frank
Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus
Martin Schumacher Krämer Vogt Stein Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas Schreiber
Graf Schulte Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch Bergmann Thomas Voigt Sauer Arnold
Wolff Pfeiffer Garçon Peña Núñez Lefèvre Søndergaard Åberg Yilmaz Kaya Demir Özdemir Çelik Rossi
Esposito Dubois Moreau Groß-Bölting Straßburger d'Angelo O'Brien
"""
LAST = tuple(_LAST.split())
CITIES = (
    "Berlin", "Hamburg", "München", "Köln", "Frankfurt am Main", "Stuttgart", "Düsseldorf", "Leipzig",
    "Dortmund",
    "Essen", "Bremen", "Dresden", "Hannover", "Nürnberg", "Münster", "Lübeck", "Würzburg", "Göttingen",
    "Freiburg im Breisgau", "Saarbrücken", "BERLIN", "Muenchen", "Koeln", "Hamburg-Altona",
)  # fmt: skip
DOMAINS = ("gmail.com", "gmx.de", "web.de", "t-online.de", "outlook.com", "posteo.de", "icloud.com")
SLIPPED_DOMAINS = ("gmial.com", "gmx.d", "wbe.de", "t-onlin.de", "outlook.con", "posteo.d", "icluod.com")
JUNK_EMAIL = "none@none.com"
STORES = ("Berlin Mitte", "Hamburg Altona", "München Sendling", "Köln Ehrenfeld", "Leipzig Zentrum")
# Written as they stand in a semicolon file: quotes doubled, separators quoted.
NOTES = (
    "", "ruft gern zurück", '"Stammkundin; bitte siezen"', '"wünscht ""keine"" Anrufe"', "Umzug gemeldet",
    '"zog um; Adresse fraglich"', "Größe 42", "Dublette?",
)  # fmt: skip
CATEGORIES = ("coffee", "tea", "kitchen", "home", "care", "sweets")
MEDIAN_PRICES = (14.5, 10.5, 29.0, 23.5, 15.0, 8.5)
"""Median list price of a category's products, in euros."""
KINDS = (
    ("Espresso", "Filter Roast", "Crème", "Decaf", "Single Origin"),
    ("Assam", "Earl Grey", "Sencha", "Rooibos", "Kräutertee"),
    ("Kanne", "Mühle", "Tasse", "Filter Holder", "Waage"),
    ("Kerze", "Decke", "Vase", "Kissen", "Korb"),
    ("Seife", "Handcreme", "Badesalz", "Öl", "Shampoo"),
    ("Nougat", "Pralinés", "Marzipan", "Kekse", "Schokolade"),
)
SORTS = ("Classic", "Édition", "Bio", "Gross")
GERMAN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ø": "oe"}
)


def plain(word: str) -> str:
    """Return ``word`` in ASCII the way a German keyboard writes it: Müller is Mueller, Zoë is Zoe."""
    return unicodedata.normalize("NFKD", word.translate(GERMAN)).encode("ascii", "ignore").decode()


def mailbox(word: str) -> str:
    """Return ``word`` as it appears before the @ of an address: plain, lower case, letters only."""
    return "".join(c for c in plain(word).lower() if c.isalpha())
