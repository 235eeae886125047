// Looks at the page. run.py starts this with its options as JSON, obeys its commands ({"do": ...}), and prints its findings
// ({"name", "passed", "seconds", "notes"}), one a line.

import assert from "node:assert/strict";
import {randomUUID} from "node:crypto";
import {createInterface} from "node:readline";
import path from "node:path";

const {chromium} = await import(process.env.PLAYWRIGHT_CORE);
const options = JSON.parse(process.argv[2]);
const WAIT_MS = 20000;
const DAY_MS = 86400000;
const SCREENS = {
  "wide-light": {viewport: {width: 1280, height: 860}, colorScheme: "light"},
  "wide-dark": {viewport: {width: 1280, height: 860}, colorScheme: "dark"},
  "narrow-light": {viewport: {width: 390, height: 844}, colorScheme: "light"},
  "narrow-dark": {viewport: {width: 390, height: 844}, colorScheme: "dark"},
};
/** Names that a page must show and not obey, as path segments. */
const HOSTILE = {
  "%3Csvg%20onload%3DglobalThis.obeyed%3D1%3E": "<svg onload=globalThis.obeyed=1>",
  "%22%3E%3Cimg%20src%3Dx%20onerror%3DglobalThis.obeyed%3D1%3E": "\"><img src=x onerror=globalThis.obeyed=1>",
  "%3Cscript%3EglobalThis.obeyed%3D1%3C%2Fscript%3E": "<script>globalThis.obeyed=1</script>",
  "javascript%3AglobalThis.obeyed%3D1": "javascript:globalThis.obeyed=1",
  "..": "..",
  "%FF%FE%3Cb%3E": "%FF%FE%3Cb%3E",
  "a%2Fb%3Fc%23d%25": "a/b?c#d%",
};

const answers = createInterface({input: process.stdin})[Symbol.asyncIterator]();
let origin = "";

async function command(what) {
  console.log(JSON.stringify(what));
  const {http} = JSON.parse((await answers.next()).value);
  origin = `http://127.0.0.1:${http}`;
}

async function send(method, target, body, fields = {}) {
  const response = await fetch(origin + target, {method, body, headers: fields});
  assert.ok(response.ok, `${method} ${target}: ${response.status} ${await response.clone().text()}`);
  return response;
}

const json = async (target) => (await send("GET", target)).json();
const view = (video) => send("POST", "/view", JSON.stringify({video_id: video}), {"Content-Type": "application/json"});
/** Events with ids: they fall on several partitions. */
function events(counter, count, space = "views") {
  const lines = Array.from({length: count}, () => JSON.stringify({namespace: space, counter, id: randomUUID()}));
  return send("POST", "/v1/events", lines.join("\n"), {"Content-Type": "application/x-ndjson"});
}

const browser = await chromium.launch({
  executablePath: options.chromium,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
});

/**
 * A page in a fresh profile that notes what it must not do. `allowed` are console errors that are the point, `model` is
 * what the page is told instead of the service's own.
 */
async function open({screen = "wide-light", hash = "", script = null, allowed = null, model = null} = {}) {
  const context = await browser.newContext(SCREENS[screen]);
  const page = await context.newPage();
  const found = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !allowed?.test(message.text())) {
      found.push(`console: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => found.push(`error: ${error.stack}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin + "/")) found.push(`a request to ${request.url()}`);
  });
  if (model !== null) await page.route("**/v1/architecture", (route) => route.fulfill({json: model}));
  if (script !== null) await page.addInitScript(script);
  await page.goto(`${origin}/${hash}`);
  page.close_well = async () => {
    assert.deepEqual(found, []);
    await context.close();
  };
  return page;
}

const text = (page, selector) => page.locator(selector).textContent();
const serving = (page) => page.waitForSelector("#state[data-state=serving]", {timeout: WAIT_MS});
const until = (page, condition, argument) => page.waitForFunction(condition, argument, {timeout: WAIT_MS});

/** Waits until the line from `from` to `to` shows a rate above zero. */
const moving = (page, from, to) => until(page, ([a, b]) => {
  const shown = document.querySelector(`.edge[data-from="${a}"][data-to="${b}"] .rate`)?.textContent ?? "";
  return Number.parseFloat(shown.replaceAll(",", "")) > 0;
}, [from, to]);

async function drawsTheModel(page, model) {
  const boxes = model.elements.filter((item) => item.kind !== "system").map((item) => item.id).sort();
  const lines = model.relations.map((relation) => `${relation.from} ${relation.to}`).sort();
  const drawn = await page.evaluate(() => {
    const rectangle = (element) => {
      const {left, top, right, bottom} = element.getBoundingClientRect();
      return {left, top, right, bottom};
    };
    const picture = document.querySelector("#picture svg");
    const parts = Array.from(picture.querySelectorAll(".part"));
    const labels = Array.from(picture.querySelectorAll(".edge text")).map((label) => label.parentElement);
    return {
      picture: rectangle(picture),
      boxes: parts.map((part) => [part.dataset.id, rectangle(part.querySelector(".body"))]),
      texts: parts.flatMap((part) => Array.from(part.querySelectorAll("text"), (one) =>
        [part.dataset.id, one.textContent, rectangle(one)])).filter(([, words]) => words !== ""),
      lines: Array.from(picture.querySelectorAll(".edge:has(path)"), (edge) => `${edge.dataset.from} ${edge.dataset.to}`),
      labels: Array.from(new Set(labels), (label) => [`${label.dataset.from} ${label.dataset.to}`, rectangle(label)]),
    };
  });
  assert.deepEqual(drawn.boxes.map(([id]) => id).sort(), boxes);
  assert.deepEqual(drawn.lines.sort(), lines);
  assert.deepEqual(drawn.labels.map(([id]) => id).sort(), lines);
  const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
  const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
  const placed = [...drawn.boxes, ...drawn.labels];
  for (const [id, place] of placed) {
    assert.ok(inside(place, drawn.picture), `${id} is cut off`);
    for (const [other, there] of placed) assert.ok(id === other || apart(place, there), `${id} lies over ${other}`);
  }
  const body = new Map(drawn.boxes);
  for (const [id, words, place] of drawn.texts) assert.ok(inside(place, body.get(id)), `"${words}" leaves its box ${id}`);
}

const checks = {
  async "draws every box and every line of the model, apart and inside, on every screen"() {
    const model = await json("/v1/architecture");
    assert.deepEqual(model.differences, []);
    assert.ok(model.elements.length >= 8 && model.relations.length >= 8);
    for (const screen of Object.keys(SCREENS)) {
      const page = await open({screen});
      await serving(page);
      await drawsTheModel(page, model);
      const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(width <= 0, `${screen}: the page is ${width} px too wide`);
      await page.close_well();
    }
  },

  async "draws another model as another picture, with a circle and two systems in it"() {
    const item = (id, kind) => ({id, kind, parent: id.includes(".") ? id.split(".")[0] : "", label: id, built_of: "",
      technology: "", description: "", tags: []});
    const relation = (from, to) => ({from, to, label: "asks", tags: []});
    const model = {title: "Another", form: "Embedded", scenarios: [], differences: ["one thing is not as the other"],
      elements: [item("User", "person"), item("A", "system"), item("A.One", "container"), item("A.Two", "queue"),
        item("B", "system"), item("B.Three", "database"), item("B.Four", "container")],
      relations: [relation("User", "A.One"), relation("A.One", "A.Two"), relation("A.Two", "B.Four"),
        relation("B.Four", "A.One"), relation("A.One", "B.Three"), relation("B.Four", "B.Three")]};
    for (const screen of ["wide-light", "narrow-dark"]) {
      const page = await open({screen, model});
      await serving(page);
      await drawsTheModel(page, model);
      assert.deepEqual(await page.locator(".frame").evaluateAll((all) => all.map((one) => one.dataset.id)), ["A", "B"]);
      assert.match(await text(page, "#differences"), /one thing is not as the other/);
      await page.close_well();
    }
  },

  async "shows rates that move when views are sent"() {
    const page = await open();
    await serving(page);
    await view("rates");
    await moving(page, "Viewer", "CounterService.API");
    await moving(page, "CounterService.API", "CounterService.EventLog");
    await moving(page, "CounterService.EventLog", "CounterService.Worker");
    await moving(page, "CounterService.Worker", "CounterService.Cache");
    await moving(page, "CounterService.Worker", "CounterService.DB");
    const rows = await page.locator("#edges tbody tr").allTextContents();
    assert.equal(rows.length, (await json("/v1/architecture")).relations.length);
    await page.close_well();
  },

  async "sends a view with the button, by mouse and by keyboard, and shows the total as it grows"() {
    const page = await open();
    await serving(page);
    await page.fill("#video", "pressed");
    await page.click("#send");
    await until(page, () => document.querySelector("#sent").textContent.startsWith("202 Accepted, position "));
    await until(page, () => document.querySelector("#sent-total").textContent === "1");
    assert.match(await text(page, "#sent"), /position \d+:\d+:\d+/);
    await page.focus("#video");
    await page.keyboard.press("Enter");
    await until(page, () => document.querySelector("#sent-total").textContent === "2");
    await view("pressed");  // Somebody else's view is seen, too.
    await until(page, () => document.querySelector("#sent-total").textContent === "3");
    assert.equal((await json("/v1/counters/views/pressed")).value, 3);
    await page.close_well();
  },

  async "shows a counter's shards, and that their sum is its total"() {
    await events("spread", 60);
    const page = await open();
    await page.click("#top a:text-is('spread')");
    await until(page, () => document.querySelector("#counter-value").textContent === "60");
    const totals = await page.locator("#shards tbody td:nth-child(2)").allTextContents();
    assert.ok(totals.length > 1, "one shard alone proves nothing");
    assert.equal(totals.reduce((sum, shown) => sum + Number(shown), 0), 60);
    assert.equal(await text(page, "#shards-sum"), "60");
    assert.equal(await text(page, "#shards-verdict"), "= the total");
    await events("spread", 5);
    await until(page, () => document.querySelector("#counter-value").textContent === "65");
    assert.equal(await text(page, "#shards-sum"), "65");
    await page.goBack();
    await page.waitForSelector("#overview", {state: "visible"});
    // Beyond what JavaScript's numbers hold.
    await send("POST", "/v1/counters/views/huge", `{"delta":9007199254740993}`, {"Content-Type": "application/json"});
    await page.goto(`${origin}/#/counter/views/huge`);
    await until(page, () => document.querySelector("#counter-value").textContent === "9,007,199,254,740,993");
    assert.equal(await text(page, "#shards-sum"), "9,007,199,254,740,993");
    await page.close_well();
  },

  async "shows names that look like markup, or are no text at all, as what they are"() {
    for (const segment of Object.keys(HOSTILE)) {
      // As bytes: what an address parser makes of `..` is not what is meant.
      const path = segment === ".." ? null : `/v1/counters/hostile/${segment}`;
      if (path) await send("POST", path, `{"delta":1000}`, {"Content-Type": "application/json"});
      else await send("POST", "/v1/events", `{"namespace":"hostile","counter":"..","delta":1000}`,
        {"Content-Type": "application/x-ndjson"});
    }
    const page = await open();
    await page.waitForSelector("#namespace option[value=hostile]", {state: "attached", timeout: WAIT_MS});
    await page.selectOption("#namespace", "hostile");
    await until(page, (count) => document.querySelectorAll("#top tbody tr").length === count, Object.keys(HOSTILE).length);
    const names = await page.locator("#top tbody a").allTextContents();
    assert.deepEqual(names.sort(), Object.values(HOSTILE).sort());
    for (const name of names) {
      await page.locator("#top tbody a", {hasText: name}).filter({hasText: name}).first().click();
      await until(page, (wanted) => document.querySelector("#counter-name").textContent === wanted, `hostile / ${name}`);
      await until(page, () => document.querySelector("#counter-value").textContent === "1,000");
      await page.goBack();
      await page.waitForSelector("#top", {state: "visible"});
    }
    await page.fill("#video", HOSTILE["%3Csvg%20onload%3DglobalThis.obeyed%3D1%3E"]);
    await page.click("#send");
    await until(page, () => document.querySelector("#sent").textContent.startsWith("202"));
    const inert = await page.evaluate(() => globalThis.obeyed === undefined &&
      document.querySelectorAll("#top svg, #top img, #counter-view svg, #counter-view img, main script").length === 0);
    assert.ok(inert);
    await page.close_well();
  },

  async "asks for nothing else than a counter, whatever stands in its address"() {
    await send("POST", "/v1/counters/views/a%3Fb", `{"delta":7}`, {"Content-Type": "application/json"});
    for (const hash of ["#/counter/%2e%2e/stats", "#/counter/../stats", "#/counter/views/a?b"]) {
      const page = await open({hash});
      const asked = new Set();
      page.on("request", (request) => asked.add(new URL(request.url()).pathname));
      await serving(page);
      await until(page, (counter) => document.querySelector(counter ? "#counter-view" : "#overview").hidden === false,
        hash.includes("views"));
      if (hash.includes("views")) await until(page, () => document.querySelector("#counter-value").textContent === "7");
      for (let polls = 0; polls < 2; ++polls) await page.waitForResponse("**/v1/stats");
      const known = /^\/(page\/.*|v1\/(stats|architecture|namespaces|top\/\w+|counters\/views\/a%3Fb))$/;
      for (const path of asked) assert.match(path, known);
      assert.ok(asked.has("/v1/stats"));
      await page.close_well();
    }
  },

  async "shows the counters of the namespace that was chosen, though it was asking for another's"() {
    await events("in-default", 3, "default");
    await view("in-views");
    const page = await open();
    await serving(page);
    await page.waitForSelector("#namespace option[value=default]", {state: "attached", timeout: WAIT_MS});
    let held = 0;
    await page.route("**/v1/top/views*", async (route) => {
      ++held;
      await new Promise((done) => setTimeout(done, 600));  // Long enough to choose another one meanwhile.
      await route.continue();
    });
    while (held === 0) await page.waitForTimeout(20);
    let polls = 0;
    page.on("request", (request) => polls += request.url().endsWith("/v1/stats"));
    await page.selectOption("#namespace", "default");
    await page.waitForSelector("#top a:text-is('in-default')", {timeout: WAIT_MS});
    assert.ok(polls <= 2, `not with the next poll but after ${polls}`);
    await page.close_well();
  },

  async "lets no script in that is not its own"() {
    const page = await open({allowed: /Content Security Policy|TrustedScript|TrustedHTML|requires 'Trusted/});
    await serving(page);
    const outcome = await page.evaluate(() => {
      const attempts = [
        () => document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='globalThis.obeyed=1'>"),
        () => document.body.append(Object.assign(document.createElement("script"), {textContent: "globalThis.obeyed=1"})),
        () => document.body.setAttribute("onclick", "globalThis.obeyed=1"),
      ];
      for (const attempt of attempts) {
        try {
          attempt();
        } catch {
          // Refused at once.
        }
      }
      document.body.click();
      return globalThis.obeyed;
    });
    assert.equal(outcome, undefined);
    await page.close_well();
  },

  async "does not mind a clock that is days ahead, days behind, or jumps"() {
    for (const [days, jumps] of [[30, false], [-30, false], [0, true]]) {
      const page = await open({script: `{
        const Real = Date;
        let calls = 0;
        const skew = () => ${days * DAY_MS} + (${jumps} ? (++calls % 2 ? 1 : -1) * calls * ${DAY_MS} : 0);
        globalThis.Date = class extends Real {
          constructor(...given) { given.length ? super(...given) : super(Real.now() + skew()); }
          static now() { return Real.now() + skew(); }
        };
      }`});
      await serving(page);
      await view("skewed");
      await moving(page, "Viewer", "CounterService.API");
      await page.click("#send");
      await until(page, () => document.querySelector("#sent").textContent.startsWith("202"));
      await page.close_well();
    }
  },

  async "says when the service is away, and goes on by itself when it is back"() {
    const page = await open({allowed: /Failed to load resource: net::ERR_/});
    await serving(page);
    await command({do: "stop"});
    await page.waitForSelector("#state[data-state=down]", {timeout: WAIT_MS});
    assert.match(await text(page, "#trouble"), /does not answer/);
    await page.fill("#video", "away");
    await page.click("#send");
    await until(page, () => document.querySelector("#sent").textContent.includes("Perhaps it was counted"));
    await command({do: "again"});
    await serving(page);
    assert.ok(await page.locator("#trouble").isHidden());
    await page.click("#send");
    await until(page, () => document.querySelector("#sent").textContent.startsWith("202"));
    await moving(page, "Viewer", "CounterService.API");
    assert.equal((await json("/v1/counters/views/away")).value, 1);
    await page.close_well();
  },

  async "can be used by keyboard and by ear"() {
    const page = await open();
    await serving(page);
    const reached = new Set();
    for (let i = 0; i < 12; ++i) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.className ||
        document.activeElement.localName));
    }
    for (const wanted of ["skip", "summary", "video", "send", "namespace"]) {
      assert.ok(reached.has(wanted), `Tab does not reach ${wanted}: ${[...reached]}`);
    }
    for (const [role, name] of [["textbox", "video"], ["button", "Send a view"], ["combobox", "namespace"],
      ["heading", "How it is built, live"], ["img", /Distributed counter: \d+ boxes/]]) {
      assert.equal(await page.getByRole(role, {name}).count(), 1, `${role} ${name}`);
    }
    await page.close_well();
  },

  async "takes pictures of what it looks like"() {
    const model = await json("/v1/architecture");
    for (let i = 0; i < 12; ++i) await events(`video-${i}`, 20 + 60 * i);
    for (const screen of Object.keys(SCREENS)) {
      const page = await open({screen});
      await serving(page);
      await page.fill("#video", "video-3");
      await page.click("#send");
      for (let i = 0; i < 4; ++i) {
        await events("video-11", 400 + 60 * i);
        await page.waitForTimeout(400);  // A picture of rates needs a moment in which something happens.
      }
      await moving(page, "CounterService.Worker", "CounterService.DB");
      await drawsTheModel(page, model);
      await page.screenshot({path: path.join(options.pictures, `page-${screen}.png`), fullPage: true});
      await page.close_well();
    }
    const page = await open({hash: "#/counter/views/video-11"});
    await until(page, () => document.querySelector("#shards-verdict").textContent === "= the total");
    await page.screenshot({path: path.join(options.pictures, "page-counter.png")});
    await page.close_well();
  },

  async "asks for a key where there are keys, and keeps it in memory alone"() {
    await command({do: "start", data: "keyed", settings: {"auth.keys_file": options.keys_file}});
    const page = await open({allowed: /status of 40[13]/});
    await page.waitForSelector("#key-form", {state: "visible", timeout: WAIT_MS});
    await page.fill("#key", "wrong-key-0123456789abcdefgh");
    await page.keyboard.press("Enter");
    await until(page, () => document.querySelector("#trouble").textContent === "the API key is not known");
    await page.fill("#key", "kein-schl\u00fcssel-\u2603");
    await page.keyboard.press("Enter");
    assert.ok(await page.locator("#key-form").isVisible());
    assert.ok(await page.locator("#key").evaluate((field) => field.validity.patternMismatch));
    await page.fill("#key", options.other_key);  // It may ingest and not read.
    await page.keyboard.press("Enter");
    await until(page, () => document.querySelector("#state").textContent === "another API key is needed");
    await page.fill("#key", options.key);
    await page.keyboard.press("Enter");
    await serving(page);
    assert.ok(await page.locator("#key-form").isHidden());
    await page.click("#send");
    await until(page, () => document.querySelector("#sent").textContent.startsWith("202"));
    const kept = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie, location.href,
      document.documentElement.outerHTML, Array.from(document.querySelectorAll("input"), (one) => one.value)].join(" "));
    assert.ok(!kept.includes(options.key));
    assert.ok(kept.startsWith("0 0  "), kept.slice(0, 20));
    await page.reload();
    await page.waitForSelector("#key-form", {state: "visible", timeout: WAIT_MS});
    await page.close_well();
  },
};

await command({do: "start", data: "open"});
for (const [name, check] of Object.entries(checks)) {
  const began = performance.now();
  const notes = [];
  try {
    await check();
  } catch (error) {
    notes.push(String(error.stack ?? error));
  }
  console.log(JSON.stringify({name, passed: notes.length === 0, seconds: (performance.now() - began) / 1000, notes}));
}
await browser.close();
process.exit(0);
