// Teal is gone and comes back: the page says since when it is stale, keeps what it shows, and connects again by itself.
// Outside: `kill` kills Teal, `start` starts it again.

import assert from "node:assert/strict";

export async function scenario({ open, outside }) {
  const one = await open();
  const { page } = one;
  const headline = await one.waitText(".lead h1", /serves/);
  await page.evaluate(() => {
    globalThis.before = "the page before";
  });
  await outside("kill");
  await one.waitText("#trust", /Stale for \d+ s/);
  await one.waitText(".notices", /What you see is \d+ s old/);
  assert.equal(await one.waitText(".lead h1", /serves/), headline, "what was known is gone");
  await outside("start");
  await one.live();
  assert.equal(await page.locator(".notices .notice", { hasText: "old:" }).count(), 0);
  await one.waitText("#events .events", /restarted or replaced/);
  assert.equal(await page.evaluate(() => globalThis.before), "the page before", "the page was loaded again");
}
