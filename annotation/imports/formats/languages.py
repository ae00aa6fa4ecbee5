"""Languages as sources write them ("English", "pt_BR"), as BCP 47."""

from collections.abc import Mapping

_NAMES = """
af Afrikaans|ar Arabic|az Azerbaijani|be Belarusian|bg Bulgarian|bn Bengali|bs Bosnian|ca Catalan
cs Czech|cy Welsh|da Danish|de German|el Greek|en English|eo Esperanto|es Spanish|et Estonian
eu Basque|fa Persian|fi Finnish|fr French|ga Irish|gl Galician|gu Gujarati|he Hebrew|hi Hindi
hr Croatian|hu Hungarian|hy Armenian|id Indonesian|is Icelandic|it Italian|ja Japanese|ka Georgian
kk Kazakh|km Khmer|kn Kannada|ko Korean|ku Kurdish|ky Kyrgyz|la Latin|lo Lao|lt Lithuanian
lv Latvian|mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|mt Maltese|my Burmese
nb Bokmal|ne Nepali|nl Dutch|nn Nynorsk|no Norwegian|pa Punjabi|pl Polish|ps Pashto|pt Portuguese
ro Romanian|ru Russian|si Sinhala|sk Slovak|sl Slovenian|so Somali|sq Albanian|sr Serbian
sv Swedish|sw Swahili|ta Tamil|te Telugu|th Thai|tl Tagalog|tr Turkish|uk Ukrainian|ur Urdu
uz Uzbek|vi Vietnamese|xh Xhosa|yo Yoruba|zh Chinese|zu Zulu
"""
BY_NAME = {
    name.lower(): code
    for pair in _NAMES.replace("\n", "|").split("|")
    if pair
    for code, name in (pair.split(" ", 1),)
}


def language_code(word: str, own: Mapping[str, str]) -> str:
    """BCP 47 for the file's word: the importing person's map, then known names, else unchanged."""
    if word in own:
        return own[word]
    if word.lower() in BY_NAME:
        return BY_NAME[word.lower()]
    return word.replace("_", "-") if len(word) <= 10 else word
