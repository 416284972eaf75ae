// A wrong token is refused in words and leaves the page usable; the right one signs in, stays in this tab only, and is
// never in an address.

import assert from "node:assert/strict";

export async function scenario({ open, operator }) {
  const one = await open();
  const { page } = one;
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  const field = page.getByLabel("Token", { exact: true });
  await field.fill("teal-wrong-token-of-the-test");
  await page.keyboard.press("Enter");
  const refusal = await one.waitText("dialog .refusal", /\S/);
  assert.ok(!refusal.includes("teal-wrong-token"), "the refusal shows the token");
  assert.equal(await page.evaluate(() => sessionStorage.length), 0, "a wrong token was kept");

  await field.fill(operator);
  await page.keyboard.press("Enter");
  await page.locator("dialog").waitFor({ state: "detached" });
  await one.waitText(".session", /Sign out/);
  await one.waitText(".actions", /Switch to/);
  const disabled = await page.locator('.actions [aria-disabled="true"]', { hasText: "Switch" }).count();
  assert.equal(disabled, 0, "the switch is disabled for an operator");

  const kept = await page.evaluate(() => ({
    session: Object.values({ ...sessionStorage }),
    local: Object.values({ ...localStorage }),
    cookie: document.cookie,
    address: location.href,
    shown: document.documentElement.outerHTML,
  }));
  assert.deepEqual(
    kept.session,
    [operator],
    "the token is in the storage of the session, and nothing else is",
  );
  assert.deepEqual(kept.local, []);
  assert.equal(kept.cookie, "");
  assert.ok(!kept.address.includes(operator) && !kept.shown.includes(operator), "the token is in the page");
  assert.ok(!one.requests.some((address) => address.includes(operator)), "the token is in an address");

  await page.reload();
  await one.live();
  await one.waitText(".session", /Sign out/);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0, "the token was kept after signing out");
}
