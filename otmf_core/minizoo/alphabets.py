"""Letters and signs of the glyph tasks and of pre-training, with the names they go by in captions."""

from __future__ import annotations


def _zip(characters: str, names: str) -> dict[str, str]:
    return dict(zip(names.split(), characters.split(), strict=True))


# script -> {letter's name: character}; letters that many fonts draw alike are left out.
ALPHABETS = {
    "devanagari": _zip(
        "क ख ग घ च छ ज झ ट ठ ड ढ ण त थ द ध न प फ ब भ म य र ल व श ष स ह",
        (
            "ka kha ga gha ca cha ja jha tta ttha dda ddha nna ta tha da dha na pa pha ba bha ma ya ra la va sha "
            "ssa sa ha"
        ),
    ),
    "hebrew": _zip(
        "א ב ג ד ה ו ז ח ט י כ ל מ נ ס ע פ צ ק ר ש ת",
        ("alef bet gimel dalet he vav zayin het tet yod kaf lamed mem nun samekh ayin pe tsadi qof resh shin tav"),
    ),
    "greek": _zip(
        "α β γ δ ε ζ η θ ι κ λ μ ν ξ ο π ρ σ τ υ φ χ ψ ω",
        (
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau "
            "upsilon phi chi psi omega"
        ),
    ),
    "thai": _zip(
        "ก ข ค ฆ ง จ ฉ ช ซ ญ ฐ ฑ ฒ ณ ด ต ถ ท ธ น บ ป ผ พ ฟ ม ย ร ล ว ศ ส ห ฬ อ ฮ",
        (
            "ko-kai kho-khai kho-khwai kho-rakhang ngo-ngu cho-chan cho-ching cho-chang so-so yo-ying tho-than "
            "tho-montho tho-phuthao no-nen do-dek to-tao tho-thung tho-thahan tho-thong no-nu bo-baimai po-pla "
            "pho-phueng pho-phan fo-fan mo-ma yo-yak ro-ruea lo-ling wo-waen so-sala so-suea ho-hip lo-chula "
            "o-ang ho-nokhuk"
        ),
    ),
    "cyrillic": _zip(
        "А Б В Г Д Е Ж З И К Л М Н О П Р С Т У Ф Х Ц Ч Ш Ъ Ы Ь Э Ю Я",
        ("a be ve ge de ye zhe ze i ka el em en o pe er es te u ef kha tse che sha hard-sign yery soft-sign e yu ya"),
    ),
    "hangul": _zip(
        "가 나 다 라 마 바 사 아 자 차 카 타 파 하 고 누 디 려 모 북 손 위 점 춤 콩 틀 팔 혹",
        ("ga na da ra ma ba sa a ja cha ka ta pa ha go nu di ryeo mo buk son wi jeom chum kong teul pal hok"),
    ),
    "arabic": _zip(
        "ا ب ت ث ج ح خ د ذ ر ز س ش ص ض ط ظ ع غ ف ق ك ل م ن ه و ي",
        (
            "alif ba ta tha jim ha kha dal dhal ra zay sin shin sad dad tah zah ayn ghayn fa qaf kaf lam mim nun "
            "heh waw ya"
        ),
    ),
    "katakana": _zip(
        "ア イ ウ エ オ カ キ ク ケ コ サ シ ス セ ソ タ チ ツ テ ト ナ ニ ヌ ネ "
        "ノ ハ ヒ フ ホ マ ミ ム メ モ ヤ ユ ヨ ラ リ ル レ ロ ワ ン",
        (
            "a i u e o ka ki ku ke ko sa shi su se so ta chi tsu te to na ni nu ne no ha hi fu ho ma mi mu me mo "
            "ya yu yo ra ri ru re ro wa n"
        ),
    ),
    "latin": {letter.lower(): letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    "malayalam": _zip(
        "ക ഖ ഗ ഘ ച ഛ ജ ട ഠ ഡ ഢ ണ ത ഥ ദ ധ ന പ ഫ ബ ഭ മ യ ര ല വ ശ ഷ സ ഹ ള ഴ റ",
        (
            "ka kha ga gha ca cha ja tta ttha dda ddha nna ta tha da dha na pa pha ba bha ma ya ra la va sha ssa "
            "sa ha lla llla rra"
        ),
    ),
    "georgian": _zip(
        "ა ბ გ დ ე ვ ზ თ ი კ ლ მ ნ ო პ ჟ რ ს ტ უ ფ ქ ღ ყ შ ჩ ც ძ წ ჭ ხ ჯ ჰ",
        (
            "an ban gan don en vin zen tan in kan las man nar on par zhan rae san tar un par-aspirated "
            "kan-aspirated ghan qar shin chin can jil cil char xan jhan hae"
        ),
    ),
    "armenian": _zip(
        "ա բ գ դ ե զ է ը թ ժ ի լ խ ծ կ հ ձ ղ ճ մ յ ն շ ո չ պ ջ ռ ս վ տ ր ց փ ք օ ֆ",
        (
            "ayb ben gim da yech za eh yet to zhe ini liwn xeh tsa ken ho dza ghad tche men yi now sha vo cha peh "
            "jheh ra seh vew tiwn reh co piwr keh oh feh"
        ),
    ),
    "tamil": _zip(
        "க ங ச ஞ ட ண த ந ப ம ய ர ல வ ழ ள ற ன", "ka nga ca nya tta nna ta na pa ma ya ra la va llla lla rra nnna"
    ),
    "bengali": _zip(
        "ক খ গ ঘ চ ছ জ ঝ ট ঠ ড ঢ ণ ত থ দ ধ ন প ফ ব ভ ম য র ল শ ষ স হ",
        ("ka kha ga gha ca cha ja jha tta ttha dda ddha nna ta tha da dha na pa pha ba bha ma ya ra la sha ssa sa ha"),
    ),
    "ethiopic": _zip(
        "ሀ ለ ሐ መ ሠ ረ ሰ ቀ በ ተ ኀ ነ አ ከ ወ ዐ ዘ የ ደ ገ ጠ ጰ ጸ ፀ ፈ ፐ",
        ("ha la hha ma sza ra sa qa ba ta xa na glottal-a ka wa pharyngeal-a za ya da ga tha pha tsa tza fa pa"),
    ),
}

SYMBOLS = _zip(
    (
        "+ − × ÷ = ≠ ≈ < > ≤ ≥ ± ∞ √ ∑ ∏ ∫ ∂ ∆ ∇ ∈ ∩ ∪ ⊂ ∀ ∃ ∅ ∠ ← ↑ → ↓ ↔ ↕ ⇐ ⇒ ⇔ $ £ ¥ € § ¶ † ‡ • © ® & @ "
        "# % ? ! * ★ ☆ ♠ ♣ ♥ ♦ ♀ ♂ ♪ ♫ ■ □ ▲ △ ▼ ▽ ◆ ◇ ○ ● ◎ ☎ ☺ ☀ ☁ ☂ ☃ ☮ ☯ ✓ ✗ ✂ ✈ ✉ ♈ ♉ ♊ ♋ ♌ ♍ ♎ ♏ "
        "♐ ♑ ♒ ♓"
    ),
    (
        "plus minus times divided-by equals not-equal approximately less-than greater-than at-most at-least "
        "plus-minus infinity root sum product integral partial delta nabla element-of intersection union "
        "subset for-all exists empty-set angle left-arrow up-arrow right-arrow down-arrow left-right-arrow "
        "up-down-arrow double-left-arrow double-right-arrow double-both-arrow dollar pound yen euro section "
        "pilcrow dagger double-dagger bullet copyright registered ampersand at number percent question-mark "
        "exclamation-mark asterisk black-star white-star spade club heart diamond female male eighth-note "
        "beamed-notes black-square white-square black-triangle white-triangle black-down-triangle "
        "white-down-triangle black-lozenge white-lozenge white-circle black-circle bullseye telephone smile "
        "sun cloud umbrella snowman peace yin-yang check-mark cross-mark scissors aeroplane envelope aries "
        "taurus gemini cancer leo virgo libra scorpio sagittarius capricorn aquarius pisces"
    ),
)
