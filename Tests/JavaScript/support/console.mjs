// Modules of the console that need no page, as module.mjs does it for the client: copies where Node takes them for modules.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * @param {string} name of a module
 * @param {string[]} others that it imports
 */
export async function consoleModule(name, ...others) {
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-console-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const each of [name, ...others]) {
    const file = new URL(`../../../Sources/SwitchboardServer/Console/Pages/${each}.js`, import.meta.url);
    copyFileSync(fileURLToPath(file), join(folder, `${each}.js`));
  }
  return import(pathToFileURL(join(folder, `${name}.js`))).finally(() => rmSync(folder, { recursive: true }));
}
