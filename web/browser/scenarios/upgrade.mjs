// An upgrade of Teal while the page is open: the page follows the newer process without being loaded again.
// Outside: `upgrade` upgrades Teal and answers with the new process id; `switch` switches and answers with the color.

import assert from "node:assert/strict";

export async function scenario({ open, outside, operator }) {
  const one = await open();
  const { page } = one;
  await one.signIn(operator);
  await page.evaluate(() => {
    globalThis.before = "the page before";
  });
  const pid = await outside("upgrade");
  await one.waitText("#teal .facts", new RegExp(`Process\\s+${pid}`));
  await one.live();
  const color = await outside("switch");
  await one.serves(color);
  await one.waitText("#events .events", new RegExp(`to ${color}`));
  await one.waitText(".session", /Sign out/);
  await page.locator(".plot canvas").first().waitFor();
  assert.equal(await page.evaluate(() => globalThis.before), "the page before", "the page was loaded again");
}
