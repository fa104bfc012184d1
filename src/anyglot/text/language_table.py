"""Facts about language codes that no library answers the way checkpoints spell them."""

# Codes of single languages that stand for what everybody calls the macrolanguage, and old codes.
SYNONYMS: dict[str, str] = {
    "als": "sq",
    "arb": "ar",
    "ayr": "ay",
    "azj": "az",
    "cmn": "zh",
    "ekk": "et",
    "fil": "tl",
    "gaz": "om",
    "khk": "mn",
    "kmr": "ku",
    "lvs": "lv",
    "nb": "no",
    "npi": "ne",
    "ory": "or",
    "pbt": "ps",
    "pes": "fa",
    "plt": "mg",
    "quy": "qu",
    "swh": "sw",
    "uzn": "uz",
    "ydd": "yi",
    "zsm": "ms",
}

# Spellings that stand for a language and that no standard knows: M2M-100's Northern Sotho.
OWN_SPELLINGS: dict[str, str] = {"ns": "nso"}

# Languages that a standard folds into another's country: BCP-47 takes Dari for the Persian of Afghanistan, while
# FLORES and NLLB have both. (language, country) -> (code and ISO 639-3, name, script).
OF_A_COUNTRY: dict[tuple[str, str], tuple[str, str, str]] = {("fa", "AF"): ("prs", "Dari", "Arab")}

# The language whose token serves where a tokenizer has none for this one.
WIDER: dict[str, str] = {"prs": "fa"}

# Usual scripts that CLDR does not know, or tells otherwise than FLORES, whose only one it is.
USUAL_SCRIPTS: dict[str, str] = {"azb": "Arab", "crh": "Latn", "tzm": "Tfng"}

# Scripts that are parts or styles of another one: a language written in them is written in that.
SCRIPT_STYLES: dict[str, str] = {
    "Aran": "Arab",
    "Cyrs": "Cyrl",
    "Hang": "Kore",
    "Hira": "Jpan",
    "Hrkt": "Jpan",
    "Jamo": "Kore",
    "Kana": "Jpan",
    "Latf": "Latn",
    "Latg": "Latn",
    "Syre": "Syrc",
    "Syrj": "Syrc",
    "Syrn": "Syrc",
}

# Where FLORES names another script than ISO 15924's for the language.
FLORES_SCRIPTS: dict[str, str] = {"Kore": "Hang"}

# Where FLORES names another ISO 639-3 code than the plain translation of the two-letter one.
FLORES_ISO3: dict[str, str] = {
    "ar": "arb",
    "ay": "ayr",
    "az": "azj",
    "fa": "pes",
    "ku": "kmr",
    "lv": "lvs",
    "mg": "plt",
    "mn": "khk",
    "ms": "zsm",
    "ne": "npi",
    "no": "nob",
    "om": "gaz",
    "or": "ory",
    "ps": "pbt",
    "qu": "quy",
    "sq": "als",
    "sw": "swh",
    "tl": "tgl",
    "uz": "uzn",
    "yi": "ydd",
}

# The 52 language tokens of mBART-50; XX marks languages without one country.
_MBART_CODES = (
    "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT lv_LV my_MM ne_NP nl_XX "
    "ro_RO ru_RU si_LK tr_TR vi_VN zh_CN af_ZA az_AZ bn_IN fa_IR he_IL hr_HR id_ID ka_GE km_KH mk_MK ml_IN mn_MN mr_IN "
    "pl_PL ps_AF pt_XX sv_SE sw_KE ta_IN te_IN th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI"
)
MBART_CODES: tuple[str, ...] = tuple(_MBART_CODES.split())

# The languages XLM-R was pretrained on (Conneau et al. 2020, table 6), without the romanised duplicates.
_XLMR_CODES = (
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu hy id is it "
    "ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt ro ru sa sd si sk sl so sq "
    "sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh zh-Hant"
)
XLMR_CODES: tuple[str, ...] = tuple(_XLMR_CODES.split())

# Further languages of FLORES-200, NLLB and M2M-100 that `anyglot list languages` shows.
_FURTHER_CODES = (
    "ace ak ast awa ay ba ban bem bho bjn bm bo bug ceb ckb crh cv dz ee fj fo fon fur gn gom ht ig ilo ka kab kam kea "
    "kg ki kmb lb lg li lij lmo ln ltg lua luo lus mag mai mi min mni mos mt nn nso nus ny oc pag pap prs qu rn rw sat "
    "sc scn sg shn sm sn ss st szl taq tg ti tk tn tpi ts tt tum tw tzm umb vec war wo yo yue zu"
)
FURTHER_CODES: tuple[str, ...] = tuple(_FURTHER_CODES.split())
