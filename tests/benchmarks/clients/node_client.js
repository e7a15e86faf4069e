// Node's own `tls`, doing what the Python clients do; run with --expose-gc.
'use strict';

const fs = require('node:fs');
const tls = require('node:tls');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { parseArgs } = require('node:util');

const options = Object.fromEntries(
  ['scenario', 'host', 'port', 'servername', 'ca', 'amount'].map((name) => [name, { type: 'string' }]));
const { values: job } = parseArgs({ options });
const amount = Number(job.amount);
const WRITE_BYTES = 256 * 1024;
const MESSAGE = Buffer.alloc(64, 'm');
const WARM_CONNECTIONS = 25;
const SETTLE_MILLISECONDS = 300;
const result = {};

// One context for all connections, as the Python clients have.
const secureContext = tls.createSecureContext({ ca: fs.readFileSync(job.ca) });

async function connect() {
  const socket = tls.connect(
    { host: job.host, port: Number(job.port), servername: job.servername, secureContext, noDelay: true });
  await once(socket, 'secureConnect');
  return socket;
}

function command(letter, number = amount) {
  const bytes = Buffer.alloc(9, letter);
  bytes.writeBigUInt64BE(BigInt(number), 1);
  return bytes;
}

async function measured(work) {
  global.gc();
  const before = process.cpuUsage();
  const began = process.hrtime.bigint();
  await work();
  const wall = process.hrtime.bigint() - began;
  const used = process.cpuUsage(before);
  Object.assign(result, { user: used.user / 1e6, system: used.system / 1e6, wall: Number(wall) / 1e9 });
}

function proportionalSetSize() {
  return Number(/^Pss:\s+(\d+) kB/m.exec(fs.readFileSync('/proc/self/smaps_rollup', 'ascii'))[1]) * 1024;
}

function roundTrips(socket, count) {
  return new Promise((resolve) => {
    let missing = MESSAGE.length;
    socket.on('data', (chunk) => {
      missing -= chunk.length;
      if (missing) return;
      missing = MESSAGE.length;
      count -= 1;
      if (count) socket.write(MESSAGE);
      else resolve();
    });
    socket.write(MESSAGE);
  });
}

const scenarios = {
  async download() {
    const socket = await connect();
    await measured(() => new Promise((resolve) => {
      let left = amount;
      socket.on('data', (chunk) => {
        left -= chunk.length;
        if (!left) resolve();
      });
      socket.write(command('D'));
    }));
  },

  async upload() {
    const socket = await connect();
    const block = Buffer.alloc(WRITE_BYTES);
    await measured(() => new Promise((resolve) => {
      let left = Math.floor(amount / WRITE_BYTES);
      function pump() {
        while (left) {
          left -= 1;
          if (!socket.write(block)) {
            socket.once('drain', pump);
            return;
          }
        }
      }
      socket.on('data', resolve);
      socket.write(command('U'));
      pump();
    }));
  },

  async roundtrip() {
    const socket = await connect();
    await measured(() => {
      socket.write(command('E'));
      return roundTrips(socket, amount);
    });
  },

  async handshake() {
    async function openAndClose() {
      const socket = await connect();
      socket.resume();
      socket.end();
      await once(socket, 'close');
    }
    await openAndClose();
    await measured(async () => {
      for (let count = 0; count < amount; count += 1) await openAndClose();
    });
  },

  async idle() {
    const held = [];
    async function openOne() {
      const socket = await connect();
      socket.write(command('E', 1));
      await roundTrips(socket, 1);
      held.push(socket);
    }
    for (let count = 0; count < WARM_CONNECTIONS; count += 1) await openOne();
    global.gc();
    const before = proportionalSetSize();
    for (let count = 0; count < amount; count += 1) await openOne();
    await sleep(SETTLE_MILLISECONDS);
    global.gc();
    result.bytes = proportionalSetSize() - before;
  },
};

scenarios[job.scenario]().then(() => {
  fs.writeSync(1, `${JSON.stringify(result)}\n`);
  process.exit(0);
});
