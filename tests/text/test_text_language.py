"""In which language is it? Said where it is sure, not said where it is not."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import parse
from aggregator.markup import text_of, title_text
from aggregator.normalise import normalise
from aggregator.normalise.language import language_of
from aggregator.records import ParsedFeed, RawEntry, Source

NOW = datetime(2031, 5, 1, tzinfo=UTC)
SENTENCES = {
    "en": [
        "The council met on Tuesday and agreed that the bridge would be built.",
        "Why we should care about what is happening in the Arctic",
        "New law will make it easier for tenants to keep their homes",
    ],
    "de": [
        "Der Bundestag hat am Donnerstag ein neues Gesetz zur Rente verabschiedet.",
        "Warum die Preise für Strom nicht sinken",
        "Nach dem Sturm sind noch immer Tausende Haushalte ohne Strom",
    ],
    "fr": [
        "Le gouvernement a présenté mardi son projet de loi sur les retraites.",
        "Pourquoi les prix de l'électricité ne baissent pas",
        "À Paris, la Seine est de nouveau ouverte aux baigneurs après des années de travaux",
    ],
    "es": [
        "El gobierno presentó el martes su proyecto de ley sobre las pensiones.",
        "Por qué no bajan los precios de la luz",
    ],
    "it": [
        "Il governo ha presentato martedì il suo disegno di legge sulle pensioni.",
        "Perché i prezzi della luce non scendono",
        "Dopo la tempesta migliaia di case sono ancora senza corrente",
    ],
    "pt": [
        "O governo apresentou na terça-feira o seu projeto de lei sobre as pensões.",
        "Por que os preços da luz não caem",
        "Milhares de casas ainda estão sem luz depois da tempestade no norte do país",
    ],
    "nl": [
        "De regering heeft dinsdag een wetsvoorstel over de pensioenen ingediend.",
    ],
    "sv": [
        "Regeringen lade på tisdagen fram ett förslag om pensionerna som ska gälla från nästa år.",
        "Tusentals hushåll är fortfarande utan ström efter stormen",
    ],
    "da": [
        ("Regeringen fremlagde tirsdag et forslag om pensioner, som skal gælde fra næste år, og det blev "
         "straks kritiseret af oppositionen."),
        "Efter stormen er tusindvis af husstande stadig uden strøm, siger de lokale myndigheder nu.",
    ],
    "nb": [
        ("Regjeringen la tirsdag fram et forslag om pensjoner som skal gjelde fra neste år, og det ble straks "
         "kritisert av opposisjonen."),
        "Etter stormen er tusenvis av husstander fortsatt uten strøm, sier de lokale myndighetene nå.",
    ],
    "fi": [
        ("Hallitus esitti tiistaina eläkkeitä koskevan lain, joka tulee voimaan ensi vuonna, mutta oppositio "
         "ei ole siihen tyytyväinen."),
        "Sähkön hinta ei laske, koska talvi on ollut kylmä ja se on nyt kaikkien ongelma",
    ],
    "pl": [
        "Rząd przedstawił we wtorek projekt ustawy o emeryturach, który ma wejść w życie od przyszłego roku.",
        "Po burzy tysiące domów jest nadal bez prądu, a w niektórych nie ma też wody",
    ],
    "cs": [
        "Po bouři jsou tisíce domácností stále bez proudu a není jasné, kdy se to změní",
    ],
    "sk": [
        "Po búrke sú tisíce domácností stále bez prúdu a nie je jasné, kedy sa to zmení",
    ],
    "hu": [
        "A vihar után még mindig több ezer háztartás van áram nélkül, és nem tudni, meddig",
    ],
    "ro": [
        "Guvernul a prezentat marți un proiect de lege privind pensiile care va intra în vigoare de la anul.",
        "După furtună mii de locuințe sunt în continuare fără curent și nu se știe până când",
    ],
    "tr": [
        "Hükümet salı günü emeklilikle ilgili yeni bir yasa tasarısını sundu ve bu tasarı çok tartışıldı.",
        "Fırtınadan sonra binlerce ev hâlâ elektriksiz, ancak bunun ne kadar süreceği belli değil",
    ],
    "id": [
        "Pemerintah mengajukan rancangan undang-undang tentang pensiun yang akan berlaku pada tahun depan.",
        "Ribuan rumah masih belum mendapat listrik setelah badai dan tidak ada yang tahu sampai kapan",
    ],
    "vi": [
        "Chính phủ đã trình dự luật về lương hưu vào thứ Ba và luật này sẽ có hiệu lực từ năm sau.",
        "Hàng nghìn ngôi nhà vẫn không có điện sau cơn bão",
    ],
    "ca": [
        ("El govern va presentar dimarts el seu projecte de llei sobre les pensions, que s'aplicarà a partir "
         "de l'any que ve."),
        "Milers de cases encara són sense llum després de la tempesta i no se sap fins quan",
    ],
    "et": [
        ("Valitsus esitas teisipäeval pensioniseaduse eelnõu, mis hakkab kehtima juba järgmisel aastal, kuid "
         "see ei meeldi kõigile."),
        "Pärast tormi on tuhanded kodud veel vooluta ja keegi ei tea, kui kaua see kestab",
    ],
    "lv": [
        ("Valdība otrdien iesniedza likumprojektu par pensijām, kas stāsies spēkā nākamgad, bet tas nav "
         "patīkams visiem."),
        "Pēc vētras tūkstošiem māju vēl ir bez strāvas un nav zināms, kad tā būs",
    ],
    "lt": [
        ("Vyriausybė antradienį pateikė pensijų įstatymo projektą, kuris įsigalios kitais metais, bet tai dar "
         "ne viskas."),
        "Po audros tūkstančiai namų vis dar yra be elektros ir nežinia, kada ji bus",
    ],
    "ru": [
        "Правительство во вторник представило законопроект о пенсиях, который вступит в силу в следующем году.",
    ],
    "uk": [
        "Уряд у вівторок подав законопроєкт про пенсії, який набуде чинності з наступного року.",
        "Після бурі тисячі будинків досі без світла, і невідомо, коли це зміниться",
    ],
    "bg": [
        "Правителството внесе във вторник законопроект за пенсиите, който ще влезе в сила от следващата година.",
        "След бурята хиляди домове са все още без ток и не е ясно кога ще се промени това",
    ],
    "sr": [
        "Влада је у уторак поднела предлог закона о пензијама који ће ступити на снагу од следеће године.",
        "После олује хиљаде домова су и даље без струје и није јасно када ће се то променити",
    ],
    "be": [
        "Пасля буры тысячы дамоў ужо суткі без святла, і ніхто не ведае, калі гэта зменіцца",
    ],
    "ar": [
        "لا يزال آلاف المنازل من دون كهرباء بعد العاصفة ولم يعرف حتى الآن إلى متى",
    ],
    "fa": [
        "دولت روز سه\u200cشنبه لایحه بازنشستگی را به مجلس داد که از سال آینده اجرا می شود",
        "هزاران خانه پس از طوفان هنوز برق ندارند و این وضع تا چند روز دیگر ادامه دارد",
    ],
    "ur": [
        "حکومت نے منگل کو پنشن کا بل پیش کیا جو اگلے سال سے نافذ ہو گا اور اس پر بحث جاری ہے",
        "طوفان کے بعد ہزاروں گھروں میں اب بھی بجلی نہیں ہے",
    ],
    "hi": [
        "सरकार ने मंगलवार को पेंशन पर एक विधेयक पेश किया जो अगले साल से लागू होगा",
        "तूफान के बाद हजारों घरों में अब भी बिजली नहीं है और यह कब आएगी पता नहीं",
    ],
    "bn": [
        "সরকার মঙ্গলবার পেনশন নিয়ে একটি বিল পেশ করেছে এবং এই আইন আগামী বছর থেকে কার্যকর করা হবে বলে তিনি বলেন",
    ],
    "zh": [
        "央行开展２０００亿元逆回购操作 中标利率２.２０％",
        "重庆日报：今年的粮食又丰收了",
        "台股收漲，這是今年的最高點，但是我們不知道還能走多遠",
        "港股嘅升市，但係我哋都唔知，佢哋話冇人估到嘅係呢個",
    ],
    "ja": [
        "日経平均、終値は３万円を超えた",
        "東京の天気は晴れでしょう",
        "首相が衆院解散を表明したことについて",
    ],
    "ko": [
        "코스피 상승 마감",
        "정부는 화요일 연금 법안을 제출했다",
    ],
    "th": [
        "รัฐบาลเสนอร่างกฎหมายบำนาญเมื่อวันอังคาร",
    ],
    "el": [
        "Η κυβέρνηση κατέθεσε την Τρίτη το νομοσχέδιο για τις συντάξεις",
    ],
    "he": [
        "הממשלה הגישה ביום שלישי הצעת חוק",
    ],
    "ka": [
        "მთავრობამ სამშაბათს წარადგინა კანონპროექტი",
    ],
    "hy": [
        "Կառավարությունը երեքշաբթի ներկայացրեց օրինագիծը",
    ],
    "ta": [
        "அரசு செவ்வாய்க்கிழமை மசோதாவை தாக்கல் செய்தது",
    ],
}
SURE_OF_NOTHING = [
    "東京株式市場",
    "日本銀行総裁会見",
    "Bitcoin ETF",
    "iPhone 17 Pro Max",
    "Live: Wimbledon",
    "El Niño",
    "OK",
    "Le Monde",
    "Die Zeit",
    "La Nación",
    "Tesla Model Y",
    "C++ STL",
    "v1.2.3",
    "GPT-5",
    "Apple Inc. (AAPL)",
    "La La Land",
    "Breaking: Tesla",
    "De La Soul",
    "Курс рубля",
    "NATO",
    "12345",
    "😀😀😀😀",
    "Taylor Swift: The Eras Tour",
    "Mad Max: Fury Road",
    "Real Madrid 3 - 1 FC Bayern",
    "Les Misérables",
    "Das Boot",
    "Der Spiegel",
    "Vogue Italia",
    "python-dateutil 2.9.0",
    "foo(bar, baz)",
    "Red Hot Chili Peppers",
    "新華社",
    "山田太郎",
    "大阪市立大学",
    "Ping Pong の",
    "한국",
    "日経",
    "北京 2008",
    "München - Berlin",
    "Los Angeles",
    "Rio de Janeiro",
    "Côte d'Ivoire",
    "São Paulo",
    "a b c d e f g",
    "x = y + 1; z = x",
    "SELECT * FROM a WHERE b",
    "1. FC Köln - 1. FC Union Berlin 2:1",
    "E = mc2",
    "Kraftwerk – Die Mensch-Maschine (1978)",
    "Amélie de Montchalin, Jean-Luc Mélenchon",
    "Die Antwoord",
    "The The",
    "Sur la table",
]
UNCERTAIN = [
    "Därför sjunker inte elpriset",
    "Vláda v úterý předložila návrh zákona o důchodech",
    "Regjeringen la fram et forslag",
    "東京都、新型車両を公開",
]
CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
WRONGLY_LABELLED = {"euc-kr-cp949-bytes.xml": "ko"}  # it says zh-CN


@pytest.mark.parametrize(
    ("language", "sentence"), [(language, each) for language, sentences in SENTENCES.items() for each in sentences]
)
def test_a_sentence_is_known_by_its_script_or_its_small_words(language: str, sentence: str) -> None:
    assert language_of(sentence) == language


def test_there_are_sentences_of_forty_languages() -> None:
    assert len(SENTENCES) >= 40
    assert all(SENTENCES.values())


@pytest.mark.parametrize("title", [*SURE_OF_NOTHING, *UNCERTAIN])
def test_names_numbers_code_and_words_of_several_languages_are_of_none(title: str) -> None:
    assert language_of(title) == ""


def test_a_text_is_in_the_language_of_most_of_it() -> None:
    german = " ".join(SENTENCES["de"])
    assert language_of(f"Die Zeit — “The Rise and Fall of the Roman Empire”\n{german} {german}") == "de"
    assert language_of("Visual Studio Code 更新：这次的版本没有新功能，但是修复了几个问题，我们都说不错") == "zh"


def test_what_the_document_or_the_source_says_counts_before_what_the_text_looks_like() -> None:
    text = SENTENCES["en"][0]

    def language(said: str = "", feed: str = "", source: str | None = None) -> str:
        raw = RawEntry(title="t", content=f"<p>{text}</p>", language=said)
        asked = Source(name="s", url="https://e.org/", language=source)
        found = normalise(raw, source=asked, feed=ParsedFeed("rss20", language=feed), url="https://e.org/", now=NOW)
        assert found is not None
        return found.language

    assert language() == "en"
    assert language("fr") == "fr"
    assert language(feed="de-at") == "de-AT"
    assert language(source="zh-CN") == "zh-CN"
    assert language(feed="not a language!") == "en"


def test_a_long_text_costs_less_than_a_millisecond() -> None:
    texts = [" ".join(sentences) * 50 for sentences in SENTENCES.values()]
    language_of(texts[0])
    begun = time.process_time()
    for text in texts:
        language_of(text)
    assert (time.process_time() - begun) / len(texts) < 0.003  # a slow machine included


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the repository")
def test_no_entry_of_the_corpus_is_taken_for_another_language_than_it_says() -> None:
    same, silent, others = 0, 0, set()
    for path in sorted(path for path in CORPUS.glob("[!h]*/**/*") if path.is_file()):
        feed = parse.read(path.read_bytes(), url="http://example.org/feed")
        for each in feed.entries[:20] if isinstance(feed, ParsedFeed) else ():
            said = (each.language or feed.language).lower()[:2]
            text = f"{title_text(each.title[:2000], each.title_type)}\n{text_of((each.content or each.summary)[:6000])}"
            found = language_of(text)
            same += bool(said) and found == said
            silent += bool(said) and not found
            if said and found and found != said:
                others.add((path.name, found))
    print(f"of entries that say their language: {same} the same, {silent} not told, {len(others)} documents differ")
    assert others == set(WRONGLY_LABELLED.items())
    assert same > silent


@given(st.text())
def test_no_text_makes_it_raise_and_its_answer_is_a_subtag(text: str) -> None:
    found = language_of(text)
    assert found == "" or (found.isascii() and found.islower() and 2 <= len(found) <= 3)
