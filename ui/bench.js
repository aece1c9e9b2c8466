// What the page does by itself: paste into the drop zone, fade heatmaps, name groups of choices, announce results.
(() => {
    const visible = (element) => element.offsetParent !== null;

    document.addEventListener("paste", (event) => {
        const file = event.clipboardData?.files?.[0];
        const zone = [...document.querySelectorAll(".drop")].find((drop) => visible(drop) && drop.querySelector("input[type=file]"));
        if (!file || !zone) return;
        const handed = new DataTransfer();
        handed.items.add(file);
        const input = zone.querySelector("input[type=file]");
        input.files = handed.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
    });

    document.addEventListener("input", (event) => {
        const slider = event.target.closest(".opacity input");
        if (!slider) return;
        slider.nextElementSibling.value = `${slider.value} %`;
        for (const layer of slider.closest(".evidence").querySelectorAll(".layer")) layer.style.opacity = slider.value / 100;
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
    new MutationObserver(() => {
        nameGroups();
        // The last one on the page is the newest: a report stands below its verdict.
        const result = [...document.querySelectorAll("[data-announce]:not([data-announce] *), .result-area [role=alert]")].filter(visible).at(-1);
        if (result === announced) return;
        announced = result;
        const announcer = document.getElementById("announcer");
        if (announcer) announcer.textContent = result?.dataset.announce ?? "";
        // On a narrow screen the result lies below all inputs.
        if (result && result.getBoundingClientRect().top > window.innerHeight * 0.7) result.scrollIntoView();
    }).observe(document.documentElement, { childList: true, subtree: true });
})();
