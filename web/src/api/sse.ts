// A parser for server-sent events (the WHATWG rules). Text may be cut anywhere, in the middle of a line ending too:
// an event counts once its blank line has come, so that a stream that ends within an event does no harm.

/** One event. */
export interface Message {
  /** The kind; `message` if the stream names none. */
  kind: string;
  data: string;
  /** The id of the last event that had one; empty: none had. */
  id: string;
}

/** The most text that an event may have. What is longer is dropped: no event of Teal comes near. */
const LONGEST = 1 << 20;

export class Parser {
  /** The time to wait before connecting again, if the stream has named one. */
  retryMs: number | null = null;
  #line = "";
  #kind = "";
  #data: string[] = [];
  #size = 0;
  #id: string;
  #afterReturn = false;
  #first = true;
  readonly #give: (message: Message) => void;

  /** `id`: the id of the last event of the connection before this one. */
  constructor(give: (message: Message) => void, id = "") {
    this.#give = give;
    this.#id = id;
  }

  /** Reads the next piece of the stream. */
  push(text: string): void {
    let start = 0;
    if (this.#first && text !== "") {
      this.#first = false;
      if (text.startsWith("\uFEFF")) start = 1;
    }
    for (let at = start; at < text.length; at += 1) {
      const c = text[at];
      if (c === "\n" && this.#afterReturn) {
        this.#afterReturn = false;
        start = at + 1;
      } else if (c === "\n" || c === "\r") {
        this.#read(this.#line + text.slice(start, at));
        this.#line = "";
        this.#afterReturn = c === "\r";
        start = at + 1;
      } else {
        this.#afterReturn = false;
      }
    }
    if (this.#line.length < LONGEST) this.#line += text.slice(start);
  }

  #read(line: string): void {
    if (line === "") {
      this.#end();
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const rest = colon < 0 ? "" : line.slice(colon + 1);
    const value = rest.startsWith(" ") ? rest.slice(1) : rest;
    if (field === "event") this.#kind = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d{1,6}$/.test(value)) this.retryMs = Number(value);
    else if (field === "data") {
      this.#size += value.length;
      if (this.#size <= LONGEST) this.#data.push(value);
    }
  }

  #end(): void {
    const whole = this.#data.length > 0 && this.#size <= LONGEST;
    const message = { kind: this.#kind || "message", data: this.#data.join("\n"), id: this.#id };
    this.#kind = "";
    this.#data = [];
    this.#size = 0;
    if (whole) this.#give(message);
  }
}
