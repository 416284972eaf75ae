// Hundreds of services, one of them with the longest name: the list comes soon, the search and the arrow keys find, a
// service opens, and typing stays quick.

import assert from "node:assert/strict";

/** The time in which a typed letter is in the list, in the median: other tests may have the processor for a while. */
const QUICK_MS = 300;

export async function scenario({ open }) {
  const began = Date.now();
  const one = await open();
  const { page } = one;
  const head = await one.waitText(".list-count", /^\d+ in all$/);
  const total = Number.parseInt(head, 10);
  assert.ok(Date.now() - began < 20_000, "the list took more than 20 s");
  assert.equal(await page.locator(".row").count(), total);
  await one.waitText(".list-block:first-of-type h2", /\S/);
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 1440, "a name is too wide");

  // The whole list is read each 5 s only, but Teal is asked each second, so that the head is right.
  const asked = () => one.requests.filter((address) => address.includes("/admin/status")).length;
  const first = asked();
  await page.waitForTimeout(8000);
  assert.ok(asked() - first >= 3, `Teal was asked only ${asked() - first} times in 8 s`);

  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement?.id === "find");
  const name = await page
    .locator(".row-name")
    .nth(Math.floor(total / 2))
    .textContent();
  const times = [];
  for (const letter of name) {
    const started = Date.now();
    await page.keyboard.type(letter);
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
    times.push(Date.now() - started);
  }
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
  assert.ok(median < QUICK_MS, `half of the letters took ${median} ms or more`);
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
