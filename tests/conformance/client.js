'use strict';
// Runs scenarios with Node's own tls and prints what happened. One JSON request per line on the
// standard input, one JSON answer per line on the standard output; scenarios run concurrently.
//
// request: {id, arguments, program, target: {port, host} | {path}, settle, open}
//          `open`: the socket is expected to stay open; take its state when nothing happens
// answer:  {id, events: [[name, payload], ...], after}

const EventEmitter = require('node:events');
const net = require('node:net');
const readline = require('node:readline');
const { Duplex, Writable } = require('node:stream');
const tls = require('node:tls');

const NAMES = {  // of the arguments that events carry
  connectionAttempt: ['ip', 'port', 'family'],
  connectionAttemptFailed: ['ip', 'port', 'family', 'error'],
  connectionAttemptTimeout: ['ip', 'port', 'family'],
  lookup: ['error', 'address', 'family', 'host'],
  error: ['error'], _tlsError: ['error'], tlsClientError: ['error'],
  close: ['hadError'], data: ['chunk'], session: ['session'], keylog: ['line'],
  OCSPResponse: ['response'], pipe: ['source'], unpipe: ['source'],
};
const STATE = ['readyState', 'connecting', 'pending', 'secureConnecting', 'encrypted',
  'authorized', 'authorizationError', 'destroyed', 'closed', 'readable', 'writable',
  'readableEnded', 'writableEnded', 'writableFinished', 'errored', 'alpnProtocol', 'servername'];
const AFTER = [...STATE, 'readableAborted', 'readableDidRead', 'readableFlowing',
  'readableLength', 'writableNeedDrain', 'writableLength', 'allowHalfOpen',
  'timeout', 'bytesRead', 'bytesWritten', 'remoteAddress', 'remoteFamily', 'localAddress',
  'getProtocol()', 'getCipher()', 'getPeerCertificate()', 'isSessionReused()', 'getSession()',
  'address()'];
const GETTERS = ['getProtocol', 'getCipher', 'getSharedSigalgs', 'getEphemeralKeyInfo',
  'getFinished', 'getPeerFinished', 'getSession', 'getTLSTicket', 'isSessionReused',
  'getPeerCertificate', 'getCertificate', 'getPeerX509Certificate', 'getX509Certificate',
  'address'];
const UNDEFINED = { $: 'undefined' };

// --- values -------------------------------------------------------------------------------------

function decode(value, run, option) {
  if (Array.isArray(value)) return value.map((item) => decode(item, run, option));
  if (value === null || typeof value !== 'object') return value;
  switch (value.$) {
    case undefined: {
      const object = {};
      for (const [key, item] of Object.entries(value)) object[key] = decode(item, run, key);
      return object;
    }
    case 'undefined': return undefined;
    case 'NaN': return NaN;
    case 'Infinity': return Infinity;
    case 'Buffer': return Buffer.from(value.base64, 'base64');
    case 'fill': return Buffer.alloc(value.length, value.byte, 'latin1');
    case 'Uint16Array': return new Uint16Array(value.values);
    case 'Uint8Array': return new Uint8Array(Buffer.from(value.text));
    case 'DataView': return new DataView(new Uint8Array(Buffer.from(value.text)).buffer);
    case 'ArrayBuffer': return new ArrayBuffer(value.length);
    case 'Error': {
      const error = new Error(value.message);
      for (const key of ['code', 'detail']) if (key in value) error[key] = value[key];
      return error;
    }
    case 'promise': return Promise.resolve(new Error('resolved'));
    case 'nothing': return nothing;
    case 'target': return run.target;
    case 'signal': return run.controller.signal;
    case 'secureContext': return tls.createSecureContext({ ca: value.ca });
    case 'function': return makeFunction(value, run, option);
    default: throw new Error(`unknown value ${JSON.stringify(value)}`);
  }
}

function nothing() {}

function makeFunction(described, run, option) {
  function result() {
    if (described.throws) throw decode(described.throws, run);
    return decode(described.returns, run);
  }
  switch (option) {
    case 'checkServerIdentity':
      if (described.default) return tls.checkServerIdentity;
      return function(hostname, cert, ...more) {
        const called = described.brief ? { hostname } : {
          argumentCount: 2 + more.length, hostname, certKeys: Object.keys(cert),
          hasIssuerCertificate: 'issuerCertificate' in cert,
          thisIsOptions: this !== undefined && 'checkServerIdentity' in this,
        };
        if (described.noted) run.note('checkServerIdentity called', called);
        return result();
      };
    case 'lookup':
      return (hostname, options, callback) => {
        if (described.noted) run.note('lookup called', { hostname, options: { ...options } });
        if (described.throws) result();
        if (described.silent) return;
        const answer = () => {
          if (described.fails) return callback(decode(described.fails, run));
          const found = described.answers.map(([address, family]) => ({ address, family }));
          return options.all ? callback(null, found) :
            callback(null, found[0].address, found[0].family);
        };
        if (described.synchronous) answer();
        else setTimeout(answer, described.ms ?? 0);
      };
    case 'pskCallback':
      return (...args) => {
        run.note('pskCallback called', { arguments: args });
        return result();
      };
    case 'callback':  // of onread
      return (bytes, buffer) => {
        run.note('onread callback', { bytes, text: buffer.toString('latin1', 0, bytes) });
        if (described.returns === false) {
          // Recorded with 100 ms; see `settle` in differences.py.
          setTimeout(() => run.call(run.tls, 'resume', [], 'resume()'), 300);
          return false;
        }
        return undefined;
      };
    default:  // of connect()
      return function(...args) {
        if (!described.noted) return;
        run.note('callback ran', {
          argumentCount: args.length, thisIsSocket: this === run.tls,
        });
      };
  }
}

function encode(value, run, depth = 0) {
  if (value === undefined) return UNDEFINED;
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    return Number.isFinite(value) ? value : { $: String(value) };
  }
  if (typeof value === 'function') return { $: 'function' };
  if (Buffer.isBuffer(value)) {
    const short = value.length <= 64;
    return { $: 'Buffer', length: value.length,
             ...(short && { text: value.toString('latin1') }) };
  }
  if (run && value === run.tls) return '<tls>';
  if (value instanceof Error) {
    const plain = { class: value.constructor.name, name: value.name, message: value.message };
    for (const key of Object.getOwnPropertyNames(value)) {
      if (key === 'stack' || key === 'opensslErrorStack' || key in plain) continue;
      plain[key] = encode(value[key], run, depth + 1);
    }
    if (value.code !== undefined) plain.code = value.code;
    return plain;
  }
  if (value instanceof EventEmitter) return `<${value.constructor.name}>`;
  if (depth > 4) return '<deep>';
  if (Array.isArray(value)) return value.map((item) => encode(item, run, depth + 1));
  const plain = {};
  for (const key of Object.keys(value)) plain[key] = encode(value[key], run, depth + 1);
  return plain;
}

function encodeArgument(name, value, run) {
  if (name === 'line') {
    const text = value.toString();
    const fields = text.trim().split(' ');
    return { $: 'Buffer', label: fields[0], fields: fields.length,
             endsWithNewline: text.endsWith('\n') };
  }
  if (name === 'session') return { $: 'Buffer' };
  return encode(value, run);
}

// --- recording ----------------------------------------------------------------------------------

const recorders = new WeakMap();  // socket -> (event, arguments) => void
let claim = null;                 // the recorder of the next socket that emits anything

for (const kind of [tls.TLSSocket, net.Socket, Duplex]) {
  kind.prototype.emit = function(event, ...args) {
    if (!recorders.has(this) && claim !== null && this instanceof tls.TLSSocket) {
      recorders.set(this, claim);
      claim = null;
    }
    if (event !== 'newListener' && event !== 'removeListener') {
      recorders.get(this)?.(this, event, args);
    }
    return EventEmitter.prototype.emit.call(this, event, ...args);
  };
}

function read(socket, expression) {
  if (expression.startsWith('typeof ')) return typeof read(socket, expression.slice(7));
  const match = /^(\w+)(?:\((?:'(\w+)')?\))?$/.exec(expression);
  const [, name, argument] = match;
  if (!expression.endsWith(')')) return socket[name];
  return argument === undefined ? socket[name]() : socket[name](argument);
}

const uncaught = new Set();  // runs that want to hear of uncaught exceptions
process.on('uncaughtException', (error) => {
  for (const run of uncaught) {
    if (run.request.uncaught) run.note('uncaughtException', { error });
  }
});

class Run {
  constructor(request, done) {
    this.request = request;
    this.program = request.program;
    this.target = request.target;
    this.controller = new AbortController();
    this.events = [];
    this.sockets = new Set();  // all that emitted anything, also those nobody was given
    this.tls = null;
    this.raw = null;
    this.closes = 1;
    this.lastPrefix = ['sessions', 'twice'].includes(request.program.opening) ? 'second:' : '';
    this.last = Date.now();
    this.done = done;
  }

  push(name, payload) {
    this.last = Date.now();
    this.events.push([name, payload]);
  }

  note(name, payload = {}) {
    const encoded = {};
    for (const [key, value] of Object.entries(payload)) encoded[key] = encode(value, this);
    this.push('@' + name, encoded);
  }

  recorder(prefix) {
    return (socket, event, args) => {
      this.sockets.add(socket);
      const payload = {};
      args.forEach((value, index) => {
        const name = NAMES[event]?.[index] ?? `argument${index}`;
        payload[name] = encodeArgument(name, value, this);
      });
      if (this.program.states && prefix === '') {
        payload.state = {};
        for (const key of STATE) payload.state[key] = encode(socket[key], this);
      }
      this.push(prefix + event, payload);
      if (event === 'close' && prefix === this.lastPrefix) this.closed();
    };
  }

  connect(args) {
    claim = this.recorder('');
    try {
      return tls.connect(...args);
    } finally {
      claim = null;
    }
  }

  // Opens the socket, attaches the listeners, runs the steps.
  start() {
    uncaught.add(this);
    if (this.request.aborted) this.controller.abort();
    const args = decode(this.request.arguments, this);
    const options = args.find((argument) => argument !== null && typeof argument === 'object');
    const open = (raw) => {
      if (raw !== undefined) options.socket = raw;
      try {
        this.tls = this.connect(args);
      } catch (error) {
        this.note('tls.connect threw synchronously', { error });
        setTimeout(() => this.finish(null), this.request.settle);
        return;
      }
      this.returned();
    };
    const raw = (prefix = 'raw:') => {
      this.raw = new net.Socket();
      recorders.set(this.raw, this.recorder(prefix));
      return this.raw;
    };
    const { opening, openingArgs } = this.program;
    switch (opening) {
      case 'connect':
        open();
        break;
      case 'raw-connected':
        raw().connect(this.target).once('connect', () => open(this.raw));
        if (openingArgs.listen_raw) this.raw.on('error', nothing);
        break;
      case 'raw-connecting':
        open(raw().connect(this.target));
        break;
      case 'raw-unconnected':
        open(raw());
        break;
      case 'raw-destroyed':
        raw().destroy();
        open(this.raw);
        break;
      case 'duplex': {
        const inner = net.connect(this.target).once('connect', () => {
          this.duplex = wrap(inner, openingArgs.objectMode === true);
          recorders.set(this.duplex, this.recorder('duplex:'));
          this.duplex.on('error', nothing);
          open(this.duplex);
        });
        this.inner = inner;
        break;
      }
      case 'starttls':
        raw().connect(this.target);
        this.raw.on('data', () => {
          this.raw.removeAllListeners('data');
          this.raw.write('STARTTLS\n');
          open(this.raw);
        });
        break;
      case 'constructor':
        raw().connect(this.target).once('connect', () => {
          const options = decode(this.request.arguments[0], this);
          this.tls = new tls.TLSSocket(this.raw, options);
          recorders.set(this.tls, this.recorder(''));
          this.listen();
          this.run(this.program.steps);
        });
        break;
      case 'sessions':
        open();
        this.sessions(options);
        break;
      case 'twice':
        open();
        this.tls.once('close', () => this.again(options));
        break;
      default:
        throw new Error(`unknown opening ${opening}`);
    }
    if (this.request.open) this.watch();
  }

  returned() {
    const payload = {};
    if (this.program.states) {
      payload.state = {};
      for (const key of STATE) payload.state[key] = this.tls[key];
    }
    this.note('tls.connect returned', payload);
    this.listen();
    this.run(this.program.steps);
  }

  listen() {
    for (const event of this.program.listen) this.tls.on(event, nothing);
  }

  closed() {
    this.closes -= 1;
    if (this.closes === 0) setTimeout(() => this.finish(this.tls), this.request.settle);
  }

  // Takes the state of a socket that is not going to close, once nothing has happened for a while.
  watch() {
    const timer = setInterval(() => {
      if (this.done === null) return clearInterval(timer);
      if (Date.now() - this.last < this.request.open) return;
      clearInterval(timer);
      this.note('snapshot taken while the socket was still open');
      this.finish(this.tls);
    }, 20);
  }

  finish(socket) {
    if (this.done === null) return;
    let after = null;
    if (socket !== null) {
      after = {};
      for (const expression of AFTER) {
        const value = read(socket, expression);
        after[expression] = expression === 'getPeerCertificate()' && value?.subject ?
          '<certificate object>' : Buffer.isBuffer(value) ? '<Buffer>' :
            value instanceof Error ? value.code ?? value.message :
              expression === 'errored' ? null : encode(value, this);
      }
      if (socket.autoSelectFamilyAttemptedAddresses !== undefined) {
        after.autoSelectFamilyAttemptedAddresses = socket.autoSelectFamilyAttemptedAddresses;
      }
    }
    const done = this.done;
    this.done = null;
    const events = this.events.slice();
    uncaught.delete(this);
    done({ id: this.request.id, events, after });
    if (this.inner) this.sockets.add(this.inner);
    for (const rest of this.sockets) {
      rest.on('error', nothing);
      rest.destroy();
    }
  }

  // --- steps ------------------------------------------------------------------------------------

  run(steps) {
    for (const step of steps) this.step(step);
  }

  step(step) {
    const socket = this.tls;
    switch (step.do) {
      case 'call': {
        const args = step.args.map((argument) => decode(argument, this));
        if (step.back !== null) {
          args.push((...given) => {
            if (step.back !== '') {
              const error = given[0] ?? null;
              this.note(step.back, step.bare ? {} : { error });
            }
            this.run(step.then);
          });
        }
        const target = { tls: this.tls, raw: this.raw, duplex: this.duplex }[step.of];
        this.call(target, step.method, args, step.note, step.void, step.otherwise);
        break;
      }
      case 'note': {
        const values = {};
        for (const [key, expression] of Object.entries(step.values)) {
          values[key] = read(socket, expression);
        }
        this.note(step.name, values);
        break;
      }
      case 'on':
        this.on(socket, step);
        break;
      case 'soon':
        process.nextTick(() => this.run(step.steps));
        break;
      case 'after':
        setTimeout(() => this.done !== null && this.run(step.steps), step.ms);
        break;
      case 'when':
        if (step.condition === 'open' ? !socket.destroyed : socket.writable) this.run(step.steps);
        break;
      case 'throw':
        throw new Error(step.message);
      case 'closes':
        this.closes = step.count;
        break;
      case 'abort': {
        const reason = step.reason === undefined ? [] : [new Error(step.reason)];
        const name = step.reason === undefined ? 'abort()' : `abort(Error('${step.reason}'))`;
        this.call(this.controller, 'abort', reason, name);
        break;
      }
      case 'readUntilNull':
        for (;;) {
          const chunk = socket.read();
          if (chunk === null) break;
          this.note('read() returned', { chunk });
        }
        this.note('read() returned null');
        break;
      case 'iterate':
        this.iterate(socket);
        break;
      case 'pipe':
        socket.pipe(new Writable({
          write: (chunk, encoding, callback) => {
            this.note('sink got', { chunk });
            callback();
          },
          final: (callback) => {
            this.note('sink final');
            callback();
          },
        }));
        break;
      case 'writeUntilFalse': {
        let n = 1;
        while (socket.write(Buffer.alloc(step.size, 'a'))) n += 1;
        const { writableLength, writableHighWaterMark } = socket;
        this.note('first false at write number', { n, writableLength, writableHighWaterMark });
        break;
      }
      case 'writeWhileWritable':
        if (!socket.writable) break;
        socket.write(Buffer.alloc(step.size, 'a'));
        setTimeout(() => this.step(step), step.ms);
        break;
      case 'getters': {
        const values = {};
        for (const name of GETTERS) {
          if (step.early && name === 'getEphemeralKeyInfo') continue;
          values[name] = summary(socket[name]());
        }
        this.note(`getters ${step.moment}`, values);
        break;
      }
      case 'counts': {
        const counts = {};
        for (const name of socket.eventNames()) counts[name] = socket.listenerCount(name);
        this.note(`listener counts ${step.moment}`, counts);
        break;
      }
      default:
        throw new Error(`unknown step ${step.do}`);
    }
  }

  on(socket, { event, every, steps }) {
    let done = false;
    socket.on(event, () => {
      if (done && !every) return;
      done = true;
      this.run(steps);
    });
  }

  call(target, method, args, name, isVoid = false, otherwise = []) {
    let outcome;
    try {
      const returned = target[method](...args);
      outcome = { returned: isVoid ? undefined : returned };
    } catch (error) {
      outcome = { threw: error };
    }
    if (name !== null) this.note(`call ${name}`, outcome);
    if ('threw' in outcome) this.run(otherwise);
  }

  async iterate(socket) {
    for await (const chunk of socket) this.note('iterated', { chunk });
    this.note('iteration ended', { destroyed: socket.destroyed });
  }

  // Two connections, the second one with a session of the first.
  sessions(options) {
    const { source, second } = this.program.openingArgs;
    const first = this.tls;
    const collected = [];
    let session;
    const trust = (socket) => ({
      isSessionReused: socket.isSessionReused(), authorized: socket.authorized,
      authorizationError: socket.authorizationError,
    });
    first.on('session', (buffer) => collected.push(buffer));
    first.once('secureConnect', () => {
      this.note('first in secureConnect', trust(first));
      first.write('ping');
    });
    first.once('data', () => {
      session = first.getSession();
      this.note('first getSession()', { value: session, ticket: first.getTLSTicket() });
      first.end();
    });
    first.once('close', () => {
      this.note('sessions collected', { count: collected.length });
      if (source !== 'getter') session = collected.at(-1);
      if (source === 'bare') session = bare(session);
      this.note('second tls.connect() with the session option');
      claim = this.recorder('second:');
      const socket = tls.connect({ ...options, ...second, session });
      claim = null;
      for (const event of this.program.listen) socket.on(event, nothing);
      socket.on('session', nothing);
      socket.once('secureConnect', () => {
        this.note('second in secureConnect', {
          ...trust(socket),
          peerCertificateHasSubject: socket.getPeerCertificate().subject !== undefined,
          protocol: socket.getProtocol(),
        });
        socket.write('ping');
      });
      socket.once('data', () => socket.end());
    });
  }

  again(options) {
    claim = this.recorder('second:');
    const socket = tls.connect(options);
    claim = null;
    for (const event of this.program.listen) socket.on(event, nothing);
    socket.once('secureConnect', () => socket.write('ping'));
    socket.once('data', () => socket.end());
  }
}

function summary(value) {
  if (Buffer.isBuffer(value)) return 'Buffer';
  if (Array.isArray(value)) return `array of ${typeof value[0]}${value.length ? '' : ' (empty)'}`;
  if (value?.subject !== undefined) {
    return typeof value.toLegacyObject === 'function' ? 'X509Certificate' : 'certificate object';
  }
  if (value?.address !== undefined) return Object.keys(value).join();
  return value;
}

// Takes Node's identity prefix off a session: the DER begins after a marker, a length and a name.
function bare(session) {
  const marker = Buffer.from('\0nodejs:tls:session:1\0');
  if (!session.subarray(0, marker.length).equals(marker)) return session;
  return session.subarray(marker.length + 2 + session.readUInt16BE(marker.length));
}

// A Duplex of our own over a net.Socket, as a program might make one.
function wrap(inner, objectMode) {
  const duplex = new Duplex({
    objectMode,
    read() { inner.resume(); },
    write(chunk, encoding, callback) { inner.write(chunk, callback); },
    final(callback) { inner.end(callback); },
    destroy(error, callback) { inner.destroy(); callback(error); },
  });
  inner.on('data', (chunk) => { if (!duplex.push(chunk)) inner.pause(); });
  inner.on('end', () => duplex.push(null));
  inner.on('error', (error) => duplex.destroy(error));
  return duplex;
}

// --- requests -----------------------------------------------------------------------------------

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  new Run(JSON.parse(line), (answer) => {
    process.stdout.write(JSON.stringify(answer) + '\n');
  }).start();
}).on('close', () => process.exit(0));
