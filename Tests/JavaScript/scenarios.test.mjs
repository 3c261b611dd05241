// The shared scenarios in Node.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Switchboard } from './support/module.mjs';
import { fakeNode } from './support/client.mjs';
import { scenarios } from './support/scenarios.mjs';

for (const [name, { client, node: play, check }] of Object.entries(scenarios)) {
  test(name, async (t) => {
    const node = await fakeNode(t);
    const [seen, played] = await Promise.all([client({ Switchboard, url: node.url }), play(node)]);
    check(assert, seen, played);
  });
}
