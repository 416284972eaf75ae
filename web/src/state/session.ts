// Who acts. The token is in this tab's session storage and in memory: never in a URL, a cookie or a message.

import { computed, signal } from "@preact/signals";

import { readStatus, readWhoami } from "../api/calls";
import type { Problem } from "../api/problem";
import type { Whoami } from "../api/types";

const KEY = "teal-token";

/** The token; `null`: not signed in. */
export const token = signal<string | null>(stored());

/** Whom the token makes the caller; `null`: not known (yet, or by a Teal that cannot say it). */
export const who = signal<Whoami | null>(null);

/** Why the session ended, if it did not end by the person's wish. */
export const ended = signal("");

/** The reason why actions are disabled; empty: they are not. */
export const forbidden = computed(() => {
  if (token.value === null) return "Sign in with a token to act";
  if (who.value?.role === "viewer") return `${who.value.name ?? "This token"} is a viewer and may only look`;
  return "";
});

/** Tries a token, and keeps it if Teal accepts it. Returns the problem if it does not. */
export async function signIn(candidate: string): Promise<Problem | null> {
  const said = await readWhoami(candidate);
  if (said.ok) {
    keep(candidate, said.value);
    return null;
  }
  // A Teal that cannot say whom the token makes us still refuses a wrong one.
  if (said.problem.status !== 404) return said.problem;
  const read = await readStatus(candidate);
  if (!read.ok) return read.problem;
  keep(candidate, null);
  return null;
}

/** Forgets the token. */
export function signOut(why = ""): void {
  token.value = null;
  who.value = null;
  ended.value = why;
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Without storage there is nothing to forget.
  }
}

/** Asks Teal again whom the token of an earlier page makes us. */
export async function recall(): Promise<void> {
  const mine = token.peek();
  if (mine === null) return;
  const said = await readWhoami(mine);
  if (said.ok) who.value = said.value;
  else noteRefusal(said.problem);
}

/** Ends the session if Teal does not know the token any more. */
export function noteRefusal(problem: Problem): void {
  // During a lockout Teal refuses wrong tokens alone.
  if ((problem.status === 401 || problem.code === "locked_out") && token.peek() !== null) {
    signOut("Teal does not accept your token any more. Sign in again to act.");
  }
}

function keep(candidate: string, said: Whoami | null): void {
  who.value = said;
  token.value = candidate;
  ended.value = "";
  try {
    sessionStorage.setItem(KEY, candidate);
  } catch {
    // Without storage the session ends with the page.
  }
}

function stored(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}
