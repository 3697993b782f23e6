// The grid: as tall as all of its rows, with elements only for the cells in and near the view.

const GAP_PX = 8;
const LABEL_PX = 24;
const NEAR_PX = 450;
const TILES = { pairs: [0, 1], inputs: [0], results: [DATA.tilesEach - 1] };

class Grid {
  /** open: called with the position of the cell that was chosen. */
  constructor(list, open) {
    this.list = list;
    this.items = [];
    this.cells = new Map(); // by position
    this.free = [];
    this.current = 0; // the position that Tab reaches
    this.size = 128;
    this.view = DATA.tilesEach === 2 ? "pairs" : "results";
    this.metric = null;
    this.sheets = new Sheets((sheet) => this.redraw(sheet));
    this.frame = 0;
    list.classList.toggle("bare", DATA.tilesEach === 1 && ITEMS.every((item) => item.psnr === null));
    list.addEventListener("click", (event) => {
      const cell = event.target.closest(".cell");
      if (!cell || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open(Number(cell.dataset.position));
    });
    list.addEventListener("keydown", (event) => this.onKey(event));
    addEventListener("scroll", () => this.soon(), { passive: true });
    addEventListener("resize", () => this.soon());
    new ResizeObserver(() => this.layout()).observe(list);
  }

  /** Shows these items, in this order. metric: the field that they are ordered by, or null. */
  show(items, metric) {
    this.items = items;
    this.metric = metric;
    this.current = Math.min(this.current, Math.max(0, items.length - 1));
    this.list.classList.toggle("ranked", metric !== null);
    this.clear();
    this.layout();
  }

  setSize(size) {
    this.size = size;
    this.layout();
  }

  setView(view) {
    this.view = view;
    this.clear();
    this.layout();
  }

  layout() {
    const width = this.list.clientWidth;
    if (!width) return;
    const tiles = TILES[this.view].length;
    const narrow = width < 520;
    const gap = narrow ? 6 : GAP_PX;
    const wanted = this.size * tiles * (narrow ? 0.82 : 1);
    this.columns = Math.max(1, Math.round((width + gap) / (wanted + gap)));
    this.gap = gap;
    this.cellWidth = Math.floor((width - (this.columns - 1) * gap) / this.columns);
    // The pixels that are left over go between the columns.
    this.step = this.columns > 1 ? (width - this.cellWidth) / (this.columns - 1) : 0;
    const picture = Math.round(this.cellWidth / tiles);
    this.cellHeight = picture + (this.list.classList.contains("bare") ? 0 : LABEL_PX);
    const rows = Math.ceil(this.items.length / this.columns);
    const style = this.list.style;
    style.setProperty("--w", `${this.cellWidth}px`);
    style.setProperty("--h", `${this.cellHeight}px`);
    style.setProperty("--picture", `${picture}px`);
    style.height = `${Math.max(0, rows * (this.cellHeight + gap) - gap)}px`;
    for (const [position, cell] of this.cells) this.place(cell, position);
    this.render();
  }

  soon() {
    this.frame ||= requestAnimationFrame(() => this.render());
  }

  render() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.columns) return;
    const top = this.list.getBoundingClientRect().top;
    const step = this.cellHeight + this.gap;
    const first = Math.max(0, Math.floor((-top - NEAR_PX) / step) * this.columns);
    const last = Math.min(this.items.length, Math.ceil((innerHeight - top + NEAR_PX) / step) * this.columns);
    const focused = document.activeElement?.dataset?.position;
    for (const [position, cell] of this.cells) {
      if ((position < first || position >= last) && String(position) !== focused) this.release(position, cell);
    }
    const fresh = document.createDocumentFragment();
    for (let position = first; position < last; position += 1) {
      if (!this.cells.has(position)) this.mount(position, fresh);
    }
    this.list.append(fresh);
    const seen = new Set();
    for (let position = Math.max(0, first); position < last; position += 1) seen.add(this.items[position].sheet);
    this.sheets.want([...seen]);
  }

  mount(position, fresh) {
    const cell = this.free.pop() ?? this.make(fresh);
    const item = this.items[position];
    this.cells.set(position, cell);
    cell.item = item;
    cell.line.hidden = false;
    cell.link.dataset.position = position;
    cell.link.href = item.url;
    cell.link.tabIndex = position === this.current ? 0 : -1;
    const metric = this.metric ?? (item.psnr === null ? null : "psnr");
    const value = metric === null || item[metric] === null ? "" : METRICS[metric].text(item[metric]);
    cell.name.textContent = item.name;
    cell.value.textContent = value;
    cell.link.title = item.source ?? item.key;
    cell.link.setAttribute("aria-label", value ? `${item.name}, ${METRICS[metric].name} ${value}` : item.name);
    cell.line.setAttribute("aria-posinset", position + 1);
    cell.line.setAttribute("aria-setsize", this.items.length);
    this.place(cell, position);
    this.draw(cell);
  }

  make(fresh) {
    const line = element("li");
    const link = element("a", "cell");
    const canvas = element("canvas");
    canvas.width = canvas.height = 1;
    const label = element("span", "label");
    const name = element("span", "name");
    const value = element("span", "value");
    label.append(name, value);
    link.append(canvas, label);
    line.append(link);
    fresh.append(line);
    return { line, link, canvas, name, value, item: null };
  }

  place(cell, position) {
    const x = Math.round((position % this.columns) * this.step);
    const y = Math.floor(position / this.columns) * (this.cellHeight + this.gap);
    cell.line.style.transform = `translate(${x}px, ${y}px)`;
  }

  draw(cell) {
    if (this.sheets.draw(cell.canvas, cell.item, TILES[this.view])) return;
    emptied(cell.canvas);
    if (this.sheets.hasFailed(cell.item.sheet)) this.drawAlone(cell, cell.item);
  }

  /** For a part whose sheet is missing: the image itself, in the place of the result. */
  drawAlone(cell, item) {
    const which = TILES[this.view];
    const image = new Image();
    image.onload = () => {
      released(image.src);
      if (cell.item !== item) return;
      const px = image.naturalHeight;
      const slot = which.indexOf(DATA.tilesEach - 1);
      if (slot >= 0) sized(cell.canvas, px * which.length, px).drawImage(image, slot * px, 0);
    };
    item.imageUrl().then((url) => { image.src = url; }, () => {}); // what cannot be had stays blank
  }

  redraw(sheet) {
    if (!performance.getEntriesByName("tiles").length) performance.mark("tiles");
    for (const cell of this.cells.values()) if (cell.item.sheet === sheet) this.draw(cell);
  }

  release(position, cell) {
    this.cells.delete(position);
    cell.line.hidden = true;
    cell.item = null;
    this.free.push(cell);
  }

  clear() {
    for (const [position, cell] of this.cells) this.release(position, cell);
  }

  /** Scrolls to the cell if need be, and gives it the focus. */
  focus(position) {
    if (!this.items.length) return;
    const target = Math.max(0, Math.min(position, this.items.length - 1));
    const before = this.cells.get(this.current);
    if (before) before.link.tabIndex = -1;
    this.current = target;
    if (!this.cells.has(target)) {
      const row = Math.floor(target / this.columns) * (this.cellHeight + this.gap);
      scrollTo({ top: scrollY + this.list.getBoundingClientRect().top + row - innerHeight / 2, behavior: "instant" });
      this.render();
    }
    const { line, link } = this.cells.get(target);
    link.tabIndex = 0;
    link.focus({ preventScroll: true });
    line.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  onKey(event) {
    const from = Number(event.target.dataset.position);
    const page = Math.max(1, Math.floor(innerHeight / (this.cellHeight + this.gap)) - 1) * this.columns;
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      PageUp: -page, PageDown: page, Home: -from, End: this.items.length - 1 - from,
    };
    if (Number.isNaN(from) || !(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const to = from + steps[event.key];
    // At an edge, up and down stay in their column.
    if (Math.abs(steps[event.key]) === this.columns && (to < 0 || to >= this.items.length)) return;
    this.focus(to);
  }
}
