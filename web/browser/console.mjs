// The page as a person uses it: what is read from it and done with it, for the scenarios. Every wait has a deadline.

import assert from "node:assert/strict";

/** The deadline of one wait. */
const WAIT_MS = 30_000;

export class Console {
  /** Opens the page in a context of its own. */
  static async open(browser, url, { path = "", ready = true, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
    context.setDefaultTimeout(WAIT_MS);
    const page = await context.newPage();
    const one = new Console(context, page, url);
    await page.goto(new URL(path, url).href);
    if (ready) await one.live();
    return one;
  }

  constructor(context, page, url) {
    this.context = context;
    this.page = page;
    this.url = url;
    /** What the browser complained about, and the addresses that it asked for. */
    this.complaints = [];
    this.requests = [];
    page.on("pageerror", (error) => this.complaints.push(`error: ${error.message}`));
    page.on("console", (message) => {
      // A refused call is a line in the browser's console, and no fault of the page.
      if (
        ["error", "warning"].includes(message.type()) &&
        !/Failed to load resource|net::ERR/.test(message.text())
      ) {
        this.complaints.push(`${message.type()}: ${message.text()}`);
      }
    });
    page.on("request", (request) => this.requests.push(request.url()));
  }

  /** Waits until the head says that the page is live. */
  live() {
    return this.waitText("#trust", /^Live$/);
  }

  /** Signs in by the dialog. */
  async signIn(token) {
    await this.page.getByRole("button", { name: "Sign in", exact: true }).first().click();
    await this.page.getByLabel("Token", { exact: true }).fill(token);
    await this.page.keyboard.press("Enter");
    await this.page.locator("dialog").waitFor({ state: "detached" });
  }

  /** Waits until the text of an element matches. */
  async waitText(selector, pattern, timeout = WAIT_MS) {
    const until = Date.now() + timeout;
    let seen = "";
    while (Date.now() < until) {
      seen = await this.page.evaluate((wanted) => {
        const found = [...document.querySelectorAll(wanted)];
        return found.map((one) => one.innerText).join("\n");
      }, selector);
      if (pattern.test(seen.trim())) return seen.trim();
      await this.page.waitForTimeout(100);
    }
    throw new Error(`${selector} does not match ${pattern} after ${timeout / 1000} s, but is: ${seen}`);
  }

  /** Waits until a color serves. */
  serves(color) {
    return this.waitText(".lead h1", new RegExp(`^${color} serves`, "i"));
  }

  /** Returns the numbers of the books by their names, as the page shows them. */
  async books() {
    const rows = await this.page.locator("#books .ledger .fact").allInnerTexts();
    const numbers = rows.map((row) => row.split("\n").map((one) => one.trim()));
    return Object.fromEntries(numbers.map(([name, value]) => [name, Number(value.replaceAll(",", ""))]));
  }

  /** The accessible name of what has the focus. */
  focused() {
    return this.page.evaluate(() => {
      const one = document.activeElement;
      return (one?.getAttribute("aria-label") ?? one?.textContent ?? "").trim();
    });
  }

  /** What the page shows, for messages. */
  async text() {
    const shown = await this.page.evaluate(() => document.body.innerText).catch(() => "the page is closed");
    return `--- the page shows:\n${shown.slice(0, 4000)}\n--- the browser says:\n${this.complaints.join("\n")}`;
  }

  /** Fails if the browser complained, or asked another host for anything. */
  check() {
    assert.deepEqual(this.complaints, [], "the browser complained");
    const { host } = new URL(this.url);
    const foreign = this.requests.filter((one) => new URL(one).host !== host && !one.startsWith("data:"));
    assert.deepEqual(foreign, [], "the page asked another host");
  }
}
