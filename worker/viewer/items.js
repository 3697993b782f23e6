// What the page shows, as plain data: items flattened from their sheets, and the orders and filters over them.

const DATA = JSON.parse(document.getElementById("data").textContent);
const CONTENT_TYPES = { png: "image/png", jpg: "image/jpeg", webp: "image/webp" };

class Item {
  constructor([index, key, source, psnr, ssim, outlier, bytes, sha256, offset = null], sheet, tile) {
    Object.assign(this, { index, key, source, psnr, ssim, outlier, bytes, sha256 });
    this.offset = offset; // where it begins in its shard, in which `key` is its name; null for a file of its own
    this.sheet = sheet; // the number of its sheet
    this.tile = tile; // its first tile on that
  }

  get inShard() {
    return this.offset !== null;
  }

  /** Of the file that it is, or lies in. */
  get url() {
    const file = this.inShard ? DATA.sheets[this.sheet].shard : this.key;
    return file.split("/").map(encodeURIComponent).join("/");
  }

  /** An address for an <img>: of its file, or of what was read out of its shard, which `released` lets go of. */
  async imageUrl() {
    if (!this.inShard) return this.url;
    const end = this.offset + this.bytes;
    const answer = await fetch(this.url, { headers: { Range: `bytes=${this.offset}-${end - 1}` } });
    if (!answer.ok) throw new Error(`${this.url}: ${answer.status}`);
    const data = await answer.arrayBuffer();
    const own = answer.status === 206 ? data : data.slice(this.offset, end); // a server without ranges sent it all
    return URL.createObjectURL(new Blob([own], { type: CONTENT_TYPES[this.key.split(".").pop()] }));
  }

  get name() {
    return this.source === null ? `#${this.index}` : this.source.split("/").pop() || this.source;
  }

  get haystack() {
    return `${this.index} ${this.key} ${this.source ?? ""}`.toLowerCase();
  }
}

const ITEMS = DATA.sheets.flatMap((sheet, number) =>
  sheet.items.map((values, place) => new Item(values, number, place * DATA.tilesEach)),
);
const ERRORS = DATA.errors.map(([index, source, code, message]) => ({
  index, source, code, message, haystack: `${index} ${source ?? ""} ${code} ${message}`.toLowerCase(),
}));

const released = (url) => url.startsWith("blob:") && URL.revokeObjectURL(url);
const number = (value) => value.toLocaleString("en");
const plural = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

const METRICS = {
  psnr: { name: "PSNR", text: (value) => `${value.toFixed(1)} dB`, up: "PSNR, worst first", down: "PSNR, best first" },
  ssim: { name: "SSIM", text: (value) => value.toFixed(3), up: "SSIM, worst first", down: "SSIM, best first" },
  outlier: {
    name: "Outlier score", text: (value) => `${value.toFixed(2)} σ`,
    down: "Outlier score, strangest first", up: "Outlier score, most typical first",
  },
};

/** The orders that this job's items can be put in: value and text of each option. */
function sortOptions() {
  const options = [["index", "Order of the job"]];
  for (const [field, metric] of Object.entries(METRICS)) {
    if (!ITEMS.some((item) => item[field] !== null)) continue;
    const ways = field === "outlier" ? ["down", "up"] : ["up", "down"];
    for (const way of ways) options.push([`${field} ${way}`, metric[way]]);
  }
  if (ITEMS.some((item) => item.source !== null)) options.push(["name", "Name"]);
  return options;
}

/** The items that contain the words, in the order of an option; those without the metric come last. */
function chosenItems(order, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found = ITEMS.filter((item) => {
    const haystack = wanted.length ? item.haystack : "";
    return wanted.every((word) => haystack.includes(word));
  });
  const [field, way] = order.split(" ");
  if (field === "index") return found;
  if (field === "name") {
    const names = new Intl.Collator("en", { numeric: true });
    return found.sort((one, other) => names.compare(one.name, other.name) || one.index - other.index);
  }
  const sign = way === "down" ? -1 : 1;
  return found.sort((one, other) => {
    if (one[field] === null || other[field] === null) return (one[field] === null) - (other[field] === null);
    return sign * (one[field] - other[field]) || one.index - other.index;
  });
}

/** The errors that contain the words, of one code or of all. */
function chosenErrors(code, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return ERRORS.filter(
    (error) => (code === null || error.code === code) && wanted.every((word) => error.haystack.includes(word)),
  );
}

/** A new element. Text is set as text: keys and messages may hold anything. */
function element(tag, name = "", text = null) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== null) made.textContent = text;
  return made;
}
