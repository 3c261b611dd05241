// What the console's pages decide without a page: a terminal's viewer, the lines of logs, recordings.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consoleModule } from './support/console.mjs';

const { TerminalViewer, viewerId } = await consoleModule('terminalviewer');
const { LogBuffer, lineFilter, levelOf } = await consoleModule('logbuffer');
const { Recording } = await consoleModule('recording');

const base64 = (text) => Buffer.from(text).toString('base64');
const bytes = (text) => new Uint8Array(Buffer.from(text));

/** A viewer with what it sends, draws and tells. */
function setUp({ mode = 'shared' } = {}) {
  const state = { sent: [], drawn: '', resets: 0, changes: [], isConnected: true, now: 0 };
  state.viewer = new TerminalViewer({
    id: 'V', options: { client: 'kiosk-7', terminal: 'main', mode, command: '', columns: 80, rows: 24 },
    send: (frame) => state.isConnected && Boolean(state.sent.push(frame)),
    screen: {
      write: (part) => (state.drawn += Buffer.from(part).toString()),
      reset: () => {
        state.resets += 1;
        state.drawn = '';
      },
    },
    onChange: (kind) => state.changes.push(kind),
  });
  state.hear = (op, fields) => state.viewer.received({ type: 'terminal', viewer: 'V', op, ...fields }, state.now);
  state.here = (fields = {}) => state.hear('here', {
    terminal: 'main', columns: 80, rows: 24, from: 0, typed: 0, command: 'sh', isNew: false, viewers: 1, ...fields,
  });
  state.output = (offset, text) => state.hear('output', { offset, base64: base64(text) });
  state.typed = () => state.sent.filter((frame) => frame.op === 'input')
    .map(({ offset, base64: text }) => [offset, Buffer.from(text, 'base64').toString()]);
  return state;
}

test('output is drawn once and in order, whatever comes twice', () => {
  const state = setUp();
  state.viewer.attach(0);
  assert.equal(state.sent[0].from, undefined);
  state.here({ isNew: true });
  state.output(0, 'hello ');
  state.output(2, 'llo world');
  state.output(0, 'hello ');
  assert.equal(state.drawn, 'hello world');
});

test('a hole in the output is asked for again', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.here({ isNew: true });
  state.output(0, 'abc');
  state.now = 2000;
  state.output(6, 'ghi');
  assert.equal(state.drawn, 'abc');
  assert.equal(state.sent.at(-1).op, 'attach');
  assert.equal(state.sent.at(-1).from, 3);
  state.here({ from: 3 });
  state.output(3, 'defghi');
  assert.equal(state.drawn, 'abcdefghi');
  assert.equal(state.resets, 0);
});

test('keys typed while the node is away arrive once, from where the agent is', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.here({ isNew: true });
  state.viewer.type(bytes('ab'));
  state.viewer.type(bytes('cd'));
  state.hear('taken', { offset: 1 });
  state.isConnected = false;
  state.viewer.lost();
  assert.equal(state.viewer.type(bytes('ef')), true);
  state.isConnected = true;
  state.sent = [];
  state.viewer.attach(1000);
  // The agent may never have seen what was sent last. One that has forgotten this viewer goes on with what is named here.
  assert.equal(state.sent[0].typed, 1);
  state.here({ typed: 3 });
  assert.deepEqual(state.typed(), [[3, 'def']]);
  state.hear('taken', { offset: 6 });
  state.viewer.type(bytes('g'));
  assert.deepEqual(state.typed().at(-1), [6, 'g']);
});

test('keys on their way to an agent that has forgotten this viewer come again', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.here({ isNew: true });
  state.viewer.type(bytes('abc'));
  state.hear('taken', { offset: 1 });
  state.viewer.lost();
  state.sent = [];
  state.viewer.attach(1000);
  // It takes what is named for typed.
  state.here({ typed: state.sent[0].typed });
  assert.deepEqual(state.typed(), [[1, 'bc']]);
});

for (const [name, successor] of Object.entries({
  'that this viewer has started': { from: 900, isNew: true }, 'that another one has started': { from: 990, start: 900 },
  'with less output, of an agent that says no more': { from: 0, start: undefined },
})) {
  test(`what was typed for one program is not typed for its successor, ${name}`, () => {
    const state = setUp();
    state.viewer.attach(0);
    state.here({ from: 5, isNew: true, start: 5 });
    state.viewer.type(bytes('ls\r'));
    state.hear('taken', { offset: 3 });
    state.hear('offline');
    assert.equal(state.viewer.type(bytes('rm -r *\r')), true);
    state.viewer.attach(1000);
    state.sent = [];
    state.here({ typed: 3, ...successor });
    assert.equal(state.changes.at(-1), 'replaced');
    assert.equal(state.resets, 1);
    assert.deepEqual(state.typed(), []);
    state.viewer.type(bytes('x'));
    assert.deepEqual(state.typed(), [[3, 'x']]);
  });
}

test('a successor that knows of less typing than was taken has its say, also in the answer to a regular question', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.here({ isNew: true, start: 0 });
  state.viewer.type(bytes('abc'));
  state.viewer.attach(5000);
  state.hear('taken', { offset: 3 });
  state.here({ typed: 0, from: 900, start: 900, isNew: true });
  state.viewer.type(bytes('x'));
  assert.deepEqual(state.typed().at(-1), [0, 'x']);
});

test('what was typed before the first answer, and where only output is missing, is kept', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.viewer.type(bytes('a'));
  state.here({ isNew: true, start: 0 });
  state.viewer.lost();
  state.viewer.attach(1000);
  state.here({ from: 900, start: 0 });
  assert.deepEqual(state.typed(), [[0, 'a'], [0, 'a']]);
  assert.ok(!state.changes.includes('replaced'));
});

test('a hole is asked for within a second also when it was asked just before', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.here({ isNew: true });
  state.viewer.renew(4960);
  state.sent = [];
  state.now = 5000;
  state.output(7, '');
  assert.equal(state.sent.length, 0);
  state.viewer.renew(5960);
  assert.equal(state.sent.at(-1).op, 'attach');
  state.here();
  state.sent = [];
  state.viewer.renew(6960);
  assert.equal(state.sent.length, 0);
});

test('no more than 4 KB of keys are held while nobody answers', () => {
  const state = setUp();
  assert.equal(state.viewer.type(new Uint8Array(4096)), true);
  assert.equal(state.viewer.type(bytes('x')), false);
  state.viewer.attach(0);
  state.here({ isNew: true });
  assert.equal(state.typed()[0][1].length, 4096);
});

test('a long paste goes in frames that the agent takes, as fast as it takes them', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.here({ isNew: true });
  assert.equal(state.viewer.type(new Uint8Array(50_000)), true);
  const inFlight = state.typed();
  assert.ok(inFlight.every(([, text]) => text.length <= 4096));
  assert.equal(inFlight.length, 4);
  for (let offset = 4096; offset < 50_000; offset += 4096) state.hear('taken', { offset });
  assert.equal(state.typed().reduce((sum, [, text]) => sum + text.length, 0), 50_000);
});

test('the screen begins anew only where output is missing', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.here({ isNew: true });
  state.output(0, 'abcdef');
  state.viewer.lost();
  state.viewer.attach(1000);
  assert.equal(state.sent.at(-1).from, 6);
  state.here({ from: 6 });
  assert.equal(state.resets, 0);
  // Older output is gone.
  state.here({ from: 1000 });
  state.output(1000, 'new');
  assert.equal(state.resets, 1);
  assert.equal(state.drawn, 'new');
  // Another terminal of the same name.
  state.here({ from: 0, isNew: true });
  state.output(0, 'fresh');
  assert.equal(state.drawn, 'fresh');
});

test('it says that it is there every 5 s, every second while unanswered, and nothing once it is over', () => {
  const state = setUp();
  const attaches = () => state.sent.filter((frame) => frame.op === 'attach').length;
  for (let now = 0; now <= 3000; now += 1000) state.viewer.renew(now);
  assert.equal(attaches(), 4);
  state.now = 3000;
  state.here({ isNew: true });
  for (let now = 4000; now <= 13_000; now += 1000) {
    state.now = now;
    state.viewer.renew(now);
    if (state.sent.at(-1).op === 'attach') state.here();
  }
  assert.equal(attaches(), 6);
  state.hear('ended', { status: 0, reason: 'exited' });
  state.viewer.renew(60_000);
  assert.equal(attaches(), 6);
  assert.equal(state.viewer.state, 'ended');
});

test('keys of which none was taken are sent again, from where the agent is', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.here({ isNew: true });
  state.viewer.type(bytes('ab'));
  state.viewer.renew(1000);
  assert.equal(state.sent.at(-1).op, 'input');
  state.viewer.renew(2000);
  assert.equal(state.sent.at(-1).op, 'attach');
  state.here({ typed: 1 });
  assert.deepEqual(state.typed(), [[0, 'ab'], [1, 'b']]);
});

test('a viewer that the agent has forgotten comes again, and one that nobody answers says so', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.here({ isNew: true });
  state.hear('refused', { code: 'no_such_terminal', message: '' });
  assert.equal(state.viewer.state, 'open');
  state.viewer.renew(500);
  assert.equal(state.sent.at(-1).op, 'attach');
  state.here();
  for (let now = 1000; now <= 12_000; now += 1000) state.viewer.renew(now);
  assert.equal(state.viewer.state, 'connecting');
});

test('an answer to an earlier question does not clear the screen', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.here({ isNew: true });
  state.output(0, 'abc');
  state.viewer.lost();
  state.viewer.attach(1000);
  state.output(3, 'def');
  state.viewer.attach(2000);
  state.here({ from: 3 });
  assert.equal(state.resets, 0);
});

test('an offline client is asked for until it is there again', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.hear('offline');
  assert.equal(state.viewer.state, 'offline');
  state.viewer.renew(1000);
  assert.equal(state.sent.at(-1).op, 'attach');
  state.here({ isNew: true });
  assert.equal(state.viewer.state, 'open');
});

test('a viewer that only sees types nothing, and a frame for another viewer is not heard', () => {
  const state = setUp({ mode: 'readOnly' });
  state.viewer.attach(0);
  state.here();
  assert.equal(state.viewer.type(bytes('x')), false);
  state.viewer.received({ type: 'terminal', viewer: 'W', op: 'output', offset: 0, base64: base64('x') }, 0);
  assert.equal(state.drawn, '');
});

test('what was drawn is told every 16 KB and at the end', () => {
  const state = setUp();
  state.viewer.attach(0);
  state.here({ isNew: true });
  state.output(0, 'x'.repeat(10_000));
  state.output(10_000, 'x'.repeat(10_000));
  state.viewer.took(10_000);
  state.viewer.took(20_000);
  assert.deepEqual(state.sent.filter((frame) => frame.op === 'took').map((frame) => frame.offset), [20_000]);
});

test('a viewer has a name that nobody guesses', () => {
  assert.match(viewerId(), /^[A-Za-z0-9_-]{22}$/);
  assert.notEqual(viewerId(), viewerId());
});

const lines = (...texts) => texts.map((text) => ({ at: 0, stream: 'a', source: 's', text, level: levelOf(text) }));

test('a buffer of lines keeps the newest, and those that are looked for', () => {
  const buffer = new LogBuffer(10);
  buffer.filter(lineFilter({ text: '7', hidden: new Set(), level: 'debug' }));
  for (let number = 0; number < 100; number += 1) buffer.add(lines(`line ${number}`));
  buffer.trim();
  assert.deepEqual(buffer.lines.map((line) => line.text), Array.from({ length: 10 }, (_, index) => `line ${90 + index}`));
  assert.deepEqual(buffer.matching.map((line) => line.text), ['line 97']);
  buffer.filter(null);
  assert.equal(buffer.matching.length, 10);
});

test('lines are found by text, pattern, level and stream', () => {
  const test = (filter, text) => lineFilter({ text: '', hidden: new Set(), level: 'debug', ...filter })?.(lines(text)[0]) ?? true;
  assert.equal(test({ text: 'a.b' }, 'xa.bx'), true);
  assert.equal(test({ text: 'a.b' }, 'aXb'), false);
  assert.equal(test({ text: '/a.b/' }, 'aXb'), true);
  assert.equal(test({ text: '/a(/' }, 'the text /a(/ itself'), true);
  assert.equal(test({ level: 'error' }, 'WARN: low'), false);
  assert.equal(test({ level: 'warn' }, 'ERROR: gone'), true);
  assert.equal(test({ hidden: new Set(['a']) }, 'anything'), false);
});

test('a recording is asciicast v2', () => {
  const recording = new Recording();
  recording.begin(80, 24, 'kiosk-7 main', 1_700_000_000_000);
  recording.output('hi\r\n', 1_700_000_000_500);
  recording.resized(100, 30, 1_700_000_001_000);
  const [header, ...events] = recording.text.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(header, { version: 2, width: 80, height: 24, timestamp: 1_700_000_000, title: 'kiosk-7 main' });
  assert.deepEqual(events, [[0.5, 'o', 'hi\r\n'], [1, 'r', '100x30']]);
});
