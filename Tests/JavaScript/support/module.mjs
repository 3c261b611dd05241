// The module under test. A Node before 20.19 takes a file whose name ends in .js for CommonJS, so it gets a copy with a name
// that says what it is.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const path = fileURLToPath(new URL('../../../Sources/SwitchboardServer/API/switchboard.js', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'switchboard-js-'));
const copy = join(folder, 'switchboard.mjs');
copyFileSync(path, copy);
const module = await import(pathToFileURL(copy)).finally(() => rmSync(folder, { recursive: true }));
export const { Switchboard, SwitchboardError, CommandResult, ReconnectPolicy } = module;
