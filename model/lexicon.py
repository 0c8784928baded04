"""Words that readings of disguised text are confirmed by, written by us.

No list decides anything: a mended word is judged by rules and classifier like any other.
"""

from collections.abc import Mapping
from typing import Final


def _words(listed: str) -> list[str]:
    return listed.split()


_HARSH: Final = _words("""
    fuck fucker fuckers fucking fucked fuckin shit shitty shits bullshit bitch bitches asshole assholes cunt cunts
    dick dicks dickhead cock cocks cocksucker pussy pussies bastard bastards whore whores slut sluts motherfucker
    motherfuckers nigger niggers nigga niggas faggot faggots fag fags retard retards retarded idiot idiots moron
    morons stupid noob noobs trash scum loser losers dumb dumbass suck sucks crap damn piss wanker wankers twat kike
    chink tranny nazi rape uninstall cancer autist monkey monkeys gay jew jews porn cum tits boobs penis dumbfuck
    garbage pathetic disgusting clown clowns bots worthless useless fucks fuckface fuckhead motherfucking
    clusterfuck shithead shitheads shitter shitters shitshow dipshit dogshit horseshit shite sucker suckers sucking
    cocksuckers dickheads dickless jackass jackasses smartass fatass badass arsehole arse wank wanking twats prick
    pricks bollocks cuck cucks simp pimp hoe hoes skank skanks thot noobish nooby noobies newb newbs idiotic idiota
    idiotas idiote idioten idioti stupids stupidity stupido stupidest retardo tard tards moronic imbecile imbeciles
    imbecil imbecils cretin cretins debil debils dumber dumbest dumbo halfwit dimwit braindead brainless brainlet
    clueless hopeless mongol mongols mongoloid autistic autists autism downie spastic spaz coward cowards camper
    campers chicken crybaby whiner whiners losing toxic scumbag scumbags trashy trashes trashcan rubbish filth
    filthy disgrace disgust ugly fatso fatty stinky stinking smelly vermin parasite parasites rats maggot maggots
    leech cockroach donkey donkeys monke ape apes animal animals pig pigs dogs gays homo homos queer queers lesbian
    dyke dykes shemale faggy fagot fagots faggit niggaz niger niggs negro negroes coon coons gook gooks kikes chinks
    paki pakis wetback gypsy gypsies nazis hitler holocaust terrorist terrorists isis jihad rapist raped raping pedo
    pedos pedophile pervert perverts suicide yourself urself yourselves murder hang bleach cancerous aids ebola
    corona sex sexy nude nudes boobies tit titties vagina blowjob handjob masturbate jerkoff blyat cyka suka sukas
    pidor pidar pidoras debily kurwa kurva spierdalaj jebany jebac chuj huj pizda puta puto putas mierda pendejo
    cabron maricon culo verga idiotos estupido connard merde salope pute encule arschloch hurensohn wichser fotze
    schwuchtel spast missgeburt hure scheisse behindert cazzo stronzo vaffanculo coglione porco orospu amk siktir
    gerizekali salak caralho porra viado merda burro filho otario stfu gtfo kys fuk fck fcking fking fuking fukin
    fuckn hate hated hates shame ashamed embarrassing
    traitor traitors degenerate degenerates muppet muppets asshat asshats asswipe fuckwit fuckwits fuckwad fuckwads
    shithole shitholes shitstain shitbag shitbags dumbasses idiocy noobest nobs sucked sucky pissed pissing racist
    racists fascist fascists hypocrite hypocrites stinks douche douchebag douchebags lowlife lowlifes imbecilic
    subhuman subhumans bellend tosser tossers plonker pillock numpty nonce nonces bugger arseholes cocksucking
    cumshot jizz dildo dildos masturbating incest pedophiles paedophile paedophiles rapists libtard bullshitting
    shutup ffs fckd fckn fckin fckng fker fkers fcker fku fcku prostitute prostitutes skanky
    trollop bimbo incel neckbeard smegma scammer crappy shitfuck fucktard fucktards fuckboy lardass
    lazyass punkass terrible barbie barbies retarted noobie tomato tomatoes chimpanzee chimpanzees incels
""")
# In other languages, as written with ASCII letters.
_FOREIGN: Final = _words("""
    kurwy kurwo kurwe kurewski debile debila debilu debilow debilem debilny kretyn kretyni kretynie jebane jebana
    jebani jebie wyjebane zjeb zjeby zjebie pojeb pojebie spierdalac spierdalajcie wypierdalaj pierdol pierdolony
    chuju chuje chujem cwel frajer frajerzy frajerze smieciu gowno skurwysyn skurwysyny szmata dolboeb dolboyob
    dolbaeb ebanie ebaniy eblani mudak mudaki gandon gandoni durak duraki tupoi tupoy nahui nahuy naxuj svoloch urod
    urody pidory pidaras pidaraz pidorasy blyad blat suchka loshara zalupa gnida vollidiot vollidioten trottel
    spasten spasti penner lappen nutte huren hurensohne schlampe wixer wixxer drecksau kackboon vollspast spacken
    hundesohn kanacke scheis scheiss dummkopf schwachkopf connards connasse connasses salaud salopes abruti abrutis
    batards encules enculer gilipollas pendejos cabrones maricones tarados mogolico boludo boludos pelotudo
    pelotudos malparido hijueputa hijodeputa mierdas chinga chingada culero culeros retrasado retrasados aptal
    aptallar orosbu sikerim siktirgit yarrak pezevenk kahpe serefsiz merdas arrombado arrombados buceta filhodaputa
    macaco macacos desgracado lixo coglioni bastardi puttana puttane frocio froci cretino cretini bastardo minchia
    idiotule sugipula kokot kokoti zmrd zmrdi kreten kreteni hovno debilove debilku kurvy buzerant jebem kurac glupi
    glupane majmun majmuni debili govno pederu fasz bazdmeg kanker kankerlijer hoeren sukkel sukkels mongool
    mongolen tering tyfus debiel debielen klootzak perkele vammainen horunge kuksugare putangina tangina gagong
    bobong tarantado anjing goblok kontol bajingan orospucocugu oruspu
""")
# In Russian and Ukrainian.
_CYRILLIC: Final = _words("""
    сука суки сучка сучки пидор пидоры пидора пидорам пидоров пидар пидары пидара пидаров пидорас пидорасы пидораса
    пидарас пидарасы пидараса пидрила пидорок педики педофил педофилы дебил дебилы дебила дебилов дебилам дебилоид
    ебать ебаный ебаные ебаная ебаное ебаного ёбаный ебанутый ебанутые ебанат ебало ебло еблан ебланы еблана ебучий
    ебучие ебись ебал ебу заебал заебали заебись наебал выебу выебал отъебись съебись уебан уебаны уебана уебок
    уёбок уебки уебище уебищный блядь бляди блять блядский блядская блядина нахуй нахер хуй хуя хуйня хуевый хуйло
    хуесос хуесосы похуй охуел охуели хуями долбоеб долбоёб долбоебы долбоебов долбаеб долбаебы далбаеб далбаебы
    мудак мудаки мудаков мудила мудозвон тупой тупая тупое тупые тупорылый тупорылые тупорылая тупица тварь твари
    мразь мрази гандон гандоны гондон гондоны говно говна говноед говнюк урод уроды урода уродов дурак дураки дура
    идиот идиоты идиота идиотов кретин кретины даун дауны даунов дегенерат дегенераты ссыкло ссыкун шлюха шлюхи
    шлюхин пизда пизду пиздец пиздуй пиздуйте пиздеть пиздабол ублюдок ублюдки падла падлы сволочь сволочи скотина
    лох лохи лошара нуб нубы нубас нубяра обезьяна обезьяны сосите отсоси сосать заткнись завали жопа жопу жопой
    залупа чмо чмошник чмыри придурок придурки ничтожество отребье ушлепок ушлёпок клоун клоуны чурка чурки хохол
    хохлы кацап кацапы жид жиды фашист фашисты нацист нацисты русня свинья свиньи сдохни сдохните убейся выпились
    конченый конченные конченая дибил дибилы шваль гнида спидозный спидозник підор підори підар підари підара дебіл
    дебіли ідіот ідіоти довбойоб довбойоби їбати їбаний їбана йобаний гімно виродок тупий
""")
_PLAIN: Final = _words("""
    the you and are this that your for not with have was but all can will just what they get out one like know good
    team game play player players playing plays played noting no yes now here there who why how when where which his
    her him she its our ours their them these those from about more most much many only very really so too than then
    because cause if else or at in on of to is it be been being am me my mine we us he do does did doing done dont
    doesnt didnt cant wont isnt arent aint im ur u r ya yo hey hi hello guy guys man men boy girl kid kids mom
    mother mum dad father sister brother family son daughter friend friends people person human life live lives die
    dies died dead death kill kills killed killing bot report reported reports mute muted ban banned delete quit
    leave left leaving stay go going goes gone went come comes coming back off up down over under again always never
    ever every everyone everything someone somebody nobody nothing something anything any shut mouth face head brain
    brains eyes hand hands ass legs arms skill skills aim mind eat eating ate lick licking kiss kissing touch ride
    sit stand hold take taking took taken give giving gave given make makes making made put puts find found lose
    loses lost win wins won winning winner need needs want wants wanted wanna gonna gotta try tries trying tried
    learn learned teach teacher help helping stop start wait waiting think thinking thought say says said tell told
    talk talking speak speaking listen hear see seen saw look looking looks watch show spot spotted spotting shoot
    shooting shot hit hits miss missed camp camping hide hiding push pushing rush defend defending attack attacking
    support supports carry carries feed feeder feeders feeding mid top bottom lane jungle base cap map tank tanks
    tier tiers gun guns damage light heavy medium arty scout hero heroes item items pick picks picked ult ulti stun
    gank farm farming level gold first last next new old same other another such own best better worst worse bad
    great nice big little small biggest huge fat long short hard easy fast slow low high full half whole total
    totally complete completely absolute absolutely pure real true fake lucky luck poor rich free cheap typical
    usual single stupidly fucky god jesus christ holy hell devil russian russians russia polish poland german
    germany english american americans chinese china arab arabs turk turks turkish peruvian peruvians indian indians
    asian asians mexican mexicans black white brown yellow red muslim muslims jewish christian women woman lol lmao
    omg wtf pls plz please thanks thank thx sorry gg wp ez afk noone fight fighting cry crying cried laugh laughing
    joke jokes joking fun funny sad mad angry home house school work job money day days night time times year years
    minute minutes hour second bring turn move moving run running walk drive driving hope wish love loved fail fails
    failed failing piece pieces bunch sons fucker whats thats hes shes youre theyre ive ill id well even still also
    maybe sure right wrong side way far near away behind front around into after before uninstalled games gaming
    account acc rank ranked noobteam enemy enemies ally allies mate mates teammate teammates flank cover block
    blocked enough once twice alone together both each few less least open close cut burn throw throwing drop
    dropped fall sell sold buy bought pay paid use used using uses fire water dirt dirty clean dog cat rat bird fish
    snake should would could must may might shall let lets got had has having were two three four five six seven
    eight nine ten a i an as ok okay s
""")
_ORDINARY: Final = _words("""
    add case com site though fan america act wit form none india lack town lots cold tired tone art arts ran tree
    bother feet pre rid loss hop heat paying alt sam filed fac ben dan fed brian diet los bay fund den bat nike bin
    sat fried hug tie ties rally liking amd clan tech fil gnu des chin boot toes lan sin sue tan compete pad sued
    pat ant filing gan pks dank hart stan ding kit goon als rite tire tay int fro frm hid dong strat dos dose lucy dye
    mint bets fri bloc ist lest diving nay fur ont fond barn bing tow pleas rams amp don ads smell hat hats rap
    slope beach con cons dot scam sack sacks whine hank nade nades carbon sheet sheets wore stink waking garage
    murda tick sham dike kik mongo rts bobs tts tot faking tart monk sinking hare lich camera camel mare mace rage
    ages ratio pens pen pak pis ped hom pgs bts kook mob pip pit pig sip ship shut shot shop shirt short sheep sheer
    shift shin shoe shock socks sock sick sicker sucre stack stick stock struck truck trick tricks track tracks duck
    ducks dock docks deck decks desk rock rocks rack luck lock locks lick buck bucks back pack packs pick puck peck
    batch botch beech birch bench pitch witch switch hitch ditch watch which butch count counts counter hunt punt
    aunt trash crash thrash brash tras rash bash nob snob knob nook noon moon mood soon boon boom bomb loose loosers
    lasers laser poser closer user moral moron maroon marlon rare rate rated reaped raced rain grape drape cape gape
    tape rope ripe rip coin corn cone cane can cum come cup cut cure curt court cost cast past pasta post posts
    pasts paste taste haste gas gay gray grey pay ray say way may guy gut gun got god goat boat coat beat bear pear
    peer beer deer deep dam damp dame mouse house horse hours whose shore chore score sore hero here where there
    hire hide wide side kite bite crab crap craps scrap crop crops cart card crown down frown grown clone clowne
    cloud close claw plan cope copy cower cover covered tower power lower flower camp camps campus comer comper
    compare damper cheaper harsh hasher master mister monster minster manor minor miner diner dinner thinner trance
    france dance chance cancel cancels pal pale pals pain ruin rude rule ride node mode code coded nods nodes mind
    kind kinds king kings falling falls heil weil moro puss fatt boob boos buro chik cink
    clon clow coos cown cuts debi deil dubo dyes eboa eola fiho filo fing fith fote foze goos gyps haed haes hoos jiad
    kies kura kuva leec loer meda mede mera mere moke mone nais nebs nego nero news nues pais peos piar pido pior piza
    poco pora poro puas quee raed saak sala sank sast shae shie shis sits skak skan spas spat suas suts tads tars tats
    twas vega vera viao
    aning apta bagger bazmeg beanie bellen bimo blad boong bugge ching chuja clero cuero dido dld douce drak drk
    dura fers foci ganon glup golok gown haren heren horen hypocriet idioci ince incet incl inel jeana kaker kanka
    kape keten klupi koko kokt konto kookt koot kotol kuro kurv kury macao mcc muak muda nahi nahu natte nicest noce
    noces nocne ntt nutt penna penne pierdo pisse pisset prkl sacked salad salud schiss sinks skammer sld slopes smc
    spasi stins sucha suky tossa tosse tosses touche trator tuoi tupi typhus uhren wier yarak yarra zeby
    blatt boots dykke hatte kikke loosing pakki puuta puute putte rapped rapping shiite slutt sukka asiaan booth
    comme comming donne droop fiind fromm holly homme losses manny matte mooney moore musst notting persson persoon
    puree samme sidde snakke stoop totaal shat barbe barbi brb babies tomto tomat tomates
""")
_ORDINARY_CYRILLIC: Final = _words("""
    белан бело бляді гавнюк гида гнид гово гона гімн гімна дан данов дану даны дебел дебела деби дебилом дебі дебіла
    диби доун дра драк драки дрк дун дур ебан ебат ебучей елан завал заеба заебале залпа звали идот каца клон клоны
    клун конечная конечный кончена конченный кретен лоара мази мазь мдк мраз мрзи муда мудило ничтожества обезьян
    отсос пада падал падло пала палы пдр педофіл пздц пиар пиара пиза пизде пиздить подло піар пізда піздец рсн
    свини свинье свиня ска ски ссать сук тари тварі твори тупе тупи тупо тупы убк урда хсс чука шаль
""")

# Short forms, gear and foreign words that look like a misspelt insult ("dbl kill", "idt so", "sks", "smp").
_SHORT_FORMS: Final = _words("""
    admn anml aps apse ares ars bbs bost brr btos bubs burr carp clo cnt cnts cns coc cocs crn cul dbl dgs dman doks dwn
    fats faks fgs fild filt fts gks gys hmo hms hng homs hos hose hte htd hts idt ikke iss itts jws lch mada merd mnk
    nbs nde nds naz nud pata pato pdr pds peds pmp pns porc prc prn pron prst pss psss pta ptas pto pts quea rapd rase
    rast rpd salk scd shm ska sks slp slt smp spst stf stuf symp tht togs trad trd trds twt txc tyke upto verg vgn vido
    whr whrs zuck plss
""")

# A covered letter leaves it open whether these are meant: "t.at" may be "that".
_NEAR_EVERYDAY: Final = _words("""
    arse bugger coon crap gays hate hoes hure incel incest jizz nobs pillock pissed pissing stinks sucked thot tomato
    tomatoes traitor traitors twat twats whore
""")

HARSH: Final = frozenset(_HARSH) | frozenset(_FOREIGN) | frozenset(_CYRILLIC)
"""Harsh words: a line in which mending reveals one gets a second reading."""
PLAINLY_HARSH: Final = frozenset(_HARSH) - frozenset(_NEAR_EVERYDAY)
"""Harsh words from which no everyday word differs by a single letter."""
PLAIN: Final = frozenset(_PLAIN) - HARSH
"""Words that are mended next to a harsh one."""

ORDINARY: Final = frozenset(_ORDINARY) | frozenset(_ORDINARY_CYRILLIC) | frozenset(_SHORT_FORMS) | HARSH | PLAIN
"""Words that are never treated as misspelt."""

COURTESY: Final = (
    "gg", "ggs", "ggwp", "gg wp", "wp", "ez", "gl", "hf", "glhf", "gl hf", "lol", "lool", "lmao", "rofl", "haha",
    "hahaha", "hehe", "xd", "xx", "x", "xoxo", "nt", "gj", "nice try", "nice one", "nice", "good game",
    "good game all", "good luck", "good job", "well played", "have fun", "ty", "thx", "thanks", "thank you", "pls",
    "please", "plz", "sorry", "sry", "no offense", "just saying", "jk", "just kidding", "kidding", "hi", "hi all",
    "hello", "hello all", "hey guys", "bye", "bye bye", "cheers", "love you", "love you all", "have a nice day",
    "push mid", "push top", "push bot", "go mid", "go top", "go bot", "def base", "def mid", "go cap", "all mid",
)  # fmt: skip
"""Courtesies before or after a line that make it look friendly without changing its meaning."""


def _by_outline() -> dict[tuple[int, str], tuple[str, ...]]:
    found: dict[tuple[int, str], tuple[str, ...]] = {}
    for word in dict.fromkeys([*_HARSH, *_FOREIGN, *_CYRILLIC, *_PLAIN]):
        found[len(word), word[0]] = (*found.get((len(word), word[0]), ()), word)
    return found


BY_OUTLINE: Final[Mapping[tuple[int, str], tuple[str, ...]]] = _by_outline()
"""All words by length and first letter, harsh ones first, most frequent first."""
