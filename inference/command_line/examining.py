"""`locate`, `examine` and `compare` print findings; `enrol` makes the collection beside which others are examined."""

from __future__ import annotations

from inference.collections.collection import name_of
from inference.collections.enrolling import Enrolment, KnownPhoto
from inference.command_line.benches import bench_for, means_of
from inference.command_line.choices import crops, grounds, of_each
from inference.command_line.options import CompareOptions, EnrolOptions, ExamineOptions, LocateOptions
from inference.command_line.pictures import write_comparison, write_examined
from inference.command_line.terminal import told_on_terminal
from inference.command_line.text import collection_text, comparison_text, detection_text, examined_text, json_text
from inference.intake.grounds import read_laid_on
from inference.records import Refusal


def locate(options: LocateOptions) -> None:
    """Print the detections on a photo, best first."""
    (ground,) = grounds(options.ground, 1)
    exhibit = read_laid_on(options.photo, ground)
    locator = bench_for(options).locator(options.model)
    detections = locator.locate(exhibit)
    if options.json:
        print(json_text(detections))
    else:
        print("\n".join(map(detection_text, detections)) or locator.nothing_found(exhibit))


def examine(options: ExamineOptions) -> None:
    """Print the examination of a photo, or of each detected part, and write its maps if asked to."""
    (crop,), (ground,) = crops(options.crop, 1), grounds(options.ground, 1)
    exhibit = read_laid_on(options.photo, ground)
    found = bench_for(options).examine_by(means_of(options, options.model), exhibit, crop)
    for number, one in enumerate(found, 1):
        if options.heatmaps:
            stem = f"{options.photo.stem}.{number}" if options.locate else options.photo.stem
            write_examined(one, options.heatmaps, stem)
    if options.json:
        print(json_text(found if options.locate else found[0]))
    else:
        print("\n\n".join(map(examined_text, found)))


def enrol(options: EnrolOptions) -> None:
    """Make a reference collection, save it, and print which photos are in it."""
    files = (*options.photos, *options.counterfeit)
    count, genuine = len(files), len(options.photos)
    chosen = zip(
        files,
        of_each("--item", options.item, count),
        crops(options.crop, count),
        grounds(options.ground, count),
        strict=True,
    )
    photos = [
        KnownPhoto(read_laid_on(path, ground), item or f"photo {number}", crop)
        for number, (path, item, crop, ground) in enumerate(chosen, 1)
    ]
    enrolment = Enrolment(
        options.part,
        options.series,
        photos[:genuine],
        photos[genuine:],
        bends=options.bends,
        keep_pictures=options.keep_pictures,
    )
    bench = bench_for(options)
    name = name_of(options.part, options.series)
    if name in bench.collections.cards and not options.replace:
        msg = f"There is a collection {name} in {options.collections}; give --replace to take its place."
        raise Refusal(msg)
    collection = bench.enrol(enrolment, told_on_terminal)
    print(collection_text(collection), f"saved as {bench.keep(collection)}", sep="\n")


def compare(options: CompareOptions) -> None:
    """Print a comparison, and write both heatmaps if asked to."""
    (crop, other_crop), (ground, other_ground) = crops(options.crop, 2), grounds(options.ground, 2)
    pair = read_laid_on(options.first, ground), read_laid_on(options.second, other_ground)
    comparison = bench_for(options).compare(*pair, options.model, (crop, other_crop))
    if options.heatmaps:
        write_comparison(comparison, options.heatmaps)
    print(json_text(comparison) if options.json else comparison_text(comparison))
