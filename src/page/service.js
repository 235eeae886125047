// The only file that asks the service. Every answer is a value, or an Ailment that says what to do.

/** What went wrong: `kind` is one of down, key, right, busy, unknown, refused. */
export class Ailment extends Error {
  constructor(kind, detail) {
    super(detail);
    this.kind = kind;
  }
}

const ANSWER_MS_MAX = 10000;

let key = null;

/** From now on every request carries this key. It is kept here and nowhere else. */
export function useKey(given) {
  key = given;
}

export function hasKey() {
  return key !== null;
}

/** Numbers beyond 2^53 become BigInts where the browser shows how they were written. */
function parseJson(text) {
  return JSON.parse(text, (_name, value, context) =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source
      ? BigInt(context.source) : value);
}

function ailmentOf(status, problem) {
  const detail = problem.detail ?? `the service answered ${status}`;
  if (status === 401) return new Ailment("key", detail);
  if (status === 403) return new Ailment("right", detail);
  if (problem.outcome === "busy" || problem.outcome === "unknown") return new Ailment(problem.outcome, detail);
  return new Ailment("refused", detail);
}

/** Asks, and answers {status, body}; throws an Ailment for everything that is not a success. */
export async function ask(path, options = {}) {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), ANSWER_MS_MAX);
  try {
    const headers = {...options.headers};
    if (key !== null) headers.Authorization = `Bearer ${key}`;
    let response;
    let text;
    try {
      response = await fetch(path, {...options, headers, signal: ending.signal, cache: "no-store", redirect: "error"});
      text = await response.text();
    } catch {
      throw new Ailment("down", "no answer from the service");
    }
    let body = {};
    try {
      body = parseJson(text);
    } catch {
      throw new Ailment("down", `an answer that is not this service's (status ${response.status})`);
    }
    if (!response.ok) throw ailmentOf(response.status, body);
    return {status: response.status, body};
  } finally {
    clearTimeout(timer);
  }
}

/** Sends one view. The id makes a repeat of it count once. */
export function sendView(video, id) {
  return ask("/view", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({video_id: video, event_id: id}),
  });
}

/** An id that nobody else draws. */
export function drawId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
