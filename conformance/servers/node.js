// The common application, on Node's own server: README.md has the table of paths.
// Usage: node.js PORT

const http = require('node:http');
const { createHash } = require('node:crypto');
const { WebSocketServer } = require('ws');

const large = Buffer.alloc(1 << 20, '0123456789abcdef');
const range = (count) => [...Array(count).keys()];

const answers = {
  '/': [200, 'hello\n', {}],
  '/small': [200, 'hello\n', {}],
  '/health': [200, 'hello\n', {}],
  '/early': [413, 'too large\n', {}],
  '/large': [200, large, {}],
  '/many': [200, 'many\n', Object.fromEntries(range(80).map((i) => [`X-Field-${i}`, `value ${i}`]))],
  '/wide': [200, 'wide\n', { 'X-Wide': 'w'.repeat(6000) }],
  '/cookies': [200, 'cookies\n', { 'Set-Cookie': range(3).map((i) => `c${i}=${i}; Path=/; HttpOnly`) }],
  '/redirect': [302, '', { Location: '/small?from=redirect' }],
  '/error': [500, 'broken\n', {}],
  '/close': [200, 'closing\n', { Connection: 'close' }],
};

function whole(response, status, body, further = {}) {
  const fields = { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(status, { ...fields, ...further });
  response.end(body);
}

function fields(request, query) {
  const raw = request.rawHeaders;
  const named = range(raw.length / 2).map((i) => [raw[2 * i].toLowerCase(), raw[2 * i + 1]]);
  return JSON.stringify({ query, fields: named.sort() });
}

const streams = {
  '/chunked'(response) {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    range(10).forEach(() => response.write('x'.repeat(1000)));
    response.end();
  },
  '/events'(response) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    // One after the other: on a busy machine timers of different lengths do not fire in order.
    const send = (i) => {
      response.write(`id: ${i}\ndata: event ${i}\n\n`);
      setTimeout(() => (i < 2 ? send(i + 1) : response.end()), i < 2 ? 100 : 50);
    };
    setTimeout(() => send(0), 100);
  },
  '/trailers'(response) {
    response.writeHead(200, { 'Content-Type': 'text/plain', Trailer: 'X-Checksum' });
    response.write('with trailers\n');
    response.addTrailers({ 'X-Checksum': 'abc123' });
    response.end();
  },
  '/slow'(response) {
    setTimeout(() => whole(response, 200, 'slow\n'), 1000);
  },
  // A framing field on a 304, as some frameworks set it.
  '/coded'(response, request) {
    const known = request.headers['if-none-match'] === '"v1"';
    response.writeHead(known ? 304 : 200, { ETag: '"v1"', 'Transfer-Encoding': 'chunked' });
    response.end(known ? undefined : 'coded\n');
  },
};

const server = http.createServer((request, response) => {
  const [path, query = ''] = request.url.split('?', 2);
  if (path === '/echo') {
    const digest = createHash('sha256');
    let length = 0;
    request.on('data', (piece) => {
      digest.update(piece);
      length += piece.length;
    });
    request.on('end', () => whole(response, 200, `${request.method} ${length} ${digest.digest('hex')}\n`));
  } else if (path === '/fields') {
    whole(response, 200, fields(request, query), { 'Content-Type': 'application/json' });
  } else if (path === '/etag') {
    if (request.headers['if-none-match'] === '"v1"') {
      response.writeHead(304, { ETag: '"v1"' });
      response.end();
    } else {
      whole(response, 200, 'tagged\n', { ETag: '"v1"' });
    }
  } else if (path === '/empty') {
    response.writeHead(204, { 'X-Empty': 'yes' });
    response.end();
  } else if (streams[path]) {
    streams[path](response, request);
  } else {
    whole(response, ...(answers[path] ?? [404, 'missing\n']));
  }
});
server.keepAliveTimeout = 1000;
new WebSocketServer({ server, path: '/ws' }).on('connection', (socket) => {
  socket.on('message', (message, binary) => socket.send(message, { binary }));
});
server.listen(Number(process.argv[2]), '127.0.0.1');
