// How figures are written, and how elements are made.

const GROUPED = new Intl.NumberFormat("en");

export function number(value) {
  return GROUPED.format(value);
}

/** A rate in three digits: 0, 3.5, 120, 12.3 k, 1.23 M. */
export function rate(value) {
  const three = (scaled) => scaled >= 99.95 ? scaled.toFixed(0) : scaled.toFixed(scaled >= 9.995 ? 1 : 2);
  if (value >= 999.5e3) return `${three(value / 1e6)} M`;
  if (value >= 9999.5) return `${three(value / 1e3)} k`;
  if (value > 0 && value < 9.95) return value.toFixed(1);
  return GROUPED.format(Math.round(value));
}

/** A figure of a part, by its name: `table_bytes` is written in KiB, MiB, ... */
export function figure(name, value) {
  if (!name.endsWith("_bytes")) return `${name.replaceAll("_", " ")} ${number(value)}`;
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let scaled = Number(value);
  let unit = 0;
  for (; scaled >= 1024 && unit + 1 < units.length; ++unit) scaled /= 1024;
  const text = unit === 0 || scaled >= 100 ? GROUPED.format(Math.round(scaled)) : scaled.toFixed(1);
  return `${name.slice(0, -"_bytes".length).replaceAll("_", " ")} ${text} ${units[unit]}`;
}

/** Cuts a text into lines of about so many letters, at blanks; the last one of `most` ends with an ellipsis. */
export function lines(text, letters, most) {
  const all = [];
  for (const word of text.split(" ")) {
    const last = all.length - 1;
    if (last >= 0 && all[last].length + 1 + word.length <= letters) all[last] += ` ${word}`;
    else all.push(word);
  }
  if (all.length <= most) return all;
  const kept = all.slice(0, most);
  kept[most - 1] += " …";
  return kept;
}

/** An HTML element with text. Text is never markup. */
export function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** An SVG element with attributes, and text where it is given. */
export function svg(name, attributes = {}, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}
