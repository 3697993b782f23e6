// The lightbox: one image in full size with its record; a reconstruction beside its input, under a slider.

class Lightbox {
  /** onClose: called with the position that was shown last. */
  constructor(grid, onClose) {
    const by = (id) => document.getElementById(id);
    this.grid = grid;
    this.dialog = by("box");
    this.stage = by("stage");
    this.before = this.stage.querySelector("canvas.before");
    this.preview = this.stage.querySelector("canvas.after");
    this.image = this.stage.querySelector("img");
    this.split = by("split");
    this.parts = { place: by("box-place"), title: by("box-title"), quality: by("box-quality"), record: by("record") };
    this.notice = by("box-notice");
    this.position = 0;
    this.comparing = DATA.tilesEach === 2;
    this.fillHint(by("box-hint"));
    this.stage.classList.toggle("comparing", this.comparing);
    for (const one of [this.before, this.split, ...this.stage.querySelectorAll(".tag, .handle")]) {
      one.hidden = !this.comparing;
    }
    by("previous").addEventListener("click", () => this.move(-1));
    by("next").addEventListener("click", () => this.move(1));
    by("close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => {
      history.replaceState(null, "", location.pathname + location.search);
      this.letGo();
      onClose(this.position);
    });
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
    this.split.addEventListener("input", () => this.compare());
    // Dragged, the slider would keep the arrow keys, which are wanted for the next image.
    this.split.addEventListener("pointerup", () => this.dialog.focus());
    this.image.addEventListener("load", () => { this.preview.hidden = true; });
    this.image.addEventListener("error", () => {
      this.image.hidden = true;
      this.notice.textContent = "The image itself could not be loaded; this is its tile from the sheet.";
    });
  }

  open(position) {
    if (!this.dialog.open) {
      this.dialog.tabIndex = -1;
      this.dialog.showModal();
    }
    this.show(position);
    this.dialog.focus();
  }

  move(step) {
    const to = this.position + step;
    if (to >= 0 && to < this.grid.items.length) this.show(to);
  }

  show(position) {
    const items = this.grid.items;
    const item = items[position];
    this.position = position;
    this.item = item;
    history.replaceState(null, "", `#${item.index}`);
    this.notice.textContent = "";
    this.preview.hidden = false;
    this.image.alt = this.comparing ? `Reconstruction of ${item.source}` : `Image ${item.index}`;
    this.paint(this.preview, item, DATA.tilesEach - 1);
    if (this.comparing) this.paint(this.before, item, 0);
    this.compare();
    this.parts.place.textContent = `${number(position + 1)} of ${number(items.length)}`;
    this.parts.title.textContent = item.name;
    this.fillQuality(item);
    this.fillRecord(item);
    document.getElementById("previous").disabled = position === 0;
    document.getElementById("next").disabled = position === items.length - 1;
    if (document.activeElement === document.body && this.dialog.open) this.dialog.focus(); // a disabled button lost it
    this.load(item);
    const next = items[position + 1];
    if (next && !next.inShard) new Image().src = next.url;
  }

  /** Shows the image itself over its tile, once it is there. */
  async load(item) {
    this.letGo();
    let url;
    try {
      url = await item.imageUrl();
    } catch {
      if (this.item !== item) return;
      this.notice.textContent = FROM_FOLDER
        ? "Opened from a folder, the page cannot read inside a shard: this is the image's tile from the sheet."
        : "The image could not be read out of its shard; this is its tile from the sheet.";
      return;
    }
    if (this.item !== item || !this.dialog.open) {
      released(url);
      return;
    }
    this.image.hidden = false;
    this.image.src = url;
    if (item.inShard) Object.assign(this.file, { href: url, download: item.key });
  }

  letGo() {
    released(this.image.src);
    this.image.hidden = true;
    this.image.removeAttribute("src");
  }

  async paint(canvas, item, tile) {
    emptied(canvas);
    const drawn = element("canvas");
    try {
      await this.grid.sheets.drawWhole(drawn, item, tile);
    } catch {
      if (canvas === this.before) this.notice.textContent = "The input's tile could not be loaded.";
      return;
    }
    if (this.item === item) sized(canvas, drawn.width, drawn.height).drawImage(drawn, 0, 0);
  }

  compare() {
    this.stage.style.setProperty("--split", `${this.split.value}%`);
    this.split.setAttribute("aria-valuetext", `${this.split.value} percent input`);
  }

  fillQuality(item) {
    const shown = Object.entries(METRICS).filter(([field]) => item[field] !== null);
    this.parts.quality.replaceChildren(
      ...shown.map(([field, metric]) => {
        const chip = element("span", "", `${metric.name} `);
        chip.append(element("b", "", metric.text(item[field])));
        return chip;
      }),
    );
  }

  fillRecord(item) {
    const shard = item.inShard ? `${DATA.sheets[item.sheet].shard}: ` : "";
    const file = element("a", "", `${shard}${item.key}`);
    file.href = item.url;
    file.target = "_blank";
    file.rel = "noopener";
    this.file = file;
    const rows = [
      ["Index", number(item.index)],
      ["Source", item.source],
      ["Full size", file],
      ["Bytes", number(item.bytes)],
      ["SHA-256", item.sha256],
      ["Part", number(DATA.sheets[item.sheet].part)],
    ];
    this.parts.record.replaceChildren(
      ...rows.filter(([, value]) => value !== null).map(([name, value]) => {
        const row = element("div");
        const cell = element("dd");
        cell.append(value);
        row.append(element("dt", "", name), cell);
        return row;
      }),
    );
  }

  fillHint(line) {
    const hints = [["←", "→", "turn"], ["Esc", "close"], ...(this.comparing ? [["Tab", "slider"]] : [])];
    for (const hint of hints) {
      const word = hint.pop();
      const group = element("span");
      for (const key of hint) group.append(element("kbd", "", key), " ");
      group.append(word);
      line.append(group);
    }
  }

  onKey(event) {
    if (event.target === this.split || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -this.position, End: this.grid.items.length - 1 - this.position };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.move(steps[event.key]);
  }
}
