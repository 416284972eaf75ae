// The build: one script and one style sheet with hashed names, nothing inline, since the page's policy allows none.

import { defineConfig, type UserConfig } from "vite";

const teal = process.env.TEAL_CONSOLE_URL ?? "http://127.0.0.1:9900";

export default defineConfig({
  base: "/",
  build: {
    target: ["chrome111", "firefox114", "safari16.4"],
    assetsInlineLimit: 0,
    modulePreload: false,
    cssCodeSplit: false,
    reportCompressedSize: false,
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
  test: { environment: "happy-dom", include: ["test/**/*.test.{ts,tsx}"] },
} as UserConfig);
