// Compresses each file of dist/ with brotli and gzip, prints the sizes, and fails above the budget.
// The same input gives the same bytes, so that a build can be compared with another.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** The budget for the whole page, compressed with brotli. */
const BUDGET = 120 * 1024;
const DIST = fileURLToPath(new URL("../dist", import.meta.url));

let total = 0;
for (const file of files(DIST)) {
  const bytes = readFileSync(file);
  const br = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  const gz = gzipSync(bytes, { level: 9 });
  writeFileSync(`${file}.br`, br);
  writeFileSync(`${file}.gz`, gz);
  total += br.length;
  console.log(
    `${relative(DIST, file).padEnd(36)} ${kib(bytes.length)}  gz ${kib(gz.length)}  br ${kib(br.length)}`,
  );
}
console.log(`${"in all".padEnd(36)} br ${kib(total)} of ${kib(BUDGET)}`);
if (total > BUDGET) {
  console.error("The page is above its budget: remove something, or load it later.");
  process.exit(1);
}

function files(folder) {
  const entries = readdirSync(folder, { withFileTypes: true });
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return sorted
    .flatMap((entry) => (entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]))
    .filter((file) => !/\.(br|gz)$|\/\.[^/]+$/.test(file));
}

function kib(bytes) {
  return `${(bytes / 1024).toFixed(1)} KiB`.padStart(10);
}
