// Modules of the console that need no page, as module.mjs does it for the client: copies whose names say what they are.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** @param {string} name of a module without imports */
export async function consoleModule(name) {
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-console-'));
  const copy = join(folder, `${name}.mjs`);
  copyFileSync(fileURLToPath(new URL(`../../../Sources/SwitchboardServer/Console/Pages/${name}.js`, import.meta.url)), copy);
  return import(pathToFileURL(copy)).finally(() => rmSync(folder, { recursive: true }));
}
