"""Classes of the artwork tasks: emoji, flags and pictograms, with the spellings their vendors use."""

from __future__ import annotations


def _names(text: str) -> dict[str, tuple[str, ...]]:
    """Class "cow face" from "cow-face"; further spellings follow a slash."""
    entries = [entry.split("/") for entry in text.split()]
    return {entry[0].replace("-", " "): tuple(entry) for entry in entries}


ANIMALS = _names(
    "bear cat-face dog-face cow-face pig-face rabbit-face tiger-face horse-face monkey-face panda koala "
    "frog chicken penguin elephant spouting-whale dolphin octopus snail turtle snake fish tropical-fish "
    "honeybee lady-beetle crab butterfly owl unicorn mouse-face hamster two-hump-camel bat scorpion "
    "crocodile poodle"
)
FOOD = _names(
    "grapes melon watermelon tangerine banana pineapple red-apple peach cherries strawberry tomato "
    "eggplant ear-of-corn mushroom chestnut bread hamburger pizza spaghetti french-fries soft-ice-cream "
    "ice-cream doughnut cookie birthday-cake shortcake lollipop hot-beverage wine-glass beer-mug sushi "
    "fried-shrimp rice-ball bento-box"
)
TRAVEL = _names(
    "airplane helicopter rocket oncoming-bus taxi fire-engine tractor bicycle sailboat ship speedboat "
    "locomotive tram horizontal-traffic-light vertical-traffic-light anchor fuel-pump castle "
    "japanese-castle tent ferris-wheel mount-fuji statue-of-liberty fountain delivery-truck automobile "
    "roller-coaster factory volcano rainbow"
)

PICTOGRAMS = _names(
    "home/house/house-simple search/magnify/magnifying-glass heart/cards-heart/heart-straight star "
    "bell/notifications calendar/calendar-month/calendar-today camera/camera-alt/photo-camera "
    "shopping-cart/cart/shopping-cart-simple trash/trash-can/delete/trash-2/delete-bin "
    "lock/lock-simple/lock-outline cloud email/mail/envelope/envelope-simple pencil/edit/pen/create "
    "phone/call/telephone key/key-variant/vpn-key gift/card-giftcard/redeem/gift-line eye/visibility "
    "folder clock/schedule/time/clock-outline globe/earth/language/public/globe-hemisphere-west "
    "microphone/mic printer/print truck/local-shipping/delivery-truck umbrella/beach-access "
    "scissors/content-cut/cut/scissors-cutting flag/flag-2 light-bulb/lightbulb/bulb "
    "user/account/person/person-fill wifi/wifi-high battery/battery-full/battery-high "
    "coffee/cafe/cup-hot/local-cafe airplane/plane/flight/flight-takeoff"
)

_EUROPE = (
    "albania al austria at belgium be bulgaria bg croatia hr cyprus cy czechia cz denmark dk estonia ee "
    "finland fi france fr germany de greece gr hungary hu iceland is italy it latvia lv lithuania lt "
    "malta mt norway no poland pl portugal pt romania ro spain es sweden se switzerland ch turkey tr "
    "ukraine ua united-kingdom gb"
)
_AFRICA_ASIA = (
    "algeria dz angola ao botswana bw cameroon cm egypt eg ethiopia et ghana gh kenya ke libya ly morocco "
    "ma nigeria ng senegal sn somalia so south-africa za tanzania tz uganda ug zambia zm zimbabwe zw "
    "bangladesh bd china cn india in iran ir israel il japan jp kazakhstan kz nepal np pakistan pk "
    "saudi-arabia sa south-korea kr sri-lanka lk thailand th vietnam vn"
)
_ELSEWHERE = (
    "argentina ar australia au bahamas bs barbados bb bolivia bo brazil br canada ca chile cl colombia co "
    "cuba cu dominica dm ecuador ec guyana gy jamaica jm mexico mx panama pa peru pe united-states us "
    "uruguay uy venezuela ve kiribati ki micronesia fm palau pw papua-new-guinea pg samoa ws"
)


def _flags(text: str) -> dict[str, tuple[str, ...]]:
    """Country -> its flag's spellings: emoji name, code with a shape, code."""
    words = text.split()
    return {
        country.replace("-", " "): (
            f"flag-for-flag-{country}",
            f"flag-{country}",
            f"flag-for-{country}",
            f"{code}-4x3",
            f"{code}-ukm",
            code,
            f"{country}flag",
        )
        for country, code in zip(words[::2], words[1::2], strict=True)
    }


EUROPE, AFRICA_ASIA, ELSEWHERE = _flags(_EUROPE), _flags(_AFRICA_ASIA), _flags(_ELSEWHERE)

EMOJI_TRAIN = {
    "noto-v1": "",
    "fluent-emoji-flat": "",
    "fluent-emoji": "",
    "openmoji": "",
    "fxemoji": "",
    "streamline-emojis": "",
}
EMOJI_TEST = {"twemoji": "", "emojione": ""}
EMOJI_PRETRAINING = "noto"
FLAG_TRAIN = {"noto-v1": "", "openmoji": "", "circle-flags": "", "cif": ""}
FLAG_PRETRAINING = "flag"
FLAG_TEST = {"twemoji": "", "emojione": "", "flagpack": ""}
PICTOGRAM_TRAIN = {
    "mdi": "|-outline",
    "tabler": "|-filled",
    "ph": "|-bold|-fill|-duotone",
    "bi": "|-fill",
    "ri": "-line|-fill|-2-line",
}
PICTOGRAM_TEST = {"fa6-solid": "", "lucide": "", "ion": "|-outline", "material-symbols": "|-outline|-rounded"}
PICTOGRAM_PRETRAINING = {"game-icons": "", "carbon": "|-filled"}
