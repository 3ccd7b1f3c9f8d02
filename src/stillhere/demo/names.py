"""What people in the demo are called, where they live and what others note about them.

Plain data, one `Script` for each way of writing; ` | ` stands between the values of a field.
Texts are NFC. Nobody here is real; the telephone numbers are random digits.
"""

from typing import NamedTuple


class Script(NamedTuple):
    """Names and habits of people who write in one script."""

    tag: str
    share: int
    """How many of a hundred contacts are written so."""
    given: tuple[str, ...]
    family: tuple[str, ...]
    family_first: bool
    joint: str
    """What stands between the two names in a formatted name."""
    prefix: str
    """Country code of their telephones."""
    streets: tuple[str, ...]
    places: tuple[tuple[str, str], ...]
    """City and country."""
    notes: tuple[str, ...]


def _script(
    tag: str,
    *,
    share: int,
    prefix: str,
    given: str,
    family: str,
    streets: str,
    places: str,
    notes: str,
    family_first: bool = False,
    joint: str = " ",
) -> Script:
    towns = [place.split(", ") for place in places.split(" | ")]
    return Script(
        tag,
        share,
        tuple(given.split(" | ")),
        tuple(family.split(" | ")),
        family_first,
        joint,
        prefix,
        tuple(streets.split(" | ")),
        tuple((city, country) for city, country in towns),
        tuple(notes.split(" | ")),
    )


SCRIPTS = (
    _script(
        "latin",
        share=40,
        prefix="+49",
        given=(
            "Anna | José | Zoë | Łukasz | Søren | Siobhán | Björn | Inês | Đorđe | "
            "Nguyệt | Chloé | Mehmet | Eszter | Ngozi | Jan | María José | Ólöf | "
            "Kwame"
        ),
        family=(
            "Müller | O’Connor | García Márquez | Nowak | Dvořák | Åkesson | "
            "d’Alembert | Çelik | Nguyễn | Szűcs | Jónsdóttir | Smith | "
            "van den Berg | Okafor | Silva | Ionașcu"
        ),
        streets=(
            "Hauptstraße | Rue de l’Église | Calle Mayor | High Street | Østergade | Váci utca"
        ),
        places=(
            "Köln, Deutschland | Besançon, France | A Coruña, España | "
            "Kraków, Polska | İzmir, Türkiye | Cork, Ireland"
        ),
        notes=(
            "Met at the conference\\, calls back on Fridays | "
            "Neighbour\\; has our spare key | Allergic to nuts | "
            "Plays the cello — asks for the score"
        ),
    ),
    _script(
        "cyrillic",
        share=11,
        prefix="+380",
        given="Анна | Дмитро | Ольга | Сергей | Јелена | Владимир | Мілана | Христо | Айгүл",
        family="Иванова | Шевченко | Ђорђевић | Кузнецов | Петрова | Їжакевич | Христов | Әлиев",
        streets="вул. Хрещатик | ул. Ленина | Кнез Михаилова | бул. Витоша",
        places="Київ, Україна | Алматы, Қазақстан | Београд, Србија | София, България",
        notes="Звонить после шести | Подруга зі школи | Мајстор за клавир",
    ),
    _script(
        "greek",
        share=5,
        prefix="+30",
        given="Ελένη | Γιώργος | Μαρία | Νίκος | Αικατερίνη | Σταύρος",
        family="Παπαδοπούλου | Νικολάου | Βασιλείου | Οικονόμου | Ξένος",
        streets="Οδός Ερμού | Πλατεία Συντάγματος",
        places="Αθήνα, Ελλάδα | Θεσσαλονίκη, Ελλάδα",
        notes="Γιατρός της γιαγιάς | Μόνο το πρωί",
    ),
    _script(
        "arabic",
        share=8,
        prefix="+20",
        given="فاطمة | محمد | ليلى | يوسف | مريم | شیرین | احمد",
        family="الهاشمي | حداد | ابن رشد | خوري | المصري | رضایی",
        streets="شارع النيل | شارع الحمرا | خیابان ولیعصر",
        places="القاهرة, مصر | بيروت, لبنان | تهران, ایران",
        notes="يتصل بعد المغرب | زميلة في العمل",
    ),
    _script(
        "hebrew",
        share=4,
        prefix="+972",
        given="נועה | דוד | תמר | יונתן | שירה",
        family="כהן | לוי | בן־דוד | מזרחי | פרידמן",
        streets="רחוב הרצל | שדרות רוטשילד",
        places="תל אביב, ישראל | חיפה, ישראל",
        notes="השכנה מלמעלה | להתקשר בערב",
    ),
    _script(
        "han",
        share=10,
        prefix="+86",
        given="伟 | 芳 | 秀英 | 小龙 | 婷婷 | 志豪 | 雅婷 | 俊傑",
        family="王 | 李 | 张 | 劉 | 歐陽 | 陈 | 𠮷田",
        streets="长安街 | 南京路 | 忠孝東路",
        places="北京, 中国 | 上海, 中国 | 台北, 台灣",
        notes="大学同学 | 下周回电话",
        family_first=True,
        joint="",
    ),
    _script(
        "kana",
        share=6,
        prefix="+81",
        given="さくら | ハナコ | 太郎 | ゆき | けんじ | アヤ",
        family="さとう | タカハシ | 山本 | 渡邊 | なかむら",
        streets="さくら通り | 本町",
        places="とうきょう, 日本 | 大阪, 日本",
        notes="ピアノの先生 | おばあちゃんの隣",
        family_first=True,
    ),
    _script(
        "hangul",
        share=4,
        prefix="+82",
        given="민준 | 서연 | 지우 | 하은 | 도윤",
        family="김 | 이 | 박 | 최 | 남궁",
        streets="세종대로 | 강남대로",
        places="서울, 대한민국 | 부산, 대한민국",
        notes="학교 친구 | 저녁에 전화",
        family_first=True,
        joint="",
    ),
    _script(
        "devanagari",
        share=5,
        prefix="+91",
        given="आरव | प्रिया | अनन्या | विकास | लक्ष्मी",
        family="शर्मा | पटेल | सिंह | गुप्ता | कुलकर्णी",
        streets="महात्मा गांधी मार्ग | स्टेशन रोड",
        places="मुंबई, भारत | काठमाडौं, नेपाल",
        notes="दादी की डॉक्टर | शाम को फ़ोन करना",
    ),
    _script(
        "thai",
        share=3,
        prefix="+66",
        given="สมชาย | มาลี | กนกวรรณ | ณัฐพล",
        family="ใจดี | ศรีสุข | วงศ์สวัสดิ์",
        streets="ถนนสุขุมวิท | ถนนพระราม ๔",
        places="กรุงเทพฯ, ไทย | เชียงใหม่, ไทย",
        notes="เพื่อนบ้าน | โทรหลังเลิกงาน",
    ),
    _script(
        "armenian",
        share=2,
        prefix="+374",
        given="Անահիտ | Արամ | Նարե",
        family="Պետրոսյան | Հակոբյան",
        streets="Աբովյան փողոց",
        places="Երևան, Հայաստան",
        notes="Դպրոցից",
    ),
    _script(
        "georgian",
        share=1,
        prefix="+995",
        given="ნინო | გიორგი | თამარ",
        family="ბერიძე | კაპანაძე",
        streets="რუსთაველის გამზირი",
        places="თბილისი, საქართველო",
        notes="მეზობელი",
    ),
    _script(
        "tamil",
        share=1,
        prefix="+94",
        given="கவிதா | முருகன் | மீனா",
        family="இராமசாமி | சுப்பிரமணியன்",
        streets="காந்தி வீதி",
        places="யாழ்ப்பாணம், இலங்கை",
        notes="பள்ளித் தோழி",
    ),
)
