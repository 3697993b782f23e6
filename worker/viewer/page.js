// The page: its controls, its list of errors, and what hangs together.

const by = (id) => document.getElementById(id);
const choice = { filter: "all", code: null };
const grid = new Grid(by("images"), (position) => lightbox.open(position));
const lightbox = new Lightbox(grid, (position) => grid.focus(position));

function update() {
  const order = by("sort").value;
  const words = by("find").value;
  const items = choice.filter === "errors" ? [] : chosenItems(order, words);
  const errors = choice.filter === "images" ? [] : chosenErrors(choice.code, words);
  by("images").hidden = choice.filter === "errors";
  const field = order.split(" ")[0];
  grid.show(items, field in METRICS ? field : null);
  showErrors(errors);
  by("count").textContent = countText(items.length, errors.length, words.trim());
}

function countText(images, errors, words) {
  const parts = [];
  if (choice.filter !== "errors") {
    if (words) parts.push(`${number(images)} of ${plural(DATA.shown, "image")} match`);
    else parts.push(plural(images, "image"));
    if (DATA.shown < DATA.done) {
      parts.push(`the page shows the first ${number(DATA.shown)} of ${number(DATA.done)}; the manifest lists all`);
    }
  }
  if (choice.filter !== "images" && DATA.errorCount) parts.push(plural(words || choice.code ? errors : DATA.errorCount, "error"));
  return parts.join(" · ");
}

function showErrors(errors) {
  by("errors").hidden = choice.filter === "images" || !DATA.errorCount;
  if (by("errors").hidden) return;
  by("more-errors").hidden = DATA.errors.length === DATA.errorCount;
  by("more-errors").textContent =
    `The first ${number(DATA.errors.length)} of ${number(DATA.errorCount)} are listed here; errors.jsonl has all.`;
  by("error-list").hidden = !errors.length;
  by("error-list").replaceChildren(
    ...errors.map((error) => {
      const line = element("li");
      line.append(
        element("span", "mono", error.source ?? `#${error.index}`),
        element("span", "code", error.code),
        element("span", "message", error.message),
      );
      return line;
    }),
  );
}

function makeCodes() {
  for (const [code, count] of Object.entries(DATA.errorCodes)) {
    const button = element("button", "", `${code} `);
    button.type = "button";
    button.append(element("b", "", number(count)));
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      choice.code = choice.code === code ? null : code;
      for (const other of by("codes").children) {
        other.setAttribute("aria-pressed", String(other === button && choice.code !== null));
      }
      update();
    });
    by("codes").append(button);
  }
}

function makeControls() {
  for (const [value, text] of sortOptions()) by("sort").append(new Option(text, value));
  by("sort").closest("label").hidden = by("sort").length < 2;
  by("view").hidden = DATA.tilesEach !== 2;
  if (innerWidth < 520) by("size").closest("label").hidden = true;
  const counts = { all: DATA.done + DATA.errorCount, images: DATA.done, errors: DATA.errorCount };
  for (const [name, count] of Object.entries(counts)) {
    document.querySelector(`[data-count="${name}"]`).textContent = number(count);
  }
  by("filter").querySelector('[value="errors"]').disabled = !DATA.errorCount;
  by("bar").addEventListener("submit", (event) => event.preventDefault());
  by("bar").addEventListener("change", (event) => {
    if (event.target.name === "filter") choice.filter = event.target.value;
    if (event.target.name === "view") grid.setView(event.target.value);
    else if (event.target.id !== "size") update();
  });
  by("find").addEventListener("input", update);
  by("size").addEventListener("input", () => grid.setSize(Number(by("size").value)));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, select, dialog")) {
      event.preventDefault();
      by("find").focus();
    }
  });
}

/** The button goes round: as the system has it, light, dark. */
function makeTheme() {
  const themes = ["auto", "light", "dark"];
  by("theme").addEventListener("click", () => {
    const now = document.documentElement.dataset.theme ?? "auto";
    const next = themes[(themes.indexOf(now) + 1) % themes.length];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    by("theme").textContent = `Theme: ${next}`;
  });
}

/** Who wants less motion starts the animation by hand. */
function makeFilm() {
  const film = by("film");
  if (!film) return;
  const play = () => {
    film.src = film.dataset.source;
    film.hidden = false;
    by("play").hidden = true;
  };
  by("play").addEventListener("click", play);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) by("play").hidden = false;
  else play();
}

makeControls();
makeCodes();
makeTheme();
makeFilm();
update();
performance.mark("interactive");

// An address that ends in an index opens that image.
const asked = grid.items.findIndex((item) => `#${item.index}` === location.hash);
if (asked >= 0) lightbox.open(asked);
