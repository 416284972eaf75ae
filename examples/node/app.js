// A service that ends its requests before it stops. pm2 sends SIGINT, systemd SIGTERM.
const http = require("http");

const { PORT, VERSION } = process.env;

const server = http.createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    const text = request.url === "/health" ? "web is well\n" : `version ${VERSION}\n`;
    response.writeHead(200, { "Content-Type": "text/plain" });
    response.end(text);
  });
});
server.keepAliveTimeout = 75_000; // longer than Teal's timeouts.target_idle; Node's default of 5 s is shorter

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    server.close(() => process.exit(0)); // returns when the last request has ended
    server.closeIdleConnections();
  });
}

server.listen(Number(PORT), "127.0.0.1", () => {
  if (process.send) process.send("ready"); // pm2 --wait-ready
});
