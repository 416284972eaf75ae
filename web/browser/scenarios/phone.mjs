// On a phone, down to 320 px: nothing is cut off at the side, the active color comes first, dialogs fit.

import assert from "node:assert/strict";

export async function scenario({ open, operator }) {
  for (const width of [390, 320]) {
    const one = await open({ viewport: { width, height: 700 }, hasTouch: true, isMobile: true });
    const { page } = one;
    await one.signIn(operator);
    await one.waitText(".lead h1", /serves/);
    await fits(page, width, "the page");
    const [first] = await page.locator(".color .role").evaluateAll((roles) =>
      roles
        .map((role) => ({ text: role.textContent, top: role.getBoundingClientRect().top }))
        .sort((a, b) => a.top - b.top)
        .map((role) => role.text),
    );
    assert.equal(first, "active", "the active color is not the first one");
    await page.getByRole("button", { name: /^Switch to/ }).tap();
    await one.waitText("dialog", /\S/);
    const box = await page.locator("dialog").boundingBox();
    assert.ok(box && box.x >= 0 && box.x + box.width <= width, "the dialog is cut off");
    await fits(page, width, "the dialog");
    await page.locator("#dialog-close").tap();
    await page.locator("dialog").waitFor({ state: "detached" });
    const small = await page
      .locator(".actions button")
      .evaluateAll((all) =>
        all
          .filter((button) => button.getBoundingClientRect().height < 36)
          .map((button) => button.textContent),
      );
    assert.deepEqual(small, [], "too small for a finger");
  }
}

async function fits(page, width, what) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `${what} is ${wide} px wide on ${width} px`);
}
