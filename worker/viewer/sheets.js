// The atlases: fetched when a tile of theirs comes into view, decoded once, and kept as bitmaps.

const FROM_FOLDER = location.protocol === "file:"; // where a page may show files, but not read them
const AT_ONCE = 6;
const TILES_AT_ONCE = FROM_FOLDER ? 600 : 1200; // unless one sheet alone has more
const MOST_TILES = 6000; // 400 MB while it is decoded; an even larger sheet is not tried
const TILE_BYTES = 128 * 128 * 4;
const BUDGET_BYTES = (matchMedia("(pointer: coarse)").matches ? 160 : 640) * 2 ** 20;

class Sheets {
  /** onReady: told a sheet's number once it can be drawn, or has turned out not to be. */
  constructor(onReady) {
    this.onReady = onReady;
    this.entries = DATA.sheets.map(() => ({ state: "new", bitmap: null, px: 0 }));
    this.wanted = [];
    this.loading = 0; // sheets
    this.loadingTiles = 0;
    this.scrolledAt = -Infinity;
    addEventListener("scroll", () => { this.scrolledAt = performance.now(); }, { passive: true });
    // Where all tiles together would fill the memory, they are kept a little smaller; the lightbox has them whole.
    const bytes = DATA.sheets.reduce((sum, sheet) => sum + sheet.tiles, 0) * TILE_BYTES;
    this.scale = Math.min(1, Math.sqrt(BUDGET_BYTES / bytes));
  }

  /** The sheets in view, the first one first. Others that wait are forgotten; they are asked for again when seen. */
  want(numbers) {
    this.wanted = numbers;
    this.loadNext();
  }

  loadNext() {
    while (this.loading < AT_ONCE) {
      const next = this.wanted.find((at) => this.entries[at].state === "new");
      if (next === undefined || (this.loading && this.loadingTiles + DATA.sheets[next].tiles > TILES_AT_ONCE)) return;
      this.load(next);
    }
  }

  async load(at) {
    const entry = this.entries[at];
    entry.state = "loading";
    this.loading += 1;
    this.loadingTiles += DATA.sheets[at].tiles;
    if (FROM_FOLDER) await this.rest();
    try {
      const whole = await this.decoded(at);
      entry.px = Math.max(1, Math.round(this.tilePx(at, whole) * this.scale));
      entry.bitmap = this.scale < 1 ? await this.reduced(at, whole, entry.px) : whole;
      entry.state = "ready";
    } catch {
      entry.state = "failed"; // missing, or too large to decode: its images are fetched one by one
    }
    this.onReady(at);
    this.loading -= 1;
    this.loadingTiles -= DATA.sheets[at].tiles;
    this.loadNext();
  }

  /** A moment without scrolling, as decoding holds the page up; after half a second there has been none. */
  async rest() {
    const began = performance.now();
    do await new Promise((done) => setTimeout(done, 20));
    while (performance.now() - this.scrolledAt < 100 && performance.now() - began < 500);
  }

  /** The whole sheet as a bitmap. From a server it is decoded beside the page; from a folder that takes the page's time. */
  async decoded(at) {
    const { file, tiles } = DATA.sheets[at];
    if (file === null || tiles > MOST_TILES) throw new Error("this part has no sheet that can be shown");
    if (!FROM_FOLDER) {
      const answer = await fetch(file);
      if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
      return createImageBitmap(await answer.blob());
    }
    const image = new Image();
    await new Promise((done, failed) => Object.assign(image, { onload: done, onerror: failed, src: file }));
    return createImageBitmap(image);
  }

  async reduced(at, whole, px) {
    const { columns, tiles } = DATA.sheets[at];
    const size = { resizeWidth: px * columns, resizeHeight: px * Math.ceil(tiles / columns) };
    const bitmap = await createImageBitmap(whole, { ...size, resizeQuality: "low" });
    whole.close();
    return bitmap;
  }

  tilePx(at, whole) {
    return whole.width / DATA.sheets[at].columns;
  }

  hasFailed(at) {
    return this.entries[at].state === "failed";
  }

  /** Draws tiles of an item side by side, as large as they are kept. which: 0 is its first. False: not there yet. */
  draw(canvas, item, which) {
    const { bitmap, px } = this.entries[item.sheet];
    if (bitmap === null) return false;
    const context = sized(canvas, px * which.length, px);
    which.forEach((tile, slot) => this.copy(context, bitmap, px, item, tile, slot * px));
    return true;
  }

  /** Draws one tile of an item in its full size. */
  async drawWhole(canvas, item, tile) {
    const { bitmap } = this.entries[item.sheet];
    const kept = bitmap !== null && this.scale === 1;
    const whole = kept ? bitmap : await this.decoded(item.sheet);
    const px = this.tilePx(item.sheet, whole);
    this.copy(sized(canvas, px, px), whole, px, item, tile, 0);
    if (!kept) whole.close();
  }

  copy(context, sheet, px, item, tile, x) {
    const at = item.tile + tile;
    const { columns } = DATA.sheets[item.sheet];
    context.drawImage(sheet, (at % columns) * px, Math.floor(at / columns) * px, px, px, x, 0, px, px);
  }
}

/** The canvas's context, the canvas being of this size; what it showed is kept where it had that size before. */
function sized(canvas, width, height) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return canvas.getContext("2d");
}

function emptied(canvas) {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}
