// The page: asks in turns, shows what it is told, says when it is told nothing, and goes on when it is again.

import {addressed, counterLink, showCounter, showNamespaces, showTop, total} from "./counters.js";
import {Drawing} from "./drawing.js";
import {ask, Ailment, drawId, hasKey, sendView, useKey} from "./service.js";
import {element, figure, number, rate} from "./words.js";

const POLL_MS = 1000;
const POLL_MS_MAX = 8000;
const TOP_EVERY = 5;   // Polls: the list is a walk over all counters.
const RATE_POLLS = 5;  // A rate is taken over so many: single events are seen for that long.

const $ = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 52rem)");

let model = null;
let drawing = null;
let past = [];           // The stats of the last polls, the oldest first.
let failures = 0;        // In a row.
let polls = 0;
let timer = 0;
let polling = false;
let again = false;       // Something has changed while a poll was under way.
let listDue = true;      // The list of counters is asked for with the next poll.
let sent = null;         // {video, id, done}: the view that was sent last; its id is kept until an answer came.

function draw() {
  if (model === null) return;
  drawing = new Drawing(model, narrow.matches ? "tall" : "wide");
  $("picture").replaceChildren(drawing.root);
  if (past.length > 0) drawing.show(past.at(-1), ratesSince(past[0], past.at(-1)));
}

/** What crosses each edge in a second, by the service's own clock; empty where there is nothing to compare with. */
function ratesSince(before, now) {
  const rates = new Map();
  const ms = now.server.uptime_ms - before.server.uptime_ms;
  if (ms <= 0) return rates;
  const counts = new Map(before.edges.map((edge) => [`${edge.from} ${edge.to}`, edge.count]));
  for (const edge of now.edges) {
    const key = `${edge.from} ${edge.to}`;
    if (counts.has(key)) rates.set(key, Math.max(0, Number(edge.count) - Number(counts.get(key))) * 1000 / ms);
  }
  return rates;
}

function labelOf(id) {
  return model.elements.find((item) => item.id === id)?.label ?? id;
}

function fillTables(stats, rates) {
  $("edges").tBodies[0].replaceChildren(...stats.edges.map((edge) => {
    const relation = model.relations.find((one) => one.from === edge.from && one.to === edge.to);
    const now = rates.get(`${edge.from} ${edge.to}`);
    const row = element("tr");
    row.append(element("td", labelOf(edge.from)), element("td", labelOf(edge.to)), element("td", relation?.label ?? ""),
      element("td", now === undefined ? "…" : `${rate(now)} ${edge.unit}/s`),
      element("td", `${number(edge.count)} ${edge.unit}`));
    return row;
  }));
  $("parts").tBodies[0].replaceChildren(...stats.parts.map((part) => {
    const item = model.elements.find((one) => one.id === part.id);
    const scale = item?.scale;
    const bounds = scale ? ` (${scale.min ?? 1} to ${scale.max ?? "any"})` : "";
    const row = element("tr");
    row.append(element("td", labelOf(part.id)), element("td", part.technology),
      element("td", `${part.instances}${bounds}`),
      element("td", Object.entries(part.figures).map(([name, value]) => figure(name, value)).join(", ")),
      element("td", item?.technology ?? ""));
    return row;
  }));
}

function showState(state, text) {
  if ($("state").dataset.state === state && $("state").textContent === text) return;  // Not read out every second.
  $("state").dataset.state = state;
  $("state").textContent = text;
}

function showTrouble(text) {
  if ($("trouble").textContent !== text) $("trouble").textContent = text;
  $("trouble").hidden = text === "";
}

function showStats(stats) {
  if (past.length > 0 && stats.server.uptime_ms < past.at(-1).server.uptime_ms) past = [];  // It was started anew.
  past = [...past.slice(-RATE_POLLS), stats];
  const rates = ratesSince(past[0], stats);
  drawing.show(stats, rates);
  fillTables(stats, rates);
  $("picture").classList.remove("stale");
  showState(stats.state, `${stats.state}, version ${stats.version}`);
  $("figures").textContent = `${number(stats.counters)} counters, ${number(stats.events_accepted)} events and ` +
    `${number(stats.commits)} commits since the start; as of ${stats.as_of} by the service's clock`;
}

async function learnModel() {
  model = (await ask("/v1/architecture")).body;
  draw();
  $("differences").replaceChildren(...model.differences.map((text) => element("li", `Beside the model: ${text}`)));
  $("differences").hidden = model.differences.length === 0;
}

async function showEverything() {
  if (model === null) await learnModel();
  showStats((await ask("/v1/stats")).body);
  const counter = addressed(location.hash);
  $("counter-view").hidden = counter === null;
  $("overview").hidden = counter !== null;
  if (counter !== null) {
    await showCounter(counter, $("counter-view"));
  } else if (listDue || polls % TOP_EVERY === 0) {
    listDue = false;  // Before it is asked for: who asks for another one meanwhile gets it with the next poll.
    await showNamespaces($("namespace"));
    await showTop($("namespace").value, $("top"), $("top-empty"));
  }
  if (counter === null && sent?.counted) await showTotal();
}

async function showTotal() {
  const {video} = sent;
  const value = await total("views", video);
  if (sent.video === video) $("sent-total").textContent = number(value);
}

/** Says what ails the service; whether asking again may help by itself. */
function complain(ailment) {
  const needsKey = ailment.kind === "key" || ailment.kind === "right";
  $("key-form").hidden = !needsKey;
  if (needsKey) {
    showState("key", ailment.kind === "key" ? "an API key is needed" : "another API key is needed");
    showTrouble(hasKey() ? ailment.message : "");
    if (document.activeElement === document.body) $("key").focus();
    return false;
  }
  if (ailment.kind === "down") {
    model = model && {...model, stale: true};
    $("picture").classList.add("stale");
    showState("down", "no answer");
    showTrouble("The service does not answer. This page asks again by itself; what it shows is old.");
  } else if (ailment.kind === "busy") {
    showState("busy", "busy");
    showTrouble(`The service is busy: ${ailment.message}. This page asks again by itself.`);
  } else {
    showTrouble(`The service refused what this page asked: ${ailment.message}`);
  }
  return true;
}

async function poll() {
  if (polling) {
    again = true;
    return;
  }
  clearTimeout(timer);
  if (document.hidden) return;  // Goes on when the page is seen.
  polling = true;
  let more = true;
  try {
    if (model?.stale) model = null;  // It may be another version that answers again.
    await showEverything();
    ++polls;
    failures = 0;
    showTrouble("");
    $("key-form").hidden = true;
  } catch (error) {
    ++failures;
    if (error instanceof Ailment) {
      more = complain(error);
    } else {
      showTrouble(`This page does not understand what it was told: ${error.message}`);
      reportError(error);
    }
  } finally {
    polling = false;
  }
  const wait = again ? 0 : Math.min(POLL_MS * 2 ** Math.min(failures, 4), POLL_MS_MAX);
  again = false;
  if (more) timer = setTimeout(poll, wait);
}

/** Asks at once, the list of counters too. */
function pollNow() {
  listDue = true;
  poll();
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey($("key").value);
  $("key").value = "";
  pollNow();
});

$("send-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const video = $("video").value;
  if (sent === null || sent.done || sent.video !== video) sent = {video, id: drawId(), done: false};
  const focused = document.activeElement;
  $("send").disabled = true;
  const output = $("sent");
  try {
    const {status, body} = await sendView(video, sent.id);
    sent.done = sent.counted = true;
    output.dataset.outcome = "good";
    output.textContent = `${status} Accepted, position ${body.position}` + (body.duplicate ? ", counted before" : "");
    if (body.value !== undefined) $("sent-total").textContent = number(BigInt(body.value_string ?? body.value));
    $("sent-link").href = counterLink("views", {counter: video});
    $("sent-link").hidden = false;
  } catch (error) {
    if (!(error instanceof Ailment)) throw error;
    output.dataset.outcome = "bad";
    const unknown = error.kind === "down" || error.kind === "unknown";
    sent.done = !unknown && error.kind !== "busy";
    output.textContent = error.message +
      (unknown ? ". Perhaps it was counted: send it again, it carries the same id and counts once." : "");
    if (error.kind === "key") complain(error);
  } finally {
    $("send").disabled = false;
    if (document.activeElement === document.body) focused.focus();
  }
  pollNow();
});

$("namespace").addEventListener("change", pollNow);
addEventListener("hashchange", () => {
  $("content").focus();
  scrollTo(0, 0);
  pollNow();
});
document.addEventListener("visibilitychange", poll);
narrow.addEventListener("change", draw);
poll();
