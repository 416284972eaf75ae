// No finding of axe-core (WCAG 2.2 A and AA), in the light and the dark theme: the page, its dialogs, its table, a phone.

import { AxeBuilder } from "@axe-core/playwright";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export async function scenario({ open, operator }) {
  for (const colorScheme of ["light", "dark"]) {
    const one = await open({ colorScheme, reducedMotion: "reduce" });
    const { page } = one;
    await check(page, `${colorScheme}: signed out`);
    await one.signIn(operator);
    await one.waitText(".lead h1, .list-head h1", /\S/);
    await check(page, `${colorScheme}: signed in`);
    for (const [key, title] of [
      ["s", /Switch/],
      ["h", /Hold/],
      ["?", /Keys/],
    ]) {
      await page.keyboard.press(key);
      await one.waitText("dialog h2", title);
      await check(page, `${colorScheme}: the dialog of ${key}`);
      await page.keyboard.press("Escape");
      await page.locator("dialog").waitFor({ state: "detached" });
    }
    const table = page.getByRole("button", { name: "Show as a table" });
    if ((await table.count()) > 0) await table.click();
    await page.setViewportSize({ width: 390, height: 844 });
    await check(page, `${colorScheme}: a phone`);
  }
}

async function check(page, where) {
  // The policy of the page allows no eval, which axe does not need.
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
  const told = violations.map(
    (one) =>
      `${one.id}: ${one.help}\n${one.nodes.map((node) => `    ${node.target.join(" ")}: ${node.failureSummary}`).join("\n")}`,
  );
  if (told.length > 0) throw new Error(`${where}:\n${told.join("\n")}`);
}
