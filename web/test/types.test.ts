// The types of the API must be those of docs/reference/openapi.json.

import { expect, it } from "vitest";

// @ts-expect-error The generator is plain JavaScript.
import { current, generate, source } from "../build/types.mjs";

it("has the types of the checked-in API document (npm run types)", () => {
  expect(current()).toBe(generate(source()));
});
