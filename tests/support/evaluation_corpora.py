"""Small corpora in several scripts, with hypotheses that are right, nearly right, wrong, empty and reordered."""

import random

REFERENCES = {
    "en": [
        "The old house stands by the river.",
        "She did not see the dog yesterday.",
        "In 2014, 3,500 people came!",
        "Yes.",
    ],
    "de": [
        "Das alte Haus steht am Fluss.",
        "Gestern hat sie den Hund nicht gesehen.",
        "Sie kaufte 2,5 kg Äpfel.",
        "„Ja“, sagte er.",
    ],
    "ru": ["Старый дом стоит у реки.", "Вчера она не видела собаку.", "Он прочитал три книги.", "Нет, спасибо."],
    "hi": ["पुराना घर नदी के पास है।", "उसने कल कुत्ते को नहीं देखा।", "लड़का तीन किताबें पढ़ता है।", "नमस्ते दुनिया!"],
    "zh": ["老房子在河边。", "她昨天没看见那只狗。", "他读了三本书 (2014年)。", "你好,世界!"],
    "tr": ["Eski ev nehrin yanında duruyor.", "Dün köpeği görmedi.", "İstanbul'da 3 kitap okudu.", "Evet."],
    "ar": ["البيت القديم بجانب النهر.", "لم تر الكلب أمس.", "قرأ ثلاثة كتب.", "نعم، شكرا."],
}


def corpus(language: str, sentences: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Return hypotheses and references; the hypotheses are damaged references."""
    draw = random.Random(f"{language}-{seed}")
    references = [" ".join(draw.choices(REFERENCES[language], k=draw.randint(1, 3))) for _ in range(sentences)]
    return [_damage(reference, draw) for reference in references], references


def _damage(text: str, draw: random.Random) -> str:
    units = text.split(" ") if " " in text and draw.random() < 0.7 else list(text)
    glue = " " if " " in text and units == text.split(" ") else ""
    kept = [unit for unit in units if draw.random() > 0.15]
    if draw.random() < 0.2:
        draw.shuffle(kept)
    return glue.join(kept) if draw.random() > 0.03 else ""
