// Why a call did not succeed, in the words that Teal gave, or in ours if it gave none.

import type { ProblemDocument } from "./types";

/** A refusal by Teal, or the lack of an answer. */
export interface Problem {
  /** The stable code; `unreachable`, `timeout` and `malformed` are the page's own. */
  code: string;
  /** One line. */
  title: string;
  /** The reason and what to do; empty if there is none. */
  detail: string;
  /** The status of the answer; 0: there was none. */
  status: number;
}

/** Returns the problem for a call that got no answer. */
export function unanswered(error: unknown): Problem {
  const late = error instanceof DOMException && error.name === "TimeoutError";
  return late
    ? { code: "timeout", title: "Teal did not answer in time", detail: "", status: 0 }
    : { code: "unreachable", title: "Teal cannot be reached", detail: "", status: 0 };
}

/** Reads the body of an answer that is not a success. */
export function refused(status: number, body: string): Problem {
  const document = parsed(body);
  if (document === null) {
    return { code: "malformed", title: `Teal answered ${status}`, detail: "", status };
  }
  const { code, title, detail } = document;
  return {
    code: typeof code === "string" ? code : "malformed",
    title: typeof title === "string" ? title : `Teal answered ${status}`,
    detail: typeof detail === "string" ? detail : "",
    status,
  };
}

/** Returns the problem for a success whose body is not what the API promises. */
export function malformed(status: number): Problem {
  return { code: "malformed", title: "Teal's answer cannot be read", detail: "", status };
}

function parsed(body: string): Partial<ProblemDocument> | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
}
