"""Letters outside ASCII that read as ASCII letters.  Written by ``model.training.lookalikes``.

Source: Unicode confusables (UTS 39), with additions for what players use.
"""

from typing import Final

_BY_READING: Final = {
    "3": "з",
    "4": "ч",
    "6": "б",
    "a": "ɐɑαλаᎪᗅᴀꓮ𐊠𖽀",
    "ae": "æӕ",
    "b": "ƅɓʙβвьᏏᏴᑲᖯᗷꓐꞵ𐊂𐊡𐌁",
    "c": "ɔсᏟᴄⲥꓚ𐊢𐌂𐐽𐔜",
    "d": "đɗδԁᎠᏧᑯᗞᗪᴅꓒꓓꭰ",
    "dz": "ʣ",
    "e": "ǝəɛεеэёєҽᎬᴇⴹꓰꬲ𐊆𑣆𑣎",
    "f": "ɟϝғքᖴẝꓝꜰꞙꬵ𐊇𐊥𐔥𑣂",
    "g": "ƍɡɢԍցᏀᏳᶃꓖ",
    "h": "ħʜнһհᎻᏂᕼⲏꓧ𐋏",
    "i": "ıɩɪιіᎥꙇ",
    "j": "ʝϳјᎫᒍᴊꓙ",
    "k": "κкᏦᛕᴋⲕꓗ𐔘",
    "l": "łǀʟӏוןاߊᏞᒪᛁᣳⲓⳑⵏꓡꓲ𐊊𐌉𐑃𐔦𑣃𑣒𖼖𖼨",
    "m": "ɯϻмᎷᗰᛖᴍⲙꓟ𐊰𐌑",
    "n": "ɴηипոռⲛꓠ𐔓",
    "o": "øοσоօסهھہەଠഠဝჿዐᴏᴑⲟⵔꓳꬽ𐊒𐊫𐐬𐓪𐔖𑣈𑣕𑣗",
    "oe": "œ",
    "p": "ρрᏢᑭᣖᴘⲣꓑ𐊕",
    "q": "ԛգզⵕ",
    "r": "ɹʀгяᎡᎱᏒᖇᣴᴦⲅꓣꭇꭈ𐓜𖼵",
    "rn": "𑜀",
    "s": "ƨƽѕտᏕᏚᣵꓢꜱ𐊖𐑈𑣁𖼺",
    "ss": "ß",
    "t": "ʇτтᎢᴛⲧꓔ𐊗𐊱𐌕𑣜𖼊",
    "u": "ʋμυцսւሀᑌᴜꓴꞟꭎꭒ𐓶𑣘𖽂",
    "v": "ʌνѵטᏙᐯᴠⴸꓦꛟ𐔝𑜆𑣀𖼈",
    "w": "ʍωшщѡԝաᎳᏔᴡꓪꮃ𑜊𑜎𑜏",
    "x": "χхᕁᕽᚷⲭⵝꓫꭓ𐊐𐊴𐌗𐔧",
    "y": "ɣʎʏγуүყᎩᎽᶌỿⲩꓬꭚ𐊲𑣄𖽃",
    "z": "ʐζᏃᙆᴢꓜ𑣉",
}  # fmt: skip

LOOKALIKES: Final = {letter: reading for reading, letters in _BY_READING.items() for letter in letters}
"""By canonical letter: what it is read as."""
