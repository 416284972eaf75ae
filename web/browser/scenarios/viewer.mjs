// Somebody who may only look sees every action disabled, with the reason; keys and clicks open nothing.

import assert from "node:assert/strict";

export async function scenario({ open, viewer }) {
  const one = await open();
  const { page } = one;
  await one.waitText(".actions-why", /Sign in with a token to act/);
  await none(page);
  if (viewer === "") throw new Error("TEAL_CONSOLE_VIEWER is not set");
  await one.signIn(viewer);
  await one.waitText(".session", /viewer/);
  await one.waitText(".actions-why", /viewer/);
  await none(page);
  await page
    .locator(".history-receipt button")
    .first()
    .waitFor({ state: "attached" })
    .catch(() => {});
}

async function none(page) {
  const buttons = page.locator(".actions button");
  const count = await buttons.count();
  assert.ok(count >= 4, "there are no actions");
  for (let at = 0; at < count; at += 1) {
    const button = buttons.nth(at);
    assert.equal(await button.getAttribute("aria-disabled"), "true", await button.innerText());
    assert.ok(await button.getAttribute("aria-description"), "a disabled action has no reason");
    await button.click({ force: true });
  }
  for (const key of ["s", "r", "h"]) await page.keyboard.press(key);
  assert.equal(await page.locator("dialog").count(), 0, "a disabled action opened a dialog");
}
