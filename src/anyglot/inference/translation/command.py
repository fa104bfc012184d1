"""One run of `anyglot translate`: from its arguments to its exit code."""

import contextlib
import os
import stat
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from anyglot.errors import UserError
from anyglot.inference.generation.pieces import Candidate, TruncatedWarning
from anyglot.inference.generation.settings import SearchSettings
from anyglot.inference.translation.jobs import (
    WINDOW_LINES,
    Facts,
    FileJob,
    Journal,
    check_output,
    inspect_input,
    open_input,
)
from anyglot.inference.translation.prefixes import Prefixes
from anyglot.inference.translation.reporting import Report
from anyglot.inference.translation.streams import arriving_lines
from anyglot.inference.translation.translator import Translator
from anyglot.runtime.files import disk_errors, whole_file
from anyglot.runtime.locks import held
from anyglot.runtime.progress import say
from anyglot.runtime.signals import stoppable
from anyglot.text.languages import language
from anyglot.text.lines import check_length, read_line
from anyglot.text.trimmed_record import UnreadableWarning


@dataclass(frozen=True)
class Work:
    """What the user asked for.

    Attributes:
        input: None for the standard input.
        output: None for the standard output.
        prefix: What translations must begin with: a text, or a file of one a line.
        vocabulary: A file with the tokens that may be written; None: all.
        prompts: A folder of prompts to put in front of the model, an encoder; None: the model translates by itself.
        draft: A model that drafts the translations.
        draft_file: A file with a draft a line.
    """

    model: str
    source: str
    target: str
    settings: SearchSettings
    input: Path | None
    output: Path | None
    device: str | None
    precision: str
    resume: bool
    prefix: str | None = None
    vocabulary: str | None = None
    prompts: str | None = None
    draft: str | None = None
    draft_file: str | None = None


def run(work: Work) -> None:
    """Do the work.

    Raises:
        UserError: What the user can put right.
        Stopped: SIGINT or SIGTERM came; what was told is kept.
    """
    output = work.output
    with contextlib.suppress(BrokenPipeError), contextlib.ExitStack() as stack:  # who read it has seen enough
        stack.enter_context(stoppable(_kept(work)))
        if output is not None:
            stack.enter_context(held(output, file=True))
        _run(work)


def _kept(work: Work) -> str:
    """What is left of the work when a signal stops it."""
    if _is_file_job(work):
        return "what was done is kept, continue with --resume"
    if work.output is None:
        return "what was written stays, the rest of the input is not translated"
    return f"nothing of {work.output} was written, since only a file can be gone on with: begin again"


def _run(work: Work) -> None:
    source, target = work.source, work.target
    for code in (source, target):
        language(code)  # a code that nobody knows is refused before anything is loaded
    if work.output is not None:
        check_output(work.output, work.input)
    facts = None
    if work.input is not None and _is_regular(work.input):
        facts = inspect_input(work.input, work.settings.max_characters)
    if work.resume and not _is_file_job(work):
        raise UserError("only the translation of a file into a file can be resumed: give --input and --output.")
    prefixes = None if work.prefix is None else Prefixes.read(work.prefix)
    drafts = _read_drafts(work)
    for given in (prefixes, drafts):
        if given is not None and facts is not None:
            given.check_number(facts.lines)
    job = None
    if work.input is not None and work.output is not None and facts is not None:
        job = FileJob(work.input, work.output, facts)
        job.check(work.resume)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        journals = [job.journal_path] if job is not None and work.resume else []
        precision = precision_begun(work.precision, journals)
        translator = Translator.from_pretrained(
            work.model, work.device, precision, work.vocabulary, prompts=work.prompts
        )
        translator.check_languages(source, target)
        drafter = None if work.draft is None else Translator.from_pretrained(work.draft, work.device, precision)
        if drafter is not None:
            drafter.check_languages(source, target)
    _leave_to_the_report(UnreadableWarning, TruncatedWarning)
    for warning in caught:
        say(f"warning: {warning.message}")
    source, target = translator.framing.source(source), translator.framing.target(target)
    settings = translator.searching.settle(work.settings)
    if prefixes is not None:
        translator.check_prefixes(prefixes.all, target, settings)
    if job is not None:
        translate_file(translator, job, source, target, settings, prefixes, drafter or drafts, resume=work.resume)
        return
    with Report(translator.counts, None if facts is None else facts.lines) as report:
        _run_stream(work, _Windows(translator, source, target, prefixes, drafter or drafts, settings, report))


def _leave_to_the_report(*kinds: type[Warning]) -> None:
    """Warn of such lines no more: the report counts them."""
    for kind in kinds:
        warnings.simplefilter("ignore", kind)


def precision_begun(asked: str, journals: Iterable[Path]) -> str:
    """What a precision that is measured was when the work was begun, which goes on in it; else what is asked for.

    Raises:
        UserError: A journal is damaged.
    """
    if asked in ("auto", "fast"):
        for journal in filter(None, map(Journal.load, journals)):
            with contextlib.suppress(IndexError):  # a journal of something else is refused where the work is compared
                return Translator.precision_in(str(journal.work.get("model")))
    return asked


def translate_file(
    translator: Translator,
    job: FileJob,
    source: str,
    target: str,
    settings: SearchSettings,
    prefixes: Prefixes | None = None,
    drafts: Prefixes | Translator | None = None,
    *,
    resume: bool,
) -> None:
    """Translate a file, or what an earlier run left of it, and report.

    Args:
        source, target: As the translator's framing gives them back.
        settings: Settled.

    Raises:
        UserError: Unfinished work of another kind is in the way, or the disk is full.
    """
    done = job.prepare(resume, _identity(translator, settings, source, target, prefixes))
    if job.finished:
        say(f"{job.output} is finished: nothing is left to translate.")
        return
    with Report(translator.counts, job.facts.lines) as report:
        report.begin(done)
        job.run(_Windows(translator, source, target, prefixes, drafts, settings, report).translate)


def _identity(
    translator: Translator, settings: SearchSettings, source: str, target: str, prefixes: Prefixes | None
) -> Facts:
    """All that decides what the translations are, besides the input; drafts do not."""
    return {
        "model": translator.identity,
        "device": next(translator.model.parameters()).device.type,
        "source": source,
        "target": target,
        "prefix": None if prefixes is None else prefixes.fingerprint,
        **asdict(settings),
    }


def _read_drafts(work: Work) -> Prefixes | None:
    """The drafts of a file, if there is one.

    Raises:
        UserError: It cannot be read, there are drafts twice, or for a search that has no use for them.
    """
    if work.draft is None and work.draft_file is None:
        return None
    if work.settings.decoder != "speculative":
        raise UserError(
            "drafts are for --decoder speculative: give it too, or leave decoder.draft and decoder.draft_file out."
        )
    if work.draft is not None and work.draft_file is not None:
        raise UserError("decoder.draft and decoder.draft_file are two sources of drafts: give one of them.")
    return None if work.draft_file is None else Prefixes.drafts(work.draft_file)


def _is_file_job(work: Work) -> bool:
    return work.output is not None and work.input is not None and _is_regular(work.input)


def _is_regular(path: Path) -> bool:
    """Whether a path is a file that can be read twice. A missing one counts, so that opening it gives the message."""
    try:
        return not (stat.S_ISFIFO(path.stat().st_mode) or stat.S_ISCHR(path.stat().st_mode))
    except OSError:
        return True


class _Windows:
    """Translates windows of raw lines into the raw lines of the output."""

    def __init__(
        self,
        translator: Translator,
        source: str,
        target: str,
        prefixes: Prefixes | None,
        drafts: Prefixes | Translator | None,
        settings: SearchSettings,
        report: Report,
    ) -> None:
        self.translator = translator
        self.source = source
        self.target = target
        self.prefixes = prefixes
        self.drafts = drafts
        self.settings = settings
        self.report = report

    def translate(self, window: list[bytes], first: int) -> list[bytes]:
        """Translate lines; `first` is the number of the first one, from 1."""
        lines = [read_line(raw) for raw in window]
        self.report.damaged += sum(line.damaged for line in lines)
        ranked = self.translator.translate_n_best(
            [line.text for line in lines],
            source=self.source,
            target=self.target,
            prefixes=None if self.prefixes is None else self.prefixes.of_lines(first, len(lines)),
            settings=self.settings,
            draft=self.drafts.of_lines(first, len(lines)) if isinstance(self.drafts, Prefixes) else self.drafts,
            progress=lambda share, tokens: self.report.advance(share * len(lines)),
        )
        self.report.finish(len(lines))
        return [self._output(candidates, number) for number, candidates in enumerate(ranked, start=first)]

    def _output(self, candidates: list[Candidate], number: int) -> bytes:
        if self.settings.show_rounds:
            written = (f"{number} ||| {round} ||| {text}\n" for round, text in enumerate(candidates[0].rounds or ("",)))
            return "".join(written).encode()
        if self.settings.n_best == 1:
            return (candidates[0].text + "\n").encode()
        rows = (f"{number} ||| {candidate.text} ||| {candidate.score:.6f}\n" for candidate in candidates)
        return "".join(rows).encode()


def _run_stream(work: Work, windows: _Windows) -> None:
    """Translate what arrives. A file as output appears at the end, whole, or not at all."""
    with contextlib.ExitStack() as stack:
        source = sys.stdin if work.input is None else stack.enter_context(open_input(work.input))
        write = stack.enter_context(_writer(work.output))
        number = 1
        for window in arriving_lines(source.fileno(), WINDOW_LINES, work.settings.max_characters):
            good, refusal = _before_refusal(window, number, work.settings.max_characters)
            if good:
                write(b"".join(windows.translate(good, number)))
            if refusal is not None:
                raise refusal
            number += len(window)


def _before_refusal(window: list[bytes], first: int, max_characters: int) -> tuple[list[bytes], UserError | None]:
    """The lines before one that is too long, and the error for it."""
    for index, raw in enumerate(window):
        try:
            check_length(raw, first + index, max_characters)
        except UserError as error:
            return window[:index], error
    return window, None


@contextlib.contextmanager
def _writer(output: Path | None) -> Iterator[Callable[[bytes], None]]:
    """A function that writes bytes so that they have left this process when it returns."""
    if output is None:
        descriptor = sys.stdout.fileno()
        with disk_errors("standard output"):
            yield lambda content: _write_all(descriptor, content)
        return
    with whole_file(output) as stream:
        yield lambda content: _write_through(stream, content)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _write_through(stream: BinaryIO, content: bytes) -> None:
    stream.write(content)
    stream.flush()
