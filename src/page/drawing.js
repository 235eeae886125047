// Draws the model as SVG, and shows on it what the service counts.

import {layout} from "./layout.js";
import {figure, lines, rate, svg} from "./words.js";

const MARGIN = 8;
const FRAME = {side: 14, bottom: 28};
const LINE = 13;
const FIGURES_MAX = 4;
const BUILT_LINES_MAX = 2;

function boxShape(kind, box) {
  const {w, h} = box;
  if (kind === "database") {
    const r = 9;
    const body = `M0 ${r}A${w / 2} ${r} 0 0 1 ${w} ${r}V${h - r}A${w / 2} ${r} 0 0 1 0 ${h - r}Z`;
    return [svg("path", {class: "body", d: body}),
      svg("path", {class: "ornament", d: `M0 ${r}A${w / 2} ${r} 0 0 0 ${w} ${r}`})];
  }
  const body = svg("rect", {class: "body", width: w, height: h, rx: kind === "person" ? h / 2 : 8});
  if (kind !== "queue") return [body];
  return [body, svg("path", {class: "ornament", d: `M7 0V${h}M${w - 7} 0V${h}`})];
}

function lineShape(points) {
  const [first, ...rest] = points;
  const horizontal = Math.abs(points.at(-1)[0] - first[0]) >= Math.abs(points.at(-1)[1] - first[1]);
  let d = `M${first[0]} ${first[1]}`;
  let [x, y] = first;
  rest.forEach(([toX, toY], index) => {
    if (index % 2 === 1) d += `L${toX} ${toY}`;
    else if (horizontal) d += `C${(x + toX) / 2} ${y} ${(x + toX) / 2} ${toY} ${toX} ${toY}`;
    else d += `C${x} ${(y + toY) / 2} ${toX} ${(y + toY) / 2} ${toX} ${toY}`;
    [x, y] = [toX, toY];
  });
  return d;
}

function tip(id) {
  const marker = svg("marker", {id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9,
    markerUnits: "userSpaceOnUse", orient: "auto"});
  marker.append(svg("path", {d: "M0 0L8 4L0 8Z"}));
  return marker;
}

/** The picture of one model, in one way of reading. */
export class Drawing {
  #parts = new Map();
  #edges = new Map();

  constructor(model, reading) {
    const frames = model.elements.filter((item) => model.elements.some((other) => other.parent === item.id));
    const items = model.elements.filter((item) => !frames.includes(item));
    const plan = layout(items, model.relations, reading);
    // What a frame needs around the boxes in it is kept free on all sides.
    const {side, bottom} = frames.length > 0 ? FRAME : {side: 0, bottom: 0};
    const view = [-side - MARGIN, -side - MARGIN, plan.width + 2 * (side + MARGIN),
      plan.height + side + bottom + 2 * MARGIN];
    this.root = svg("svg", {viewBox: view.join(" "), role: "img",
      "aria-label": `${model.title}: ${items.length} boxes and ${plan.lines.length} lines; the tables below say the same`});
    const definitions = svg("defs");
    definitions.append(tip("tip"), tip("tip-live"));
    this.root.append(definitions);
    for (const frame of frames) this.#drawFrame(frame, items, plan);
    for (const line of plan.lines) this.#drawLine(line, items, plan.letters);
    for (const item of items) this.#drawBox(item, plan.boxes.get(item.id));
    // Labels over everything, so that no line runs through them.
    for (const edge of this.#edges.values()) this.root.append(edge.label);
  }

  #drawFrame(frame, items, plan) {
    const inside = items.filter((item) => item.id.startsWith(`${frame.id}.`)).map((item) => item.id);
    const xs = [];
    const ys = [];
    for (const id of inside) {
      const box = plan.boxes.get(id);
      xs.push(box.x, box.x + box.w);
      ys.push(box.y, box.y + box.h);
    }
    for (const line of plan.lines) {
      if (!inside.includes(line.relation.from) || !inside.includes(line.relation.to)) continue;
      const half = line.points.length > 2 ? 18 : 0;
      for (const [x, y] of line.points) {
        xs.push(x);
        ys.push(y - half, y + half);
      }
    }
    const [left, upper] = [Math.min(...xs) - FRAME.side, Math.min(...ys) - FRAME.side];
    const lower = Math.max(...ys) + FRAME.bottom;
    const group = svg("g", {class: "frame", "data-id": frame.id});
    group.append(
      svg("rect", {x: left, y: upper, width: Math.max(...xs) + FRAME.side - left,
        height: lower - upper, rx: 12}),
      svg("text", {x: left + 12, y: lower - 9}, frame.label));
    this.root.append(group);
  }

  #drawLine(line, items, letters) {
    const {from, to, label} = line.relation;
    const outer = [from, to].some((id) => items.find((item) => item.id === id).parent === "");
    const place = {class: outer ? "edge outer" : "edge", "data-from": from, "data-to": to};
    const stroke = svg("g", place);
    const path = svg("path", {d: lineShape(line.points), "marker-end": "url(#tip)"});
    stroke.append(path);
    const words = lines(label, letters, 3);
    const group = svg("g", {...place, transform: `translate(${line.label.x} ${line.label.y})`});
    const height = (words.length + 1) * LINE;
    const width = 6.1 * Math.max(letters - 2, ...words.map((word) => word.length));
    group.append(svg("rect", {x: -width / 2, y: -height / 2 - 1, width, height: height + 4, rx: 4}));
    words.forEach((word, index) => group.append(svg("text", {y: -height / 2 + LINE * (index + 0.8)}, word)));
    const shown = svg("text", {class: "rate", y: -height / 2 + LINE * (words.length + 0.85)}, "…");
    group.append(shown);
    this.root.append(stroke);
    this.#edges.set(`${from} ${to}`, {stroke, path, label: group, shown});
  }

  #drawBox(item, box) {
    const group = svg("g", {class: `part ${item.kind}`, "data-id": item.id, transform: `translate(${box.x} ${box.y})`});
    group.append(svg("title", {}, [item.description, item.technology].filter(Boolean).join("\n")));
    group.append(...boxShape(item.kind, box));
    const middle = box.w / 2;
    const built = lines(item.built_of, Math.floor(box.w / 6.2), BUILT_LINES_MAX).filter(Boolean);
    const figures = item.kind === "person" ? 0 : FIGURES_MAX;
    let y = figures === 0 ? box.h / 2 + LINE / 3 : LINE * 1.7 + (item.kind === "database" ? 10 : 0);
    const label = svg("text", {class: "label", x: middle, y}, item.label);
    group.append(label);
    y += LINE * 0.3;
    for (const text of built) group.append(svg("text", {class: "built", x: middle, y: y += LINE}, text));
    y += 4;
    const shown = [];
    for (let i = 0; i < figures; ++i) {
      shown.push(svg("text", {class: "figure", x: middle, y: y += LINE}, ""));
      group.append(shown[i]);
    }
    this.root.append(group);
    this.#parts.set(item.id, {label, name: item.label, shown});
  }

  /** Shows how the parts are, and what crosses the edges: `rates` has a number or null for `from to`. */
  show(stats, rates) {
    for (const part of stats.parts) {
      const box = this.#parts.get(part.id);
      if (!box) continue;
      box.label.textContent = part.instances > 1 ? `${box.name} × ${part.instances}` : box.name;
      const figures = Object.entries(part.figures).slice(0, box.shown.length);
      box.shown.forEach((text, index) => {
        text.textContent = index < figures.length ? figure(...figures[index]) : "";
      });
    }
    for (const edge of stats.edges) {
      const line = this.#edges.get(`${edge.from} ${edge.to}`);
      if (!line) continue;
      const now = rates.get(`${edge.from} ${edge.to}`) ?? null;
      line.shown.textContent = now === null ? "…" : `${rate(now)} ${edge.unit}/s`;
      line.label.dataset.count = edge.count;
      line.path.setAttribute("marker-end", now > 0 ? "url(#tip-live)" : "url(#tip)");
      for (const group of [line.stroke, line.label]) group.classList.toggle("live", now > 0);
    }
  }
}
