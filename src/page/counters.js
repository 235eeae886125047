// Top counters, and one counter with its shards.

import {ask} from "./service.js";
import {element, number} from "./words.js";

/** A counter as a path segment; names that are not UTF-8 come percent-encoded. */
function segmentOf(item) {
  return item.counter_encoded ?? encodeURIComponent(item.counter);
}

function nameOf(item) {
  return item.counter ?? item.counter_encoded;
}

export function counterLink(namespace, item) {
  return `#/counter/${encodeURIComponent(namespace)}/${segmentOf(item)}`;
}

/** What the address says: {namespace, segment} of a counter, or null. Whoever wrote it, it names no other path. */
export function addressed(hash) {
  const [, page, space, segment, ...more] = hash.split("/");
  if (page !== "counter" || !space || !segment || more.length > 0) return null;
  try {
    const namespace = decodeURIComponent(space);
    if (namespace === "." || namespace === "..") return null;
    return {namespace, segment: segment.replace(/[^\w.~!*'()%-]/gu, encodeURIComponent)};
  } catch {
    return null;
  }
}

export function valueOf(item) {
  return item.value_string === undefined ? item.value : BigInt(item.value_string);
}

/** The total of one counter, by the query: a path would take the names `.` and `..` for something else. */
export async function total(namespace, counter) {
  const query = new URLSearchParams({counter});
  const {body} = await ask(`/v1/counters/${encodeURIComponent(namespace)}?${query}`);
  return valueOf(body.counters[0]);
}

export async function showNamespaces(select) {
  const {body} = await ask("/v1/namespaces");
  const names = body.namespaces.map((space) => space.namespace);
  if (names.join("/") === Array.from(select.options, (option) => option.value).join("/")) return;
  const chosen = select.value || "views";
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  select.value = names.includes(chosen) ? chosen : names[0];
}

export async function showTop(namespace, table, empty) {
  const {body} = await ask(`/v1/top/${encodeURIComponent(namespace)}?limit=10`);
  const rows = body.counters.map((item) => {
    const row = element("tr");
    const name = element("td", "", "name");
    const link = element("a", nameOf(item));
    link.href = counterLink(namespace, item);
    name.append(link);
    row.append(name, element("td", number(valueOf(item)), "number"));
    return row;
  });
  // The focus stays where it was: the list is made anew under it.
  const focused = table.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  table.tBodies[0].replaceChildren(...rows);
  if (focused !== null) {
    for (const link of table.querySelectorAll("a")) if (link.getAttribute("href") === focused) link.focus();
  }
  empty.hidden = rows.length > 0;
}

/** Shows the counter that the address names. */
export async function showCounter({namespace, segment}, view) {
  const dots = /^(\.|%2e){1,2}$/i.test(segment);
  const path = `/v1/counters/${encodeURIComponent(namespace)}`;
  const body = dots
    ? (await ask(`${path}?counter=${segment}`)).body.counters[0]
    : (await ask(`${path}/${segment}?shards=1`)).body;
  const shards = (body.shards ?? []).toSorted((a, b) => a.generation - b.generation || a.partition - b.partition);
  const part = (id) => view.querySelector(`#${id}`);
  part("counter-name").textContent = `${namespace} / ${nameOf(body)}`;
  part("counter-value").textContent = number(valueOf(body));
  part("counter-remark").textContent = [
    body.exists ? "" : "it was never written",
    body.counter_encoded === undefined ? "" : "the name is not UTF-8 and is shown percent-encoded",
    body.saturated ? "held at the end of 64 bits" : "",
    dots ? "its shards cannot be asked for by a browser" : "",
  ].filter(Boolean).join("; ");
  part("shards").tBodies[0].replaceChildren(...shards.map((shard) => {
    const row = element("tr");
    row.append(element("th", shard.counts ? String(shard.partition) : `${shard.partition} (of an older epoch)`),
      element("td", number(shard.total), "number"), element("td", number(shard.events), "number"),
      element("td", number(shard.applied), "number"));
    row.firstChild.scope = "row";
    return row;
  }));
  const counted = shards.filter((shard) => shard.counts);
  const sum = counted.reduce((so, shard) => so + BigInt(shard.total), 0n);
  const events = counted.reduce((so, shard) => so + BigInt(shard.events), 0n);
  part("shards-sum").textContent = number(sum);
  part("shards-events").textContent = number(events);
  const same = sum === BigInt(valueOf(body));
  const held = BigInt.asIntN(64, sum) !== sum;
  part("shards-verdict").textContent = dots ? "" : same ? "= the total" :
    held ? "is beyond 64 bits: the total is held at their end" : "is not the total";
  part("shards").hidden = dots;
  part("shards").dataset.sum = same ? "equal" : "different";
}
