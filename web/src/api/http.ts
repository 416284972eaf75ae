// One call of the admin API. Each has a deadline; the token travels in its header and nowhere else.

import { malformed, type Problem, refused, unanswered } from "./problem";

/** The outcome of a call. */
export type Answer<T> = { ok: true; value: T; date: number | null } | { ok: false; problem: Problem };

export interface Call {
  method?: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  /** The token; `null`: the call is made without one. */
  token: string | null;
  /** The generation that the service must have. */
  ifMatch?: number;
  body?: unknown;
  /** The time for the whole answer. */
  timeoutMs?: number;
  /** `json` by default; `text`: the words that the command line prints. */
  as?: "json" | "text";
}

const TIMEOUT_MS = 10_000;

/** Makes a call. Never throws. */
export async function call<T>(wanted: Call): Promise<Answer<T>> {
  const { method = "GET", token, timeoutMs = TIMEOUT_MS, as = "json" } = wanted;
  const headers: Record<string, string> = { accept: as === "json" ? "application/json" : "text/plain" };
  if (token !== null) headers["authorization"] = `Bearer ${token}`;
  if (wanted.ifMatch !== undefined) headers["if-match"] = `"${wanted.ifMatch}"`;
  if (wanted.body !== undefined) headers["content-type"] = "application/json";
  const init: RequestInit = { method, headers, cache: "no-store", credentials: "omit", redirect: "error" };
  if (wanted.body !== undefined) init.body = JSON.stringify(wanted.body);
  try {
    const response = await fetch(address(wanted), { ...init, signal: AbortSignal.timeout(timeoutMs) });
    const text = await response.text();
    if (!response.ok) return { ok: false, problem: refused(response.status, text) };
    const date = Date.parse(response.headers.get("date") ?? "");
    const value = as === "json" ? (JSON.parse(text) as T) : (text as T);
    return { ok: true, value, date: Number.isNaN(date) ? null : date };
  } catch (error) {
    if (error instanceof SyntaxError) return { ok: false, problem: malformed(200) };
    return { ok: false, problem: unanswered(error) };
  }
}

function address({ path, query = {} }: Call): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}
