"""In which language is a text written, where nobody says? A small judge that would rather say nothing than be wrong.

Most scripts settle it by themselves: kana is Japanese, Hangul Korean, and of Chinese characters some are written in
Chinese only. Where many languages share one script, their small words tell: a text is in a language when enough of its
words are that language's articles, pronouns and prepositions, and far more of them than of any other's. Names of
products and people hold none of these, so a title without them says nothing.

Libraries know a hundred languages and need 100 MB of memory in each worker for it (py3langid 0.4: 117 MB with numpy,
0.9 ms a text); and they take "Bitcoin ETF" for Irish. This takes 0.1 ms and next to no memory.
"""

import re
from collections import Counter
from functools import cache

_READ_AT_MOST = 2_000  # characters
_ENOUGH_LETTERS = 8
_ENOUGH_WORDS = 3  # different small words
_SHARE = 0.15  # of all words, by those of the language
_ONLY_ITS_OWN = 2  # words that another language does not have, compared with any other one
_LEAD = 3  # times as many as those that only the other has

# --- scripts ------------------------------------------------------------------------------------------------

_SCRIPTS = {
    "latin": "a-zà-öø-ɏḀ-ỿ",
    "cyrillic": "\u0400-\u052f",
    "arabic": "\u0620-\u06d3\u0750-\u077f",
    "han": "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002fa1f",
    "kana": "\u3041-\u3096\u30a1-\u30fa\u30fc",
    "ko": "\uac00-\ud7a3\u1100-\u11ff",
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "he": "\u05d0-\u05ea",
    "hy": "\u0531-\u0587",
    "ka": "\u10a0-\u10ff",
    "th": "\u0e01-\u0e4e",
    "lo": "\u0e81-\u0ecd",
    "km": "\u1780-\u17d3",
    "my": "\u1000-\u109f",
    "devanagari": "\u0900-\u097f",
    "bengali": "\u0980-\u09ff",
    "pa": "\u0a00-\u0a7f",
    "gu": "\u0a80-\u0aff",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c00-\u0c7f",
    "kn": "\u0c80-\u0cff",
    "ml": "\u0d00-\u0d7f",
    "si": "\u0d80-\u0dff",
}
_SHARED = {"latin", "cyrillic", "arabic", "devanagari", "bengali"}
_DENSE = {"han": 3, "kana": 2, "ko": 2}  # letters of others that one of these is worth

# --- small words ----------------------------------------------------------------------------------------------

_WORDS = {
    "latin": {
        "en": "the of and to in is that for it with as was on are be this have from by not at or which but they his "
        "her you we has had their were will would can been its an who what when there about more said how "
        "your our after into than out up could should why does did just over new all no if he she i my me do "
        "so these those where",
        "de": "der die das und ist in den von zu mit sich auf für nicht ein eine des dem im auch es an als werden "
        "aus er hat dass sie nach bei um am sind noch wie einem über einen so zum war haben nur oder aber vor "
        "zur bis mehr durch man sein wurde wir ich ihr kann wenn beim gegen unter einer seine diese dieser "
        "wird was vom unser",
        "fr": "le la les de des du et en un une est que qui dans pour sur pas par plus au avec ce il elle ne se "
        "sont a été aux cette son sa ses ces mais ou où nous vous ils comme leur leurs être fait tout deux "
        "même ont après sans entre aussi très je on si d'un d'une c'est qu'il n'est l'on selon depuis encore "
        "contre chez",
        "es": "el la los las de del y en un una que es por con no para se su sus al lo como más pero fue ha este "
        "esta son entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante uno ni "
        "contra ese eso había ante ellos esto años tras según está han era ya o si porque qué nuestro puede "
        "ser",
        "it": "il lo la i gli le di del della dei delle che e è un una in per non con si da dal dalla sono al alla "
        "ai alle nel nella come ma anche più ha hanno questo questa o se ci suo sua loro cui quando dopo "
        "essere stato fra tra sul sulla degli era anni tutti perché dove molto già ancora chi solo prima "
        "senza nei dell l",
        "pt": "o a os as de do da dos das e em um uma que é no na nos nas por para com não se mais foi ao à como "
        "mas pelo pela seu sua ou quando muito já também só até isso ela ele entre depois sem mesmo aos ter "
        "seus são está foram você há sobre ser num numa após segundo ainda pode esse essa este esta nós tem",
        "nl": "de het een van en in is dat op te zijn met voor niet die er aan om ook als dan maar bij door uit "
        "naar nog wordt werd heeft hij zij deze dit over tot ze al meer geen kan onder hebben was wel waar "
        "worden zich haar we wij je ik jaar tegen veel moet na wat zo had kunnen onze nu zou ons hun",
        "sv": "och att det i en som är på av för med den till inte har de ett om men var jag sig från vi så kan han "
        "när nu hon ska efter också vid över under sedan mot där eller alla ut utan mer än hur detta denna "
        "vara blir få skulle här man genom mellan någon sin sina två år oss du mycket varit bli",
        "da": "og i at det er en til af på som for med ikke den der de har et om men var sig fra vi kan han når nu "
        "hun skal efter også ved over under mod hvor eller alle ud uden mere end hvad dette denne være bliver "
        "få skulle her man gennem mellem nogen sin blev jeg år meget været blive ind op siger havde efterlyst",
        "nb": "og i at det er en til av på som for med ikke den der de har et om men var seg fra vi kan han når nå "
        "hun skal etter også ved over under mot hvor eller alle ut uten mer enn hva dette denne være blir få "
        "skulle her man gjennom mellom noen sin ble jeg år mye vært bli inn opp sier hadde også",
        "fi": "ja on ei että se oli hän ovat myös kun mutta joka tai niin kuin olla jos mukaan vain sen nyt hänen "
        "jo ole ollut voi siitä tämä sitä sekä mitä jotka vielä ennen joita minä me ne kanssa tästä siinä "
        "olisi noin näin mikä koska kaikki hyvin paljon vuoden jälkeen tänään",
        "pl": "i w na z się nie do że to jest o jak po co za od ale dla przez tym przy są ma być był była było ich "
        "tego jego oraz tylko który która które także już jeszcze może bardzo jednak nad pod gdy przed czy "
        "tak więc bez ze roku jej mu nas lub aby ponieważ można będzie",
        "cs": "a v se na je že to s z do o i k ve pro za by ale si po jak od které který která jako jsou byl bylo "
        "byla také podle až ze ho jen už při jeho před však nebo když tak být co své má není jeho může než "
        "kde bude",
        "sk": "a v sa na je že to s z do o i k vo pre za by ale si po ako od ktoré ktorý ktorá sú bol bolo bola "
        "tiež podľa až zo ho len už pri jeho pred však alebo keď tak byť čo svoje má nie môže než kde bude aj "
        "ktorí",
        "hu": "a az és hogy nem is egy ez van de meg csak már volt el még ha mint ki azt be vagy lesz mert kell sem "
        "nagyon pedig minden lehet után szerint most így majd akkor ami aki amely amit itt ott több mi te én "
        "ezt azonban között",
        "ro": "și de la în a cu pe care un o este nu că din mai pentru sunt fi au fost se ce sau dar prin după ca "
        "al ale lui ei sa său când până numai foarte fără despre între aceasta acest această unui unei cei "
        "cele am ai are era tot astfel",
        "tr": "ve bir bu da de için ile olarak çok daha olan gibi en ne kadar sonra var ama ise o mı mi her değil "
        "göre diye yok ya şu ki ben sen biz onun olduğunu tarafından oldu olduğu büyük nasıl neden ancak hem "
        "veya önce kendi hiç yeni bile",
        "id": "yang dan di ke dari untuk dengan ini itu pada dalam adalah tidak akan oleh juga sebagai telah dapat "
        "bisa atau ada karena mereka kami kita anda sudah saat seperti lebih tersebut tahun bagi saya dia "
        "namun hingga menjadi masih hanya antara belum",
        "vi": "và của là có trong được cho với các một những không đã để này người khi từ đến về tại cũng như ra "
        "vào nhiều thì sẽ năm theo trên đó còn do sau phải nhưng bị lại rất đang hơn ở mà chỉ",
        "ca": "el la els les de del dels i en un una que és per amb no al als com més però ha aquest aquesta són "
        "entre quan molt sense sobre també fins hi on qui des tot durant ni contra havia anys ser va van està "
        "han era ja o si perquè què pot ho seva seu dels",
        "et": "ja on ei et see oli ta ka kui aga mis või nii siis ning selle oma välja ma kes veel mida nad pole "
        "vaid mille peale olema juba väga seda kuid pärast eest üks enne millest saab saanud",
        "lv": "un ir ka no par ar uz kas tas bet to arī kā pēc vai lai viņš nav ja tā ko tiek līdz pie bija gan šo "
        "šī savu kad tikai vairāk būs jau vēl kopā ļoti",
        "lt": "ir yra kad į su iš tai kaip bet ne buvo už jis apie dėl ar po jo iki taip pat kuris kurie kai tik "
        "dar jau prie tačiau savo šis labai arba jos bus nuo jų",
    },
    "cyrillic": {
        "ru": "и в не на что с по как это он из за к у от но все для его же бы был была были так уже о или если "
        "только мы вы они она где когда при до после под над более может есть чем этого также будет который "
        "которые свой году лет во со нет ещё еще",
        "uk": "і в не на що з по як це він із за до у від але все для його же б був була були так уже про або якщо "
        "тільки ми ви вони вона де коли при після під над більше може є ніж цього також буде який які свій та "
        "й року років зі ще щоб",
        "bg": "и в не на че с по как това той от за до у но всички за неговия би беше са се да е ще или ако само "
        "ние вие те тя където когато при след под над повече може има който които което също тази този като "
        "към без още",
        "sr": "и у не на да са по како то он из за до од али све је се су би био била били или ако само ми ви они "
        "она где када при после под над више може има који која које такође овај ова као што ће није нису",
        "be": "і ў не на што з па як гэта ён за да ад але усё для яго бы быў была былі так ужо пра або калі толькі "
        "мы яны яна дзе пры пасля пад больш можа ёсць чым таксама будзе які якія свой",
    },
    "arabic": {
        "ar": "في من على إلى أن عن مع هذا هذه التي الذي ما لا كان كانت بعد قبل بين كل قد لم ثم أو و هو هي إن خلال "
        "عند حتى ذلك غير منذ حول",
        "fa": "در از به که این را است با برای آن یک می هم تا شد شده بود های خود بر ها نیز کرد باشد پس اما یا هر ما "
        "شود کند دارد نمی",
        "ur": "کے میں کی ہے سے کا کو اور نے پر ہیں یہ وہ کہ اس بھی تھا ایک نہیں ہو کیا تھی گیا جو ان لیے ہوئے کر "
        "ساتھ",
    },
    "devanagari": {
        "hi": "के है में की और का से को पर ने यह हैं कि इस भी एक नहीं तो था हो लिए कर गया साथ जो वह थी",
        "mr": "आहे आणि या ते हे तो ही च्या ला मध्ये होते नाही आहेत मी असे की व त्या केली करून आला",
        "ne": "को छ र मा ले पनि छन् गरेको भएको यो हो एक लागि गर्न तथा भने हुने बाट उनले",
    },
    "bengali": {"bn": "এবং এই করে থেকে ও না এক হয় জন্য তার কিন্তু সঙ্গে তিনি হয়েছে করা একটি এর বলেন যে পর"},
}
_NEVER = {"ru": "іїєґўјљњ", "uk": "ыэёў", "bg": "ыэёіїєґј", "be": "иїєґщ", "sr": "ыэёйщъьяюіїє"}  # letters
_WORD = re.compile(r"[^\W\d_]+(?:[\u0900-\u09ff]+|['’][^\W\d_]+)*")


@cache
def _counters() -> dict[str, re.Pattern[str]]:
    return {name: re.compile(f"[{letters}]+") for name, letters in _SCRIPTS.items()}


@cache
def _script_of(character: str) -> str:
    """Give the script of a letter, "" for any other character. A text of thousands has few different ones."""
    return next((name for name, letters in _counters().items() if letters.match(character)), "")


@cache
def _languages(script: str) -> dict[str, tuple[str, ...]]:
    """Give the languages of a script that have a word."""
    found: dict[str, list[str]] = {}
    for language, words in _WORDS[script].items():
        for word in set(words.split()):
            found.setdefault(word, []).append(language)
    return {word: tuple(languages) for word, languages in found.items()}


@cache
def _small_words(script: str, language: str) -> frozenset[str]:
    return frozenset(_WORDS[script][language].split())


def language_of(text: str) -> str:
    """Give the language of a text, as a subtag of BCP 47 (en, zh), or "" where that is not sure."""
    text = text[:_READ_AT_MOST].lower()
    han = "".join(_counters()["han"].findall(text))
    others = Counter(_counters()["han"].sub("", text))
    counts = _counted(others)
    counts["han"] = len(han) * _DENSE["han"]
    letters = sum(counts.values())
    if letters < _ENOUGH_LETTERS:
        return ""
    if counts["han"] + counts["kana"] > letters / 2:
        return _chinese_or_japanese(han, others)
    script, most = counts.most_common(1)[0]
    if most < letters * 0.7:
        return ""
    return _by_words(text, script) if script in _SHARED else script


def _counted(tally: Counter[str]) -> Counter[str]:
    """Count the letters of each script, an ideograph as what a word has of them."""
    counts = Counter(dict.fromkeys(_SCRIPTS, 0))
    for character, times in tally.items():
        if script := _script_of(character):
            counts[script] += times * _DENSE.get(script, 1)
    return counts


# --- Chinese and Japanese -------------------------------------------------------------------------------------

_IN_CHINESE = frozenset("的是了在不我他她你和也就都有这這们們说說没沒吗嗎呢吧啊把被给給让讓从從")


def _chinese_or_japanese(han: str, others: Counter[str]) -> str:
    """Kana is Japanese, unless it is a guest. A text without is Chinese by characters that Japanese does not know, or
    by many of those that Chinese is full of: a Japanese headline can do without kana, but has few of both."""
    kana = {character: times for character, times in others.items() if _script_of(character) == "kana"}
    if kana:
        return "ja" if len(kana) >= 3 and sum(kana.values()) * 10 >= len(han) else ""
    return "zh" if _holds_two_simplified(han) or _is_full_of_chinese(han) else ""


def _holds_two_simplified(han: str) -> bool:
    one = next(filter(_is_simplified, han), "")
    return bool(one) and any(map(_is_simplified, han.replace(one, "")))


def _is_full_of_chinese(han: str) -> bool:
    common = sum(map(_IN_CHINESE.__contains__, han))
    return common >= 3 and common * 25 >= len(han)


@cache
def _is_simplified(character: str) -> bool:
    return _is_in(character, "gb2312") and not _is_in(character, "euc_jp")


def _is_in(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


# --- by small words -------------------------------------------------------------------------------------------


def _by_words(text: str, script: str) -> str:
    words = [word.replace("’", "'") for word in _WORD.findall(text)]
    found = Counter(words)
    hits: Counter[str] = Counter()
    for word, times in found.items():
        for language in _languages(script).get(word, ()):
            hits[language] += times
    best, count = max(hits.items(), key=lambda item: item[1], default=("", 0))
    if count < _SHARE * len(words) or any(letter in text for letter in _NEVER.get(best, "")):
        return ""
    own = _small_words(script, best)
    if len(own & found.keys()) < _ENOUGH_WORDS:
        return ""
    return best if all(_leads(found, own, _small_words(script, each)) for each in hits if each != best) else ""


def _leads(found: Counter[str], own: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether the words that only one of two languages has speak for that one clearly."""
    mine = sum(times for word, times in found.items() if word in own and word not in other)
    theirs = sum(times for word, times in found.items() if word in other and word not in own)
    return mine >= _ONLY_ITS_OWN and mine >= _LEAD * theirs
