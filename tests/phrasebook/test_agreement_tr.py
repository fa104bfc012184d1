"""Turkish: suffixes by harmony, objects, possessive relations and negation, on the words against the meaning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyglot.phrasebook import Clause, Meaning, Place, realise
from anyglot.phrasebook.grammar.turkish_suffixes import Case, conjugate, decline, was
from anyglot.phrasebook.languages import load_grammar
from anyglot.phrasebook.sampler import sample_meanings
from phrasebook.examples import ANNA, PETER, a, act, counted, the

CASES: tuple[Case, ...] = ("accusative", "dative", "locative", "ablative", "genitive")


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    return list(sample_meanings("agreement", "train", 3000))


def _said(clause: Clause) -> str:
    return realise(Meaning(clause), "tr").text


@pytest.mark.parametrize(
    ("lemma", "features", "forms"),
    [
        ("ev", {}, "evi eve evde evden evin"),
        ("masa", {}, "masayı masaya masada masadan masanın"),
        ("kitap", {}, "kitabı kitaba kitapta kitaptan kitabın"),
        ("sokak", {}, "sokağı sokağa sokakta sokaktan sokağın"),
        ("süt", {}, "sütü süte sütte sütten sütün"),
        ("su", {"soft": "suy"}, "suyu suya suda sudan suyun"),
        ("şehir", {"soft": "şehr"}, "şehri şehre şehirde şehirden şehrin"),
        ("saat", {"harmony": "front"}, "saati saate saatte saatten saatin"),
        (
            "buzdolabı",
            {"compound": "yes"},
            "buzdolabını buzdolabına buzdolabında buzdolabından buzdolabının",
        ),
    ],
)
def test_declension(lemma: str, features: dict[str, str], forms: str) -> None:
    singular, _ = decline(lemma, features, proper=False)
    assert " ".join(singular[case] for case in CASES) == forms


@pytest.mark.parametrize(
    ("lemma", "features", "forms"),
    [
        ("Paris", {}, "Paris'i Paris'e Paris'te Paris'ten Paris'in"),
        ("İsveç", {}, "İsveç'i İsveç'e İsveç'te İsveç'ten İsveç'in"),
        ("BMW", {"say": "bemeve"}, "BMW'yi BMW'ye BMW'de BMW'den BMW'nin"),
        ("Google", {"say": "gugıl"}, "Google'ı Google'a Google'da Google'dan Google'ın"),
    ],
)
def test_names_keep_their_spelling_before_the_apostrophe(lemma: str, features: dict[str, str], forms: str) -> None:
    singular, _ = decline(lemma, features, proper=True)
    assert " ".join(singular[case] for case in CASES) == forms


@pytest.mark.parametrize(
    ("lemma", "features", "progressive", "aorist", "past"),
    [
        ("beklemek", {}, "bekliyor", "bekler", "bekledi"),
        ("oynamak", {}, "oynuyor", "oynar", "oynadı"),
        ("yemek", {}, "yiyor", "yer", "yedi"),
        ("içmek", {}, "içiyor", "içer", "içti"),
        ("kullanmak", {}, "kullanıyor", "kullanır", "kullandı"),
        ("görmek", {"aorist": "high"}, "görüyor", "görür", "gördü"),
        ("yardım etmek", {}, "yardım ediyor", "yardım eder", "yardım etti"),
        ("kapatmak", {}, "kapatıyor", "kapatır", "kapattı"),
    ],
)
def test_conjugation(lemma: str, features: dict[str, str], progressive: str, aorist: str, past: str) -> None:
    forms = conjugate(lemma, features)
    assert (forms.progressive[0], forms.aorist[0], forms.past[0]) == (progressive, aorist, past)


def test_the_past_of_predicates() -> None:
    said = {"eski": "eskiydi", "yorgun": "yorgundu", "aç": "açtı", "tatlı": "tatlıydı", "Paris'te": "Paris'teydi"}
    assert {word: was(word) for word in said} == said


def test_suffixes_are_in_harmony() -> None:
    """No back vowel after a front one, from the stem's last vowel on, in any form of any common noun."""
    grammar = load_grammar("tr")
    checked = 0
    for entry in grammar.lexicon.entries("noun"):
        if entry.get("harmony") or entry.get("compound") or "product" in entry.traits:
            continue
        singular, plural = decline(entry.lemma, entry.features, proper=False)
        stem = next(letter for letter in reversed(entry.lemma) if letter in "aıoueiöüâ")
        for forms in (singular, plural):
            for case in ("dative", "locative", "ablative"):
                vowels = [letter for letter in forms[case] if letter in "aıoueiöüâ"]
                assert (vowels[-1] == "a") == (stem in "aıouâ"), forms[case]
                checked += 1
    assert checked > 1000


def test_objects() -> None:
    buying = act("transitive", ANNA, "buy", "completed", patient=the("apple"))
    said = {
        "Anna elmayı satın aldı.": buying,
        "Anna elmaları satın aldı.": replace(buying, patient=the("apple", plural=True)),
        "Anna bir elma satın aldı.": replace(buying, patient=a("apple")),
        "Anna elma satın aldı.": replace(buying, patient=a("apple", plural=True)),
        "Anna kırmızı elmalar satın aldı.": replace(buying, patient=a("apple", plural=True, prop="red")),
        "Anna kırmızı bir elma satın aldı.": replace(buying, patient=a("apple", prop="red")),
        "Anna 3 elma satın aldı.": replace(buying, patient=counted(3, "apple")),
        "Anna elma satın almadı.": replace(buying, patient=a("apple"), negated=True),
        "Anna bir doktora telefon etti.": act("transitive", ANNA, "call", "completed", patient=a("doctor")),
        "Anna Peter'i seviyor.": act("transitive", ANNA, "love", "state", patient=PETER),
        "Anna ellerini yıkadı.": act("transitive", ANNA, "wash", "completed", patient=the("hand", plural=True)),
    }
    assert {_said(clause): clause for clause in said.values()} == said


def test_accusative_is_for_what_is_definite(meanings: list[Meaning]) -> None:
    grammar = load_grammar("tr")
    checked = 0
    for meaning in meanings:
        for clause in meaning.clauses():
            if clause.patient is None or grammar.lexicon[clause.verb or ""].get("object"):
                continue
            checked += 1
            case = "accusative" if clause.patient.definite else "nominative"
            words = grammar.noun_phrase(clause.patient, case, clause)  # type: ignore[attr-defined]
            assert words[-1].text in realise(meaning, "tr").tokens
    assert checked > 500


def test_what_is_known_precedes_the_recipient() -> None:
    giving = act("ditransitive", ANNA, "give", "completed", recipient=the("child"), patient=the("book"))
    assert _said(giving) == "Anna kitabı çocuğa verdi."
    assert _said(replace(giving, patient=a("book"))) == "Anna çocuğa bir kitap verdi."
    hiding = act("transitive", ANNA, "hide", "completed", patient=the("key"), place=Place("under", the("bed")))
    assert _said(hiding) == "Anna anahtarı yatağın altına sakladı."


def test_who_is_at_the_water_is_on_its_bank() -> None:
    assert _said(Clause("location", ANNA, place=Place("at", the("river")))) == "Anna nehrin kenarında."
    assert _said(Clause("location", the("boat"), place=Place("at", the("river")))) == "Tekne nehirde."


def test_predicates_are_negated_by_degil(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        negated = sum(clause.negated and clause.verb is None for clause in meaning.clauses())
        words = realise(meaning, "tr").tokens
        assert words.count("değil") + words.count("değildi") == negated


def test_the_verb_is_last_and_singular(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        last = meaning.clauses()[-1]
        sentence = realise(meaning, "tr")
        if last.verb is not None:
            assert sentence.upos[-2] == "VERB"
            assert not sentence.tokens[-2].endswith(("lar", "ler")) or sentence.tokens[-2].endswith("r")
            assert sentence.tokens[-2].endswith(("yor", "du", "dı", "di", "dü", "tu", "tı", "ti", "tü", "r", "z"))


def test_numerals_take_the_singular(meanings: list[Meaning]) -> None:
    for meaning in meanings:
        sentence = realise(meaning, "tr")
        for clause in meaning.clauses():
            for entity in clause.entities():
                if entity.count is not None:
                    after = sentence.tokens[sentence.tokens.index(str(entity.count)) :]
                    assert not any(word.endswith(("lar", "ler")) for word in after[1:2]), sentence.text


def test_habits_have_the_aorist() -> None:
    drinking = act("transitive", the("cat"), "drink", "habitual", patient=a("milk"))
    assert _said(drinking) == "Kedi süt içer."
    assert _said(replace(drinking, aspect="ongoing")) == "Kedi süt içiyor."
    working = act("intransitive", ANNA, "work", "habitual")
    assert _said(working) == "Anna çalışıyor."
    assert _said(replace(working, time="every_day")) == "Anna her gün çalışır."


def test_the_capital_of_i() -> None:
    cow = Clause("property", the("cow"), property="healthy")
    assert _said(cow) == "İnek sağlıklı."
