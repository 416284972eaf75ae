// The build: one script and one style sheet with hashed names, nothing inline, since the page's policy allows none.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type UserConfig } from "vite";

/** The packages whose code the page contains. */
const CONTAINED = ["preact", "@preact/signals", "@preact/signals-core", "uplot"];

const teal = process.env.TEAL_CONSOLE_URL ?? "http://127.0.0.1:9900";

export default defineConfig({
  base: "/",
  build: {
    target: ["chrome111", "firefox114", "safari16.4"],
    assetsInlineLimit: 0,
    modulePreload: false,
    cssCodeSplit: false,
    reportCompressedSize: false,
    rollupOptions: { output: { postBanner: notice() } },
  },
  server: {
    host: "127.0.0.1",
    // Teal accepts changes only from its own origin, so that the origin of the development server is left out.
    proxy: Object.fromEntries(
      ["/admin", "/metrics", "/openapi.json"].map((path) => [
        path,
        {
          target: teal,
          changeOrigin: true,
          configure: (proxy) => proxy.on("proxyReq", (request) => request.removeHeader("origin")),
        },
      ]),
    ),
  },
  test: { pool: "threads", include: ["test/**/*.test.{ts,tsx}"] },
} as UserConfig);

/** Their copyrights and, once, the licence that all of them have. */
function notice(): string {
  const texts = CONTAINED.map((name) =>
    readFileSync(join(import.meta.dirname, "node_modules", name, "LICENSE"), "utf8"),
  );
  const holders = texts.map((text, at) => `${CONTAINED[at]}: ${/^Copyright.*$/m.exec(text)?.[0] ?? ""}`);
  const [first = ""] = texts;
  return `/*!\n${holders.join("\n")}\n\n${first.slice(first.indexOf("Permission")).trim()}\n*/`;
}
