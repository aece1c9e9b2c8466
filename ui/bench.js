// What the page does by itself: paste and drop into the drop zone, fade heatmaps, name groups of choices, announce results.
(() => {
    const visible = (element) => element.offsetParent !== null;

    // Of several files that are handed in at once the first is taken, and the page says so.
    const handIn = (zone, files, how) => {
        const first = new DataTransfer();
        first.items.add(files[0]);
        const input = zone.querySelector("input[type=file]");
        input.files = first.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
        if (files.length === 1) return;
        const note = Object.assign(document.createElement("p"), { className: "several", role: "alert" });
        // Letters that do not print could disguise a name.
        const name = files[0].name.replace(/\p{C}/gu, "\uFFFD");
        note.textContent = `${files.length} files were ${how}; ${name} is taken, and no other. Hand in one picture at a time.`;
        zone.after(note);
    };
    const forgetSeveral = (zone) => zone?.nextElementSibling?.matches(".several") && zone.nextElementSibling.remove();
    const takes = (zone) => zone?.querySelector("input[type=file]");

    document.addEventListener("paste", (event) => {
        const files = event.clipboardData?.files ?? [];
        const zone = [...document.querySelectorAll(".drop")].find((drop) => visible(drop) && takes(drop));
        if (files.length && zone) handIn(zone, files, "pasted");
    });

    document.addEventListener("drop", (event) => {
        const zone = event.target.closest?.(".drop");
        const files = event.dataTransfer?.files ?? [];
        if (!takes(zone) || files.length < 2) return;
        event.preventDefault();
        event.stopPropagation();
        handIn(zone, files, "dropped");
    }, true);

    // What was said of files goes with them.
    document.addEventListener("change", (event) => forgetSeveral(event.target.closest(".drop")), true);
    document.addEventListener("click", (event) => {
        if (event.target.closest("[aria-label=Clear]")) forgetSeveral(event.target.closest(".drop"));
    }, true);

    document.addEventListener("input", (event) => {
        const slider = event.target.closest(".opacity input");
        if (!slider) return;
        slider.nextElementSibling.value = `${slider.value} %`;
        for (const layer of slider.closest(".evidence").querySelectorAll(".layer")) layer.style.opacity = slider.value / 100;
    });

    // A result may stand in one of several tabs, each with a form of its own.
    document.addEventListener("click", (event) => {
        if (!event.target.closest("[data-to-report]")) return;
        event.preventDefault();
        [...document.querySelectorAll(".report-form")].find(visible)?.scrollIntoView({ behavior: "smooth" });
    });

    // Once a second: an eye sees what jumps, and nothing flashes fast enough to harm.
    const timers = new WeakMap();
    document.addEventListener("click", (event) => {
        const button = event.target.closest(".blink");
        if (!button) return;
        const slider = button.closest(".evidence").querySelector(".opacity input");
        const show = (value) => {
            slider.value = value;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
        };
        const blinking = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(blinking));
        clearTimeout(timers.get(button));
        if (!blinking) return show(0);
        // One after the other: on a busy machine an interval's late jump and its next one would come close together.
        const jumpLater = () => timers.set(button, setTimeout(jump, 500));
        const jump = () => {
            if (!button.isConnected) return;
            show(Number(slider.value) > 50 ? 0 : 100);
            jumpLater();
        };
        jumpLater();
    });

    // Gradio writes the title of a group of choices and a note beside them, and names the group after neither.
    const nameGroups = () => {
        for (const group of document.querySelectorAll("fieldset.block[id]:not([aria-labelledby])")) {
            const [title, note] = [group.querySelector("[data-testid=block-info]"), group.querySelector(".info-text")];
            if (!title) continue;
            title.id = `${group.id}-title`;
            group.setAttribute("aria-labelledby", title.id);
            if (!note) continue;
            note.id = `${group.id}-note`;
            group.setAttribute("aria-describedby", note.id);
        }
    };

    let announced = null;
    const announce = (words) => {
        const announcer = document.getElementById("announcer");
        if (announcer) announcer.textContent = words;
    };

    // Gradio writes "queue: 3/7 | 4.0/21.5s", and no end while it has not run such a call before.
    const roughly = (seconds) => {
        if (seconds > 90) return `about ${Math.round(seconds / 60)} minutes`;
        const tens = Math.max(1, Math.round(seconds / 10));
        return seconds < 7.5 ? "a few seconds" : `about ${tens * 10} seconds`;
    };
    // Or by the time that those before it took, from the first move on: when the one under way began is not known.
    const moves = new WeakMap();
    const left = (tracker, place, passed, end) => {
        let move = moves.get(tracker);
        if (!move || place > move.place) move = { place };
        else if (place < move.place) move = { place, passed, from: move.from ?? { place, passed } };
        moves.set(tracker, move);
        if (end) return end - passed;
        if (!move.from || move.from.place === place) return null;
        const each = (move.passed - move.from.passed) / (move.from.place - place);
        return each * (place + 1) - (passed - move.passed);
    };
    const placeOf = (tracker) => {
        const [, place, queue] = tracker.textContent.match(/queue: (\d+)\/(\d+)/) ?? [];
        const [, passed, end] = (tracker.textContent.match(/([\d.]+)(?:\/([\d.]+))?s/) ?? []).map(Number);
        if (!place || passed === undefined) return null;
        const seconds = left(tracker, Number(place), passed, end);
        const when = seconds === null ? "How long it takes is not known yet." : `The result comes in ${roughly(seconds)}.`;
        return { place, of: Number(queue), words: `Number ${place} of ${queue} in the queue. ${when}` };
    };
    // Wherever the page is scrolled to. A new place is announced once it lasts: a tracker that fades away beside a
    // result still names one, and must not speak over the verdict.
    const queued = Object.assign(document.createElement("p"), { id: "queued", hidden: true });
    setInterval(() => {
        const waiting = [...document.querySelectorAll(".progress-text")].filter(visible).map(placeOf).find(Boolean);
        queued.hidden = !waiting;
        if (queued.textContent !== (waiting?.words ?? "")) queued.textContent = waiting?.words ?? "";
        const { place, said } = queued.dataset;
        queued.dataset.place = waiting?.place ?? "";
        // Alone in the queue beside a result is a step that follows it, such as showing its report form.
        const follows = waiting?.of === 1 && document.contains(announced);
        if (!waiting) queued.dataset.said = "";
        else if (waiting.place === place && place !== said && !follows) {
            queued.dataset.said = place;
            announce(waiting.words);
        }
        if (!queued.isConnected) document.body.append(queued);
    }, 500);

    new MutationObserver(() => {
        nameGroups();
        // The last one on the page is the newest: a report stands below its verdict.
        const result = [...document.querySelectorAll("[data-announce]:not([data-announce] *), .result-area [role=alert]")].filter(visible).at(-1);
        if (result === announced) return;
        announced = result;
        announce(result?.dataset.announce ?? "");
        // On a narrow screen the result lies below all inputs.
        if (result && result.getBoundingClientRect().top > window.innerHeight * 0.7) result.scrollIntoView();
    }).observe(document.documentElement, { childList: true, subtree: true });
})();
