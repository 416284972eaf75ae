// Runs one scenario in a real Chromium: `node browser/run.mjs NAME`.
//
// By environment: TEAL_CONSOLE_URL (needed), TEAL_CONSOLE_OPERATOR and TEAL_CONSOLE_VIEWER (tokens), TEAL_CHROMIUM
// (/usr/bin/chromium). Where a scenario needs something done outside, it prints `ready WORD` and waits for a line on
// standard input, which may carry a value. It ends with `passed NAME`, or with a message and the exit code 1.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

import { Console } from "./console.mjs";

/** The deadline of a scenario as a whole. */
const WHOLE_MS = 180_000;

const name = process.argv[2] ?? "";
const file = join(import.meta.dirname, "scenarios", `${name}.mjs`);
const url = process.env.TEAL_CONSOLE_URL;
if (!/^[a-z0-9-]+$/.test(name) || !existsSync(file))
  fail(`there is no scenario "${name}" in browser/scenarios`);
if (!url) fail("TEAL_CONSOLE_URL is not set");

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const browser = await chromium.launch({
  executablePath: process.env.TEAL_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--disable-quic", "--disable-background-networking", "--no-sandbox"],
});
const deadline = setTimeout(() => fail(`${name}: not done after ${WHOLE_MS / 1000} s`), WHOLE_MS);
const open = [];
try {
  const { scenario } = await import(file);
  await scenario({
    url,
    operator: process.env.TEAL_CONSOLE_OPERATOR ?? "",
    viewer: process.env.TEAL_CONSOLE_VIEWER ?? "",
    /** Opens a page of its own; `options` are those of a browser context. */
    async open(options = {}) {
      const one = await Console.open(browser, url, options);
      open.push(one);
      return one;
    },
    /** Has something done outside, and returns the line that says that it is done. */
    async outside(word) {
      console.log(`ready ${word}`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`standard input ended while waiting for "${word}"`);
      return value.trim();
    },
  });
  for (const one of open) one.check();
  console.log(`passed ${name}`);
  process.exitCode = 0;
} catch (error) {
  console.error(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
  for (const one of open) console.error(await one.text());
  process.exitCode = 1;
} finally {
  clearTimeout(deadline);
  await browser.close();
  process.stdin.destroy();
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
