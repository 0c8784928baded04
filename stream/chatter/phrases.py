"""What generated players say.  All of it was written for this file; none is from real players.

A name in braces stands for a phrase from that list.  Frequencies are set in ``stream.chatter.generate``.
"""

from typing import Final

COMMON: Final = (
    "gg", "glhf", "gg wp", "ez", "lol", "nice", "ty", "np", "mid missing", "push", "brb", "afk 1 min", "wp all",
    "help", "go go go", "wait", "one more?", "rotate", "omw", "sorry", "my bad", "nt", "ns", "same team again?",
    "gj", "?", "ggwp", "heal pls", "need ammo", "behind you", "cover me", "defend", "no mana", "reset", "clutch",
)  # fmt: skip
"""Most frequent first: the generator draws by rank."""

CALLOUTS: Final = (
    "{count} of them at {place}",
    "{hero} is {state} at {place}",
    "push {place} in {seconds} seconds",
    "dont go {place} alone, {hero} has {item}",
    "i will take {place}, you hold {place}",
    "{hero} used {item}, we can fight now",
    "can someone drop {item} for me",
    "their {hero} went {place}, careful",
    "wait for {item} then go {place}",
    "good call on {place}, that won us the round",
)

SMALL_TALK: Final = (
    "how was your {time}? mine was long",
    "just got the game yesterday, still learning {hero}",
    "that {hero} play was insane, well done",
    "my little sister plays {hero} better than me haha",
    "anyone up for ranked after this? need {count} more",
    "the new patch made {item} so much fun",
    "i killed the boss with {count} hp left, my hands are shaking",
    "this map is sick, love the {place}",
    "you destroyed us, good games",
    "dinner soon, last one for me",
)

OTHER_LANGUAGES: Final = (
    ("de", "gut gespielt, nächste Runde {place}?"),
    ("de", "wer geht mit mir zu {place}"),
    ("es", "buena partida, nos vemos en {place}"),
    ("es", "necesito {item} por favor"),
    ("fr", "bien joué tout le monde, on va {place} ?"),
    ("pt-BR", "boa jogada, vamos pro {place}"),
    ("pl", "dobra robota, idziemy na {place}"),
    ("tr", "iyi oyundu, {place} gidelim mi"),
    ("ja", "ナイス！次は{place}に行こう"),
    ("ko", "잘했어요 {place} 가자"),
)

RUDE: Final = (
    "our {hero} is the worst player i have ever seen",
    "you are useless {hero}, uninstall",
    "stop feeding you absolute idiot",
    "this team is full of brainless bots",
    "nobody wants you here, just leave",
    "{hero} is such a loser, report him",
    "shut up and play, trash",
    "you are pathetic, go back to the tutorial",
    "what a stupid clown of a {hero}",
    "your whole team is garbage and so are you",
)

THREATS: Final = (
    "i know where you live, see you {time}",
    "i will find where you live",
    "kill yourself already",
)

ADVERTS: Final = (
    "cheap gold and skins at www.gold-{count}-shop.example, {item} for free",
    "BUY BOOST >>> boost{count}.example <<< BUY BOOST",
    "add me on discord, {item} giveaway only today, message me private",
)

FILLINGS: Final = {
    "count": ("two", "three", "4", "five", "12", "20", "99"),
    "place": ("mid", "top lane", "the bridge", "B site", "the tower", "spawn", "the cave", "long", "river"),
    "hero": ("healer", "tank", "sniper", "mage", "jungler", "support", "archer", "engineer"),
    "state": ("low", "alone", "asleep", "one shot", "camping", "hiding"),
    "item": ("shield", "smoke", "the big sword", "a potion", "ult", "flash", "the red key"),
    "seconds": ("3", "5", "ten", "30"),
    "time": ("day", "week", "tonight", "tomorrow"),
}
