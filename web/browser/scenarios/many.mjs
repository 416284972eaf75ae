// Hundreds of services, one of them with the longest name: the list comes soon, the search and the arrow keys find, a
// service opens, and typing stays quick.

import assert from "node:assert/strict";

/** The longest time for which the page may not answer while one types. */
const QUICK_MS = 200;

export async function scenario({ open }) {
  const began = Date.now();
  const one = await open();
  const { page } = one;
  const head = await one.waitText(".list-count", /^\d+ in all$/);
  const total = Number.parseInt(head, 10);
  assert.ok(Date.now() - began < 10_000, "the list took more than 10 s");
  assert.equal(await page.locator(".row").count(), total);
  await one.waitText(".list-block:first-of-type h2", /\S/);
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 1440, "a name is too wide");

  // The list is read less often than a service, and is not called stale for that.
  const until = Date.now() + 7000;
  while (Date.now() < until) {
    assert.equal((await page.locator("#trust").innerText()).trim(), "Live");
    await page.waitForTimeout(250);
  }

  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement?.id === "find");
  const name = await page
    .locator(".row-name")
    .nth(Math.floor(total / 2))
    .textContent();
  for (const letter of name) {
    const started = Date.now();
    await page.keyboard.type(letter);
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
    assert.ok(Date.now() - started < QUICK_MS + 300, `a letter took ${Date.now() - started} ms`);
  }
  await one.waitText(".list-count", /of/);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await one.waitText(".lead h1", new RegExp(`serves ${name}`));
  await one.live();
  await page.goBack();
  await one.waitText(".list-count", /in all|of/);

  const longest = await page.evaluate(() => {
    const field = document.getElementById("find");
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    return new Promise((done) =>
      requestAnimationFrame(() =>
        done(
          [...document.querySelectorAll(".row-name")]
            .map((row) => row.textContent)
            .sort((a, b) => b.length - a.length)[0],
        ),
      ),
    );
  });
  await page.goto(new URL(`/#/service/${longest}`, page.url()).href);
  await one.waitText(".lead h1", new RegExp(longest));
  assert.ok(
    (await page.evaluate(() => document.documentElement.scrollWidth)) <= 1440,
    "the longest name is too wide",
  );
  await page.setViewportSize({ width: 320, height: 700 });
  assert.ok(
    (await page.evaluate(() => document.documentElement.scrollWidth)) <= 320,
    "the longest name is too wide",
  );
}
