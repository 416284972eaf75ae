// Markup in what comes from outside is text: in the reason of a switch, and in the reason of a probe of 4 KB.
// Outside: `markup` makes the idle color's probes fail with a long reason that has markup in it, as far as Teal passes it
// on, and answers when a probe has failed.

import assert from "node:assert/strict";

const HOSTILE = `<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>"'&`;

export async function scenario({ open, outside, operator }) {
  const one = await open();
  const { page } = one;
  await one.signIn(operator);
  await page.keyboard.press("s");
  await one.waitText("dialog .sentences", /\S/);
  await page.locator("dialog input").fill(HOSTILE);
  await page.locator("dialog button[type=submit]").click();
  await one.waitText("dialog .outcome", /Switched/);
  await page.keyboard.press("Escape");
  const shown = await one.waitText(".lead-sub", /onerror/);
  assert.ok(shown.includes(HOSTILE), `the reason is shown as ${shown}`);
  await one.waitText("#events .events", /onerror/);
  await page.locator("#history tbody tr:first-child button").click();
  await one.waitText("dialog .facts", /onerror/);
  await page.keyboard.press("Escape");

  await outside("markup");
  await one.waitText(".targets", /down/);
  await one.live();
  const found = await page.evaluate(() => ({
    hacked: globalThis.hacked ?? null,
    images: document.querySelectorAll("img, iframe, object, embed").length,
    scripts: document.querySelectorAll("script:not([src])").length,
  }));
  assert.deepEqual(found, { hacked: null, images: 0, scripts: 0 });
  assert.ok(
    (await page.evaluate(() => document.documentElement.scrollWidth)) <= 1440,
    "a reason is too wide",
  );
}
