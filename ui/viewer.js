// Looking closely: pictures of a result side by side, zoomed and moved together down to single pixels, one faded over
// the other by a swipe, and a magnifier that follows the pointer in all of them.
(() => {
    const MOST = 40;
    const KEYS = { "+": 1.25, "=": 1.25, "-": 0.8 };
    const element = (html) => Object.assign(document.createElement("template"), { innerHTML: html.trim() }).content.firstElementChild;
    // A caption up to its first stop, without the button in it.
    const caption = (figure) => figure.querySelector("figcaption")?.firstChild?.textContent.split(/[.;,]/)[0].replace(/\s+/g, " ").trim();

    // Every picture of a result, by its caption: layers over each other, each with its opacity.
    const picturesOf = (article) => [...article.querySelectorAll(".evidence figure")].map((figure, number) => ({
        figure,
        name: `${number + 1}. ${caption(figure) || "Picture"}`,
        alt: figure.querySelector("img").alt,
        layers: [...figure.querySelectorAll(".stack > img, :scope > img, .with-scale > img")].map((img) => ({
            src: img.src, opacity: img.style.opacity || 1, width: img.naturalWidth, original: img.dataset.original,
        })),
    }));

    const dialog = element(`<dialog class="viewer" aria-label="Pictures, looked at closely">
        <form method="dialog" class="viewer-bar">
            <button type="button" data-zoom="1.25" aria-label="Zoom in">+</button>
            <button type="button" data-zoom="0.8" aria-label="Zoom out">−</button>
            <button type="button" data-fit>Fit</button>
            <button type="button" data-pixels title="One pixel of the picture is one of the screen">Pixels 1:1</button>
            <button type="button" data-swipe aria-pressed="false">Swipe</button>
            <button type="button" data-lens aria-pressed="false">Magnifier</button>
            <output aria-live="polite"></output>
            <button class="viewer-close" autofocus>Close</button>
        </form>
        <label class="viewer-divider" hidden>Divider <input type="range" min="0" max="100" value="50" aria-label="How much of the first picture is covered by the second, in per cent"></label>
        <div class="panes"></div>
    </dialog>`);
    const panes = dialog.querySelector(".panes");
    const divider = dialog.querySelector(".viewer-divider");
    const output = dialog.querySelector("output");
    // What is looked at: the middle as shares of the picture, and how much larger than fitted.
    let view = { x: 0.5, y: 0.5, zoom: 1 };
    let pictures = [];

    const paneOf = (chosen) => {
        const pane = element(`<div class="pane"><select aria-label="Picture"></select><div class="port" tabindex="0" role="img"><div class="sheet"></div><div class="lens" hidden></div></div></div>`);
        const select = pane.querySelector("select");
        select.append(...pictures.map((picture, index) => new Option(picture.name, index)));
        select.value = chosen;
        select.addEventListener("change", () => fill(pane));
        return pane;
    };
    const pictureIn = (pane) => pictures[pane.querySelector("select").value];
    const fill = (pane) => {
        const picture = pictureIn(pane);
        pane.querySelector(".port").setAttribute("aria-label", picture.alt || picture.name);
        pane.querySelector(".sheet").replaceChildren(...picture.layers.map((layer) => {
            const img = Object.assign(new Image(), { src: layer.src, alt: "", draggable: false });
            img.style.opacity = layer.opacity;
            return img;
        }));
        const first = pane.querySelector("img");
        first.addEventListener("load", draw, { once: true });
        for (const layer of picture.layers) askForOriginal(picture, layer);
        draw();
    };
    // A picture larger than the page shows is fetched whole, once somebody looks closely.
    const askForOriginal = (picture, layer) => {
        if (!layer.original || layer.asked) return;
        layer.asked = true;
        picture.figure.dispatchEvent(new CustomEvent("original", { bubbles: true, detail: layer.original }));
    };
    const originals = () => {
        for (const arrived of document.querySelectorAll("img[data-original-of]")) {
            for (const picture of pictures) {
                for (const layer of picture.layers) {
                    if (layer.original !== arrived.dataset.originalOf || layer.src === arrived.src) continue;
                    Object.assign(layer, { src: arrived.src, width: Number(arrived.dataset.width) });
                    for (const pane of panes.children) if (pictureIn(pane) === picture) fill(pane);
                }
            }
        }
    };
    const fitted = (pane) => {
        const [port, img] = [pane.querySelector(".port"), pane.querySelector("img")];
        if (!img?.naturalWidth) return { width: 0, height: 0 };
        const scale = Math.min(port.clientWidth / img.naturalWidth, port.clientHeight / img.naturalHeight);
        return { width: img.naturalWidth * scale, height: img.naturalHeight * scale, scale };
    };
    const draw = () => {
        const swiped = dialog.classList.contains("swiped");
        for (const [number, pane] of [...panes.children].entries()) {
            const [port, sheet] = [pane.querySelector(".port"), pane.querySelector(".sheet")];
            const { width, height } = fitted(pane);
            sheet.style.width = `${width * view.zoom}px`;
            sheet.style.height = `${height * view.zoom}px`;
            sheet.style.left = `${port.clientWidth / 2 - view.x * width * view.zoom}px`;
            sheet.style.top = `${port.clientHeight / 2 - view.y * height * view.zoom}px`;
            port.style.clipPath = swiped && number === 1 ? `inset(0 0 0 ${divider.querySelector("input").value}%)` : "";
        }
        const scale = panes.firstElementChild ? fitted(panes.firstElementChild).scale * view.zoom : 0;
        output.textContent = scale ? `${Math.round(100 * scale)} %` : "";
    };
    const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
    const look = (change) => {
        view = { ...view, ...change };
        view.zoom = clamp(view.zoom, 1, MOST);
        view.x = view.zoom === 1 ? 0.5 : clamp(view.x, 0, 1);
        view.y = view.zoom === 1 ? 0.5 : clamp(view.y, 0, 1);
        draw();
    };
    // Where the pointer is, as shares of the picture in its pane.
    const place = (event, pane) => {
        const bounds = pane.querySelector(".sheet").getBoundingClientRect();
        return { x: (event.clientX - bounds.left) / bounds.width, y: (event.clientY - bounds.top) / bounds.height };
    };
    const zoomAt = (factor, at = view) => {
        const zoom = clamp(view.zoom * factor, 1, MOST);
        const kept = view.zoom / zoom;
        look({ zoom, x: at.x + (view.x - at.x) * kept, y: at.y + (view.y - at.y) * kept });
    };
    const move = (pane, x, y) => {
        const { width, height } = fitted(pane);
        look({ x: view.x - x / (width * view.zoom), y: view.y - y / (height * view.zoom) });
    };
    const magnify = (event, pane) => {
        const on = dialog.querySelector("[data-lens]").getAttribute("aria-pressed") === "true" && event;
        const at = on && place(event, pane);
        for (const each of panes.children) {
            const [lens, sheet, port] = [each.querySelector(".lens"), each.querySelector(".sheet"), each.querySelector(".port")];
            lens.hidden = !on;
            if (!on) continue;
            const [side, times] = [180, 3];
            const [width, height] = [sheet.offsetWidth, sheet.offsetHeight];
            lens.style.left = `${sheet.offsetLeft + at.x * width - side / 2}px`;
            lens.style.top = `${sheet.offsetTop + at.y * height - side / 2}px`;
            lens.replaceChildren(...[...sheet.children].map((img) => {
                const copy = img.cloneNode();
                Object.assign(copy.style, {
                    width: `${width * times}px`, height: `${height * times}px`,
                    left: `${side / 2 - at.x * width * times}px`, top: `${side / 2 - at.y * height * times}px`,
                });
                return copy;
            }));
            port.style.cursor = "none";
        }
        if (!on) for (const port of panes.querySelectorAll(".port")) port.style.cursor = "";
    };

    const pointers = new Map();
    panes.addEventListener("pointerdown", (event) => {
        if (!event.target.closest(".port")) return;
        event.target.closest(".port").setPointerCapture(event.pointerId);
        pointers.set(event.pointerId, event);
    });
    panes.addEventListener("pointermove", (event) => {
        const pane = event.target.closest(".pane");
        if (!pane) return;
        magnify(event, pane);
        const before = pointers.get(event.pointerId);
        if (!before) return;
        const other = [...pointers.values()].find((one) => one.pointerId !== event.pointerId);
        if (other) {
            const span = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
            zoomAt(span(event) / span(before), place(other, pane));
        } else move(pane, event.clientX - before.clientX, event.clientY - before.clientY);
        pointers.set(event.pointerId, event);
    });
    for (const end of ["pointerup", "pointercancel"]) panes.addEventListener(end, (event) => pointers.delete(event.pointerId));
    panes.addEventListener("pointerleave", () => magnify(null));
    panes.addEventListener("wheel", (event) => {
        const pane = event.target.closest(".pane");
        if (!pane || event.target.closest("select")) return;
        event.preventDefault();
        zoomAt(event.deltaY < 0 ? 1.2 : 1 / 1.2, place(event, pane));
    }, { passive: false });
    dialog.addEventListener("keydown", (event) => {
        const pane = panes.firstElementChild;
        const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
        if (event.target.matches("select, input")) return;
        if (step) move(pane, ...step);
        else if (KEYS[event.key]) zoomAt(KEYS[event.key]);
        else if (event.key === "0") look({ zoom: 1 });
        else return;
        event.preventDefault();
    });
    dialog.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (!button) return;
        if (button.dataset.zoom) zoomAt(Number(button.dataset.zoom));
        else if ("fit" in button.dataset) look({ zoom: 1 });
        else if ("pixels" in button.dataset) look({ zoom: 1 / (fitted(panes.firstElementChild).scale || 1) });
        else if ("swipe" in button.dataset || "lens" in button.dataset) {
            const pressed = button.getAttribute("aria-pressed") !== "true";
            button.setAttribute("aria-pressed", String(pressed));
            if ("swipe" in button.dataset) {
                dialog.classList.toggle("swiped", pressed);
                divider.hidden = !pressed;
            }
            draw();
        }
    });
    divider.addEventListener("input", draw);
    window.addEventListener("resize", () => dialog.open && draw());

    const open = (figure) => {
        pictures = picturesOf(figure.closest("article")).filter((picture) => picture.layers.length);
        const chosen = Math.max(0, pictures.findIndex((picture) => picture.figure === figure));
        // Beside it the next one of the same shape, which lies in the same frame; else the next one.
        const shape = (index) => { const img = pictures[index].figure.querySelector("img"); return img.naturalWidth / img.naturalHeight; };
        const others = [...pictures.keys()].filter((index) => index !== chosen);
        const alike = others.find((index) => Math.abs(shape(index) / shape(chosen) - 1) < 0.02);
        const beside = [chosen, ...[alike ?? others[0]].filter((index) => index !== undefined)];
        panes.replaceChildren(...beside.map(paneOf));
        dialog.querySelector("[data-swipe]").hidden = beside.length < 2;
        if (!dialog.isConnected) document.body.append(dialog);
        dialog.showModal();
        look({ x: 0.5, y: 0.5, zoom: 1 });
        for (const pane of panes.children) fill(pane);
        originals();
    };
    document.addEventListener("click", (event) => {
        const button = event.target.closest(".closely");
        if (button) open(button.closest("figure"));
    });

    // Each picture of a result gets a button: a picture alone takes no keyboard.
    new MutationObserver(() => {
        for (const figure of document.querySelectorAll(".result .evidence figure:not(.looked-at)")) {
            figure.classList.add("looked-at");
            figure.querySelector("figcaption")?.append(" ", element(`<button type="button" class="closely">Look closely</button>`));
        }
        if (dialog.open) originals();
    }).observe(document.documentElement, { childList: true, subtree: true });
})();
