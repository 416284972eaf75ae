// Node's own http, https and http2, and the package ws: one job per line, one line of results, as in lines.py.

const http = require('node:http');
const https = require('node:https');
const http2 = require('node:http2');
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { createInterface } = require('node:readline');
const WebSocket = require('ws');

const PATIENCE = 10_000;
const fill = (size) => Buffer.alloc(size, '0123456789abcdef');
const pause = (time) => new Promise((done) => setTimeout(done, time));
const pairs = (raw) => raw.filter((_, i) => i % 2 === 0).map((name, i) => [name.toLowerCase(), raw[2 * i + 1]]);

function result(status, fields, body, trailers = []) {
  const sha256 = createHash('sha256').update(body).digest('hex');
  const text = body.length > 20000 ? null : body.toString('latin1');
  return { status, fields, length: body.length, sha256, text, trailers };
}

const failure = (error) => ({ error: error.code ?? error.name, detail: String(error.message).slice(0, 300) });

async function body(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

function upload(request, step) {
  if (step.body === undefined || step.body === null) return request.end();
  const bytes = fill(step.body);
  if (!step.chunked) return request.end(bytes);
  for (let at = 0; at < bytes.length; at += 8192) request.write(bytes.subarray(at, at + 8192));
  return request.end();
}

function fieldsOf(step) {
  const fields = Object.fromEntries(step.fields ?? []);
  if (step.body !== undefined && step.body !== null && !step.chunked) fields['content-length'] = step.body;
  return fields;
}

function over1(job, agent, step) {
  const { request } = job.way === 'http1' ? http : https;
  const options = { host: 'localhost', port: job.port, path: step.path, method: step.method, agent };
  return new Promise((done, fail) => {
    const asked = request({ ...options, headers: fieldsOf(step), timeout: PATIENCE });
    asked.on('response', async (answer) => {
      try {
        const bytes = await body(answer);
        done(result(answer.statusCode, pairs(answer.rawHeaders), bytes, pairs(answer.rawTrailers)));
      } catch (error) {
        fail(error);
      }
    });
    asked.on('timeout', () => asked.destroy(Object.assign(new Error('no answer'), { code: 'timeout' })));
    asked.on('error', fail);
    upload(asked, step);
  });
}

function over2(session, step) {
  return new Promise((done, fail) => {
    const fields = { ':method': step.method, ':path': step.path, ...fieldsOf(step) };
    const stream = session.request(fields);
    let head, trailers = [];
    stream.setTimeout(PATIENCE, () => stream.close());
    stream.on('response', (_fields, _flags, raw) => (head = pairs(raw)));
    stream.on('trailers', (_fields, _flags, raw) => (trailers = pairs(raw)));
    stream.on('error', fail);
    body(stream).then((bytes) => {
      if (!head) return fail(new Error('no answer'));
      const fields = head.filter(([name]) => !name.startsWith(':'));
      return done(result(Number(head.find(([name]) => name === ':status')[1]), fields, bytes, trailers));
    }, fail);
    upload(stream, step);
  });
}

function talk(job) {
  const url = `${job.way === 'http1' ? 'ws' : 'wss'}://localhost:${job.port}/ws`;
  const socket = new WebSocket(url, { ca: readFileSync(job.ca) });
  const results = [];
  return new Promise((done) => {
    const next = async () => {
      await pause(job.pause ?? 0);
      if (results.length < job.websocket.length) socket.send(fill(job.websocket[results.length]));
      else socket.close(1000);
    };
    socket.on('open', next);
    socket.on('message', (message) => {
      results.push(result(101, [], message));
      next();
    });
    socket.on('error', (error) => results.push(failure(error)));
    socket.on('close', (code) => done([...results, { status: code }]));
  });
}

async function handle(job) {
  if (job.websocket) return talk(job);
  const ca = readFileSync(job.ca);
  const second = job.way === 'http2';
  let session;
  // A session that got a GOAWAY accepts no more requests.
  const live = () => {
    if (!session || session.closed || session.destroyed) {
      session = http2.connect(`https://localhost:${job.port}`, { ca });
      session.on('error', () => {});
    }
    return session;
  };
  const agent = new (job.way === 'http1' ? http : https).Agent({ keepAlive: true, ca });
  const results = [];
  for (const step of job.steps) {
    await pause(step.pause ?? 0);
    try {
      results.push(await (second ? over2(live(), step) : over1(job, agent, step)));
    } catch (error) {
      results.push(failure(error));
    }
  }
  session && session.close();
  agent.destroy();
  return results;
}

// A socket may fail once more after its request has been answered: that is not a result.
process.on('uncaughtException', (error) => console.error(error));

(async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    const job = JSON.parse(line);
    const results = await handle(job).catch((error) => [failure(error)]);
    process.stdout.write(`${JSON.stringify({ id: job.id, results })}\n`);
  }
  process.exit(0);
})();
