"""Sources, licences and attributions of the embedded library's texts, as the LICENSES.md that ships with it."""

from __future__ import annotations

from collections.abc import Sequence

from otmf_core.minitext.sources import CITIES, DICTIONARIES, SOURCES, VADER, WORDNET
from otmf_core.minitext.warmup import LANGUAGES as PRETRAINING
from otmf_core.minizoo.sources import Source

HEAD = """# Texts of this library: sources and licences

Every sentence, definition, word and name was taken from the work of others and changed here (lower case, cut, paired,
its words reordered or replaced). No source is limited to non-commercial use. Single words of spelling dictionaries are
quoted as examples of a language; no dictionary is here. Names of cities are from GeoNames (https://www.geonames.org),
under CC-BY-4.0, in lower case and without the names that two of the countries share.

| Source | Package | Version | Licence | Made by | Used for |
|---|---|---|---|---|---|
"""

NOTICE = """
## WordNet 3.0

WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved.

This software and database is being provided to you, the LICENSEE, by Princeton University under the following license.
By obtaining, using and/or copying this software and database, you agree that you have read, understood, and will comply
with these terms and conditions: Permission to use, copy, modify and distribute this software and database and its
documentation for any purpose and without fee or royalty is hereby granted, provided that you agree to comply with the
following copyright notice and statements, including the disclaimer, and that the same appear on ALL copies of the
software, database and documentation, including modifications that you make for internal use or for distribution.

THIS SOFTWARE AND DATABASE IS PROVIDED "AS IS" AND PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES, EXPRESS
OR IMPLIED. BY WAY OF EXAMPLE, BUT NOT LIMITATION, PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES OF
MERCHANTABILITY OR FITNESS FOR ANY PARTICULAR PURPOSE OR THAT THE USE OF THE LICENSED SOFTWARE, DATABASE OR
DOCUMENTATION WILL NOT INFRINGE ANY THIRD PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR OTHER RIGHTS.

The name of Princeton University or Princeton may not be used in advertising or publicity pertaining to distribution of
the software and/or database. Title to copyright in this software, database and any associated documentation shall at
all times remain with Princeton University and LICENSEE agrees to preserve same.
"""

OWN = """# Texts of this library

Words and names of this library are listed in the source code that made it, under the same licence.
"""


def text(sources: Sequence[Source] = SOURCES) -> str:
    """LICENSES.md for these sources; without any, for the words that come along with the code."""
    if not sources:
        return OWN
    return HEAD + "".join(f"| {' | '.join(_row(source))} |\n" for source in sources) + NOTICE


def _row(source: Source) -> tuple[str, ...]:
    version = source.version or "of the Debian release; see recipe.sources in manifest.json"
    return source.registry, source.package, version, source.licence, source.credit, _use(source)


def _use(source: Source) -> str:
    uses = {
        WORDNET: "sentences, definitions, words and names of four tasks, and pre-training",
        VADER: "labels of sentiment",
    }
    uses |= {CITIES: "cities of the task country, and of others for pre-training"}
    uses |= {one: f"words of the task language: {name}" for name, one in DICTIONARIES.items()}
    uses |= {DICTIONARIES[name]: f"pre-training: words, {name}" for name in PRETRAINING}
    return uses[source]
