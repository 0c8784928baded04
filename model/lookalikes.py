"""Letters outside ASCII that read as ASCII letters.  Written by ``model.training.lookalikes``.

Source: Unicode confusables (UTS 39), with additions for what players use.
"""

from typing import Final

_BY_READING: Final = {
    "3": "з",
    "4": "ч",
    "6": "б",
    "a": "ɐɑαλаᎪᗅᴀⱥꓮ𐊠𖽀",
    "ae": "æӕ",
    "b": "ƀƅɓʙβвьᏏᏴᑲᖯᗷꓐꞵ𐊂𐊡𐌁",
    "c": "ȼɔсᏟᴄⲥꓚ𐊢𐌂𐐽𐔜",
    "d": "đɗδԁᎠᏧᑯᗞᗪᴅꓒꓓꭰ",
    "dz": "ʣ",
    "e": "ǝɇəɛεеэёєҽᎬᗴᴇⴹꓰꬲ𐊆𑣆𑣎",
    "f": "ƒɟϝғքᖴẝꓝꜰꞙꬵ𐊇𐊥𐔥𑣂",
    "g": "ƍɡɢԍցᏀᏳᶃꓖ",
    "h": "ħʜнһհᎻᏂᕼⲏꓧ𐋏",
    "i": "ıɩɪιіᎥꙇ",
    "j": "ɉʝϳјᎫᒍᴊꓙ",
    "k": "κкᏦᛕᴋⲕꓗ𐔘",
    "l": "łǀʟӏוןاߊᏞᒪᛁᣳⱡⲓⳑⵏꓡꓲ𐊊𐌉𐑃𐔦𑣃𑣒𖼖𖼨",
    "m": "ɯϻмᎷᗰᛖᴍⲙꓟ𐊰𐌑",
    "n": "ɴηипոռᑎⲛꓠ𐔓",
    "o": "øοσоօסهھہەଠഠဝჿዐᗝᴏᴑⲟⵔꓳꬽ𐊒𐊫𐐬𐓪𐔖𑣈𑣕𑣗",
    "oe": "œ",
    "p": "ρрᏢᑭᣖᴘⲣꓑ𐊕",
    "q": "ɋԛգզᑫⵕ",
    "r": "ɍɹɽʀгяᎡᎱᏒᖇᣴᴦⲅꓣꭇꭈ𐓜𖼵",
    "rn": "𑜀",
    "s": "ƨƽѕտᏕᏚᔕᣵꓢꜱ𐊖𐑈𑣁𖼺",
    "ss": "ß",
    "t": "ʇτтᎢᴛⲧꓔ𐊗𐊱𐌕𑣜𖼊",
    "u": "ʉʋμυцսւሀᑌᴜꓴꞟꭎꭒ𐓶𑣘𖽂",
    "v": "ʌνѵטᏙᐯᴠⴸꓦꛟ𐔝𑜆𑣀𖼈",
    "w": "ʍωшщѡԝաᎳᏔᗯᴡꓪꮃ𑜊𑜎𑜏",
    "x": "χхᕁᕽᚷⲭⵝꓫꭓ𐊐𐊴𐌗𐔧",
    "y": "ɏɣʎʏγуүყᎩᎽᶌỿⲩꓬꭚ𐊲𑣄𖽃",
    "z": "ƶʐζᏃᘔᙆᴢꓜ𑣉",
}  # fmt: skip

LOOKALIKES: Final = {letter: reading for reading, letters in _BY_READING.items() for letter in letters}
"""By canonical letter: what it is read as."""

AS_CYRILLIC: Final = str.maketrans("abcehikmnoprtuxy0346@", "авсенікмпоргтихуоечба")
"""ASCII letters, digits and signs that look like a Cyrillic letter, small or capital."""
