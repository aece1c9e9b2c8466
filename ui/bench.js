// What the page does by itself: paste into the drop zone, fade heatmaps, announce results.
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

    let announced = null;
    new MutationObserver(() => {
        const result = [...document.querySelectorAll("[data-announce], .result-area [role=alert]")].find(visible);
        if (result === announced) return;
        announced = result;
        const announcer = document.getElementById("announcer");
        if (announcer) announcer.textContent = result?.dataset.announce ?? "";
        // On a narrow screen the result lies below all inputs.
        if (result && result.getBoundingClientRect().top > window.innerHeight * 0.7) result.scrollIntoView();
    }).observe(document.documentElement, { childList: true, subtree: true });
})();
